//! One end of a connection of HTTP/1: what has come and not been taken, what is to go and has not gone.
//!
//! A link is used by one task, which reads and writes in turn; reads go to memory that all links of a thread share, so that a connection
//! that waits holds none.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::clock::Timer;
use crate::stream::{Begun, Stream};

/// Bytes that are read at once.
const SCRATCH: usize = 128 << 10;
/// Bytes that are read at once where a head is to come: what follows it is kept by copying.
const FIRST: usize = 16 << 10;
/// Room that is kept for what is to go.
const KEPT: usize = 16 << 10;

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; SCRATCH]);
    /// Bytes of it that are read at once of a body.
    static READS: Cell<usize> = const { Cell::new(SCRATCH) };
}

/// Whether the thread reads little of a body at once from now on, for what is read may have to be kept.
pub(crate) fn reads_little(little: bool) {
    READS.set(if little { FIRST } else { SCRATCH });
}

/// A connection's end.
pub(crate) struct Link {
    stream: RefCell<Stream>,
    input: RefCell<Vec<u8>>,
    output: RefCell<Output>,
    /// What the other end said by TLS as it broke the connection.
    broke: Cell<Option<io::Error>>,
    pub(crate) timer: Timer,
}

#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    gone: usize,
}

impl Output {
    /// Gives the memory back of what has gone, where that is most of it: more may be kept meanwhile.
    fn forget(&mut self) {
        if self.gone >= KEPT && self.gone >= self.bytes.len() / 2 {
            self.bytes = self.bytes.split_off(self.gone);
            self.gone = 0;
        }
    }
}

/// Why no head came.
#[derive(Debug)]
pub(crate) enum NoHead<E> {
    /// The connection ended in the middle of one.
    Cut,
    /// It is longer than it may be.
    TooLong,
    /// It is none.
    Bad(E),
    /// The connection broke.
    Broken,
}

impl<E> From<io::Error> for NoHead<E> {
    fn from(_: io::Error) -> Self {
        Self::Broken
    }
}

impl Link {
    pub(crate) fn new(stream: Stream, timer: Timer) -> Self {
        Self {
            stream: stream.into(),
            input: RefCell::default(),
            output: RefCell::default(),
            broke: Cell::default(),
            timer,
        }
    }

    /// The connection for another use, with what came of it and was not taken.
    pub(crate) fn into_stream(self) -> (Stream, Timer) {
        let (first, stream) = (self.input.into_inner(), self.stream.into_inner());
        let stream = if first.is_empty() { stream } else { Stream::Begun(Box::new(Begun { first, stream })) };
        (stream, self.timer)
    }

    /// Waits until `look` sees what it looks for at the beginning of what has come: how many bytes of that are taken, and what they are.
    ///
    /// - `look`: is also told whether nothing more comes, and has to see something then.
    pub(crate) async fn look<T>(&self, mut look: impl FnMut(&[u8], bool) -> Option<(usize, T)>) -> io::Result<T> {
        poll_fn(|context| {
            let mut ended = false;
            loop {
                let mut input = self.input.borrow_mut();
                if let Some((taken, value)) = look(&input, ended) {
                    input.drain(..taken);
                    return Poll::Ready(Ok(value));
                }
                if ended {
                    return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                }
                let length = BUFFER.with_borrow_mut(|buffer| {
                    let length = ready!(self.poll_read(context, &mut buffer[..FIRST]))?;
                    input.extend_from_slice(&buffer[..length]);
                    Poll::Ready(Ok::<_, io::Error>(length))
                });
                ended = ready!(length)? == 0;
            }
        })
        .await
    }

