//! A trace that is written while a dispatcher goes on.

use super::{Event, begin};
use crate::dispatcher::Setup;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Writes what its listener hears; a first failure ends the writing and is told at the end.
#[derive(Debug)]
pub struct Recorder<W> {
    shared: Arc<Mutex<(W, io::Result<()>)>>,
}

impl<W: Write + Send + 'static> Recorder<W> {
    /// Begins a trace of a dispatcher that begins as `setup` says. Lines are small: `to` had better be buffered.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn new(mut to: W, setup: &Setup) -> io::Result<Self> {
        begin(&mut to, setup)?;
        Ok(Self { shared: Arc::new(Mutex::new((to, Ok(())))) })
    }

    /// What a dispatcher is to [tell](crate::dispatcher::Dispatcher::listen).
    pub fn listener(&self) -> impl FnMut(&Event) + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move |event| {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            let (to, done) = &mut *shared;
            if done.is_ok() {
                *done = writeln!(to, "{event}");
            }
        }
    }

    /// Writes what is buffered, while the dispatcher goes on.
    ///
    /// # Errors
    /// The first failure of `to`, once.
    pub fn flush(&self) -> io::Result<()> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, done) = &mut *shared;
        match done {
            Ok(()) => {
                *done = to.flush();
                done.as_ref().copied().map_err(|why| io::Error::new(why.kind(), why.to_string()))
            }
            Err(_) => Ok(()),
        }
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// The first failure of `to`.
    pub fn end(self) -> io::Result<()> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let (to, done) = &mut *shared;
        std::mem::replace(done, Ok(())).and_then(|()| to.flush())
    }
}
