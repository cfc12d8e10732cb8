//! What one thread of the gate has to itself.

use std::cell::{Cell, RefCell};
use std::fmt::Write;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::back::Backs;
use crate::books;
use crate::clock::Clock;
use crate::hedge::Hedges;
use crate::kept::Keeps;
use crate::log::Log;
use crate::pipe::Pipes;
use crate::running::Running;

/// Further tries that may be made in a row, after a time without any.
const MOST_TRIES: f64 = 10.0;
/// Time from the word to end until connections without a request are closed.
const LAST_WORD: Duration = Duration::from_millis(500);

/// A thread's state; connections stay with the thread that accepted them.
pub(crate) struct Worker {
    pub(crate) clock: Rc<Clock>,
    pub(crate) backs: Backs,
    pub(crate) books: books::Shared,
    pub(crate) log: Log,
    pub(crate) pipes: Pipes,
    pub(crate) keeps: Keeps,
    running: RefCell<Arc<Running>>,
    drain: watch::Receiver<bool>,
    /// Further tries that may be made now, by pool.
    tries: RefCell<Vec<f64>>,
    pub(crate) hedges: Hedges,
    /// Connections of clients.
    visits: Cell<usize>,
    /// What ids of requests begin with, and how many there were.
    id: (u64, Cell<u64>),
}

impl Worker {
    /// - `id`: a number at random, which no other thread has.
    /// - `drain`: turns true when the gate is about to end.
    pub(crate) fn new(
        id: u64,
        running: Arc<Running>,
        drain: watch::Receiver<bool>,
        books: books::Shared,
        log: Log,
    ) -> Self {
        let clock = Rc::<Clock>::default();
        Self {
            backs: Backs::new(clock.clone()),
            clock,
            books,
            log,
            pipes: Pipes::new(running.config.splice),
            keeps: keeps(&running),
            running: running.into(),
            drain,
            tries: RefCell::default(),
            hedges: Hedges::default(),
            visits: Cell::new(0),
            id: (id, Cell::new(0)),
        }
    }

    /// The configuration that is served now.
    pub(crate) fn running(&self) -> Arc<Running> {
        self.running.borrow().clone()
    }

    /// Whether the gate is about to end.
    pub(crate) fn drains(&self) -> bool {
        *self.drain.borrow()
    }

    /// Another configuration is served from now on.
    pub(crate) fn goes_on_with(&self, running: Arc<Running>) {
        let number = running.number;
        self.pipes.pay_from(running.config.splice);
        self.keeps.may(running.config.read_ahead, of_all(&running));
        if self.running.replace(running).number != number {
            books::open(&self.books).turn_over();
            self.hedges.turn_over();
        }
    }

    /// Waits until connections that wait for requests are to be closed: clients that send one request after the other have time to be
    /// told by a reply, so that none of their requests meets a closed connection.
    pub(crate) async fn drain_of_idle(&self) {
        self.drain().await;
        tokio::time::sleep(LAST_WORD).await;
    }

    /// Waits until it is.
    pub(crate) async fn drain(&self) {
        let mut drain = self.drain.clone();
        // A gate that is gone is about to end, too.
        let _ = drain.wait_for(|drains| *drains).await;
    }

    /// A request comes for a pool, of which `percent` may be tried again.
    pub(crate) fn earns(&self, pool: usize, percent: f64) {
        let mut tries = self.tries.borrow_mut();
        if tries.len() <= pool {
            tries.resize(pool + 1, MOST_TRIES);
        }
        tries[pool] = (tries[pool] + percent / 100.0).min(MOST_TRIES);
    }

    /// Whether a further try may be made; counts it.
    pub(crate) fn spends(&self, pool: usize) -> bool {
        let mut tries = self.tries.borrow_mut();
        let may = tries.get(pool).is_some_and(|left| *left >= 1.0);
        if may {
            tries[pool] -= 1.0;
        }
        may
    }

    /// Connections of clients that are open.
    pub(crate) fn visits(&self) -> usize {
        self.visits.get()
    }

    /// Counts a connection until what is returned goes.
    pub(crate) fn enters(self: &Rc<Self>) -> Inside {
        self.visits.set(self.visits.get() + 1);
        let mut books = books::open(&self.books);
        books.connections += 1;
        books.open += 1;
        drop(books);
        Inside(self.clone())
    }

    /// Counts a connection that was closed at once.
    pub(crate) fn is_crowded(&self) {
        books::open(&self.books).crowded += 1;
    }

    /// An id that no other request has.
    pub(crate) fn next_id(&self) -> String {
        let number = self.id.1.get();
        self.id.1.set(number + 1);
        let mut text = String::with_capacity(24);
        // Text has always room.
        let _ = write!(text, "{:012x}{number:08x}", self.id.0 >> 16);
        text
    }
}

/// Bytes that each of the threads may read ahead.
fn of_all(running: &Running) -> u64 {
    running.config.read_ahead_all / running.threads() as u64
}

fn keeps(running: &Running) -> Keeps {
    let keeps = Keeps::default();
    keeps.may(running.config.read_ahead, of_all(running));
    keeps
}

/// A connection of a client.
pub(crate) struct Inside(Rc<Worker>);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.visits.set(self.0.visits.get() - 1);
        books::open(&self.0.books).open -= 1;
    }
}
