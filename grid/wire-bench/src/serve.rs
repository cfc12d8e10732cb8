//! The end that listens.

use std::io::{self, ErrorKind, Read};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use crate::end::{Buffers, Clock, Stream};
use crate::job::{Address, Job, Outcome, WARM_BYTES, Work};

/// A socket that listens.
pub(crate) enum Listening {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listening {
    pub(crate) fn open(address: &Address) -> io::Result<Self> {
        Ok(match address {
            Address::Tcp(port) => Self::Tcp(TcpListener::bind(("127.0.0.1", *port))?),
            Address::Unix(path) => {
                match std::fs::remove_file(path) {
                    Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
                Self::Unix(UnixListener::bind(path)?)
            }
        })
    }

    pub(crate) fn address(&self) -> io::Result<Address> {
        Ok(match self {
            Self::Tcp(listener) => Address::Tcp(listener.local_addr()?.port()),
            Self::Unix(listener) => {
                let address = listener.local_addr()?;
                Address::Unix(address.as_pathname().map(Into::into).unwrap_or_default())
            }
        })
    }

    fn accept(&self) -> io::Result<Box<dyn Stream>> {
        Ok(match self {
            Self::Tcp(listener) => Box::new(listener.accept()?.0),
            Self::Unix(listener) => Box::new(listener.accept()?.0),
        })
    }

    pub(crate) fn serve(&self, job: &Job) -> io::Result<Outcome> {
        match job.work {
            Work::Latency { size } => echo(&mut *self.accept()?, size),
            Work::Stream { size, around } => swallow(&mut *self.accept()?, size, around),
            Work::Connect { count, size, .. } => {
                let clock = Clock::start();
                for _ in 0..count {
                    answer_all(&mut *self.accept()?, size)?;
                }
                Ok(Outcome {
                    count: count.into(),
                    wall_ns: clock.wall_ns(),
                    cpu_ns: clock.cpu_ns(),
                    ..Outcome::default()
                })
            }
        }
    }
}

/// Answers messages until one says that it is the last.
fn warm_up(stream: &mut dyn Stream) -> io::Result<()> {
    let mut message = [0; WARM_BYTES];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
        if message[0] == 0 {
            return Ok(());
        }
    }
}

fn echo(stream: &mut dyn Stream, size: usize) -> io::Result<Outcome> {
    warm_up(stream)?;
    let clock = Clock::start();
    let count = answer_all(stream, size)?;
    Ok(Outcome {
        count,
        bytes: count * size as u64,
        wall_ns: clock.wall_ns(),
        cpu_ns: clock.cpu_ns(),
        ..Outcome::default()
    })
}

/// Answers messages until the other end closes; how many.
fn answer_all(stream: &mut dyn Stream, size: usize) -> io::Result<u64> {
    let mut message = vec![0; size];
    let mut count = 0;
    loop {
        match stream.read_exact(&mut message) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(count),
            Err(error) => return Err(error),
        }
        stream.write_all(&message)?;
        count += 1;
    }
}

fn swallow(stream: &mut dyn Stream, size: usize, around: usize) -> io::Result<Outcome> {
    let mut buffers = Buffers::new(size, around);
    warm_up(stream)?;
    let clock = Clock::start();
    let (mut bytes, mut count) = (0, 0);
    loop {
        let got = Read::read(stream, buffers.next())?;
        if got == 0 {
            break;
        }
        bytes += got as u64;
        count += 1;
    }
    let outcome = Outcome { count, bytes, wall_ns: clock.wall_ns(), cpu_ns: clock.cpu_ns(), ..Outcome::default() };
    stream.write_all(&[0])?;
    Ok(outcome)
}
