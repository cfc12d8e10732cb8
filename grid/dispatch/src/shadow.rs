//! What each server probably has in its cache, if that keeps what was used last.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::ages::Ages;

/// Contexts that a cache is guessed to hold where that is learned: more than most, for one that still has room throws nothing out.
pub const FIRST_ROOM: usize = 1000;

/// A step in which the room of a cache is learned is this part of it in the end; at first they are larger.
const LEARNS: usize = 100;
/// Mistakes for which they are as large as they can be.
const FIRST: usize = 16;
/// Fewest contexts that are remembered beside those that fit, so that a cache of more than was guessed is known soon.
const BESIDE: usize = 256;
/// Most room that is believed in, contexts.
const MOST: usize = 1 << 22;

/// Contexts are hashes already.
#[derive(Clone, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        // The low bits choose the place and the high ones tell neighbours apart: small numbers have neither.
        self.0 = value.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

/// A context's place in a server's cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    server: u32,
    /// Whether it fits; else it is remembered for the case that there is more room.
    fits: bool,
    /// When it was last used, by the server's count.
    at: u64,
}

/// One server's cache.
#[derive(Clone, Debug)]
struct Cache {
    room: usize,
    /// Uses in their order, of what fits and of what does not. Those that were followed by another of the same context do not count.
    fits: VecDeque<(u64, u64)>,
    gone: VecDeque<(u64, u64)>,
    /// How many contexts fit, and how many are remembered beside.
    held: usize,
    beside: usize,
    count: u64,
    ages: Ages,
    mistakes: usize,
}

/// The contexts that servers have used last: as many as fit, and as many again or more that come back when there is more room.
#[derive(Clone, Debug)]
pub struct Shadows {
    places: HashMap<u64, Vec<Place>, BuildHasherDefault<AsItIs>>,
    caches: Vec<Cache>,
}

impl Shadows {
    /// Empty caches with room for so many contexts each.
    #[must_use]
    pub fn new(rooms: &[usize]) -> Self {
        let mut shadows = Self { places: HashMap::default(), caches: Vec::new() };
        rooms.iter().for_each(|room| shadows.add(*room));
        shadows
    }

    /// One more server.
    pub fn add(&mut self, room: usize) {
        let (fits, gone) = (VecDeque::new(), VecDeque::new());
        self.caches.push(Cache { room, fits, gone, held: 0, beside: 0, count: 0, ages: Ages::default(), mistakes: 0 });
    }

    /// Servers that have `context`.
    pub fn holders(&self, context: u64) -> impl Iterator<Item = usize> + Clone {
        let places = self.places.get(&context).map_or(&[][..], Vec::as_slice);
        places.iter().filter(|place| place.fits).map(|place| place.server as usize)
    }

    /// Whether `server` has `context`.
    #[must_use]
    pub fn has(&self, server: usize, context: u64) -> bool {
        self.holders(context).any(|holder| holder == server)
    }

    /// How many contexts `server` has.
    #[must_use]
    pub fn held(&self, server: usize) -> usize {
        self.caches[server].held
    }

