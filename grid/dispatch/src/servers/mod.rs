//! What a dispatcher knows of its servers.

mod members;
mod rising;

use crate::Request;
use crate::costs::Costs;
use crate::shadow::Shadows;

/// Weight of a new answer in a server's slowness.
const SLOWNESS_GAIN: f64 = 0.05;
/// Bounds of it.
const SLOWNESS: std::ops::RangeInclusive<f64> = 0.05..=50.0;
/// Weight of a new answer in the chances of a hit.
const CHANCE_GAIN: f64 = 0.01;
/// Weight of a new report in the work of others.
const HIDDEN_GAIN: f64 = 0.3;
/// Time in which a slow answer is half forgotten by [`Server::latency_s`], seconds.
const LATENCY_HALF_LIFE_S: f64 = 2.0;

/// Seconds for which a report counts, if nobody says otherwise.
pub(crate) const REPORT_COUNTS_S: f64 = 5.0;

/// A server, as it is known.
#[derive(Clone, Debug)]
pub struct Server {
    /// Who it is, by which contexts have their order of servers; its own for as long as it is a member.
    pub id: u64,
    /// Whether it takes requests.
    pub up: bool,
    /// Share of requests where all else is equal.
    pub weight: f64,
    /// Requests under way.
    pub active: u32,
    /// Work under way, seconds of a server of slowness 1.
    pub work_s: f64,
    /// The same that others have sent, by the server's last reports.
    pub hidden_s: f64,
    /// Time that its answers take, by what was expected of a server like the others.
    pub slowness: f64,
    /// Peak-sensitive mean of the time from request to answer at the last answer, seconds.
    pub latency_s: f64,
    latency_at_s: f64,
    /// Requests of this dispatcher that it may hold at once; more are not sent.
    pub holds: u32,
    /// Its own queue, by its last report.
    queue: Queue,
    /// Whether it has been told to leave, and how many have had this place before.
    leaves: bool,
    turn: u32,
    /// Slow start.
    rise: rising::Rise,
}

/// A queue of a server, by its last report.
#[derive(Clone, Copy, Debug)]
struct Queue {
    /// How many fit.
    limit: u32,
    /// Length without this dispatcher's requests: those of others, less those that are worked on.
    others: i64,
    /// Until when that counts, seconds.
    until_s: f64,
}

/// Nothing is known of it.
const NO_QUEUE: Queue = Queue { limit: u32::MAX, others: 0, until_s: f64::NEG_INFINITY };

/// A request under way: give it back to [`Servers::answered`].
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    /// Which of a dispatcher's requests it is, from 1; 0 if there is none.
    pub number: u64,
    /// Where it went.
    pub server: usize,
    /// The request.
    pub request: Request,
    /// When, seconds.
    pub at_s: f64,
    turn: u32,
    /// Whether its context was expected to be cached.
    pub expected_hit: bool,
    /// Other contexts that the server has used since this one, if that is remembered and rooms are learned.
    depth: Option<usize>,
    guess: Guess,
    expected_s: f64,
}

impl Sent {
    /// Whether it went where its context goes if nothing else counts, and nobody has used that there.
    #[must_use]
    pub fn at_home(&self) -> bool {
        self.guess == Guess::Home
    }

    /// Seconds that it was expected to take, on a server of slowness 1.
    #[must_use]
    pub fn expected_s(&self) -> f64 {
        self.expected_s
    }
}

/// What came back.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Answer {
    /// Whether the context was cached, if the server says so.
    pub hit: Option<bool>,
    /// Time that the server worked on it, seconds, if it says so.
    pub service_s: Option<f64>,
}

/// What is known of a server's cache and a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guess {
    /// It was used there.
    Used = 0,
    /// It was not, by this dispatcher, but the server is the one that it is sent to if nothing else counts.
    Home = 1,
    /// Neither.
    Neither = 2,
}

/// All servers, with what answers cost.
#[derive(Clone, Debug)]
pub struct Servers {
    /// Chance of a hit for each [`Guess`].
    chances: [f64; 3],
    /// They go by their place here.
    pub all: Vec<Server>,
    /// What each has cached, probably.
    pub shadows: Shadows,
    /// What answers take.
    pub costs: Costs,
    /// Whether the rooms of caches are learned from answers that say whether they came from one.
    pub learns_rooms: bool,
    /// Seconds in which the share of a server that joins or comes back rises to its own; 0 for at once.
    pub slow_start_s: f64,
    /// Seconds for which a report counts, if no other comes.
    pub reports_count_s: f64,
    /// When the last of them has risen.
    rising_until_s: f64,
}

