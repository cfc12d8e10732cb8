//! Requests that wait for a worker, in order, and what is being worked on.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::shelf::Tally;

/// Requests of one context.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Those that wait.
    pub queued: u64,
    /// Those that are worked on.
    pub active: u64,
}

/// What the workers did and do.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DeskFigures {
    /// Requests that wait.
    pub queued: usize,
    /// Requests that may wait.
    pub limit: usize,
    /// Requests that are worked on.
    pub active: usize,
    /// Workers.
    pub workers: usize,
    /// Requests that were refused because too many waited.
    pub dropped: u64,
    /// Requests that were done.
    pub done: u64,
    /// Those of them that needed no block to be read.
    pub hits: u64,
    /// Requests that the portal failed at.
    pub failed: u64,
    /// Time that workers spent on them.
    pub worked: Duration,
    /// The same of each product, by its number.
    pub products: [OfProduct; PRODUCTS],
    /// Share of recent requests that needed no block to be read; an average as below.
    pub hit_rate: Option<f64>,
    /// Estimates of what a request takes with all blocks at hand, and with one to be read; exponential averages over about 30.
    pub hit_s: Option<f64>,
    /// See `hit_s`.
    pub miss_s: Option<f64>,
}

impl DeskFigures {
    /// What there is to do, seconds: what is worked on is half done on the average; a product of which nothing is known takes the mean of
    /// the others.
    pub(crate) fn waiting_s(&self) -> f64 {
        let known: Vec<f64> = self.products.iter().filter_map(|of| of.mean_s).collect();
        let other = known.iter().sum::<f64>() / known.len().max(1) as f64;
        let of = |of: &OfProduct| of.mean_s.unwrap_or(other) * (of.queued as f64 + 0.5 * of.active as f64);
        self.products.iter().map(of).sum()
    }
}

/// Kinds of work that are told apart; see [`crate::context::kind_of_work`].
pub(crate) const PRODUCTS: usize = 3;

/// What is known of one kind of work.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct OfProduct {
    /// Requests that wait.
    pub queued: u64,
    /// Requests that are worked on.
    pub active: u64,
    /// Estimates of what a request takes with all blocks at hand, and with one to be read; exponential averages over about 30.
    pub hit_s: Option<f64>,
    /// See `hit_s`.
    pub miss_s: Option<f64>,
    /// The same of all.
    pub mean_s: Option<f64>,
}

/// How a piece of work ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What it took from the store.
    pub(crate) tally: Tally,
    /// Whether the portal failed at it.
    pub(crate) failed: bool,
}

impl From<Tally> for Outcome {
    fn from(tally: Tally) -> Outcome {
        Outcome { tally, failed: false }
    }
}

/// A piece of work; it says how it ended, or nothing where nobody waited for it any more.
type Work = Box<dyn FnOnce() -> Option<Outcome> + Send>;

struct Job {
    label: Label,
    work: Work,
}

/// By what a request is counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Label {
    /// Its context.
    pub(crate) context: String,
    /// The number of the class that a gate put it in.
    pub(crate) class: Option<u64>,
    /// The number of its product, below [`PRODUCTS`].
    pub(crate) product: usize,
}

impl From<&str> for Label {
    fn from(context: &str) -> Label {
        Label { context: context.into(), class: None, product: 0 }
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    by_context: HashMap<String, Counts>,
    by_class: HashMap<u64, Counts>,
    figures: DeskFigures,
    ending: bool,
}

/// The queue and its workers.
pub(crate) struct Desk {
    shared: Arc<(Mutex<State>, Condvar)>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Weight of a new figure in the averages.
const NEW: f64 = 1.0 / 30.0;

impl Desk {
    /// Starts `workers` threads, for at most `limit` waiting requests.
    pub(crate) fn start(workers: usize, limit: usize) -> std::io::Result<Desk> {
        let figures = DeskFigures { workers, limit, ..DeskFigures::default() };
        let shared = Arc::new((Mutex::new(State { figures, ..State::default() }), Condvar::new()));
        let threads = (0..workers)
            .map(|k| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("render-{k}")).spawn(move || work(&shared))
            })
            .collect::<std::io::Result<Vec<_>>>()?;
        Ok(Desk { shared, threads: Mutex::new(threads) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts work at the end of the queue; false where too many wait already.
    pub(crate) fn put(&self, label: Label, work: impl FnOnce() -> Option<Outcome> + Send + 'static) -> bool {
        let mut state = self.lock();
        if state.ending || state.waiting.len() >= state.figures.limit {
            state.figures.dropped += 1;
            return false;
        }
        state.change(&label, |counts| counts.queued += 1);
        state.figures.products[label.product].queued += 1;
        state.waiting.push_back(Job { label, work: Box::new(work) });
        drop(state);
        self.shared.1.notify_one();
        true
    }

    /// What was done and is done.
    pub(crate) fn figures(&self) -> DeskFigures {
        let state = self.lock();
        DeskFigures { queued: state.waiting.len(), ..state.figures.clone() }
    }

    /// Requests by context, of those contexts that have any.
    pub(crate) fn by_context(&self) -> Vec<(String, Counts)> {
        let mut all: Vec<_> = self.lock().by_context.iter().map(|(name, counts)| (name.clone(), *counts)).collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Requests by class, of those classes that have any.
    pub(crate) fn by_class(&self) -> Vec<(u64, Counts)> {
        self.lock().by_class.iter().map(|(class, counts)| (*class, *counts)).collect()
    }

    /// Ends after what waits.
    pub(crate) fn end(&self) {
        self.lock().ending = true;
        self.shared.1.notify_all();
        for thread in std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner)) {
            // A fault in one request has been told to its client.
            let _ = thread.join();
        }
    }
}

fn work(shared: &(Mutex<State>, Condvar)) {
    let lock = || shared.0.lock().unwrap_or_else(PoisonError::into_inner);
    let mut state = lock();
    loop {
        let Some(job) = state.waiting.pop_front() else {
            if state.ending {
                return;
            }
            state = shared.1.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        };
        state.figures.active += 1;
        state.change(&job.label, |counts| {
            counts.queued -= 1;
            counts.active += 1;
        });
        let product = &mut state.figures.products[job.label.product];
        product.queued -= 1;
        product.active += 1;
        drop(state);
        let begun = Instant::now();
        // A fault must not take the worker with it; its client sees the connection to the work cut.
        let fault = Some(Outcome { failed: true, ..Outcome::default() });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job.work)).unwrap_or(fault);
        let took = begun.elapsed();
        state = lock();
        state.finish(&job.label, outcome, took);
    }
}