    /// How many places of contexts are remembered, of all servers, those beside that no longer fit included.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.caches.iter().map(|cache| cache.held + cache.beside).sum()
    }

    /// How many fit into its cache.
    #[must_use]
    pub fn room(&self, server: usize) -> usize {
        self.caches[server].room
    }

    /// From now on so many fit.
    pub fn set_room(&mut self, server: usize, room: usize) {
        self.caches[server].room = room;
        while self.caches[server].held < room
            && let Some((context, at)) = self.caches[server].gone.pop_back()
        {
            if self.turn(server, context, at, false) {
                self.caches[server].fits.push_front((context, at));
            }
        }
        self.fit(server);
    }

    /// `server` uses `context`; whether it was there.
    pub fn touch(&mut self, server: usize, context: u64) -> bool {
        let cache = &mut self.caches[server];
        cache.count += 1;
        let now = Place { server: server as u32, fits: true, at: cache.count };
        cache.fits.push_back((context, cache.count));
        let places = self.places.entry(context).or_default();
        let before = match places.iter_mut().find(|place| place.server == now.server) {
            Some(place) => Some(std::mem::replace(place, now)),
            None => {
                places.push(now);
                None
            }
        };
        let was_there = before.is_some_and(|place| place.fits);
        cache.ages.add(now.at);
        if let Some(place) = before {
            cache.ages.remove(place.at);
        }
        cache.held += usize::from(!was_there);
        cache.beside -= usize::from(before.is_some_and(|place| !place.fits));
        self.fit(server);
        was_there
    }

    /// How many other contexts `server` has used since it used `context`: those that have to fit into its cache beside it, if it is still
    /// there. `None` if that is not remembered.
    #[must_use]
    pub fn depth(&self, server: usize, context: u64) -> Option<usize> {
        let place = self.places.get(&context)?.iter().find(|place| place.server as usize == server)?;
        Some(self.caches[server].ages.since(place.at))
    }

    /// A use was in the cache (`hit`) or not, `depth` being what [`Shadows::depth`] said of it before. Where that is other than by the room
    /// that is believed in, the room follows, up to what the use proves at most, so that both mistakes happen as often in the end. What
    /// is not remembered proves nothing: others may have used it there.
    pub fn learn(&mut self, server: usize, depth: Option<usize>, hit: bool) {
        let cache = &mut self.caches[server];
        let Some(depth) = depth.filter(|depth| (*depth < cache.room) != hit) else { return };
        cache.mistakes = cache.mistakes.saturating_add(1);
        // A half less or twice as much at first.
        let part = cache.mistakes.saturating_sub(FIRST).clamp(1, LEARNS);
        let room = if hit {
            (cache.room + (cache.room / part).max(1)).min(depth + 1).min(MOST)
        } else {
            cache.room.saturating_sub((cache.room / (part + 1)).max(1)).max(depth).max(1)
        };
        self.set_room(server, room);
    }

    /// Nothing is there: the server has begun anew.
    pub fn clear(&mut self, server: usize) {
        let cache = &mut self.caches[server];
        let uses = std::mem::take(&mut cache.fits).into_iter().chain(std::mem::take(&mut cache.gone));
        (cache.held, cache.beside, cache.ages) = (0, 0, Ages::default());
        for (context, _) in uses.collect::<Vec<_>>() {
            self.drop_place(server, context);
        }
    }

    fn drop_place(&mut self, server: usize, context: u64) {
        if let Some(places) = self.places.get_mut(&context) {
            places.retain(|place| place.server as usize != server);
            if places.is_empty() {
                self.places.remove(&context);
            }
        }
    }

    fn place(&mut self, server: usize, context: u64) -> Option<&mut Place> {
        self.places.get_mut(&context)?.iter_mut().find(|place| place.server as usize == server)
    }

    /// Makes what was used at `at`, and not since, fit or not, other than it `fits` now; whether there is such.
    fn turn(&mut self, server: usize, context: u64, at: u64, fits: bool) -> bool {
        let Some(place) = self.place(server, context).filter(|place| place.at == at && place.fits == fits) else {
            return false;
        };
        place.fits = !fits;
        let cache = &mut self.caches[server];
        let (less, more) =
            if fits { (&mut cache.held, &mut cache.beside) } else { (&mut cache.beside, &mut cache.held) };
        *less -= 1;
        *more += 1;
        true
    }

    fn fit(&mut self, server: usize) {
        while self.caches[server].held > self.caches[server].room
            && let Some((context, at)) = self.caches[server].fits.pop_front()
        {
            if self.turn(server, context, at, true) {
                self.caches[server].gone.push_back((context, at));
            }
        }
        while self.caches[server].beside > self.caches[server].room.max(BESIDE)
            && let Some((context, at)) = self.caches[server].gone.pop_front()
        {
            if self.place(server, context).is_some_and(|place| place.at == at && !place.fits) {
                self.drop_place(server, context);
                self.caches[server].beside -= 1;
                self.caches[server].ages.remove(at);
            }
        }
        let cache = &mut self.caches[server];
        let much = 2 * cache.room.max(BESIDE);
        if cache.fits.len() > much || cache.gone.len() > much {
            let places = &self.places;
            let counts = |context: u64, at: u64, fits: bool| {
                let place =
                    places.get(&context).and_then(|all| all.iter().find(|place| place.server as usize == server));
                place.is_some_and(|place| place.at == at && place.fits == fits)
            };
            cache.fits.retain(|(context, at)| counts(*context, *at, true));
            cache.gone.retain(|(context, at)| counts(*context, *at, false));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_used_least_recently_goes_first() {
        let mut shadows = Shadows::new(&[3, 3]);
        assert!([1, 2, 3].into_iter().all(|context| !shadows.touch(0, context)));
        assert!(shadows.touch(0, 1));
        assert!(!shadows.touch(0, 4) && !shadows.touch(1, 4));
        assert!(!shadows.has(0, 2) && shadows.has(0, 1) && shadows.has(0, 3));
        assert_eq!(shadows.holders(4).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn what_no_longer_fits_comes_back_with_the_room() {
        let mut shadows = Shadows::new(&[4]);
        for context in [1, 2, 3, 4] {
            shadows.touch(0, context);
        }
        shadows.set_room(0, 2);
        let has = |shadows: &Shadows| (1..6).filter(|context| shadows.has(0, *context)).collect::<Vec<u64>>();
        assert_eq!(has(&shadows), [3, 4]);
        shadows.set_room(0, 3);
        assert_eq!((has(&shadows), shadows.held(0)), (vec![2, 3, 4], 3));
        shadows.touch(0, 5);
        assert_eq!(has(&shadows), [3, 4, 5]);
        shadows.clear(0);
        assert!(has(&shadows).is_empty() && shadows.places.is_empty() && shadows.held(0) == 0);
    }

    /// Against a list for each server in the order of use.
    #[test]
    fn each_cache_is_a_list_in_the_order_of_use() {
        let rooms = [5, 9, 1];
        let mut shadows = Shadows::new(&rooms);
        let mut lists = vec![Vec::new(); rooms.len()];
        let mut state = 1_u64;
        for _ in 0..30_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let (context, server) = (state >> 60, (state >> 40) as usize % rooms.len());
            let list = &mut lists[server];
            let was_there = list.iter().position(|one| *one == context).map(|at| list.remove(at)).is_some();
            list.push(context);
            if list.len() > rooms[server] {
                list.remove(0);
            }
            assert_eq!(shadows.touch(server, context), was_there);
            assert!((0..16).all(|context| shadows.has(server, context) == list.contains(&context)));
            let cache = &shadows.caches[server];
            assert!(cache.held == list.len() && cache.beside <= BESIDE);
            assert!(cache.fits.len() <= 2 * BESIDE && cache.gone.len() <= 2 * BESIDE);
        }
        let remembered: usize = shadows.caches.iter().map(|cache| cache.held + cache.beside).sum();
        assert_eq!(shadows.places.values().map(Vec::len).sum::<usize>(), remembered);
    }
}