impl Server {
    /// All its work, this dispatcher's and that of others, seconds of a server of slowness 1.
    #[must_use]
    pub fn all_work_s(&self) -> f64 {
        self.work_s + self.hidden_s
    }

    /// [`Server::latency_s`] as it counts at `now_s`: half of it each two seconds, so that one that was slow is tried again.
    #[must_use]
    pub fn latency_at_s(&self, now_s: f64) -> f64 {
        self.latency_s * halved(now_s - self.latency_at_s)
    }

    /// Whether it holds as many requests as it can, as far as is known at `now_s`.
    #[must_use]
    pub fn is_full(&self, now_s: f64) -> bool {
        let queue = &self.queue;
        self.active >= self.holds
            || (queue.limit < u32::MAX
                && i64::from(self.active) + queue.others >= i64::from(queue.limit)
                && now_s <= queue.until_s)
    }

    fn is_over(&mut self, sent: &Sent) {
        self.active = self.active.saturating_sub(1);
        self.work_s = if self.active == 0 { 0.0 } else { (self.work_s - sent.expected_s).max(0.0) };
    }

    fn new(id: u64) -> Self {
        Self {
            id,
            up: true,
            weight: 1.0,
            active: 0,
            work_s: 0.0,
            hidden_s: 0.0,
            slowness: 1.0,
            latency_s: 0.0,
            latency_at_s: 0.0,
            holds: u32::MAX,
            queue: NO_QUEUE,
            leaves: false,
            turn: 0,
            rise: rising::Rise::default(),
        }
    }
}

/// What is left of 1 after so many seconds: half of it each [`LATENCY_HALF_LIFE_S`], along straight lines between, which takes a tenth of
/// the time of a power.
fn halved(seconds: f64) -> f64 {
    let halvings = (seconds / LATENCY_HALF_LIFE_S).clamp(0.0, 1000.0);
    let whole = halvings as u64;
    (1.0 - 0.5 * (halvings - whole as f64)) * f64::from_bits((1023 - whole) << 52)
}

impl Servers {
    /// Servers whose caches have room for so many contexts each; their identities are their places.
    #[must_use]
    pub fn new(rooms: &[usize], costs: Costs) -> Self {
        Self {
            chances: [1.0, 0.0, 0.0],
            all: (0..rooms.len() as u64).map(Server::new).collect(),
            shadows: Shadows::new(rooms),
            costs,
            learns_rooms: false,
            slow_start_s: 0.0,
            reports_count_s: REPORT_COUNTS_S,
            rising_until_s: f64::NEG_INFINITY,
        }
    }

    /// Those that take requests, with their places.
    pub fn up(&self) -> impl Iterator<Item = (usize, &Server)> + Clone {
        self.all.iter().enumerate().filter(|(_, server)| server.up)
    }

    /// Seconds of work that `request` is on a server like the others, cached or not.
    #[must_use]
    pub fn cost_s(&self, request: Request, hit: bool) -> f64 {
        if hit { self.costs.hit_s(request.product) } else { self.costs.miss_s(request.product) }
    }

    /// Where `context` goes if nothing else counts.
    #[must_use]
    pub fn home(&self, context: u64) -> usize {
        crate::policy::most_wanted(context, self).unwrap_or(0)
    }

    fn guess(&self, server: usize, context: u64) -> Guess {
        match self.shadows.has(server, context) {
            true => Guess::Used,
            false if server == self.home(context) => Guess::Home,
            false => Guess::Neither,
        }
    }

    /// How probable it is that a context is cached where it was used, at its home where it was not, and elsewhere.
    #[must_use]
    pub fn chances(&self) -> [f64; 3] {
        self.chances
    }

    /// Notes that `request` goes to `server` now.
    pub fn send(&mut self, server: usize, request: Request, now_s: f64) -> Sent {
        let guess = self.guess(server, request.context);
        let depth = if self.learns_rooms { self.shadows.depth(server, request.context) } else { None };
        let expected_hit = self.shadows.touch(server, request.context);
        let chance = self.chances[guess as usize];
        let expected_s = chance * self.cost_s(request, true) + (1.0 - chance) * self.cost_s(request, false);
        let one = &mut self.all[server];
        one.active += 1;
        one.work_s += expected_s;
        let turn = one.turn;
        self.rise(server, now_s);
        Sent { number: 0, server, request, at_s: now_s, turn, expected_hit, depth, guess, expected_s }
    }

