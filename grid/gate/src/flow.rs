//! Bodies on their way: where they come from, where they go, and what moves them.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use crate::chunk::{Chunks, Trailers};
use crate::clock::Timer;
use crate::framing::Framing;
use crate::link::Link;
use crate::pipe::Pipes;

mod behind;
mod straight;

pub(crate) use behind::Behind;
use straight::Straight;

/// Takes bytes of a body.
pub(crate) type Emit<'a> = &'a mut dyn FnMut(&mut Context<'_>, &[u8]);

/// Where a body comes from.
pub(crate) trait Source {
    /// Whether all has come.
    fn done(&self) -> bool;
    /// Whether something has come that needs no waiting for.
    fn has_some(&self) -> bool;
    /// Takes what comes next.
    fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>>;
    /// The fields after it.
    fn trailers(&mut self) -> io::Result<Trailers>;
    /// Bytes that have to come, if that is known.
    fn left(&self) -> Option<u64> {
        None
    }
    /// The link from which its bytes come as they are, with none of them taken from it yet, and how many are left: `None` if they end
    /// with it.
    fn plain(&self) -> Option<(&Link, Option<u64>)> {
        None
    }
    /// So many bytes were taken from that link past this; 0: it has ended.
    fn passed(&mut self, _length: u64) -> io::Result<()> {
        Ok(())
    }
}

/// Where a body goes.
pub(crate) trait Sink {
    /// Takes bytes; what cannot go at once is kept.
    fn put(&mut self, context: &mut Context<'_>, data: &[u8]) -> io::Result<()>;
    /// Sends what was kept.
    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Bytes that are kept.
    fn held(&self) -> usize;
    /// Nothing follows but these.
    fn end(&mut self, trailers: Trailers) -> io::Result<()>;
    /// The link to which bytes go as they are.
    fn plain(&self) -> Option<&Link> {
        None
    }
    /// So many bytes are about to go to that link past this.
    fn part_begins(&mut self, _length: usize) -> io::Result<()> {
        Ok(())
    }
    /// They have gone.
    fn part_ends(&mut self) {}
}

/// Why a body did not get through.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// Where it comes from.
    From(io::Error),
    /// Where it goes.
    To,
    /// Nothing came for too long.
    NothingCame,
    /// Nothing went for too long.
    NothingWent,
}

/// Who looks at a body on its way: whoever only counts bytes is a function of them.
pub(crate) trait Watch {
    /// So many bytes came, or went where they pass this process by.
    fn moved(&mut self, length: usize);
    /// Bytes a second at which the body has to be taken; 0: it has to be taken at all.
    fn slowest(&self) -> u64 {
        0
    }
    /// All has come, and not all of it need have gone.
    fn came(&mut self, _behind: &Behind) {}
    /// Whether more may be taken while what came does not go.
    ///
    /// - `held`: bytes that are kept, of all that came.
    /// - `left`: bytes that have to come, if that is known.
    fn may_keep(&mut self, _held: usize, _left: Option<u64>) -> bool {
        false
    }
    /// So many bytes are kept in memory, because whoever takes the body does not.
    fn holds(&mut self, _held: usize) {}
    /// None is any more.
    fn goes_on(&mut self) {}
    /// Whoever takes the body has been waited for: for how long it is waited for again until the next look, or that it is not.
    ///
    /// - `idle`: how far behind it may be.
    fn looks(&mut self, behind: &Behind, idle: Duration) -> Option<Duration> {
        idle.checked_sub(behind.debt()).filter(|left| !left.is_zero())
    }
}

impl<F: FnMut(usize)> Watch for F {
    fn moved(&mut self, length: usize) {
        self(length);
    }
}

/// Moves a body. While it does not go, at most one read of it is in memory, and more only if `watch` says so.
///
/// - `idle`: how long nothing may come, and how far behind whoever takes it may be.
/// - `pipes`: where large bodies may go through pipes of the kernel.
///
/// # Errors
/// [`Stopped`] says at which end it was given up. Where it comes from ended too early, what came has gone.
pub(crate) async fn pump(
    source: &mut impl Source,
    sink: &mut impl Sink,
    timer: &Timer,
    idle: [Duration; 2],
    pipes: Option<&Pipes>,
    watch: &mut impl Watch,
) -> Result<(), Stopped> {
    let mut straight = Straight::new(pipes);
    let mut behind = Behind::new(watch.slowest());
    // When the next look is due, by the time for which the sink was waited for.
    let mut look = watch.looks(&behind, idle[1]).unwrap_or(idle[1]);
    let (mut came, mut ended, mut cut) = (false, false, None);
    // Which of the limits runs.
    let mut waits = None;
    let result = poll_fn(|context| {
        loop {
            if !came && source.done() {
                came = true;
                if behind.is_waited_for() {
                    behind.waits(straight.gone(sink.held()), Instant::now());
                }
                watch.came(&behind);
            }
            if came && !ended && straight.is_empty() {
                let trailers = source.trailers().map_err(Stopped::From)?;
                sink.end(trailers).map_err(|_| Stopped::To)?;
                ended = true;
            }
            let is_over = ended || cut.is_some();
            let (mut side, mut turn) = (1, Poll::Ready(Ok(())));
            // What is here already goes with the head in one piece.
            let flushes = is_over || !straight.is_empty() || !source.has_some();
            if flushes {
                turn = sink.poll_flush(context).map_err(|_| Stopped::To);
            }
            if let Poll::Ready(flushed) = turn {
                flushed?;
                if is_over {
                    return Poll::Ready(cut.take().map_or(Ok(()), Err));
                }
                if flushes && straight.is_empty() && behind.is_waited_for() {
                    behind.goes_on(straight.gone(0), Instant::now());
                    watch.goes_on();
                }
                (side, turn) = match straight.turn(context, source, sink, &mut |length| watch.moved(length)) {
                    Some(turn) => turn,
                    None => (0, copies(context, source, sink, &mut straight, watch)),
                };
            } else if !is_over && straight.is_empty() && watch.may_keep(sink.held(), source.left()) {
                match copies(context, source, sink, &mut straight, watch) {
                    Poll::Pending => {}
                    Poll::Ready(Err(why @ Stopped::From(_))) => {
                        // What came before it goes yet.
                        cut = Some(why);
                        continue;
                    }
                    Poll::Ready(more) => {
                        more?;
                        continue;
                    }
                }
            }
            match turn {
                Poll::Ready(more) => {
                    more?;
                    if waits == Some(0) {
                        timer.set(idle[0]);
                    }
                }
                Poll::Pending => {
                    if side == 1 {
                        behind.waits(straight.gone(sink.held()), Instant::now());
                        watch.holds(sink.held());
                    }
                    if waits != Some(side) {
                        waits = Some(side);
                        timer.set(if side == 0 { idle[0] } else { look.saturating_sub(behind.waited()) });
                    }
                    ready!(timer.poll(context));
                    if side == 0 {
                        return Poll::Ready(Err(Stopped::NothingCame));
                    }
                    let Some(next) = watch.looks(&behind, idle[1]) else {
                        return Poll::Ready(Err(Stopped::NothingWent));
                    };
                    look = behind.waited() + next;
                    timer.set(next);
                    if !straight.is_empty() && watch.may_keep(straight.held(), source.left()) {
                        watch.moved(straight.held());
                        straight.gives(sink).map_err(|_| Stopped::To)?;
                    }
                }
            }
        }
    })
    .await;
    if waits.is_some() {
        timer.off();
    }
    result
}

/// Takes what comes next, and gives it to `sink`.
fn copies(
    context: &mut Context<'_>,
    source: &mut impl Source,
    sink: &mut impl Sink,
    straight: &mut Straight<'_>,
    watch: &mut impl Watch,
) -> Poll<Result<(), Stopped>> {
    let mut failed = Ok(());
    let more = source.poll_more(context, &mut |context, data| {
        straight.saw(data.len());
        watch.moved(data.len());
        if failed.is_ok() {
            failed = sink.put(context, data);
        }
    });
    if failed.is_err() {
        return Poll::Ready(Err(Stopped::To));
    }
    more.map_err(Stopped::From)
}

/// A body of which no more than so many bytes are taken.
pub(crate) struct Limited<'a, S> {
    pub(crate) source: &'a mut S,
    pub(crate) left: u64,
}

