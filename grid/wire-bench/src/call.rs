//! The end that connects, and times.

use std::io::{self, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::end::{Buffers, Clock, Stream};
use crate::job::{Address, Job, Outcome, WARM_BYTES, Work};
use crate::report::percentile;

/// Messages and time that a connection is warmed up by: enough to leave TCP at both ends.
const WARM_MESSAGES: u32 = 200;
const WARM_TIME: Duration = Duration::from_millis(20);

/// Least time that one reading of the clock covers, so that reading it does not count.
const READING_NS: f64 = 4_000.0;

pub(crate) fn call(job: &Job) -> io::Result<Outcome> {
    let duration = Duration::from_millis(job.ms);
    match job.work {
        Work::Latency { size } => ask(&mut *connect(&job.address)?, size, duration),
        Work::Stream { size, around } => pour(&mut *connect(&job.address)?, size, around, duration),
        Work::Connect { count, messages, size } => {
            let (mut out, mut back) = (vec![1; size], vec![0; size]);
            let clock = Clock::start();
            for _ in 0..count {
                let mut stream = connect(&job.address)?;
                for _ in 0..messages {
                    stream.write_all(&out)?;
                    stream.read_exact(&mut back)?;
                }
                out[0] = out[0].wrapping_add(1);
            }
            let bytes = u64::from(count) * u64::from(messages) * size as u64;
            Ok(Outcome {
                count: count.into(),
                bytes,
                wall_ns: clock.wall_ns(),
                cpu_ns: clock.cpu_ns(),
                ..Outcome::default()
            })
        }
    }
}

fn connect(address: &Address) -> io::Result<Box<dyn Stream>> {
    Ok(match address {
        Address::Tcp(port) => Box::new(TcpStream::connect(("127.0.0.1", *port))?),
        Address::Unix(path) => Box::new(UnixStream::connect(path)?),
    })
}

fn warm_up(stream: &mut dyn Stream) -> io::Result<()> {
    let start = Instant::now();
    let mut left = WARM_MESSAGES;
    loop {
        left = left.saturating_sub(1);
        let more = left > 0 || start.elapsed() < WARM_TIME;
        let mut message = [u8::from(more); WARM_BYTES];
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        if !more {
            return Ok(());
        }
    }
}

fn ask(stream: &mut dyn Stream, size: usize, duration: Duration) -> io::Result<Outcome> {
    let (out, mut back) = (vec![7; size], vec![0; size]);
    warm_up(stream)?;
    let mut once = |stream: &mut dyn Stream| -> io::Result<()> {
        stream.write_all(&out)?;
        stream.read_exact(&mut back)
    };
    let start = Instant::now();
    for _ in 0..32 {
        once(stream)?;
    }
    let each = start.elapsed().as_nanos() as f64 / 32.0;
    let batch = (READING_NS / each).ceil().clamp(1.0, 64.0) as u32;
    let clock = Clock::start();
    let mut times = Vec::with_capacity(1 << 16);
    let mut before = clock.wall_ns();
    while before < duration.as_nanos() as u64 {
        for _ in 0..batch {
            once(stream)?;
        }
        let now = clock.wall_ns();
        times.push((now - before) as f64 / f64::from(batch));
        before = now;
    }
    let count = times.len() as u64 * u64::from(batch);
    times.sort_by(f64::total_cmp);
    Ok(Outcome {
        count,
        bytes: count * size as u64,
        wall_ns: before,
        cpu_ns: clock.cpu_ns(),
        median_ns: percentile(&times, 0.5),
        p99_ns: percentile(&times, 0.99),
    })
}

fn pour(stream: &mut dyn Stream, size: usize, around: usize, duration: Duration) -> io::Result<Outcome> {
    let mut buffers = Buffers::new(size, around);
    warm_up(stream)?;
    let clock = Clock::start();
    let mut count = 0_u64;
    // The clock is read each 64 kB or so.
    let batch = (65_536 / size).max(1);
    while clock.wall_ns() < duration.as_nanos() as u64 {
        for _ in 0..batch {
            stream.write_all(buffers.next())?;
        }
        count += batch as u64;
    }
    stream.end()?;
    let cpu_ns = clock.cpu_ns();
    // It has read all.
    Read::read_exact(stream, &mut [0])?;
    Ok(Outcome { count, bytes: count * size as u64, wall_ns: clock.wall_ns(), cpu_ns, ..Outcome::default() })
}
