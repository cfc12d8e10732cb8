//! Ends of connections that processes have registered, by all that they are looked for by.

use std::collections::HashMap;

use crate::identify::{Place, Stream};
use crate::numbers::Numbers;
use crate::slab::Seat;

/// A registered end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct End {
    /// The session that registered it.
    pub(crate) session: u64,
    /// The session's name for it.
    pub(crate) tag: u64,
    /// The socket.
    pub(crate) stream: Stream,
    /// Bytes of ring that would be of use.
    pub(crate) ring_bytes: u32,
    /// Its slot and side, once its other end is known.
    pub(crate) paired: Option<(Seat, usize)>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Ends {
    ends: HashMap<u64, End>,
    sessions: HashMap<u64, HashMap<u64, u64>>,
    cookies: HashMap<u64, u64>,
    places: HashMap<Place, u64>,
    numbers: HashMap<Numbers, u64>,
    next: u64,
}

impl Ends {
    /// Remembers an end, in place of others with its tag, cookie or place. Returns those, which are forgotten.
    pub(crate) fn insert(&mut self, end: End) -> Vec<End> {
        let same = [
            self.sessions.get(&end.session).and_then(|tags| tags.get(&end.tag)),
            self.cookies.get(&end.stream.cookie),
            self.places.get(&end.stream.place),
        ];
        let same: Vec<u64> = same.into_iter().flatten().copied().collect();
        let gone = same.into_iter().filter_map(|id| self.remove_id(id)).collect();
        self.next += 1;
        self.ends.insert(self.next, end);
        self.sessions.entry(end.session).or_default().insert(end.tag, self.next);
        self.cookies.insert(end.stream.cookie, self.next);
        self.places.insert(end.stream.place, self.next);
        if let Ok(proof) = end.stream.proof {
            self.numbers.insert(proof.numbers, self.next);
        }
        gone
    }

    /// Forgets `tag` of `session`.
    pub(crate) fn remove(&mut self, session: u64, tag: u64) -> Option<End> {
        let id = *self.sessions.get(&session)?.get(&tag)?;
        self.remove_id(id)
    }

    /// Forgets all of `session`.
    pub(crate) fn remove_session(&mut self, session: u64) -> Vec<End> {
        let ids: Vec<u64> =
            self.sessions.get(&session).map(|tags| tags.values().copied().collect()).unwrap_or_default();
        ids.into_iter().filter_map(|id| self.remove_id(id)).collect()
    }

    /// The end with this socket.
    pub(crate) fn of_cookie(&self, cookie: u64) -> Option<End> {
        self.ends.get(self.cookies.get(&cookie)?).copied()
    }

    /// The end at this place.
    pub(crate) fn at(&self, place: &Place) -> Option<End> {
        self.ends.get(self.places.get(place)?).copied()
    }

    /// The other end of `stream` that is not paired: by addresses in one network namespace, else by what both counted from.
    pub(crate) fn mirror(&self, stream: &Stream) -> Option<End> {
        let by_place = self.at(&stream.place.mirror());
        let by_numbers = stream.proof.into_iter().flat_map(|proof| proof.numbers.mirrors());
        let by_numbers = by_numbers.filter_map(|numbers| self.ends.get(self.numbers.get(&numbers)?)).copied();
        // A socket that is connected to itself is its own mirror.
        by_place.into_iter().chain(by_numbers).find(|end| end.paired.is_none() && end.stream.cookie != stream.cookie)
    }

    /// The end that `session` calls `tag`.
    pub(crate) fn tagged(&self, session: u64, tag: u64) -> Option<End> {
        self.ends.get(self.sessions.get(&session)?.get(&tag)?).copied()
    }

    /// The end that `session` calls `tag` is paired from now on.
    pub(crate) fn pair(&mut self, session: u64, tag: u64, seat: Seat, side: usize) {
        let id = self.sessions.get(&session).and_then(|tags| tags.get(&tag));
        if let Some(end) = id.and_then(|id| self.ends.get_mut(id)) {
            end.paired = Some((seat, side));
        }
    }

    /// Those of `session`, by tag.
    pub(crate) fn of_session(&self, session: u64) -> Vec<End> {
        let tags = self.sessions.get(&session).into_iter().flat_map(HashMap::values);
        let mut ends: Vec<End> = tags.filter_map(|id| self.ends.get(id)).copied().collect();
        ends.sort_unstable_by_key(|end| end.tag);
        ends
    }

    /// Ends that wait for their other ends.
    pub(crate) fn waiting(&self) -> usize {
        self.ends.values().filter(|end| end.paired.is_none()).count()
    }

