//! Bodies of which the beginning is read before it is known where they go.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::chunk::Trailers;
use crate::clock::Timer;
use crate::flow::{Emit, Source, Stopped};
use crate::link::Link;

/// A body whose beginning is kept until it goes on, as it came.
pub(crate) struct Ahead<'a, S> {
    source: &'a mut S,
    kept: Vec<u8>,
}

impl<'a, S: Source> Ahead<'a, S> {
    pub(crate) fn new(source: &'a mut S) -> Self {
        Self { source, kept: Vec::new() }
    }

    /// Reads until all is here, or more than `most` bytes, or `enough` is seen in what is here.
    ///
    /// - `idle`: how long nothing may come.
    ///
    /// # Errors
    /// Nothing came for too long, or what came is no body.
    pub(crate) async fn read(
        &mut self,
        most: usize,
        timer: &Timer,
        idle: Duration,
        enough: impl Fn(&[u8]) -> bool,
    ) -> Result<(), Stopped> {
        // Bytes that were looked at: a body that comes byte by byte is not read anew with each of them.
        let mut looked = 0;
        while !self.source.done() && self.kept.len() <= most {
            let Self { source, kept } = self;
            let more = poll_fn(|context| source.poll_more(context, &mut |_, data| kept.extend_from_slice(data)));
            timer.within(idle, more).await.map_err(|_| Stopped::NothingCame)?.map_err(Stopped::From)?;
            if self.kept.len() >= 2 * looked && self.kept.len() > looked {
                looked = self.kept.len();
                if enough(self.begun(most).0) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// What is here, up to so many bytes, and whether that is all of it.
    pub(crate) fn begun(&self, most: usize) -> (&[u8], bool) {
        let begun = &self.kept[..self.kept.len().min(most)];
        (begun, begun.len() == self.kept.len() && self.source.done())
    }
}

impl<S: Source> Source for Ahead<'_, S> {
    fn done(&self) -> bool {
        self.kept.is_empty() && self.source.done()
    }

    fn has_some(&self) -> bool {
        !self.kept.is_empty() || self.source.has_some()
    }

    fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>> {
        if self.kept.is_empty() {
            return self.source.poll_more(context, emit);
        }
        emit(context, &std::mem::take(&mut self.kept));
        Poll::Ready(Ok(()))
    }

    fn trailers(&mut self) -> io::Result<Trailers> {
        self.source.trailers()
    }

    fn plain(&self) -> Option<(&Link, Option<u64>)> {
        if self.kept.is_empty() { self.source.plain() } else { None }
    }

    fn passed(&mut self, length: u64) -> io::Result<()> {
        self.source.passed(length)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::rc::Rc;
    use std::task::Waker;

    use proptest::prelude::*;

    use super::*;
    use crate::clock::Clock;

    /// A body that comes in pieces.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Source for Pieces {
        fn done(&self) -> bool {
            self.0.is_empty()
        }

        fn has_some(&self) -> bool {
            true
        }

        fn poll_more(&mut self, context: &mut Context<'_>, emit: Emit<'_>) -> Poll<io::Result<()>> {
            let piece = self.0.pop_front().expect("a piece");
            emit(context, &piece);
            Poll::Ready(Ok(()))
        }

        fn trailers(&mut self) -> io::Result<Trailers> {
            Ok(vec![("x-sum".to_owned(), b"1".to_vec())])
        }
    }

    proptest! {
        #[test]
        fn what_goes_on_is_what_came(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..20), most in 0usize..300, stop in 0usize..600,
        ) {
            let all = pieces.concat();
            let mut source = Pieces(pieces.into());
            let mut ahead = Ahead::new(&mut source);
            let timer = Rc::<Clock>::default().timer();
            let mut context = Context::from_waker(Waker::noop());
            let read = std::pin::pin!(ahead.read(most, &timer, Duration::from_secs(1), |seen| seen.len() >= stop)).poll(&mut context);
            prop_assert!(matches!(read, Poll::Ready(Ok(()))));
            let (begun, whole) = ahead.begun(most);
            prop_assert_eq!(begun, &all[..begun.len()]);
            prop_assert!(begun.len() <= most);
            prop_assert!(!whole || begun == all);
            prop_assert!(whole || begun.len() == most || begun.len() >= stop, "no more is waited for than is needed, and no less");
            let mut gone = Vec::new();
            while !ahead.done() {
                let more = ahead.poll_more(&mut context, &mut |_, data| gone.extend_from_slice(data));
                prop_assert!(matches!(more, Poll::Ready(Ok(()))));
            }
            prop_assert_eq!(gone, all);
            prop_assert_eq!(ahead.trailers().expect("trailers").len(), 1);
        }
    }
}