    /// Notes that `server` says it has `total_s` seconds of its own time to work: what of it is not this dispatcher's comes from others.
    /// One report counts a third, so that dispatchers do not all run to the server that was idle a moment ago.
    pub fn reported(&mut self, server: usize, total_s: f64) {
        let server = &mut self.all[server];
        let hidden_s = (total_s / server.slowness - server.work_s).max(0.0);
        server.hidden_s += HIDDEN_GAIN * (hidden_s - server.hidden_s);
    }

    /// Notes that `server` says that its queue has so many requests, of at most so many, at `now_s`.
    pub fn reported_queue(&mut self, server: usize, queue: u32, limit: Option<u32>, now_s: f64) {
        let until_s = now_s + self.reports_count_s;
        let server = &mut self.all[server];
        let others = i64::from(queue) - i64::from(server.active);
        server.queue = Queue { limit: limit.unwrap_or(u32::MAX), others, until_s };
    }

    /// Forgets the work of others on servers that have not reported for a while: it is done by now, or nobody knows.
    pub fn forget(&mut self, now_s: f64) {
        for server in &mut self.all {
            if now_s > server.queue.until_s {
                server.hidden_s = 0.0;
            }
        }
    }

    /// Notes that what was sent is over, `answer` being what is known of it.
    pub fn answered(&mut self, sent: &Sent, answer: Answer, now_s: f64) {
        if self.all[sent.server].turn != sent.turn {
            return;
        }
        self.learn(sent, answer, now_s);
        self.gives_place_up(sent.server);
    }

    /// Notes that what was sent will have no answer, because the server did not take it or the client has left: nothing is learned of it.
    pub fn withdrawn(&mut self, sent: &Sent) {
        if self.all[sent.server].turn == sent.turn {
            self.all[sent.server].is_over(sent);
            self.gives_place_up(sent.server);
        }
    }

    /// Slowness of a server like the others: the harmonic mean, so that a few that hardly go on do not count.
    fn usual_slowness(&self) -> f64 {
        let (mut speeds, mut count) = (0.0, 0.0);
        for (_, server) in self.up() {
            speeds += 1.0 / server.slowness;
            count += 1.0;
        }
        if speeds > 0.0 { count / speeds } else { 1.0 }
    }

