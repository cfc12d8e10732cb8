//! Connections to servers, which a thread keeps for the next request.

pub(crate) mod server;
pub(crate) mod shared;
pub(crate) mod tls;

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use self::shared::{Connections, Seat};
use crate::clock::Clock;
use crate::config::PoolTimes;
use crate::link::Link;
use crate::pool::Endpoint;

/// Connections of one thread that wait for requests.
pub(crate) struct Backs {
    clock: Rc<Clock>,
    /// By server, the one used last at the end; with the time until which it stays.
    idle: RefCell<HashMap<u64, Vec<(Link, Instant)>>>,
    /// Those of HTTP/2, which requests share.
    shared: Connections,
}

impl Backs {
    pub(crate) fn new(clock: Rc<Clock>) -> Self {
        Self { clock, idle: RefCell::default(), shared: Connections::default() }
    }

    /// A connection that waits, if there is one that the server has not closed.
    pub(crate) fn idle(&self, endpoint: &Endpoint) -> Option<Link> {
        let mut idle = self.idle.borrow_mut();
        let of_server = idle.get_mut(&endpoint.number)?;
        let now = Instant::now();
        while let Some((link, until)) = of_server.pop() {
            if now < until && !link.is_stale(&mut Context::from_waker(Waker::noop())) {
                return Some(link);
            }
        }
        None
    }

    /// Keeps a connection for the next request, unless there is none for a time of `unused`.
    pub(crate) fn keep(&self, endpoint: &Endpoint, link: Link, unused: Duration) {
        self.idle.borrow_mut().entry(endpoint.number).or_default().push((link, Instant::now() + unused));
    }

    /// Closes what nobody has used for its time.
    pub(crate) fn sweep(&self) {
        let now = Instant::now();
        self.idle.borrow_mut().retain(|_, links| {
            links.retain(|(_, until)| now < *until);
            !links.is_empty()
        });
        self.shared.sweep();
    }

    /// A place on a connection of HTTP/2 to a server that speaks it; times for a new one and for one that nobody uses are `times`.
    pub(crate) async fn seat(&self, endpoint: &Endpoint, times: &PoolTimes) -> io::Result<Seat> {
        self.shared.enter(endpoint, &self.clock, times).await
    }

    /// A new connection.
    pub(crate) async fn connect(&self, endpoint: &Endpoint, time: Duration) -> io::Result<Link> {
        let timer = self.clock.timer();
        let stream = timer.within(time, endpoint.open()).await;
        let stream = stream.map_err(|_| timed_out(endpoint))??;
        Ok(Link::new(stream, timer))
    }
}

/// What becomes of a connection that takes too long.
fn timed_out(endpoint: &Endpoint) -> io::Error {
    let why = io::Error::from(io::ErrorKind::TimedOut);
    endpoint.fails(&why);
    why
}
