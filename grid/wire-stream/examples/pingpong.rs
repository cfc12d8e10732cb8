//! How long a message and its answer take: `pingpong [--tokio] [--daemon SOCKET] [--bytes N] [--rounds N]`, which starts its other
//! end itself, `pingpong --serve [--tokio] [--daemon SOCKET]`. Without a daemon it goes by TCP.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
use std::time::Instant;

use ::tokio::io::{AsyncReadExt, AsyncWriteExt};

struct Options {
    serve: bool,
    tokio: bool,
    bytes: usize,
    rounds: usize,
    address: Option<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut options = Options { serve: false, tokio: false, bytes: 64, rounds: 100_000, address: None };
    let mut daemon = String::from("/nowhere");
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or("a value is missing");
        match word.as_str() {
            "--serve" => options.serve = true,
            "--tokio" => options.tokio = true,
            "--daemon" => daemon = value()?,
            "--bytes" => options.bytes = value()?.parse()?,
            "--rounds" => options.rounds = value()?.parse()?,
            "--address" => options.address = Some(value()?),
            _ => return Err(format!("{word} is no option").into()),
        }
    }
    wire::set_daemon(&daemon);
    let runtime = ::tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    if options.serve {
        let served = if options.tokio { runtime.block_on(serve_tasks()) } else { serve() };
        return Ok(served?);
    }
    let mut server = None;
    let address = match options.address.take() {
        Some(address) => address,
        None => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["--serve", "--daemon", &daemon]).stdout(Stdio::piped());
            if options.tokio {
                command.arg("--tokio");
            }
            let started = server.insert(command.spawn()?);
            let mut line = String::new();
            BufReader::new(started.stdout.take().ok_or("no output")?).read_line(&mut line)?;
            line.trim().to_owned()
        }
    };
    let (mut times, by_memory) =
        if options.tokio { runtime.block_on(ask_by_task(&address, &options))? } else { ask(&address, &options)? };
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize] as f64 / 1000.0;
    println!(
        "{} bytes by {}: p50 {:.2} us, p99 {:.2} us, {:.0} rounds/s",
        options.bytes,
        if by_memory { "memory" } else { "TCP" },
        at(0.5),
        at(0.99),
        times.len() as f64 / times.iter().sum::<u64>() as f64 * 1e9
    );
    if let Some(mut server) = server {
        server.kill()?;
        server.wait()?;
    }
    Ok(())
}

fn serve() -> std::io::Result<()> {
    let listener = wire::Listener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let mut stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || {
            let mut bytes = [0; 65536];
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                if stream.write_all(&bytes[..length]).is_err() {
                    return;
                }
            }
        });
    }
    Ok(())
}

fn ask(address: &str, options: &Options) -> std::io::Result<(Vec<u64>, bool)> {
    let mut stream = wire::Stream::connect(address)?;
    stream.set_nodelay(true)?;
    let mut bytes = vec![7; options.bytes];
    let mut times = Vec::with_capacity(options.rounds);
    for round in 0..options.rounds + 1000 {
        let start = Instant::now();
        stream.write_all(&bytes)?;
        stream.read_exact(&mut bytes)?;
        if round >= 1000 {
            times.push(start.elapsed().as_nanos() as u64);
        }
    }
    Ok((times, stream.writes_to_memory()))
}

async fn serve_tasks() -> std::io::Result<()> {
    let listener = wire::tokio::Listener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        ::tokio::spawn(async move {
            let mut bytes = [0; 65536];
            while let Ok(length @ 1..) = stream.read(&mut bytes).await {
                if stream.write_all(&bytes[..length]).await.is_err() {
                    return;
                }
            }
        });
    }
}

async fn ask_by_task(address: &str, options: &Options) -> std::io::Result<(Vec<u64>, bool)> {
    let mut stream = wire::tokio::Stream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut bytes = vec![7; options.bytes];
    let mut times = Vec::with_capacity(options.rounds);
    for round in 0..options.rounds + 1000 {
        let start = Instant::now();
        stream.write_all(&bytes).await?;
        stream.read_exact(&mut bytes).await?;
        if round >= 1000 {
            times.push(start.elapsed().as_nanos() as u64);
        }
    }
    Ok((times, stream.writes_to_memory()))
}
