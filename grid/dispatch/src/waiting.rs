//! Requests that wait until a server has room: by level, and within one in fair shares.
//!
//! A request of a higher level goes first, but each level gets a share of the work as long as it waits, and one that has waited long
//! counts as of the level above. Where the room is full, a higher level takes the place of the lowest that waits; what is with a server
//! already is left alone.
//!
//! Within a level members get their shares by start-time fair queueing (Goyal, Vin & Cheng 1997, IEEE/ACM Trans. Netw. 5, 690): each
//! request has a start on a clock of the level, which is what its member has been given before by the member's weight.

use std::collections::{BTreeMap, HashMap};

/// Levels: 0 is the highest.
pub const LEVELS: usize = 3;

/// How requests are let in and out.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Requests that wait, at most.
    pub room: usize,
    /// Share of the work that a level has for sure while it waits, of each.
    pub least: [f64; LEVELS],
    /// Seconds after which a request counts as of the level above.
    pub ages_s: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { room: 1024, least: [0.0, 0.1, 0.06], ages_s: 10.0 }
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
    entry: Entry<T>,
}

struct Level<T> {
    waiting: BTreeMap<Start, Waits<T>>,
    /// Start of what went last.
    clock: f64,
    /// Where the next request of each member that has asked lately starts.
    members: HashMap<u64, f64>,
    /// Work that this level is behind its share, seconds.
    owed_s: f64,
}

