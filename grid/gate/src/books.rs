//! What has been counted: each thread has books of its own, which nobody else opens but who reads all of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::classify::TokenRefused;
use crate::context::{Context, Contexts};
use crate::desk::{Choice, Refusal};
use crate::story::Hedged;

/// Upper bounds of the classes of times, seconds; the last class has none.
pub(crate) const BOUNDS_S: [f64; 15] =
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0];
/// Contexts that are kept of each thread.
const CONTEXTS: usize = 128;
/// Requests whose contexts are all counted; from there on each [`EACH`]th counts for that many.
const ALL: u64 = 4096;
const EACH: u64 = 8;

/// Why requests were turned away, in the order of their counts.
pub(crate) const REFUSALS: [Refusal; 4] = [Refusal::NoServer, Refusal::Full, Refusal::Replaced, Refusal::TooLong];
/// What was wrong with tokens, in the order of their counts.
pub(crate) const TOKENS: [(TokenRefused, &str); 4] = [
    (TokenRefused::Malformed, "malformed"),
    (TokenRefused::Forged, "forged"),
    (TokenRefused::Expired, "expired"),
    (TokenRefused::Retired, "retired"),
];

/// Times of requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Times {
    /// By the classes of [`BOUNDS_S`].
    pub(crate) counts: [u64; BOUNDS_S.len() + 1],
    pub(crate) sum_s: f64,
}

impl Times {
    fn note(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        self.counts[BOUNDS_S.partition_point(|&bound| bound < seconds)] += 1;
        self.sum_s += seconds;
    }

    fn add(&mut self, other: &Self) {
        add(&mut self.counts, &other.counts);
        self.sum_s += other.sum_s;
    }
}

/// Requests of one pool, server and class.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    /// By the hundreds of their statuses; first those that got none because their clients left.
    pub(crate) by_status: [u64; 6],
    /// Replies that were cut short, by server or client.
    pub(crate) cut: u64,
    /// By [`Choice::ALL`].
    pub(crate) choices: [u64; Choice::ALL.len()],
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Misses where a hit was expected.
    pub(crate) unexpected_misses: u64,
    /// Further tries.
    pub(crate) retries: u64,
    /// Those that a second server was asked for, and those to which it replied.
    pub(crate) hedges: [u64; 2],
    /// Bytes of bodies from clients and to clients.
    pub(crate) bytes: [u64; 2],
    /// By level and by [`REFUSALS`].
    pub(crate) refused: [[u64; REFUSALS.len()]; 3],
    /// In the gate for a server; to the head of the reply; to its end.
    pub(crate) waited: Times,
    pub(crate) first: Times,
    pub(crate) whole: Times,
}

fn add<const N: usize>(to: &mut [u64; N], from: &[u64; N]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
}

impl Row {
    /// Requests in all.
    pub(crate) fn requests(&self) -> u64 {
        self.by_status.iter().sum()
    }

    pub(crate) fn add(&mut self, other: &Self) {
        add(&mut self.by_status, &other.by_status);
        add(&mut self.choices, &other.choices);
        add(&mut self.bytes, &other.bytes);
        add(&mut self.hedges, &other.hedges);
        for (to, from) in self.refused.iter_mut().zip(&other.refused) {
            add(to, from);
        }
        self.cut += other.cut;
        self.hits += other.hits;
        self.misses += other.misses;
        self.unexpected_misses += other.unexpected_misses;
        self.retries += other.retries;
        for (to, from) in
            [(&mut self.waited, &other.waited), (&mut self.first, &other.first), (&mut self.whole, &other.whole)]
        {
            to.add(from);
        }
    }
}

/// Whose requests a row is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Whose {
    /// `-` where the gate itself replied.
    pub(crate) pool: String,
    /// `-` where no server did.
    pub(crate) server: String,
    pub(crate) class: String,
}

/// The same in numbers, for a thread that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Of the configuration.
    pub(crate) running: u64,
    /// Places of pool and class in it, and number of the server.
    pub(crate) pool: Option<usize>,
    pub(crate) class: usize,
    pub(crate) server: u64,
}

/// How often a context was asked for, about.
#[derive(Clone, Debug)]
struct Asked {
    count: u64,
    name: String,
}

/// A thread's books.
#[derive(Debug, Default)]
pub(crate) struct Books {
    rows: HashMap<Key, Row>,
    names: HashMap<Key, Whose>,
    /// Of configurations that are not served any more.
    past: BTreeMap<Whose, Row>,
    contexts: HashMap<u64, Asked>,
    seen: u64,
    /// Connections of clients so far, and those that are open.
    pub(crate) connections: u64,
    pub(crate) open: u64,
    /// Those that were closed at once, because there were as many as may be.
    pub(crate) crowded: u64,
    /// By [`TOKENS`].
    tokens: [u64; TOKENS.len()],
    /// Requests that were none, by the hundreds of the statuses that said so.
    pub(crate) malformed: u64,
}