impl<S: Source> Source for Limited<'_, S> {
    fn done(&self) -> bool {
        self.source.done()
    }

    fn has_some(&self) -> bool {
        self.source.has_some()
    }

    fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>> {
        let left = &mut self.left;
        let mut over = false;
        let more = self.source.poll_more(context, &mut |context, data| match left.checked_sub(data.len() as u64) {
            Some(rest) => {
                *left = rest;
                emit(context, data);
            }
            None => over = true,
        });
        if over { Poll::Ready(Err(io::ErrorKind::FileTooLarge.into())) } else { more }
    }

    fn trailers(&mut self) -> io::Result<Trailers> {
        self.source.trailers()
    }

    fn plain(&self) -> Option<(&Link, Option<u64>)> {
        // Of one whose length is known that was compared before.
        self.source.plain().filter(|(_, left)| left.is_some_and(|left| left <= self.left))
    }

    fn passed(&mut self, length: u64) -> io::Result<()> {
        self.left = self.left.saturating_sub(length);
        self.source.passed(length)
    }
}

/// A body that a link brings.
pub(crate) struct FromLink<'a> {
    link: &'a Link,
    rest: Rest,
}

enum Rest {
    None,
    Length(u64),
    Chunks(Box<Chunks>),
    UntilClose,
}

impl<'a> FromLink<'a> {
    pub(crate) fn new(link: &'a Link, framing: Framing) -> Self {
        let rest = match framing {
            Framing::None | Framing::Length(0) => Rest::None,
            Framing::Length(length) => Rest::Length(length),
            Framing::Chunked => Rest::Chunks(Box::default()),
            Framing::UntilClose => Rest::UntilClose,
        };
        Self { link, rest }
    }
}

