//! The part of a large body that goes from socket to socket through a pipe of the kernel.

use std::io;
use std::task::{Context, Poll};

use super::{Sink, Source, Stopped};
use crate::pipe::{Pipe, Pipes};

/// Which side of a body is waited for, and what came of a turn.
pub(super) type Turn = (usize, Poll<Result<(), Stopped>>);

/// A body's way through pipes.
pub(super) struct Straight<'a> {
    pipes: Option<&'a Pipes>,
    /// One that holds bytes of the body: one that holds none is others' meanwhile.
    pipe: Option<Pipe<'a>>,
    /// Bytes that have come.
    came: u64,
    /// All further bytes go this way.
    begun: bool,
}

impl<'a> Straight<'a> {
    pub(super) fn new(pipes: Option<&'a Pipes>) -> Self {
        Self { pipes, pipe: None, came: 0, begun: false }
    }

    /// Whether no bytes are on their way.
    pub(super) fn is_empty(&self) -> bool {
        self.pipe.is_none()
    }

    /// Bytes that are on their way.
    pub(super) fn held(&self) -> usize {
        self.pipe.as_ref().map_or(0, Pipe::held)
    }

    /// Bytes that have gone, of all, where `kept` of them are in memory.
    pub(super) fn gone(&self, kept: usize) -> u64 {
        self.came.saturating_sub((self.held() + kept) as u64)
    }

    /// Gives what is on its way to `sink`, so that it takes more although nothing goes.
    pub(super) fn gives(&mut self, sink: &mut impl Sink) -> io::Result<()> {
        let Some(mut pipe) = self.pipe.take() else { return Ok(()) };
        let link = sink.plain().ok_or(io::ErrorKind::NotConnected)?;
        let mut read = Ok(());
        link.write(|output| read = pipe.empty_into(output));
        sink.part_ends();
        read
    }

    /// Bytes came by the other way.
    pub(super) fn saw(&mut self, length: usize) {
        self.came += length as u64;
    }