/// What one request was.
pub(crate) struct Entry<'a> {
    pub(crate) key: Key,
    pub(crate) status: u16,
    pub(crate) is_cut: bool,
    pub(crate) choice: Option<Choice>,
    pub(crate) hit: Option<bool>,
    pub(crate) expected_hit: bool,
    pub(crate) tries: u64,
    pub(crate) hedged: Option<Hedged>,
    pub(crate) bytes: [u64; 2],
    pub(crate) refused: Option<(usize, Refusal)>,
    pub(crate) token: Option<TokenRefused>,
    pub(crate) waited: Duration,
    pub(crate) first: Option<Duration>,
    pub(crate) whole: Duration,
    pub(crate) context: Option<(&'a Context, &'a Contexts)>,
}

impl Books {
    /// A request is over.
    ///
    /// - `whose`: is asked once for each key.
    pub(crate) fn note(&mut self, entry: &Entry<'_>, whose: impl FnOnce() -> Whose) {
        let row = match self.rows.get_mut(&entry.key) {
            Some(row) => row,
            None => {
                self.names.insert(entry.key, whose());
                self.rows.entry(entry.key).or_default()
            }
        };
        row.by_status[usize::from(entry.status / 100).min(5)] += 1;
        row.cut += u64::from(entry.is_cut);
        if let Some(choice) = entry.choice {
            row.choices[choice as usize] += 1;
            row.waited.note(entry.waited);
        }
        match entry.hit {
            Some(true) => row.hits += 1,
            Some(false) => {
                row.misses += 1;
                row.unexpected_misses += u64::from(entry.expected_hit);
            }
            None => {}
        }
        row.retries += entry.tries.saturating_sub(1);
        add(&mut row.bytes, &entry.bytes);
        if let Some(hedged) = entry.hedged {
            add(&mut row.hedges, &[1, u64::from(hedged == Hedged::Won)]);
        }
        if let Some((level, why)) = entry.refused {
            row.refused[level.min(2)][why as usize] += 1;
        }
        if let Some(first) = entry.first {
            row.first.note(first);
        }
        row.whole.note(entry.whole);
        if let Some(why) = entry.token
            && let Some(at) = TOKENS.iter().position(|(other, _)| *other == why)
        {
            self.tokens[at] += 1;
        }
        self.seen += 1;
        if let Some((context, contexts)) = entry.context {
            if self.seen <= ALL {
                self.asked(context, contexts, 1);
            } else if self.seen.is_multiple_of(EACH) {
                self.asked(context, contexts, EACH);
            }
        }
    }

    /// Those that are asked for most stay ("space saving", Metwally et al. 2005): a newcomer begins with the count of the one that goes.
    fn asked(&mut self, context: &Context, contexts: &Contexts, times: u64) {
        if let Some(asked) = self.contexts.get_mut(&context.request.context) {
            asked.count += times;
            return;
        }
        let mut count = times;
        if self.contexts.len() >= CONTEXTS
            && let Some((&least, asked)) = self.contexts.iter().min_by_key(|(_, asked)| asked.count)
        {
            count += asked.count;
            self.contexts.remove(&least);
        }
        self.contexts.insert(context.request.context, Asked { count, name: contexts.readable(context).to_string() });
    }

    /// Another configuration is served: its rows have other numbers.
    pub(crate) fn turn_over(&mut self) {
        for (key, row) in self.rows.drain() {
            if let Some(whose) = self.names.remove(&key) {
                self.past.entry(whose).or_default().add(&row);
            }
        }
    }
}

/// The books of all threads, added up.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sum {
    pub(crate) rows: BTreeMap<Whose, Row>,
    /// Contexts by what they are called, with their numbers and how often each was asked for, most first.
    pub(crate) contexts: Vec<(String, u64, u64)>,
    pub(crate) connections: u64,
    pub(crate) open: u64,
    pub(crate) crowded: u64,
    pub(crate) tokens: [u64; TOKENS.len()],
    pub(crate) malformed: u64,
}

/// Books that are shared by one who writes and some who read.
pub(crate) type Shared = Arc<Mutex<Books>>;

/// Opens books.
pub(crate) fn open(books: &Mutex<Books>) -> MutexGuard<'_, Books> {
    books.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Adds books up.
pub(crate) fn sum(all: &[Shared]) -> Sum {
    let mut sum = Sum::default();
    let mut contexts: HashMap<u64, Asked> = HashMap::new();
    for books in all {
        let books = open(books);
        for (whose, row) in &books.past {
            sum.rows.entry(whose.clone()).or_default().add(row);
        }
        for (key, row) in &books.rows {
            if let Some(whose) = books.names.get(key) {
                sum.rows.entry(whose.clone()).or_default().add(row);
            }
        }
        for (&number, asked) in &books.contexts {
            let one = contexts.entry(number).or_insert_with(|| Asked { count: 0, name: asked.name.clone() });
            one.count += asked.count;
        }
        sum.connections += books.connections;
        sum.open += books.open;
        sum.crowded += books.crowded;
        sum.malformed += books.malformed;
        add(&mut sum.tokens, &books.tokens);
    }
    sum.contexts = contexts.into_iter().map(|(number, asked)| (asked.name, number, asked.count)).collect();
    sum.contexts.sort_by(|a, b| b.2.cmp(&a.2).then_with(|| a.0.cmp(&b.0)));
    sum
}

impl Sum {
    /// All requests of some rows.
    pub(crate) fn of(&self, which: impl Fn(&Whose) -> bool) -> Row {
        let mut all = Row::default();
        self.rows.iter().filter(|(whose, _)| which(whose)).for_each(|(_, row)| all.add(row));
        all
    }
}
