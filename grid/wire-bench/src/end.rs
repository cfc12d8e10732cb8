//! One end of connections: a program that uses plain sockets, and does what lines of JSON tell it.

use std::io::{self, BufRead, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use rustix::time::{ClockId, clock_gettime};

use crate::job::{Answer, Order};
use crate::{call, serve};

/// Does what is read from `orders` until there is nothing more, and answers to `answers`.
///
/// # Errors
/// The controller went away in the middle.
pub fn run(orders: impl BufRead, mut answers: impl Write) -> io::Result<()> {
    for line in orders.lines() {
        let line = line?;
        let mut tell = |answer: Answer| -> io::Result<()> {
            let text = serde_json::to_string(&answer)?;
            writeln!(answers, "{text}")?;
            answers.flush()
        };
        let done = match serde_json::from_str(&line)? {
            Order::Listen(job) => {
                pin(job.cpu).and_then(|()| serve::Listening::open(&job.address)).and_then(|listening| {
                    tell(Answer::Listens(listening.address()?))?;
                    listening.serve(&job)
                })
            }
            Order::Call(job) => pin(job.cpu).and_then(|()| call::call(&job)),
        };
        tell(done.map_or_else(|error| Answer::Failed(error.to_string()), Answer::Done))?;
    }
    Ok(())
}

/// A stream of either kind.
pub(crate) trait Stream: Read + Write {
    /// Nothing more is sent.
    fn end(&self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Time of the wall and of this process's processors since a moment.
pub(crate) struct Clock {
    wall: Instant,
    cpu: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { wall: Instant::now(), cpu: cpu() }
    }

    pub(crate) fn wall_ns(&self) -> u64 {
        self.wall.elapsed().as_nanos() as u64
    }

    pub(crate) fn cpu_ns(&self) -> u64 {
        (cpu() - self.cpu).as_nanos() as u64
    }
}

fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Stays on one processor, or on any of the first 64.
pub(crate) fn pin(cpu: Option<usize>) -> io::Result<()> {
    let mut set = CpuSet::new();
    match cpu {
        Some(cpu) => set.set(cpu),
        None => (0..64).for_each(|cpu| set.set(cpu)),
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Buffers of `size` bytes, one after the other, within `around` bytes.
pub(crate) struct Buffers {
    bytes: Vec<u8>,
    size: usize,
    at: usize,
}

impl Buffers {
    pub(crate) fn new(size: usize, around: usize) -> Self {
        let mut bytes = vec![0; around.max(size) / size * size];
        // All pages are there before anything is timed, and are the process's own.
        bytes.iter_mut().enumerate().for_each(|(at, byte)| *byte = at as u8);
        Self { bytes, size, at: 0 }
    }

    pub(crate) fn next(&mut self) -> &mut [u8] {
        let at = self.at;
        self.at = if at + 2 * self.size > self.bytes.len() { 0 } else { at + self.size };
        &mut self.bytes[at..at + self.size]
    }
}