    fn learn(&mut self, sent: &Sent, answer: Answer, now_s: f64) {
        let hit = answer.hit.unwrap_or(sent.expected_hit);
        let usual_s = self.cost_s(sent.request, hit);
        if let Some(hit) = answer.hit {
            let chance = &mut self.chances[sent.guess as usize];
            *chance += CHANCE_GAIN * (f64::from(u8::from(hit)) - *chance);
            if self.learns_rooms {
                self.shadows.learn(sent.server, sent.depth, hit);
            }
        }
        let server = &mut self.all[sent.server];
        server.is_over(sent);
        let latency_s = (now_s - sent.at_s).max(0.0);
        let keeps = halved(now_s - server.latency_at_s);
        server.latency_s = latency_s.max(server.latency_s * keeps + latency_s * (1.0 - keeps));
        server.latency_at_s = now_s;
        if let Some(service_s) = answer.service_s
            && usual_s > 0.0
        {
            // A guess says nothing of a server.
            if self.costs.is_sure(sent.request.product, hit) {
                let slowness = server.slowness + SLOWNESS_GAIN * (service_s / usual_s - server.slowness);
                server.slowness = slowness.clamp(*SLOWNESS.start(), *SLOWNESS.end());
            }
            if self.costs.learns() {
                // Else costs and slowness could grow against each other without end.
                let by_usual = self.all[sent.server].slowness / self.usual_slowness();
                self.costs.learn(sent.request.product, hit, service_s / by_usual);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request = Request { context: 7, product: 0 };

    #[test]
    fn work_under_way_is_that_of_what_is_under_way() {
        let mut servers = Servers::new(&[10], Costs::known(&[(1.0, 10.0)]));
        let first = servers.send(0, REQUEST, 0.0);
        let second = servers.send(0, REQUEST, 0.0);
        assert!(!first.expected_hit && second.expected_hit);
        assert_eq!((servers.all[0].active, servers.all[0].work_s), (2, 11.0));
        servers.answered(&first, Answer::default(), 1.0);
        assert_eq!((servers.all[0].active, servers.all[0].work_s), (1, 1.0));
        servers.answered(&second, Answer::default(), 2.0);
        assert_eq!((servers.all[0].active, servers.all[0].work_s), (0, 0.0));
    }

    #[test]
    fn half_is_left_after_each_half_life() {
        for (halvings, left) in [(-1.0, 1.0), (0.0, 1.0), (1.0, 0.5), (1.5, 0.375), (3.0, 0.125), (1e9, 0.0)] {
            assert!((halved(halvings * LATENCY_HALF_LIFE_S) - left).abs() < 1e-12, "{halvings}");
        }
    }

    #[test]
    fn a_report_counts_for_as_long_as_it_is_said_to() {
        let mut servers = Servers::new(&[10], Costs::known(&[(1.0, 10.0)]));
        servers.reports_count_s = 30.0;
        servers.reported(0, 10.0);
        servers.reported_queue(0, 4, Some(4), 100.0);
        servers.forget(129.0);
        assert!(servers.all[0].hidden_s > 0.0 && servers.all[0].is_full(129.0));
        servers.forget(131.0);
        assert!(servers.all[0].hidden_s == 0.0 && !servers.all[0].is_full(131.0));
    }

    #[test]
    fn work_that_a_server_reports_and_nobody_here_sent_is_that_of_others() {
        let mut servers = Servers::new(&[10], Costs::known(&[(1.0, 10.0)]));
        servers.send(0, REQUEST, 0.0);
        servers.all[0].slowness = 2.0;
        for _ in 0..50 {
            servers.reported(0, 50.0);
        }
        assert!((servers.all[0].all_work_s() - 25.0).abs() < 1e-6);
        for _ in 0..50 {
            servers.reported(0, 10.0);
        }
        assert!((servers.all[0].all_work_s() - 10.0).abs() < 1e-6, "no less than what is known");
    }

    /// Uses of contexts at random, of which a cache of 300 keeps the last: the shadow begins with room for 20 and for 5000.
    #[test]
    fn rooms_of_caches_are_learned_from_what_answers_say() {
        for guess in [20, 5000] {
            let mut servers = Servers::new(&[guess], Costs::known(&[(1.0, 10.0)]));
            servers.learns_rooms = true;
            let mut cache = Shadows::new(&[300]);
            let mut state = 1_u64;
            for turn in 0..100_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                // The product of two numbers at random: some contexts come often, most seldom.
                let context = ((state >> 48) * (state >> 32 & 0xffff)) >> 22;
                let sent = servers.send(0, Request { context, product: 0 }, f64::from(turn));
                let answer = Answer { hit: Some(cache.touch(0, context)), service_s: None };
                servers.answered(&sent, answer, f64::from(turn) + 0.5);
            }
            let room = servers.shadows.room(0);
            assert!((240..=375).contains(&room), "began with {guess}, learned {room}");
        }
    }

    /// Times at random, with a deviation as large as their mean, of a hundred thousand answers.
    #[test]
    fn servers_that_are_alike_stay_so_however_much_their_times_differ() {
        let mut servers = Servers::new(&[10; 4], Costs::guessed(0.005, 0.02));
        let mut random = crate::simulate::Random::new(1, 1);
        for turn in 0..100_000_u32 {
            let (at, product) = (random.below(4) as usize, random.below(3) as u32);
            let hit = random.uniform() < 0.7;
            let sent = servers.send(at, Request { context: u64::from(turn) % 7, product }, f64::from(turn));
            let mean_s = f64::from(product + 1) * if hit { 0.01 } else { 0.1 };
            let service_s = mean_s * random.exponential() * if at == 3 { 3.0 } else { 1.0 };
            servers.answered(&sent, Answer { hit: Some(hit), service_s: Some(service_s) }, f64::from(turn) + service_s);
        }
        // Three of speed 1 and one of a third: the usual server is 1.2 times as slow as the three.
        let slowness: Vec<_> = servers.all.iter().map(|server| server.slowness * 1.2).collect();
        assert!(slowness[..3].iter().all(|slowness| (0.5..2.0).contains(slowness)), "{slowness:?}");
        assert!((1.5..6.0).contains(&slowness[3]), "{slowness:?}");
        let miss_s = servers.costs.miss_s(2);
        assert!((0.3 * 1.2 / 2.0..0.3 * 1.2 * 2.0).contains(&miss_s), "{miss_s}");
    }

    #[test]
    fn a_server_that_takes_four_times_as_long_is_known_to() {
        let mut servers = Servers::new(&[10, 10], Costs::known(&[(1.0, 10.0)]));
        for turn in 0..200 {
            for server in 0..2 {
                let sent = servers.send(server, REQUEST, f64::from(turn));
                let service_s = if server == 1 { 4.0 } else { 1.0 };
                servers.answered(
                    &sent,
                    Answer { hit: Some(true), service_s: Some(service_s) },
                    f64::from(turn) + service_s,
                );
            }
        }
        assert!((servers.all[0].slowness - 1.0).abs() < 0.01 && (servers.all[1].slowness - 4.0).abs() < 0.01);
    }
}