    /// Moves what comes next; `None` where that is to be copied. Nothing is to be kept by `sink`.
    ///
    /// - `moved`: is told each number of bytes that went.
    pub(super) fn turn(
        &mut self,
        context: &mut Context<'_>,
        source: &mut impl Source,
        sink: &mut impl Sink,
        moved: &mut impl FnMut(usize),
    ) -> Option<Turn> {
        let pipes = self.pipes?;
        if let Some(pipe) = &mut self.pipe {
            let went = sink.plain().and_then(|link| link.with_tcp(|to| pipe.poll_drain(context, to)));
            let went = match went.unwrap_or(Poll::Ready(Err(io::ErrorKind::NotConnected.into()))) {
                Poll::Ready(went) => went,
                Poll::Pending => return Some((1, Poll::Pending)),
            };
            if pipe.held() == 0 {
                self.pipe = None;
                sink.part_ends();
            }
            return Some((1, Poll::Ready(went.map(moved).map_err(|_| Stopped::To))));
        }
        let (from, left) = source.plain()?;
        // Of one that ends with its connection nobody knows how long it is; one that was long may go on.
        self.begun = self.begun || pipes.pay_for(left.unwrap_or(self.came));
        if !self.begun || sink.plain()?.with_tcp(|_| ()).is_none() {
            return None;
        }
        let most = usize::try_from(left.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let came = from.with_tcp(|from| {
            let mut pipe = pipes.take()?;
            Some(pipe.poll_fill(context, from, most).map_ok(|length| (length, pipe)))
        });
        let came = came.flatten();
        match came {
            // There is no pipe to be had, or none takes from this socket.
            None => self.pipes = None,
            Some(Poll::Ready(Err(why))) if why.kind() == io::ErrorKind::InvalidInput => self.pipes = None,
            Some(came) => {
                return Some((
                    0,
                    came.map(|came| {
                        let (length, pipe) = came.map_err(Stopped::From)?;
                        source.passed(length as u64).map_err(Stopped::From)?;
                        if length > 0 {
                            sink.part_begins(length).map_err(|_| Stopped::To)?;
                            self.came += length as u64;
                            self.pipe = Some(pipe);
                        }
                        Ok(())
                    }),
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::rc::Rc;
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::clock::Clock;
    use crate::flow::{FromLink, Limited, ToLink, pump};
    use crate::framing::Framing;
    use crate::link::Link;
    use crate::stream::Stream;

    const IDLE: [Duration; 2] = [Duration::from_secs(20); 2];

    /// The gate's end of a connection, and the other one.
    async fn pair(clock: &Rc<Clock>) -> (Link, std::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let other = std::net::TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
        let (stream, _): (TcpStream, _) = listener.accept().await.expect("a connection");
        (Link::new(Stream::Tcp(stream), clock.timer()), other)
    }

    /// What comes out of a body of `sent` in pieces of `piece` bytes, with what became of it, how many bytes were counted, and how many
    /// pipes were made.
    fn through(
        sent: Vec<u8>,
        piece: usize,
        framings: [Framing; 2],
        least: Option<u64>,
    ) -> (Vec<u8>, Result<(), Stopped>, u64, usize) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let clock = Rc::new(Clock::default());
            tokio::task::spawn_local(clock.clone().run());
            let (from, mut server) = pair(&clock).await;
            let (to, mut client) = pair(&clock).await;
            std::thread::spawn(move || sent.chunks(piece).try_for_each(|part| server.write_all(part)));
            let reads = std::thread::spawn(move || {
                let mut all = Vec::new();
                client.read_to_end(&mut all).map(|_| all)
            });
            let (pipes, timer, mut count) = (Pipes::new(least), clock.timer(), 0);
            let mut counts = |length: usize| count += length as u64;
            let mut source = FromLink::new(&from, framings[0]);
            let mut source = Limited { source: &mut source, left: u64::MAX };
            let mut sink = ToLink::new(&to, framings[1]);
            let result = match framings[0] {
                // A limit that may be passed is looked at by copying.
                Framing::UntilClose => pump(source.source, &mut sink, &timer, IDLE, Some(&pipes), &mut counts).await,
                _ => pump(&mut source, &mut sink, &timer, IDLE, Some(&pipes), &mut counts).await,
            };
            drop(to);
            let all = reads.join().expect("a thread").expect("bytes");
            (all, result, count, pipes.count().0)
        })
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length as u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn bodies_of_any_length_come_as_they_went(
            length in prop_oneof![0..200_usize, 65_000..66_000_usize, 1..1_500_000_usize],
            piece in prop_oneof![Just(1_500_000_usize), 700..9000_usize],
            least in prop_oneof![Just(None), Just(Some(1)), Just(Some(65_536)), Just(Some(400_000))],
            until_close: bool,
            chunks: bool,
        ) {
            let body = bytes(length);
            let from = if until_close { Framing::UntilClose } else { Framing::Length(length as u64) };
            let to = if chunks { Framing::Chunked } else if until_close { Framing::UntilClose } else { from };
            let (came, result, count, made) = through(body.clone(), piece, [from, to], least);
            prop_assert!(result.is_ok(), "{result:?}");
            prop_assert_eq!(count, length as u64);
            let came = if chunks {
                let (mut taken, mut feed) = (Vec::new(), crate::chunk::Chunks::default());
                prop_assert_eq!(feed.feed(&came, |data| taken.extend_from_slice(data)), Ok(came.len()));
                prop_assert!(feed.done());
                taken
            } else {
                came
            };
            prop_assert!(came == body, "{} bytes came of {length}", came.len());
            // Of a body that ends with its connection so many bytes are copied first.
            let pays = least.is_some_and(|least| length as u64 >= least && (!until_close || length > 1 << 20));
            prop_assert!(!pays || made == 1, "{made} pipes");
            prop_assert!(least.is_some_and(|least| length as u64 >= least) || made == 0, "{made} pipes");
        }
    }

    #[test]
    fn a_body_that_is_cut_short_is_known_as_such_and_what_came_goes_on() {
        let body = bytes(700_000);
        let framing = Framing::Length(700_001);
        let (came, result, count, made) = through(body.clone(), 1 << 20, [framing; 2], Some(1));
        assert!(matches!(&result, Err(Stopped::From(why)) if why.kind() == io::ErrorKind::UnexpectedEof), "{result:?}");
        assert!(came == body && count == 700_000 && made == 1);
    }

    #[test]
    fn a_client_that_takes_nothing_is_given_up_and_its_pipe_is_closed() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        tokio::task::LocalSet::new().block_on(&runtime, async {
            let clock = Rc::new(Clock::default());
            tokio::task::spawn_local(clock.clone().run());
            let (from, mut server) = pair(&clock).await;
            let (to, client) = pair(&clock).await;
            let sends = std::thread::spawn(move || server.write_all(&bytes(64 << 20)));
            let (pipes, timer) = (Pipes::new(Some(1)), clock.timer());
            let framing = Framing::Length(64 << 20);
            let (mut source, mut sink) = (FromLink::new(&from, framing), ToLink::new(&to, framing));
            let idle = [Duration::from_secs(20), Duration::from_millis(100)];
            let result = pump(&mut source, &mut sink, &timer, idle, Some(&pipes), &mut |_: usize| ()).await;
            assert!(matches!(result, Err(Stopped::NothingWent)), "{result:?}");
            assert_eq!(pipes.count(), (0, 0), "a pipe that holds bytes serves nobody else");
            drop((from, client));
            assert!(sends.join().expect("a thread").is_err());
        });
    }
}
