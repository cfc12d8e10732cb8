//! Requests that wait until a server has room: by level, and within one in fair shares.
//!
//! A request of a higher level goes first, but each level gets a share of the work as long as it waits, and one that has waited long
//! counts as of the level above. Where the room is full, a higher level takes the place of the lowest that waits; what is with a server
//! already is left alone. By its share a level also has places of its own, which no other takes.
//!
//! Whoever would wait too long is turned away at once: a level holds no more work than went from it, while it waited, in the time that
//! one may wait. Of a level that is full whoever has had least comes in, in the place of one who has asked for much more.
//!
//! Work is measured by that of the usual request when one comes: what is known of costs changes, above all at first, and those that wait
//! since before are not to count for more or less than those that came later.
//!
//! Within a level members get their shares by start-time fair queueing (Goyal, Vin & Cheng 1997, IEEE/ACM Trans. Netw. 5, 690): each
//! request has a start on a clock of the level, which is what its member has been given before by the member's weight.

use std::collections::{BTreeMap, HashMap};

/// Levels: 0 is the highest.
pub const LEVELS: usize = 3;

/// How requests are let in and out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// Requests that wait, at most.
    pub room: usize,
    /// Share of the work that a level has for sure while it waits, of each.
    pub least: [f64; LEVELS],
    /// Seconds after which a request counts as of the level above.
    pub ages_s: f64,
    /// Seconds that a request may be expected to wait, or 16 times as long as answers take if that is more.
    pub longest_s: f64,
}

/// See [`Rules::longest_s`].
const TIMES: f64 = 16.0;
/// What a level may hold however long that takes, in requests of the usual work.
const FEW: f64 = 4.0;
/// Requests that have to have gone from a level before it is known how fast they go.
const KNOWN: u32 = 4;
/// Seconds, and a part of the requests, that the pace of a level looks back.
const PACE: (f64, f64) = (2.0, 1.0 / 16.0);
/// Seconds without anybody waiting after which the pace of a level is not known any more.
const PACE_COUNTS_S: f64 = 5.0;
/// Weight of a new request in what is usual.
const USUAL_GAIN: f64 = 0.05;
/// Requests that one has to be ahead of another of its level to give its place up.
const AHEAD: f64 = 2.0;
/// Weight of a new answer in the time that answers take.
const TAKES_GAIN: f64 = 0.05;

impl Default for Rules {
    fn default() -> Self {
        Self { room: 1024, least: [0.0, 0.1, 0.08], ages_s: 10.0, longest_s: 2.0 }
    }
}

/// A request that wants to go to a server.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Entry<T> {
    /// Its level.
    pub level: usize,
    /// Who asks.
    pub member: u64,
    /// Share of the member by those of others.
    pub weight: f64,
    /// Work that it is, seconds.
    pub work_s: f64,
    /// The request.
    pub item: T,
}

/// Where it waits in a level: by start, then in the order of coming.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Start(f64, u64);

impl Eq for Start {}

impl PartialOrd for Start {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Start {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0).then(self.1.cmp(&other.1))
    }
}

struct Waits<T> {
    since_s: f64,
    /// Work, in usual requests.
    work: f64,
    entry: Entry<T>,
}

struct Level<T> {
    waiting: BTreeMap<Start, Waits<T>>,
    /// Start of what went last.
    clock: f64,
    /// Where the next request of each member that has asked lately starts.
    members: HashMap<u64, f64>,
    /// Work that this level is behind its share, in usual requests.
    owed: f64,
    /// Work that waits, in usual requests.
    work: f64,
    pace: Pace,
}

/// How fast work goes from a level while some waits there.
#[derive(Default)]
struct Pace {
    count: u32,
    /// Work that went, in usual requests, and the time in which it did, seconds.
    went: f64,
    spent_s: f64,
    /// When the last went, or the first came, seconds.
    at_s: f64,
}

