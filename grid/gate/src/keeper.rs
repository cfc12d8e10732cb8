//! The thread that looks after servers while others carry requests: it checks them, lets them come back, and takes operators' orders.

use std::collections::HashMap;
use std::io;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::{LocalSet, spawn_local};

use crate::admin::Admin;
use crate::back::Backs;
use crate::clock::Clock;
use crate::config::{Health, Protocol};
use crate::control;
use crate::desk::Desk;
use crate::pool::Endpoint;
use crate::reply::Reply;
use crate::reports;
use crate::serve::Hub;

/// How often it looks for something to do.
const LOOK: Duration = Duration::from_millis(50);
/// Most bytes of the head of an answer to a check.
const HEAD: usize = 64 << 10;

/// Works until no thread serves any more.
pub(crate) fn run(hub: &Arc<Hub>, orders: Option<UnixListener>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    tasks.block_on(&runtime, async move {
        let clock = Rc::<Clock>::default();
        spawn_local(clock.clone().run());
        let backs = Rc::new(Backs::new(clock.clone()));
        let mut due = HashMap::new();
        let mut admin = Admin::new(hub.clone(), clock);
        while hub.serves() {
            if let Some(orders) = &orders {
                take_orders(orders, hub);
            }
            look_after(hub, &backs, &mut due);
            admin.follow();
            hub.watch.looks(hub);
            tokio::time::sleep(LOOK).await;
        }
        // The last lines of traces; that one was not written is said already.
        hub.plan().running.pools().for_each(|(_, desk)| drop(desk.write_trace()));
        Ok(())
    })
}

fn take_orders(orders: &UnixListener, hub: &Arc<Hub>) {
    while let Ok((stream, _)) = orders.accept() {
        let hub = hub.clone();
        // Whoever connects and says nothing holds nobody up; if there is no thread to be had, it is not answered.
        let _ = std::thread::Builder::new().name("gate-order".into()).spawn(move || control::serve(&stream, &hub));
    }
}

/// - `due`: when each server is to be checked next.
fn look_after(hub: &Hub, backs: &Rc<Backs>, due: &mut HashMap<u64, Instant>) {
    let now = Instant::now();
    let plan = hub.plan();
    let mut seen = Vec::new();
    for (pool, desk) in plan.running.pools() {
        let health = &pool.health;
        desk.forgive(&health.passive, now);
        desk.hush(reports::now_ms());
        if let Err(why) = desk.write_trace() {
            eprintln!("gate: the trace of the pool {} is not written any more: {why}", pool.name);
        }
        let Some(path) = &health.path else { continue };
        for endpoint in desk.endpoints() {
            seen.push(endpoint.number);
            let next = due.entry(endpoint.number).or_insert(now);
            if *next <= now {
                *next = now + health.interval;
                spawn_local(check(backs.clone(), desk.clone(), endpoint, path.clone(), health.clone()));
            }
        }
    }
    due.retain(|number, _| seen.contains(number));
}

async fn check(backs: Rc<Backs>, desk: Arc<Desk>, endpoint: Arc<Endpoint>, path: String, health: Health) {
    let asked = tokio::time::timeout(health.timeout, ask(&backs, &endpoint, &path, &health)).await;
    desk.checked(endpoint.number, matches!(asked, Ok(Ok(true))), &health);
}

/// Whether a server's answer is good; of one that speaks HTTP/2 alone, whether it can be connected to.
async fn ask(backs: &Backs, endpoint: &Endpoint, path: &str, health: &Health) -> io::Result<bool> {
    let link = backs.connect(endpoint, health.timeout).await?;
    if endpoint.protocol == Protocol::H2 {
        return Ok(true);
    }
    let host = health.host.clone().unwrap_or_else(|| endpoint.address.authority());
    let text = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: pogson-gate\r\nConnection: close\r\n\r\n");
    link.write(|output| output.extend_from_slice(text.as_bytes()));
    link.flush().await?;
    let reply = link.head(HEAD, Reply::parse).await.ok().flatten();
    Ok(reply.is_some_and(|reply| health.expect.iter().any(|statuses| statuses.has(reply.status()))))
}
