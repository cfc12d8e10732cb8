//! The engine's thread: gathers questions, makes transactions, hands on what they cause.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};

use super::batch::{Outcomes, fail, tell, unit_of};
use super::desk::{Desk, DeskError, Random};
use super::due::{AT_ONCE, Backlog};
use super::effect::Effect;
use super::question::Question;
use super::settings::{Clock, Settings, Stages};
use crate::metrics::{Meters, Tally};
use crate::schedule::{Catalogue, Queue};
use crate::store::{Book, Counter, CounterRow, Database, Row, StoreError, Value};

/// Questions that are answered in one transaction.
const MOST: usize = 256;
/// Units that are with other threads; more wait in the database.
const UNDER_WAY: usize = 4000;
/// How often deadlines are looked at.
const TICK: Duration = Duration::from_millis(500);

/// A way to ask the engine; clones ask the same one.
#[derive(Clone)]
pub struct Engine {
    questions: Sender<Question>,
    meters: Arc<Meters>,
}

/// Why the engine gave no answer.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum EngineError {
    /// It has ended.
    #[error("the server is shutting down")]
    Ended,
    /// It refused, or its database failed.
    #[error(transparent)]
    Desk(#[from] DeskError),
}

impl Engine {
    /// Starts an engine; effects of its transactions come out of the receiver. It ends when it is told to, or all its clones are gone.
    ///
    /// # Errors
    /// [`StoreError`]: the database cannot be read.
    pub fn start(
        mut database: Box<dyn Database>,
        settings: Settings,
        clock: Arc<dyn Clock>,
        stages: Arc<Stages>,
        seed: u64,
    ) -> Result<(Engine, Receiver<Effect>, std::thread::JoinHandle<()>), StoreError> {
        let catalogue = Catalogue::load(database.as_mut())?;
        count_once(database.as_mut())?;
        let (questions, asked) = unbounded();
        let (effects, caused) = unbounded();
        let meters = Arc::new(Meters::default());
        let mut worker = Worker {
            meters: Arc::clone(&meters),
            database,
            settings,
            clock,
            stages,
            catalogue,
            catalogue_age: None,
            queue: Queue::default(),
            queue_is_whole: false,
            random: Random::new(seed),
            effects,
            under_way: [HashSet::new(), HashSet::new(), HashSet::new()],
            backlog: [Some(0), Some(0), Some(0)],
            more_due: false,
            token: token(seed),
            shared: false,
            strays: None,
            claimed: false,
        };
        let leads = worker.database.lead()?;
        worker.stages.leads.store(leads, Ordering::Relaxed);
        let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || worker.run(&asked));
        let thread =
            thread.map_err(|error| StoreError::Database { place: "engine".to_owned(), cause: error.to_string() })?;
        Ok((Engine { questions, meters }, caused, thread))
    }

    /// Asks; the question's own answer tells what came of it. False where the engine has ended.
    pub fn ask(&self, question: Question) -> bool {
        self.questions.send(question).is_ok()
    }

    /// What it counts.
    pub fn meters(&self) -> &Arc<Meters> {
        &self.meters
    }

    /// Ends it, after what was asked before.
    pub fn end(&self) {
        self.ask(Question::End);
    }

    /// Does something at the desk and waits for its commit. What is done may be done twice, if a transaction has to be taken back.
    ///
    /// # Errors
    /// [`EngineError`].
    pub fn act<T: Send + 'static>(
        &self,
        mut act: impl FnMut(&mut Desk<'_>) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let (value, values) = unbounded();
        let (done, ended) = unbounded();
        let question = Question::Act {
            act: Box::new(move |desk| {
                let made = act(desk)?;
                // The last one counts.
                let _ = value.send(made);
                Ok(())
            }),
            answer: Box::new(move |outcome| {
                let _ = done.send(outcome);
            }),
        };
        if !self.ask(question) {
            return Err(EngineError::Ended);
        }
        ended.recv().map_err(|_| EngineError::Ended)??;
        values.try_iter().last().ok_or(EngineError::Ended)
    }
}

/// Counts what is kept counted from then on, in a database that has no such counts yet.
fn count_once(database: &mut dyn Database) -> Result<(), StoreError> {
    let missing = |counter: Counter| CounterRow { id: counter as i64, value: 0 };
    let known = database.scan(CounterRow::TABLE, "id = $1", &[Value::Int(Counter::Unsent as i64)])?;
    if !known.is_empty() {
        return Ok(());
    }
    database.begin()?;
    let mut book = Book::default();
    book.load_counters(database)?;
    for (counter, statement) in [
        (Counter::Unsent, "select count(*) from results where state = 2"),
        (Counter::InProgress, "select count(*) from results where state = 4"),
        (Counter::Refits, "select count(*) from units where refit = 1"),
    ] {
        if let Some(Value::Int(value)) = database.ask(statement, &[])?.first().and_then(|row| row.first()) {
            book.counters.insert(CounterRow { value: *value, ..missing(counter) });
        }
    }
    book.save(database)?;
    database.commit()
}