impl Pace {
    /// Somebody waits again.
    fn begins(&mut self, now_s: f64) {
        if now_s > self.at_s + PACE_COUNTS_S {
            *self = Self::default();
        }
        self.at_s = now_s;
    }

    fn goes(&mut self, work: f64, now_s: f64) {
        let time_s = (now_s - self.at_s).max(0.0);
        // The longer of so many seconds and so many requests.
        let keeps = (1.0 - PACE.1).max(1.0 / (1.0 + time_s / PACE.0));
        self.went = self.went * keeps + work;
        self.spent_s = self.spent_s * keeps + time_s;
        self.count = self.count.saturating_add(1);
        self.at_s = now_s;
    }

    /// Usual requests a second, if that is known.
    fn rate(&self) -> Option<f64> {
        (self.count >= KNOWN && self.spent_s > 0.0).then(|| self.went / self.spent_s)
    }
}

impl<T> Level<T> {
    fn start(&self, member: u64) -> f64 {
        self.members.get(&member).map_or(self.clock, |next| next.max(self.clock))
    }

    /// Takes out the one that would be last, as if it had never come.
    fn pop_last(&mut self) -> Option<Entry<T>> {
        let (_, waits) = self.waiting.pop_last()?;
        Some(self.gone(waits))
    }

    fn gone(&mut self, waits: Waits<T>) -> Entry<T> {
        self.lacks(waits.work);
        let entry = waits.entry;
        if let Some(next) = self.members.get_mut(&entry.member) {
            *next -= part(waits.work, entry.weight);
        }
        entry
    }

    /// So much work does not wait any more.
    fn lacks(&mut self, work: f64) {
        self.work = if self.waiting.is_empty() { 0.0 } else { (self.work - work).max(0.0) };
    }

    /// The first of those that `may` go.
    fn first_of(&self, may: impl Fn(&T) -> bool) -> Option<(&Start, &Waits<T>)> {
        self.waiting.iter().find(|(_, waits)| may(&waits.entry.item))
    }

    /// Takes it out.
    fn pop_first(&mut self, now_s: f64, may: impl Fn(&T) -> bool) -> Option<Waits<T>> {
        let start = *self.first_of(may)?.0;
        let waits = self.waiting.remove(&start)?;
        self.lacks(waits.work);
        self.pace.goes(waits.work, now_s);
        self.clock = self.clock.max(start.0);
        Some(waits)
    }
}

/// What a request is of its member's part.
fn part(work: f64, weight: f64) -> f64 {
    work / weight.max(f64::MIN_POSITIVE)
}

/// The waiting room.
pub struct Waiting<T> {
    rules: Rules,
    levels: [Level<T>; LEVELS],
    count: u64,
    held: usize,
    /// Of all levels together.
    pace: Pace,
    /// Mean time that an answer takes, seconds.
    takes_s: f64,
    /// Mean work of those that came, seconds.
    usual_s: f64,
}

/// What became of a request that came.
#[derive(Debug, PartialEq)]
pub enum Entered<T> {
    /// It waits.
    Waits,
    /// It waits in the place of this one, which goes.
    InPlaceOf(Entry<T>),
    /// There is no place for it.
    Full(Entry<T>),
}