    /// Ends that wait for their other ends, themselves.
    pub(crate) fn all_waiting(&self) -> Vec<End> {
        self.ends.values().filter(|end| end.paired.is_none()).copied().collect()
    }

    fn remove_id(&mut self, id: u64) -> Option<End> {
        let end = self.ends.remove(&id)?;
        if let Some(tags) = self.sessions.get_mut(&end.session) {
            tags.remove(&end.tag);
            if tags.is_empty() {
                self.sessions.remove(&end.session);
            }
        }
        self.cookies.remove(&end.stream.cookie);
        self.places.remove(&end.stream.place);
        if let Ok(proof) = end.stream.proof
            && self.numbers.get(&proof.numbers) == Some(&id)
        {
            self.numbers.remove(&proof.numbers);
        }
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::identify::Address;
    use crate::numbers::{Owner, Proof, Unread};

    fn address(port: u16) -> Address {
        SocketAddr::from(([127, 0, 0, 1], port)).into()
    }

    fn end(session: u64, tag: u64, cookie: u64, port: u16) -> End {
        let place = Place { network: 1, local: address(port), remote: address(80) };
        let stream = Stream { cookie, place, proof: Err(Unread::Needless) };
        End { session, tag, stream, ring_bytes: 0, paired: None }
    }

    #[test]
    fn an_end_elsewhere_is_found_by_its_numbers_and_not_by_its_addresses() {
        let known = |sends, receives| Ok(Proof { numbers: Numbers { sends, receives }, owner: Owner::System });
        let elsewhere = |network, session, proof| {
            let mut end = end(session, 1, session, 80);
            end.stream.place.network = network;
            end.stream.proof = proof;
            end
        };
        let mut ends = Ends::default();
        let unknown = elsewhere(2, 1, Err(Unread::Forbidden));
        let other = elsewhere(3, 2, known(70, 81));
        // It was connected to: the byte before its first one is no longer its SYN.
        let right = elsewhere(4, 3, known(8, 7));
        for end in [unknown, other, right] {
            assert!(ends.insert(end).is_empty());
        }
        let looks = |ends: &Ends, proof| ends.mirror(&elsewhere(5, 4, proof).stream);
        assert_eq!(looks(&ends, known(6, 8)), Some(right));
        assert_eq!(looks(&ends, known(8, 7)), None);
        assert_eq!(looks(&ends, known(70, 81)), None);
        assert_eq!(looks(&ends, Err(Unread::Forbidden)), None);
        ends.remove(3, 1);
        assert_eq!(looks(&ends, known(6, 8)), None);
        assert_eq!(ends.numbers.len(), 1);
    }

    #[test]
    fn an_end_is_found_by_tag_cookie_and_place_until_it_is_forgotten() {
        let mut ends = Ends::default();
        let one = end(1, 10, 100, 1000);
        assert!(ends.insert(one).is_empty());
        assert_eq!(ends.tagged(1, 10), Some(one));
        assert_eq!(ends.of_cookie(100), Some(one));
        assert_eq!(ends.at(&one.stream.place), Some(one));
        assert_eq!(ends.at(&one.stream.place.mirror()), None);
        assert_eq!(ends.remove(1, 11), None);
        assert_eq!(ends.remove(1, 10), Some(one));
        assert!(ends.tagged(1, 10).is_none() && ends.of_cookie(100).is_none() && ends.at(&one.stream.place).is_none());
        assert!(ends.ends.is_empty() && ends.sessions.is_empty());
    }

    #[test]
    fn a_new_end_takes_the_place_of_those_that_it_contradicts() {
        let mut ends = Ends::default();
        let old = [end(1, 10, 100, 1000), end(2, 20, 200, 2000), end(1, 30, 300, 3000)];
        for end in old {
            ends.insert(end);
        }
        assert_eq!(ends.insert(end(1, 10, 200, 3000)), old);
        assert_eq!(ends.of_session(1), [end(1, 10, 200, 3000)]);
        assert!(ends.of_session(2).is_empty());
    }

    #[test]
    fn a_sessions_end_forgets_its_ends_alone() {
        let mut ends = Ends::default();
        for end in [end(1, 10, 100, 1000), end(1, 11, 101, 1001), end(2, 10, 200, 2000)] {
            ends.insert(end);
        }
        assert_eq!(ends.remove_session(1).len(), 2);
        assert_eq!(ends.waiting(), 1);
        assert!(ends.tagged(2, 10).is_some());
    }
}