    /// Calls `take` with what comes next, at most once; it says how much it took, and the rest stays.
    pub(crate) fn poll_input<T>(
        &self,
        context: &mut Context<'_>,
        take: impl FnOnce(&mut Context<'_>, &[u8]) -> (usize, T),
    ) -> Poll<io::Result<T>> {
        if !self.input.borrow().is_empty() {
            let mut input = self.input.take();
            let (taken, value) = take(context, &input);
            if taken < input.len() {
                input.drain(..taken);
                self.input.replace(input);
            }
            return Poll::Ready(Ok(value));
        }
        BUFFER.with_borrow_mut(|buffer| {
            let length = ready!(self.poll_read(context, &mut buffer[..READS.get()]))?;
            let (taken, value) = take(context, &buffer[..length]);
            if taken < length {
                self.input.borrow_mut().extend_from_slice(&buffer[taken..length]);
            }
            Poll::Ready(Ok(value))
        })
    }

    fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        match ready!(Pin::new(&mut *self.stream.borrow_mut()).poll_read(context, &mut into)) {
            Ok(()) => Poll::Ready(Ok(into.filled().len())),
            Err(why) if why.kind() == io::ErrorKind::InvalidData => {
                self.broke.set(Some(why));
                Poll::Ready(Err(io::ErrorKind::InvalidData.into()))
            }
            Err(why) => Poll::Ready(Err(why)),
        }
    }

    /// What was wrong with its TLS, if that broke it.
    pub(crate) fn broke(&self) -> Option<io::Error> {
        self.broke.take()
    }

    /// What `with` does with its socket, if that is one of TCP whose bytes are those of the stream.
    pub(crate) fn with_tcp<T>(&self, with: impl FnOnce(&TcpStream) -> T) -> Option<T> {
        self.stream.borrow().tcp().map(with)
    }

    /// The same of a socket of the file system.
    pub(crate) fn with_unix<T>(&self, with: impl FnOnce(&UnixStream) -> T) -> Option<T> {
        self.stream.borrow().unix().map(with)
    }

    /// Whether bytes have come that nobody has taken.
    pub(crate) fn has_input(&self) -> bool {
        !self.input.borrow().is_empty()
    }

    /// Whether the other end has closed, or sent what nobody asked for: the connection is of no use for another request.
    pub(crate) fn is_stale(&self, context: &mut Context<'_>) -> bool {
        self.has_input() || !matches!(self.poll_read(context, &mut [0]), Poll::Pending)
    }

    /// Waits until something comes; whether anything did before the end.
    pub(crate) async fn comes(&self) -> io::Result<bool> {
        if self.has_input() {
            return Ok(true);
        }
        poll_fn(|context| {
            BUFFER.with_borrow_mut(|buffer| {
                let length = ready!(self.poll_read(context, &mut buffer[..FIRST]))?;
                self.input.borrow_mut().extend_from_slice(&buffer[..length]);
                Poll::Ready(Ok(length > 0))
            })
        })
        .await
    }

