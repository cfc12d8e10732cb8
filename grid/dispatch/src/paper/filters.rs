//! Who is connected, and who gives its place up.

use std::collections::{BTreeMap, HashMap};

/// What becomes of a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It lives.
    Accepted,
    /// It lives in the place of this one, which is closed.
    InPlaceOf(u64),
    /// It does not.
    Rejected,
}

/// A live connection.
#[derive(Clone, Copy, Debug)]
struct Filter {
    level: usize,
    since_s: f64,
    order: u64,
    /// Whether its request waits; else a response is under way.
    waits: bool,
}

/// The table of live connections with priorities that age: one that has waited for `ages_s` counts as of the level above, and so on.
#[derive(Clone, Debug)]
pub struct FilterTable {
    room: usize,
    ages_s: f64,
    live: HashMap<u64, Filter>,
    /// Those that wait, by level and order of coming: within a level the last to come has aged least.
    waiting: BTreeMap<(usize, u64), u64>,
    count: u64,
}

impl FilterTable {
    /// An empty table.
    ///
    /// - `room`: connections at once; see [`super::connections`].
    /// - `ages_s`: seconds after which a connection counts as of the level above; infinity if they don't age.
    #[must_use]
    pub fn new(room: usize, ages_s: f64) -> Self {
        Self { room, ages_s, live: HashMap::new(), waiting: BTreeMap::new(), count: 0 }
    }

    /// How many live.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether none lives.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    fn aged(&self, filter: &Filter, now_s: f64) -> usize {
        let steps = ((now_s - filter.since_s) / self.ages_s).floor();
        filter.level.saturating_sub(if steps > 0.0 { steps as usize } else { 0 })
    }

    /// Priority of a live connection at `now_s`: 0 is the highest.
    #[must_use]
    pub fn level(&self, connection: u64, now_s: f64) -> Option<usize> {
        self.live.get(&connection).map(|filter| self.aged(filter, now_s))
    }

    /// A new `connection` of `level` at `now_s`; its number must not live yet.
    pub fn admit(&mut self, connection: u64, level: usize, now_s: f64) -> Admitted {
        let mut admitted = Admitted::Accepted;
        if self.live.len() >= self.room {
            let Some(lowest) = self.lowest(now_s).filter(|(lowest, _)| level < *lowest) else {
                return Admitted::Rejected;
            };
            self.end(lowest.1);
            admitted = Admitted::InPlaceOf(lowest.1);
        }
        self.count += 1;
        self.live.insert(connection, Filter { level, since_s: now_s, order: self.count, waits: true });
        self.waiting.insert((level, self.count), connection);
        admitted
    }

    /// The one that waits with the lowest priority, which is its own first; of several the last to come.
    fn lowest(&self, now_s: f64) -> Option<(usize, u64)> {
        let mut lowest: Option<(usize, u64, u64)> = None;
        let mut below = usize::MAX;
        while let Some((&(level, order), &connection)) = self.waiting.range(..(below, 0)).next_back() {
            let aged = self.live.get(&connection).map_or(level, |filter| self.aged(filter, now_s));
            if lowest.is_none_or(|(least, last, _)| (aged, order) > (least, last)) {
                lowest = Some((aged, order, connection));
            }
            below = level;
        }
        lowest.map(|(level, _, connection)| (level, connection))
    }

    /// A server works on the connection's request: it keeps its place from now on.
    pub fn begin(&mut self, connection: u64) {
        if let Some(filter) = self.live.get_mut(&connection) {
            filter.waits = false;
            self.waiting.remove(&(filter.level, filter.order));
        }
    }

    /// The connection is over.
    pub fn end(&mut self, connection: u64) {
        if let Some(filter) = self.live.remove(&connection)
            && filter.waits
        {
            self.waiting.remove(&(filter.level, filter.order));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_gives_the_place_of_the_lowest_that_waits_to_a_higher_one() {
        let mut table = FilterTable::new(3, f64::INFINITY);
        for (connection, level) in [(1, 2), (2, 1), (3, 2)] {
            assert_eq!(table.admit(connection, level, 0.0), Admitted::Accepted);
        }
        assert_eq!(table.admit(4, 2, 0.0), Admitted::Rejected, "not higher than the lowest");
        assert_eq!(table.admit(5, 0, 0.0), Admitted::InPlaceOf(3), "the last that came");
        assert_eq!(table.admit(6, 1, 0.0), Admitted::InPlaceOf(1));
        assert_eq!(table.admit(7, 1, 0.0), Admitted::Rejected);
        assert_eq!(table.admit(8, 0, 0.0), Admitted::InPlaceOf(6));
        assert_eq!((table.len(), table.level(5, 0.0), table.level(6, 0.0)), (3, Some(0), None));
    }

    #[test]
    fn a_response_that_is_under_way_is_not_cut_short() {
        let mut table = FilterTable::new(2, f64::INFINITY);
        table.admit(1, 2, 0.0);
        table.admit(2, 2, 0.0);
        table.begin(2);
        assert_eq!(table.admit(3, 0, 0.0), Admitted::InPlaceOf(1));
        table.begin(3);
        assert_eq!(table.admit(4, 0, 0.0), Admitted::Rejected);
        table.end(2);
        assert_eq!(table.admit(5, 2, 0.0), Admitted::Accepted);
    }

    #[test]
    fn priorities_age() {
        let mut table = FilterTable::new(2, 10.0);
        table.admit(1, 2, 0.0);
        table.admit(2, 1, 15.0);
        assert_eq!((table.level(1, 9.0), table.level(1, 19.0), table.level(1, 25.0)), (Some(2), Some(1), Some(0)));
        // Both count as of level 1 at 19 s; the one that came last gives its place up.
        assert_eq!(table.admit(3, 1, 19.0), Admitted::Rejected);
        assert_eq!(table.admit(4, 0, 19.0), Admitted::InPlaceOf(2));
        // The first counts as of the highest level by now.
        assert_eq!(table.admit(5, 0, 25.0), Admitted::Rejected);
    }
}