fn bad(why: impl ToString) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.to_string())
}

impl Source for FromLink<'_> {
    fn done(&self) -> bool {
        match &self.rest {
            Rest::None => true,
            Rest::Chunks(chunks) => chunks.done(),
            Rest::Length(_) | Rest::UntilClose => false,
        }
    }

    fn has_some(&self) -> bool {
        self.link.has_input()
    }

    fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>> {
        let rest = &mut self.rest;
        let more = self.link.poll_input(context, |context, input| match rest {
            Rest::UntilClose if input.is_empty() => {
                *rest = Rest::None;
                (0, Ok(()))
            }
            _ if input.is_empty() => (0, Err(io::ErrorKind::UnexpectedEof.into())),
            Rest::None => (0, Ok(())),
            Rest::Length(left) => {
                let length = (*left).min(input.len() as u64) as usize;
                emit(context, &input[..length]);
                *left -= length as u64;
                if *left == 0 {
                    *rest = Rest::None;
                }
                (length, Ok(()))
            }
            Rest::Chunks(chunks) => match chunks.feed(input, |data| emit(context, data)) {
                Ok(taken) => (taken, Ok(())),
                Err(why) => (input.len(), Err(bad(why))),
            },
            Rest::UntilClose => {
                emit(context, input);
                (input.len(), Ok(()))
            }
        });
        more.map(|more| more.and_then(|result| result))
    }

    fn left(&self) -> Option<u64> {
        if let Rest::Length(left) = self.rest { Some(left) } else { None }
    }

    fn trailers(&mut self) -> io::Result<Trailers> {
        match &self.rest {
            Rest::Chunks(chunks) => chunks.trailers().map_err(bad),
            _ => Ok(Trailers::new()),
        }
    }

    fn plain(&self) -> Option<(&Link, Option<u64>)> {
        let left = match self.rest {
            Rest::Length(left) => Some(left),
            Rest::UntilClose => None,
            Rest::None | Rest::Chunks(_) => return None,
        };
        (!self.link.has_input()).then_some((self.link, left))
    }

    fn passed(&mut self, length: u64) -> io::Result<()> {
        match &mut self.rest {
            Rest::UntilClose if length == 0 => self.rest = Rest::None,
            Rest::Length(_) if length == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Rest::Length(left) if *left <= length => self.rest = Rest::None,
            Rest::Length(left) => *left -= length,
            Rest::None | Rest::Chunks(_) | Rest::UntilClose => {}
        }
        Ok(())
    }
}

/// A body that goes to a link.
pub(crate) struct ToLink<'a> {
    link: &'a Link,
    form: Form,
}

enum Form {
    Length(u64),
    Chunks,
    Plain,
}

impl<'a> ToLink<'a> {
    pub(crate) fn new(link: &'a Link, framing: Framing) -> Self {
        let form = match framing {
            Framing::None => Form::Length(0),
            Framing::Length(length) => Form::Length(length),
            Framing::Chunked => Form::Chunks,
            Framing::UntilClose => Form::Plain,
        };
        Self { link, form }
    }
}

impl Sink for ToLink<'_> {
    fn put(&mut self, context: &mut Context<'_>, data: &[u8]) -> io::Result<()> {
        match &mut self.form {
            Form::Chunks => {
                self.link.write(|output| {
                    output.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes());
                    output.extend_from_slice(data);
                    output.extend_from_slice(b"\r\n");
                });
                Ok(())
            }
            Form::Length(left) => {
                *left = left.checked_sub(data.len() as u64).ok_or_else(|| bad("more bytes than were said"))?;
                self.link.put(context, data)
            }
            Form::Plain => self.link.put(context, data),
        }
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(context)
    }

    fn held(&self) -> usize {
        self.link.held()
    }

    fn plain(&self) -> Option<&Link> {
        Some(self.link)
    }

    fn part_begins(&mut self, length: usize) -> io::Result<()> {
        match &mut self.form {
            Form::Chunks => self.link.write(|output| output.extend_from_slice(format!("{length:x}\r\n").as_bytes())),
            Form::Length(left) => {
                *left = left.checked_sub(length as u64).ok_or_else(|| bad("more bytes than were said"))?;
            }
            Form::Plain => {}
        }
        Ok(())
    }

    fn part_ends(&mut self) {
        if matches!(self.form, Form::Chunks) {
            self.link.write(|output| output.extend_from_slice(b"\r\n"));
        }
    }

    fn end(&mut self, trailers: Trailers) -> io::Result<()> {
        match self.form {
            Form::Length(1..) => Err(bad("fewer bytes than were said")),
            Form::Length(0) | Form::Plain => Ok(()),
            Form::Chunks => {
                self.link.write(|output| {
                    output.extend_from_slice(b"0\r\n");
                    for (name, value) in trailers {
                        output.extend_from_slice(name.as_bytes());
                        output.extend_from_slice(b": ");
                        output.extend_from_slice(&value);
                        output.extend_from_slice(b"\r\n");
                    }
                    output.extend_from_slice(b"\r\n");
                });
                Ok(())
            }
        }
    }
}