struct Worker {
    meters: Arc<Meters>,
    database: Box<dyn Database>,
    settings: Settings,
    clock: Arc<dyn Clock>,
    stages: Arc<Stages>,
    catalogue: Catalogue,
    catalogue_age: Option<i64>,
    queue: Queue,
    queue_is_whole: bool,
    random: Random,
    effects: Sender<Effect>,
    /// Units with the threads of each stage.
    under_way: [HashSet<i64>; 3],
    /// Where units that were left for each stage have to be looked for; none where there are none.
    backlog: [Option<i64>; 3],
    more_due: bool,
    /// This process among those that share the database.
    token: i64,
    /// Whether another one wrote between this one's last two transactions.
    shared: bool,
    /// Since when units that another process left may have to be compared.
    strays: Option<Instant>,
    /// Whether it has written since it began.
    claimed: bool,
}

/// How long the one that leads lets others compare their units before it looks for those that they left.
const STRAY: Duration = Duration::from_secs(10);

/// A number that no other process draws, above 0.
fn token(seed: u64) -> i64 {
    use std::hash::{BuildHasher, RandomState};
    (RandomState::new().hash_one((seed, std::process::id())) >> 1).max(1) as i64
}

/// The stage of an effect, as a place in the arrays above.
fn stage(effect: &Effect) -> Option<usize> {
    match effect {
        Effect::Validate(_) => Some(0),
        Effect::Assimilate(_) => Some(1),
        Effect::DeleteInputs { .. } => Some(2),
        Effect::DeleteOutputs(_) | Effect::Refit(_) | Effect::Trickles => None,
    }
}