impl<T> Waiting<T> {
    /// An empty room.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        let level = |_| Level {
            waiting: BTreeMap::new(),
            clock: 0.0,
            members: HashMap::new(),
            owed: 0.0,
            work: 0.0,
            pace: Pace::default(),
        };
        Self {
            rules,
            levels: std::array::from_fn(level),
            count: 0,
            held: 0,
            pace: Pace::default(),
            takes_s: 0.0,
            usual_s: 0.0,
        }
    }

    /// An answer took so many seconds.
    pub fn took(&mut self, took_s: f64) {
        let gain = if self.takes_s > 0.0 { TAKES_GAIN } else { 1.0 };
        self.takes_s += gain * (took_s - self.takes_s);
    }

    /// Seconds that one may be expected to wait.
    fn longest_s(&self) -> f64 {
        self.rules.longest_s.max(TIMES * self.takes_s)
    }

    /// Places that are a level's own.
    fn own(&self, level: usize) -> usize {
        let places = (self.rules.least[level] * self.rules.room as f64) as usize;
        // Of a small room there is none to give away.
        let least = usize::from(self.rules.least[level] > 0.0 && self.rules.room >= 2 * LEVELS);
        places.max(least)
    }

    /// Whether a level has a place for one more, and if not, the lower level that has one to give up.
    fn place(&self, level: usize) -> Result<(), Option<usize>> {
        let held = |at: usize| self.levels[at].waiting.len();
        let shared = self.rules.room.saturating_sub((0..LEVELS).map(|at| self.own(at)).sum());
        let used: usize = (0..LEVELS).map(|at| held(at).saturating_sub(self.own(at))).sum();
        if held(level) < self.own(level) || used < shared {
            return Ok(());
        }
        Err((level + 1..LEVELS).rev().find(|&lower| held(lower) > self.own(lower)))
    }

    /// A request of so much work comes: what that is in usual ones.
    fn usual(&mut self, work_s: f64) -> f64 {
        let gain = if self.usual_s > 0.0 { USUAL_GAIN } else { 1.0 };
        self.usual_s += gain * (work_s - self.usual_s);
        if self.usual_s > 0.0 { work_s / self.usual_s } else { 1.0 }
    }

    /// Whether a request of a level, of so much work, would wait too long.
    fn waits_too_long(&self, level: usize, work: f64) -> bool {
        let Level { work: all, waiting, pace, .. } = &self.levels[level];
        let usual = (all + work) / (waiting.len() + 1) as f64;
        self.rate(level, pace).is_some_and(|rate| all + work > (rate * self.longest_s()).max(FEW * usual))
    }

    /// Work that goes from a level, usual requests a second. As long as that is not known it is what the level has for sure.
    fn rate(&self, level: usize, pace: &Pace) -> Option<f64> {
        let alone = self.held == self.levels[level].waiting.len();
        let share = if alone || level == 0 { 1.0 } else { self.rules.least[level] };
        pace.rate().or_else(|| Some(self.pace.rate()? * share))
    }

    /// How many wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.held
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// How many of `level` wait.
    #[must_use]
    pub fn of_level(&self, level: usize) -> usize {
        self.levels[level].waiting.len()
    }

    /// A request comes at `now_s`.
    pub fn enter(&mut self, entry: Entry<T>, now_s: f64) -> Entered<T> {
        let mut gone = None;
        let work = self.usual(entry.work_s);
        let part_of_it = part(work, entry.weight);
        let room = self.place(entry.level);
        if let Err(Some(lower)) = room {
            gone = self.levels[lower].pop_last();
        } else if room.is_err() || self.waits_too_long(entry.level, work) {
            let level = &mut self.levels[entry.level];
            let start = level.start(entry.member);
            let gives = |last: &Start, waits: &Waits<T>| {
                last.0 - start > AHEAD * part(waits.work, waits.entry.weight).max(part_of_it)
            };
            if !level.waiting.last_key_value().is_some_and(|(last, waits)| gives(last, waits)) {
                return Entered::Full(entry);
            }
            gone = level.pop_last();
        }
        if self.held == 0 {
            self.pace.begins(now_s);
        }
        self.count += 1;
        self.held += usize::from(gone.is_none());
        let level = &mut self.levels[entry.level];
        if level.waiting.is_empty() {
            level.pace.begins(now_s);
        }
        level.work += work;
        let start = level.start(entry.member);
        level.members.insert(entry.member, start + part_of_it);
        if level.members.len() > 64 + 2 * level.waiting.len() {
            let clock = level.clock;
            level.members.retain(|_, next| *next > clock);
        }
        level.waiting.insert(Start(start, self.count), Waits { since_s: now_s, work, entry });
        gone.map_or(Entered::Waits, Entered::InPlaceOf)
    }

    /// From now on requests are let in and out as `rules` say; those that wait stay.
    pub fn follow(&mut self, rules: Rules) {
        self.rules = rules;
    }

    /// The request that goes to a server at `now_s`.
    pub fn next(&mut self, now_s: f64) -> Option<Entry<T>> {
        self.next_of(now_s, |_| true)
    }

    /// The same, of those that `may` go.
    pub fn next_of(&mut self, now_s: f64, may: impl Fn(&T) -> bool) -> Option<Entry<T>> {
        let head = |level: &Level<T>| level.first_of(&may).map(|(_, waits)| (waits.since_s, waits.work));
        let owed = (0..LEVELS).rev().find(|&at| {
            let level = &self.levels[at];
            head(level).is_some_and(|(_, work)| level.owed >= work)
        });
        // Nobody rises who waits no longer than all do.
        let ages_s = self.rules.ages_s.max(2.0 * TIMES * self.takes_s);
        let by_age = || {
            let rank = |at: usize| {
                let (since_s, _) = head(&self.levels[at])?;
                let raised = ((now_s - since_s) / ages_s).floor();
                Some((at as f64 - raised, since_s, at))
            };
            let best = (0..LEVELS).filter_map(rank).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            best.map(|(_, _, at)| at)
        };
        let from = owed.or_else(by_age)?;
        let waits = self.levels[from].pop_first(now_s, &may)?;
        self.held -= 1;
        self.pace.goes(waits.work, now_s);
        for (at, level) in self.levels.iter_mut().enumerate() {
            let has_waited = !level.waiting.is_empty() || at == from;
            level.owed = if has_waited { level.owed + self.rules.least[at] * waits.work } else { 0.0 };
        }
        let level = &mut self.levels[from];
        level.owed = (level.owed - waits.work).max(0.0);
        Some(waits.entry)
    }

    /// The highest level of which any wait, and the work of those, seconds.
    #[must_use]
    pub fn highest(&self) -> Option<(usize, f64)> {
        let level = self.levels.iter().position(|level| !level.waiting.is_empty())?;
        Some((level, self.levels[level].work * self.usual_s))
    }

    /// Whether a level waits for what it has for sure.
    #[must_use]
    pub fn owes(&self) -> bool {
        let owes =
            |level: &Level<T>| level.waiting.first_key_value().is_some_and(|(_, waits)| level.owed >= waits.work);
        self.levels.iter().any(owes)
    }

    /// So much work from elsewhere goes before what waits here, which counts for the shares of levels.
    pub fn lets_pass(&mut self, work_s: f64) {
        let work = if self.usual_s > 0.0 { work_s / self.usual_s } else { 1.0 };
        for (level, least) in self.levels.iter_mut().zip(self.rules.least) {
            if !level.waiting.is_empty() {
                level.owed += least * work;
            }
        }
    }

    /// The next request of the highest level, of those that `may` go, goes to another server at `now_s`.
    pub fn give(&mut self, now_s: f64, may: impl Fn(&T) -> bool) -> Option<Entry<T>> {
        let (at, _) = self.highest()?;
        let waits = self.levels[at].pop_first(now_s, may)?;
        self.held -= 1;
        Some(waits.entry)
    }

    /// Takes out what `goes` says, such as requests whose clients have left.
    pub fn leave(&mut self, goes: impl Fn(&T) -> bool) -> Vec<Entry<T>> {
        let mut gone = Vec::new();
        for level in &mut self.levels {
            let starts: Vec<Start> =
                level.waiting.iter().filter(|(_, waits)| goes(&waits.entry.item)).map(|(start, _)| *start).collect();
            for start in starts {
                if let Some(waits) = level.waiting.remove(&start) {
                    gone.push(level.gone(waits));
                }
            }
        }
        self.held -= gone.len();
        gone
    }
}

#[cfg(test)]
mod tests;
