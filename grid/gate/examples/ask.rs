//! Asks a web server for paths, as fast as it answers or at a given rate, and tells how long answers took.
//!
//! usage: `ask ADDRESS FILE closed CONNECTIONS SECONDS` or `ask ADDRESS FILE open RATE SECONDS`
//!
//! FILE has a path in each line, and perhaps a word that is sent as `X-Block`; they are asked for in their order, over and over. At a rate, times count from the moment in which a
//! request was due, so that a server that stands still is not spared those that it kept from being sent. Printed is JSON: answers a
//! second, the share that says it came from a cache, percentiles, statuses, and how many failed.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::error::Error;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::{LocalSet, spawn_local};

#[derive(Default)]
struct Seen {
    paths: Vec<String>,
    next: Cell<usize>,
    idle: RefCell<Vec<TcpStream>>,
    times_ms: RefCell<Vec<f64>>,
    statuses: RefCell<BTreeMap<u16, u64>>,
    hits: Cell<u64>,
    told: Cell<u64>,
    failed: Cell<u64>,
}

impl Seen {
    fn path(&self) -> &str {
        let at = self.next.get();
        self.next.set((at + 1) % self.paths.len());
        &self.paths[at]
    }

    async fn ask(&self, address: &str, due: Instant, counts: bool) {
        let path = self.path().to_owned();
        let kept = self.idle.borrow_mut().pop();
        let connection = match kept {
            Some(connection) => Ok(connection),
            None => TcpStream::connect(address).await,
        };
        let done = match connection {
            Ok(connection) => talk(connection, address, &path).await,
            Err(why) => Err(why),
        };
        if !counts {
            self.idle.borrow_mut().extend(done.ok().and_then(|(connection, ..)| connection));
            return;
        }
        match done {
            Ok((connection, status, hit)) => {
                self.idle.borrow_mut().extend(connection);
                self.times_ms.borrow_mut().push(due.elapsed().as_secs_f64() * 1e3);
                *self.statuses.borrow_mut().entry(status).or_default() += 1;
                self.told.set(self.told.get() + u64::from(hit.is_some()));
                self.hits.set(self.hits.get() + u64::from(hit == Some(true)));
            }
            Err(_) => self.failed.set(self.failed.get() + 1),
        }
    }
}

/// The connection if it stays, the status, and whether the answer came from a cache, if it says so.
async fn talk(mut connection: TcpStream, host: &str, path: &str) -> io::Result<(Option<TcpStream>, u16, Option<bool>)> {
    connection.set_nodelay(true)?;
    let (path, block) = path.split_once(' ').unwrap_or((path, ""));
    let block = if block.is_empty() { String::new() } else { format!("X-Block: {block}\r\n") };
    connection.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{block}\r\n").as_bytes()).await?;
    let mut bytes = Vec::with_capacity(4096);
    let (status, hit, length, head, keep) = loop {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut room = [httparse::EMPTY_HEADER; 64];
        let mut reply = httparse::Response::new(&mut room);
        let parsed = reply.parse(&bytes).map_err(io::Error::other)?;
        let httparse::Status::Complete(head) = parsed else { continue };
        let field = |name: &str| {
            let mut found = reply.headers.iter().filter(|field| field.name.eq_ignore_ascii_case(name));
            found.next().and_then(|field| std::str::from_utf8(field.value).ok())
        };
        let length: usize = field("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let hit = field("cache-status").map(|status| status.contains("hit"));
        let keep = field("connection").is_none_or(|option| !option.eq_ignore_ascii_case("close"));
        break (reply.code.unwrap_or(0), hit, length, head, keep);
    };
    while bytes.len() < head + length {
        if connection.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok((keep.then_some(connection), status, hit))
}

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [address, file, way, amount, seconds] = args.as_slice() else {
        return Err("usage: ask ADDRESS FILE closed CONNECTIONS SECONDS | ask ADDRESS FILE open RATE SECONDS".into());
    };
    let paths: Vec<String> = std::fs::read_to_string(file)?.lines().map(str::to_owned).collect();
    let (amount, seconds): (f64, f64) = (amount.parse()?, seconds.parse()?);
    let seen = Rc::new(Seen { paths, ..Seen::default() });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let began = Instant::now();
    // The first fifth lets caches fill.
    let (counts_from, until) =
        (began + Duration::from_secs_f64(seconds / 5.0), began + Duration::from_secs_f64(seconds));
    LocalSet::new().block_on(&runtime, async {
        let mut tasks = Vec::new();
        if way == "closed" {
            for _ in 0..amount as usize {
                let (seen, address) = (seen.clone(), address.clone());
                tasks.push(spawn_local(async move {
                    while Instant::now() < until {
                        let due = Instant::now();
                        seen.ask(&address, due, due >= counts_from).await;
                    }
                }));
            }
        } else {
            let mut due = began;
            while due < until {
                tokio::time::sleep_until(due.into()).await;
                let (seen, address) = (seen.clone(), address.clone());
                let counts = due >= counts_from;
                tasks.push(spawn_local(async move { seen.ask(&address, due, counts).await }));
                due += Duration::from_secs_f64(1.0 / amount);
            }
        }
        for task in tasks {
            // Those that hang are not waited for for ever.
            if tokio::time::timeout(Duration::from_secs(30), task).await.is_err() {
                seen.failed.set(seen.failed.get() + 1);
            }
        }
    });
    let spent_s = counts_from.elapsed().as_secs_f64();
    let mut times_ms = seen.times_ms.take();
    times_ms.sort_by(f64::total_cmp);
    let at = |part: f64| times_ms.get((times_ms.len() as f64 * part) as usize).copied().unwrap_or(f64::NAN);
    let statuses = seen.statuses.take();
    let statuses: Vec<String> = statuses.iter().map(|(status, count)| format!("\"{status}\": {count}")).collect();
    println!(
        "{{\"rate\": {:.1}, \"hit_rate\": {:.4}, \"p50_ms\": {:.2}, \"p99_ms\": {:.2}, \"answers\": {}, \"failed\": {}, \"statuses\": {{{}}}}}",
        times_ms.len() as f64 / spent_s,
        seen.hits.get() as f64 / seen.told.get().max(1) as f64,
        at(0.5),
        at(0.99),
        times_ms.len(),
        seen.failed.get(),
        statuses.join(", ")
    );
    Ok(())
}