impl Worker {
    fn run(&mut self, asked: &Receiver<Question>) {
        let mut last = Instant::now() - TICK;
        loop {
            let wait = if self.more_due { Duration::ZERO } else { TICK.saturating_sub(last.elapsed()) };
            let mut questions = Vec::new();
            match asked.recv_timeout(wait) {
                Ok(question) => questions.push(question),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            questions.extend(asked.try_iter().take(MOST - questions.len()));
            let tick = self.more_due || last.elapsed() >= TICK;
            if tick {
                last = Instant::now();
            }
            let end = questions.iter().any(|question| matches!(question, Question::End));
            self.transact(questions, tick);
            if end {
                return;
            }
        }
    }

    /// Answers questions in one transaction, or, where that fails, each in one of its own.
    fn transact(&mut self, mut questions: Vec<Question>, tick: bool) {
        for question in &questions {
            self.arrived(question);
        }
        match self.attempt(&mut questions, tick) {
            Ok(outcomes) => questions.into_iter().zip(outcomes).for_each(|(question, outcome)| tell(question, outcome)),
            Err(error) => {
                self.take_back(&error);
                for question in questions {
                    let mut one = vec![question];
                    let outcome = self.attempt(&mut one, false);
                    let Some(question) = one.pop() else { continue };
                    match outcome {
                        Ok(mut outcomes) => tell(question, outcomes.pop().unwrap_or(Outcomes::None)),
                        Err(error) => {
                            self.take_back(&error);
                            fail(question, &error);
                        }
                    }
                }
            }
        }
    }

    fn take_back(&mut self, error: &StoreError) {
        self.database.rollback();
        self.meters.taken_back();
        // What was changed in memory is read again.
        self.queue.clear();
        self.queue_is_whole = false;
        self.catalogue_age = None;
        self.backlog = [Some(0), Some(0), Some(0)];
        self.more_due = false;
        tracing::warn!(%error, "a transaction was taken back");
    }

    /// A stage's thread is done with a unit.
    fn arrived(&mut self, question: &Question) {
        match question {
            Question::Judged(judgement) => {
                self.under_way[0].remove(&judgement.unit);
            }
            Question::Assimilated { unit, .. } => {
                self.under_way[1].remove(unit);
            }
            Question::Deleted { unit } => {
                self.under_way[2].remove(unit);
            }
            Question::Postponed { unit, .. } => self.under_way.iter_mut().for_each(|set| {
                set.remove(unit);
            }),
            _ => {}
        }
    }

    fn attempt(&mut self, questions: &mut [Question], tick: bool) -> Result<Vec<Outcomes>, StoreError> {
        if questions.is_empty() && !tick {
            return Ok(Vec::new());
        }
        let (now, began) = (self.clock.now(), Instant::now());
        self.database.begin()?;
        if tick {
            self.follow_lead()?;
        }
        let mut book = Book::default();
        book.load_counters(self.database.as_mut())?;
        self.hear_others(book.count(Counter::Writer, 0));
        let age = book.count(Counter::Catalogue, 0);
        if self.catalogue_age != Some(age) {
            self.catalogue = Catalogue::load(self.database.as_mut())?;
        }
        let mut desk = Desk {
            book,
            database: self.database.as_mut(),
            settings: &self.settings,
            catalogue: &mut self.catalogue,
            queue: &mut self.queue,
            queue_is_whole: &mut self.queue_is_whole,
            now,
            touched: Default::default(),
            effects: Vec::new(),
            to_validate: Default::default(),
            to_assimilate: Default::default(),
            random: &mut self.random,
            shared: self.shared,
            sending: self.stages.send.load(Ordering::Relaxed),
        };
        if self.strays.is_some_and(|since| since.elapsed() >= STRAY) {
            (self.strays, self.backlog[0]) = (None, Some(0));
        }
        let mut more = false;
        let mut backlog = self.backlog;
        let leads = self.stages.leads.load(Ordering::Relaxed);
        if tick {
            more |= desk.due()?;
            if leads && self.stages.purge.load(Ordering::Relaxed) {
                more |= desk.purge()?;
            }
            let stages = [&self.stages.validate, &self.stages.assimilate, &self.stages.delete];
            for (at, kind) in [Backlog::Validate, Backlog::Assimilate, Backlog::Delete].into_iter().enumerate() {
                let runs = leads && stages[at].load(Ordering::Relaxed);
                let Some(after) = backlog[at].filter(|_| runs) else { continue };
                if self.under_way[at].len() >= UNDER_WAY / 2 {
                    continue;
                }
                let found = desk.take_up(kind, after)?;
                backlog[at] = if found.len() as i64 == AT_ONCE { found.last().copied() } else { None };
                more |= backlog[at].is_some();
            }
        }
        let ticked = began.elapsed();
        let outcomes = desk.answer(questions)?;
        desk.prepare()?;
        let answered = began.elapsed();
        let (mut book, effects) = (desk.book, desk.effects);
        let tally = Tally::of(&book);
        tally.keep(&mut book);
        let writer = book.count(Counter::Writer, 0);
        if writer != self.token && (book.is_news() || !self.claimed) {
            book.count(Counter::Writer, self.token - writer);
        }
        book.save(self.database.as_mut())?;
        let saved = began.elapsed();
        self.database.commit()?;
        let committed = began.elapsed();
        self.meters.transaction(questions.len(), committed, committed.saturating_sub(saved));
        self.meters.take(&tally, &self.catalogue);
        tracing::debug!(
            questions = questions.len(),
            tick,
            ?ticked,
            ?answered,
            ?saved,
            ?committed,
            "a transaction was made"
        );
        self.claimed = true;
        // Where this transaction changed it, the next reads it again.
        self.catalogue_age = Some(age);
        (self.backlog, self.more_due) = (backlog, more);
        self.hand_on(effects);
        Ok(outcomes)
    }

    /// Whether this process leads may change: another one ends, or this one's connection did for a while.
    fn follow_lead(&mut self) -> Result<(), StoreError> {
        let leads = self.database.lead()?;
        if self.stages.leads.swap(leads, Ordering::Relaxed) != leads {
            let what = if leads { "from now on" } else { "no longer" };
            tracing::info!("this process makes work, hands outcomes on and deletes {what}");
            self.backlog = [Some(0), Some(0), Some(0)];
        }
        Ok(())
    }

    /// Where another process changed units or results since this one's last transaction, what this one knows of them is not sure any
    /// more, and there may be outcomes to be handed on that it was not told of.
    fn hear_others(&mut self, writer: i64) {
        self.shared = writer != 0 && writer != self.token;
        if !self.shared {
            return;
        }
        self.queue.clear();
        self.queue_is_whole = false;
        if self.stages.leads.load(Ordering::Relaxed) {
            (self.backlog[1], self.backlog[2]) = (Some(0), Some(0));
            self.strays.get_or_insert_with(Instant::now);
        }
    }

    /// Gives effects to the stages' threads, but for those of units that are with them already, of stages that are stopped, and of
    /// more units than are kept in memory: these are taken up from the database later.
    fn hand_on(&mut self, effects: Vec<Effect>) {
        let stages = [&self.stages.validate, &self.stages.assimilate, &self.stages.delete];
        let leads = self.stages.leads.load(Ordering::Relaxed);
        for effect in effects {
            if !leads && matches!(effect, Effect::Assimilate(_) | Effect::DeleteInputs { .. } | Effect::Refit(_)) {
                // The one that leads finds it in the database.
                continue;
            }
            if let (Some(at), Some(unit)) = (stage(&effect), unit_of(&effect)) {
                if self.under_way[at].contains(&unit) {
                    continue;
                }
                if !stages[at].load(Ordering::Relaxed) || self.under_way[at].len() >= UNDER_WAY {
                    let from = self.backlog[at].map_or(unit - 1, |from| from.min(unit - 1));
                    self.backlog[at] = Some(from);
                    continue;
                }
                self.under_way[at].insert(unit);
            }
            // The receiver lives as long as the server.
            let _ = self.effects.send(effect);
        }
    }
}