impl State {
    fn finish(&mut self, label: &Label, outcome: Option<Outcome>, took: Duration) {
        self.figures.active -= 1;
        self.figures.products[label.product].active -= 1;
        match outcome {
            // What a failure took says nothing about others.
            Some(Outcome { failed: true, .. }) => self.figures.failed += 1,
            Some(Outcome { tally, .. }) => self.count(label.product, tally, took),
            None => {}
        }
        self.change(label, |counts| counts.active -= 1);
    }

    /// Changes the counts of a request's context and class; those that come to nothing are forgotten.
    fn change(&mut self, label: &Label, how: impl Fn(&mut Counts)) {
        let counts = self.by_context.entry(label.context.clone()).or_default();
        how(counts);
        if *counts == Counts::default() {
            self.by_context.remove(&label.context);
        }
        let Some(class) = label.class else { return };
        let counts = self.by_class.entry(class).or_default();
        how(counts);
        if *counts == Counts::default() {
            self.by_class.remove(&class);
        }
    }

    fn count(&mut self, product: usize, tally: Tally, took: Duration) {
        self.figures.done += 1;
        self.figures.worked += took;
        let is_hit = tally.misses == 0;
        self.figures.hits += u64::from(is_hit);
        let blend =
            |average: &mut Option<f64>, new: f64| *average = Some(average.map_or(new, |old| old + NEW * (new - old)));
        let took = took.as_secs_f64();
        let of = &mut self.figures.products[product];
        blend(if is_hit { &mut of.hit_s } else { &mut of.miss_s }, took);
        blend(&mut of.mean_s, took);
        blend(if is_hit { &mut self.figures.hit_s } else { &mut self.figures.miss_s }, took);
        blend(&mut self.figures.hit_rate, f64::from(u8::from(is_hit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn work_is_counted_by_context_and_done_in_order() {
        let desk = Desk::start(1, 3).expect("threads");
        let (go, gate) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        let first = tell.clone();
        assert!(desk.put("a".into(), move || {
            first.send(0).expect("a listener");
            gate.recv().expect("a signal");
            Some(Tally::default().into())
        }));
        assert_eq!(told.recv(), Ok(0));
        for k in 1..=3 {
            let tell = tell.clone();
            assert!(desk.put("b".into(), move || {
                tell.send(k).expect("a listener");
                Some(Tally { misses: 1, ..Tally::default() }.into())
            }));
        }
        assert!(!desk.put("c".into(), || None), "the queue is full");
        let counts = |queued, active| Counts { queued, active };
        assert_eq!(desk.by_context(), [("a".to_owned(), counts(0, 1)), ("b".to_owned(), counts(3, 0))]);
        go.send(()).expect("a worker");
        desk.end();
        assert_eq!(told.try_iter().collect::<Vec<_>>(), [1, 2, 3]);
        let figures = desk.figures();
        assert_eq!((figures.done, figures.hits, figures.dropped, figures.queued, figures.active), (4, 1, 1, 0, 0));
        assert!(desk.by_context().is_empty());
    }

    #[test]
    fn a_fault_in_one_request_leaves_the_worker_to_the_next() {
        let desk = Desk::start(1, 9).expect("threads");
        let (tell, told) = mpsc::channel();
        desk.put("a".into(), || panic!("a fault on purpose"));
        desk.put("a".into(), move || {
            tell.send(()).expect("a listener");
            Some(Tally::default().into())
        });
        assert_eq!(told.recv(), Ok(()));
        desk.end();
        let figures = desk.figures();
        assert_eq!((figures.failed, figures.done), (1, 1));
    }

    #[test]
    fn costs_are_of_each_product_and_what_waits_is_weighed_by_them() {
        let desk = Desk::start(1, 9).expect("threads");
        let label = |product| Label { context: "a".into(), class: None, product };
        for (product, misses) in [(0, 0), (2, 1), (2, 0)] {
            assert!(desk.put(label(product), move || Some(Tally { misses, ..Tally::default() }.into())));
        }
        desk.end();
        let figures = desk.figures();
        let [tile, allsky, cutout] = figures.products;
        assert!(tile.hit_s.is_some() && tile.miss_s.is_none() && allsky == OfProduct::default());
        assert!(cutout.hit_s.is_some() && cutout.miss_s.is_some() && cutout.mean_s.is_some());
        let waits = DeskFigures {
            products: [
                OfProduct { queued: 3, active: 2, mean_s: Some(0.5), ..OfProduct::default() },
                OfProduct { queued: 1, ..OfProduct::default() },
                OfProduct { queued: 2, mean_s: Some(2.0), ..OfProduct::default() },
            ],
            ..DeskFigures::default()
        };
        // 3 and two halves of 0.5 s, 2 of 2 s, and one of the mean of what is known.
        assert!((waits.waiting_s() - (4.0 * 0.5 + 2.0 * 2.0 + 1.25)).abs() < 1e-12);
    }
}