/// The waiting room.
pub struct Waiting<T> {
    rules: Rules,
    levels: [Level<T>; LEVELS],
    count: u64,
    held: usize,
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
        let level = |_| Level { waiting: BTreeMap::new(), clock: 0.0, members: HashMap::new(), owed_s: 0.0 };
        Self { rules, levels: std::array::from_fn(level), count: 0, held: 0 }
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
        if self.held >= self.rules.room {
            let lower = (entry.level + 1..LEVELS).rev().find(|level| !self.levels[*level].waiting.is_empty());
            let Some(lower) = lower else { return Entered::Full(entry) };
            // The one that would have been last.
            gone = self.levels[lower].waiting.pop_last().map(|(_, waits)| waits.entry);
            self.held -= 1;
        }
        self.count += 1;
        self.held += 1;
        let level = &mut self.levels[entry.level];
        let next = level.members.entry(entry.member).or_insert(level.clock);
        let start = next.max(level.clock);
        *next = start + entry.work_s / entry.weight.max(f64::MIN_POSITIVE);
        if level.members.len() > 64 + 2 * level.waiting.len() {
            let clock = level.clock;
            level.members.retain(|_, next| *next > clock);
        }
        level.waiting.insert(Start(start, self.count), Waits { since_s: now_s, entry });
        gone.map_or(Entered::Waits, Entered::InPlaceOf)
    }

    /// The request that goes to a server at `now_s`.
    pub fn next(&mut self, now_s: f64) -> Option<Entry<T>> {
        let head =
            |level: &Level<T>| level.waiting.first_key_value().map(|(_, waits)| (waits.since_s, waits.entry.work_s));
        let owed = (0..LEVELS).rev().find(|&at| {
            let level = &self.levels[at];
            head(level).is_some_and(|(_, work_s)| level.owed_s >= work_s)
        });
        let by_age = || {
            let rank = |at: usize| {
                let (since_s, _) = head(&self.levels[at])?;
                let raised = ((now_s - since_s) / self.rules.ages_s).floor();
                Some((at as f64 - raised, since_s, at))
            };
            let best = (0..LEVELS).filter_map(rank).min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
            best.map(|(_, _, at)| at)
        };
        let from = owed.or_else(by_age)?;
        let (start, waits) = self.levels[from].waiting.pop_first()?;
        self.held -= 1;
        let work_s = waits.entry.work_s;
        for (at, level) in self.levels.iter_mut().enumerate() {
            let waits = !level.waiting.is_empty() || at == from;
            level.owed_s = if waits { level.owed_s + self.rules.least[at] * work_s } else { 0.0 };
        }
        let level = &mut self.levels[from];
        level.owed_s = (level.owed_s - work_s).max(0.0);
        level.clock = level.clock.max(start.0);
        Some(waits.entry)
    }

    /// Takes out what `goes` says, such as requests whose clients have left.
    pub fn leave(&mut self, goes: impl Fn(&T) -> bool) -> Vec<Entry<T>> {
        let mut gone = Vec::new();
        for level in &mut self.levels {
            let starts: Vec<Start> =
                level.waiting.iter().filter(|(_, waits)| goes(&waits.entry.item)).map(|(start, _)| *start).collect();
            gone.extend(starts.iter().filter_map(|start| level.waiting.remove(start)).map(|waits| waits.entry));
        }
        self.held -= gone.len();
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(level: usize, member: u64, weight: f64, item: u32) -> Entry<u32> {
        Entry { level, member, weight, work_s: 0.01, item }
    }

    /// Keeps the room full from all levels, each by `members` members, and lets `count` out.
    fn crowded(rules: Rules, members: &[(usize, u64, f64)], count: usize) -> Vec<Entry<u32>> {
        let mut room = Waiting::new(rules);
        let mut out = Vec::new();
        for turn in 0..count {
            let now_s = turn as f64 * 0.01;
            for &(level, member, weight) in members {
                while room.levels[level].waiting.values().filter(|waits| waits.entry.member == member).count() < 5 {
                    if room.enter(entry(level, member, weight, 0), now_s) != Entered::Waits {
                        break;
                    }
                }
            }
            out.extend(room.next(now_s));
        }
        out
    }

    fn share(out: &[Entry<u32>], of: impl Fn(&Entry<u32>) -> bool) -> f64 {
        out.iter().filter(|entry| of(entry)).count() as f64 / out.len() as f64
    }

    #[test]
    fn no_level_starves_and_the_highest_gets_what_the_others_are_not_promised() {
        let rules = Rules { ages_s: f64::INFINITY, ..Rules::default() };
        let out = crowded(rules, &[(0, 1, 1.0), (1, 2, 1.0), (2, 3, 1.0)], 10_000);
        for (level, expected) in [0.84, 0.1, 0.06].into_iter().enumerate() {
            let share = share(&out, |entry| entry.level == level);
            assert!((share - expected).abs() < 0.002, "level {level}: {share}");
        }
    }

    #[test]
    fn members_share_a_level_by_their_weights_however_much_they_ask() {
        let out = crowded(Rules::default(), &[(1, 1, 1.0), (1, 2, 1.0), (1, 3, 2.0)], 8000);
        for (member, expected) in [(1, 0.25), (2, 0.25), (3, 0.5)] {
            let share = share(&out, |entry| entry.member == member);
            assert!((share - expected).abs() < 0.005, "member {member}: {share}");
        }
        // One that floods does not keep another waiting.
        let mut room = Waiting::new(Rules::default());
        for item in 0..1000 {
            room.enter(entry(0, 1, 1.0, item), 0.0);
        }
        assert_eq!((0..10).filter_map(|_| room.next(0.1)).count(), 10);
        room.enter(entry(0, 2, 1.0, 5000), 0.2);
        let waited = (0..).take_while(|_| room.next(0.2).is_some_and(|entry| entry.item != 5000)).count();
        assert!(waited <= 1, "{waited}");
    }

    #[test]
    fn where_the_room_is_full_a_higher_level_takes_the_lowest_ones_place() {
        let mut room = Waiting::new(Rules { room: 3, ..Rules::default() });
        for (level, item) in [(1, 10), (2, 20), (2, 21)] {
            assert_eq!(room.enter(entry(level, 1, 1.0, item), 0.0), Entered::Waits);
        }
        assert_eq!(room.enter(entry(2, 9, 1.0, 22), 0.0), Entered::Full(entry(2, 9, 1.0, 22)));
        assert_eq!(room.enter(entry(0, 1, 1.0, 1), 0.0), Entered::InPlaceOf(entry(2, 1, 1.0, 21)));
        assert_eq!(room.enter(entry(1, 2, 1.0, 11), 0.0), Entered::InPlaceOf(entry(2, 1, 1.0, 20)));
        assert_eq!(room.enter(entry(1, 3, 1.0, 12), 0.0), Entered::Full(entry(1, 3, 1.0, 12)));
        assert_eq!((0..4).map_while(|_| room.next(0.0)).map(|entry| entry.item).collect::<Vec<_>>(), [1, 10, 11]);
        assert!(room.is_empty());
    }

    #[test]
    fn who_has_waited_long_counts_as_of_the_level_above() {
        let rules = Rules { least: [0.0; LEVELS], ages_s: 10.0, ..Rules::default() };
        let mut room = Waiting::new(rules);
        room.enter(entry(2, 1, 1.0, 30), 0.0);
        room.enter(entry(0, 2, 1.0, 1), 19.0);
        room.enter(entry(1, 2, 1.0, 10), 19.0);
        // 19 s: one level up, where it came first.
        assert_eq!(room.next(19.0).map(|entry| entry.item), Some(1));
        assert_eq!(room.next(19.0).map(|entry| entry.item), Some(30));
        room.enter(entry(2, 1, 1.0, 31), 20.0);
        room.enter(entry(0, 2, 1.0, 2), 40.5);
        // 20.5 s: two levels up.
        assert_eq!(room.next(40.5).map(|entry| entry.item), Some(10));
        assert_eq!(room.next(40.5).map(|entry| entry.item), Some(31));
    }

    #[test]
    fn clients_that_leave_are_no_longer_waited_for() {
        let mut room = Waiting::new(Rules::default());
        for item in 0..10 {
            room.enter(entry((item % 3) as usize, u64::from(item), 1.0, item), 0.0);
        }
        assert_eq!(room.leave(|item| item % 2 == 0).len(), 5);
        assert_eq!(room.len(), 5);
        let left = std::iter::from_fn(|| room.next(0.0)).count();
        assert_eq!(left, 5);
    }
}