    /// Whether the other end goes away while nothing is expected from it. What it sends meanwhile is kept, up to a limit.
    pub(crate) fn poll_gone(&self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.input.borrow().len() >= FIRST {
                return Poll::Pending;
            }
            let read = BUFFER.with_borrow_mut(|buffer| {
                let length = ready!(self.poll_read(context, &mut buffer[..FIRST]))?;
                self.input.borrow_mut().extend_from_slice(&buffer[..length]);
                Poll::Ready(io::Result::Ok(length))
            });
            match ready!(read) {
                Ok(0) | Err(_) => return Poll::Ready(()),
                Ok(_) => {}
            }
        }
    }

    /// The next head, by what `parse` finds; `None` if the connection ends before one begins.
    ///
    /// - `limit`: most bytes of it.
    pub(crate) async fn head<T, E>(
        &self,
        limit: usize,
        parse: impl Fn(&[u8]) -> Result<Option<(T, usize)>, E>,
    ) -> Result<Option<T>, NoHead<E>> {
        // Bytes of the input in which no head ends.
        let mut looked = None;
        poll_fn(|context| {
            loop {
                let mut input = self.input.borrow_mut();
                // One that comes byte by byte is not read anew with each of them.
                if looked.map_or(!input.is_empty(), |looked| ends_within(&input, looked))
                    && let Some((head, length)) = parse(&input).map_err(NoHead::Bad)?
                {
                    input.drain(..length);
                    if input.is_empty() {
                        *input = Vec::new();
                    }
                    return Poll::Ready(if length > limit { Err(NoHead::TooLong) } else { Ok(Some(head)) });
                }
                looked = (!input.is_empty()).then_some(input.len());
                if input.len() > limit {
                    return Poll::Ready(Err(NoHead::TooLong));
                }
                let read = BUFFER.with_borrow_mut(|buffer| {
                    let length = ready!(self.poll_read(context, &mut buffer[..FIRST]))?;
                    let read = &buffer[..length];
                    let mut found = None;
                    if looked.is_none() && length > 0 {
                        // Most heads come whole.
                        found = parse(read).map_err(NoHead::Bad)?;
                        looked = Some(length);
                    }
                    input.extend_from_slice(&read[found.as_ref().map_or(0, |(_, taken)| *taken)..]);
                    Poll::Ready(Ok::<_, NoHead<E>>((length, found)))
                });
                match ready!(read)? {
                    (_, Some((_, length))) if length > limit => return Poll::Ready(Err(NoHead::TooLong)),
                    (_, Some((head, _))) => return Poll::Ready(Ok(Some(head))),
                    (0, None) if input.is_empty() => return Poll::Ready(Ok(None)),
                    (0, None) => return Poll::Ready(Err(NoHead::Cut)),
                    (_, None) => {}
                }
            }
        })
        .await
    }

    /// Adds to what is to go.
    pub(crate) fn write(&self, with: impl FnOnce(&mut Vec<u8>)) {
        with(&mut self.output.borrow_mut().bytes);
    }

    /// Sends `data` after what is to go; what does not go at once is kept.
    pub(crate) fn put(&self, context: &mut Context<'_>, data: &[u8]) -> io::Result<()> {
        let mut output = self.output.borrow_mut();
        let mut rest = data;
        if output.bytes.is_empty()
            && let Poll::Ready(length) = Pin::new(&mut *self.stream.borrow_mut()).poll_write(context, data)
        {
            rest = &data[length?..];
        }
        output.bytes.extend_from_slice(rest);
        Ok(())
    }

    /// Sends what is to go.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut output = self.output.borrow_mut();
        let output = &mut *output;
        let mut stream = self.stream.borrow_mut();
        while output.gone < output.bytes.len() {
            let Poll::Ready(went) = Pin::new(&mut *stream).poll_write(context, &output.bytes[output.gone..]) else {
                output.forget();
                return Poll::Pending;
            };
            match went? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                length => output.gone += length,
            }
        }
        output.gone = 0;
        if output.bytes.capacity() > KEPT {
            output.bytes = Vec::new();
        }
        output.bytes.clear();
        Pin::new(&mut *stream).poll_flush(context)
    }

    /// Bytes that are to go and were kept.
    pub(crate) fn held(&self) -> usize {
        let output = self.output.borrow();
        output.bytes.len() - output.gone
    }

    /// Sends what is to go.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Sends what is to go, and says that nothing follows.
    pub(crate) fn poll_shut(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        Pin::new(&mut *self.stream.borrow_mut()).poll_shutdown(context)
    }

    /// Sends what is to go, says that nothing follows, and takes what still comes, so that the other end reads all before the
    /// connection goes (RFC 9112, section 9.6).
    pub(crate) async fn close(&self, most: usize) {
        if poll_fn(|context| self.poll_shut(context)).await.is_err() {
            return;
        }
        self.input.take();
        let mut seen = 0;
        poll_fn(|context| {
            loop {
                let read = ready!(BUFFER.with_borrow_mut(|buffer| self.poll_read(context, buffer)));
                match read {
                    Ok(0) | Err(_) => return Poll::Ready(()),
                    Ok(length) => seen += length,
                }
                if seen > most {
                    return Poll::Ready(());
                }
            }
        })
        .await;
    }
}

/// Whether an empty line may end after the first `looked` bytes.
fn ends_within(input: &[u8], looked: usize) -> bool {
    let from = looked.saturating_sub(3);
    input[from..].windows(2).any(|pair| pair == b"\n\n") || input[from..].windows(3).any(|three| three == b"\n\r\n")
}
