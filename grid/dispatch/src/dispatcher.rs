//! A policy with what it knows: what a proxy asks for each request, and tells of each answer.
//!
//! All that it is told is an [`Event`], which can be listened to; a new dispatcher that is told the same decides the same.

use crate::Request;
use crate::costs::Costs;
use crate::policy::{Policy, Report, Settings, by_name};
use crate::servers::{Answer, REPORT_COUNTS_S, Sent, Servers};
use crate::trace::Event;

/// Seconds between looks for servers that have ceased to report.
const FORGETS_EACH_S: f64 = 1.0;

/// What is known of costs at first.
#[derive(Clone, Debug, PartialEq)]
pub enum FirstCosts {
    /// Those of a hit and of a miss, seconds, of each product; nothing is learned.
    Known(Vec<(f64, f64)>),
    /// Guesses of a hit and of a miss, seconds, until there are answers.
    Guessed(f64, f64),
}

/// All that a dispatcher begins with.
#[derive(Clone, Debug, PartialEq)]
pub struct Setup {
    /// Name of the policy; see [`crate::policy::NAMES`].
    pub policy: String,
    /// What can be set.
    pub settings: Settings,
    /// Seed of policies that draw lots.
    pub seed: u64,
    /// What is known of costs.
    pub costs: FirstCosts,
    /// Whether the rooms of caches are learned; see [`Servers::learns_rooms`].
    pub learns_rooms: bool,
    /// Seconds of slow start; see [`Servers::slow_start_s`].
    pub slow_start_s: f64,
    /// Seconds for which a report counts; see [`Servers::reports_count_s`].
    pub reports_count_s: f64,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            policy: "pogson".into(),
            settings: Settings::default(),
            seed: 1,
            costs: FirstCosts::Guessed(0.005, 0.02),
            learns_rooms: true,
            slow_start_s: 0.0,
            reports_count_s: REPORT_COUNTS_S,
        }
    }
}

/// What a dispatcher is told at the beginning and may be told anew.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuning {
    /// Seconds of slow start; see [`Servers::slow_start_s`].
    pub slow_start_s: f64,
    /// Seconds for which a report counts; see [`Servers::reports_count_s`].
    pub reports_count_s: f64,
    /// Whether the rooms of caches are learned; see [`Servers::learns_rooms`].
    pub learns_rooms: bool,
}

type Listener = Box<dyn FnMut(&Event) + Send>;

/// A policy, its servers, and who listens.
///
/// ```
/// use pogson_dispatch::{Request, dispatcher::{Dispatcher, Setup}, servers::Answer};
///
/// let mut gate = Dispatcher::new(&Setup::default()).expect("a known policy");
/// for (id, room) in [(1, 500), (2, 500)] {
///     gate.join(id, room, 1.0, 0.0);
/// }
/// let sent = gate.dispatch(Request { context: 42, product: 0 }, &[], 0.1).expect("a server is up");
/// gate.answered(&sent, Answer { hit: Some(false), service_s: Some(0.03) }, 0.13);
/// let again = gate.dispatch(Request { context: 42, product: 0 }, &[], 0.2).expect("a server is up");
/// assert_eq!(sent.server, again.server);
/// ```
pub struct Dispatcher {
    servers: Servers,
    policy: Box<dyn Policy>,
    listener: Option<Listener>,
    /// Requests so far.
    count: u64,
    forgot_s: f64,
}

impl Dispatcher {
    /// Without servers; `None` if there is no policy of that name.
    #[must_use]
    pub fn new(setup: &Setup) -> Option<Self> {
        let costs = match &setup.costs {
            FirstCosts::Known(products) => Costs::known(products),
            FirstCosts::Guessed(hit_s, miss_s) => Costs::guessed(*hit_s, *miss_s),
        };
        let mut servers = Servers::new(&[], costs);
        servers.learns_rooms = setup.learns_rooms;
        servers.slow_start_s = setup.slow_start_s;
        servers.reports_count_s = setup.reports_count_s;
        let policy = by_name(&setup.policy, &setup.settings, setup.seed)?;
        Some(Self { servers, policy, listener: None, count: 0, forgot_s: 0.0 })
    }

    /// Tells `listener` each event from now on: from the beginning, if it is to be a whole [trace](crate::trace).
    pub fn listen(&mut self, listener: impl FnMut(&Event) + Send + 'static) {
        self.listener = Some(Box::new(listener));
    }

    /// What is known of the servers.
    #[must_use]
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    fn tell(&mut self, event: impl FnOnce() -> Event) {
        if let Some(listener) = &mut self.listener {
            listener(&event());
        }
    }

    /// Chooses a server for `request`, none of those at the places `tried`, and notes that it goes there; `None` if no other can take
    /// it at `now_s`.
    pub fn dispatch(&mut self, request: Request, tried: &[usize], now_s: f64) -> Option<Sent> {
        let chosen = self.choose(request, tried, now_s);
        let number = self.count;
        self.tell(|| Event::Request { at_s: now_s, number, request, tried: tried.to_vec(), chosen });
        chosen.map(|at| self.send(at, request, now_s))
    }

    /// Notes that `request` goes to the server at place `at`, whatever the policy would say: one with nothing to do takes it over.
    pub fn send_to(&mut self, at: usize, request: Request, now_s: f64) -> Sent {
        self.count += 1;
        let number = self.count;
        self.tell(|| Event::Takeover { at_s: now_s, number, request, place: at });
        self.send(at, request, now_s)
    }

    /// Where `request` would go.
    pub(crate) fn choose(&mut self, request: Request, tried: &[usize], now_s: f64) -> Option<usize> {
        if now_s > self.forgot_s + FORGETS_EACH_S {
            self.servers.forget(now_s);
            self.forgot_s = now_s;
        }
        let were_up: Vec<usize> =
            tried.iter().copied().filter(|&at| self.servers.all.get(at).is_some_and(|server| server.up)).collect();
        were_up.iter().for_each(|&at| self.servers.all[at].up = false);
        let chosen = self.policy.choose(request, &self.servers, now_s);
        were_up.iter().for_each(|&at| self.servers.all[at].up = true);
        self.count += 1;
        chosen
    }

    /// Notes that the last request goes to `at`.
    pub(crate) fn send(&mut self, at: usize, request: Request, now_s: f64) -> Sent {
        let mut sent = self.servers.send(at, request, now_s);
        sent.number = self.count;
        sent
    }

    /// Tells it an event of a trace that is neither a request nor an answer.
    ///
    /// # Errors
    /// A place that no server has had.
    pub(crate) fn apply(&mut self, event: &Event) -> Result<(), String> {
        let count = self.servers.all.len();
        let known = |place: usize| {
            if place < count { Ok(place) } else { Err(format!("no server has joined at place {place}")) }
        };
        match event {
            Event::Join { at_s, id, room, weight } => {
                self.join(*id, *room, *weight, *at_s);
            }
            Event::Leave { at_s, place } => self.leave(known(*place)?, *at_s),
            Event::Up { at_s, place, up } => self.set_up(known(*place)?, *up, *at_s),
            Event::Anew { at_s, place } => self.began_anew(known(*place)?, *at_s),
            Event::Weight { at_s, place, weight } => self.weigh(known(*place)?, *weight, *at_s),
            Event::Hold { at_s, place, holds } => self.hold(known(*place)?, *holds, *at_s),
            Event::Room { at_s, place, room } => self.set_room(known(*place)?, *room, *at_s),
            Event::Report { at_s, place, report } => self.reported(known(*place)?, report, *at_s),
            Event::Tune { at_s, tuning } => self.tune(*tuning, *at_s),
            Event::Request { .. } | Event::Answer { .. } | Event::Withdraw { .. } | Event::Takeover { .. } => {}
        }
        Ok(())
    }

    /// Goes on with other settings; servers that rise do so in the new time.
    pub fn tune(&mut self, tuning: Tuning, now_s: f64) {
        let servers = &mut self.servers;
        let Tuning { slow_start_s, reports_count_s, learns_rooms } = tuning;
        if (servers.slow_start_s, servers.reports_count_s, servers.learns_rooms)
            == (slow_start_s, reports_count_s, learns_rooms)
        {
            return;
        }
        (servers.reports_count_s, servers.learns_rooms) = (reports_count_s, learns_rooms);
        servers.rise_in(slow_start_s, now_s);
        self.tell(|| Event::Tune { at_s: now_s, tuning });
    }

    /// What was sent is over; see [`Servers::answered`].
    pub fn answered(&mut self, sent: &Sent, answer: Answer, now_s: f64) {
        self.tell(|| Event::Answer { at_s: now_s, number: sent.number, answer });
        self.servers.answered(sent, answer, now_s);
    }

    /// What was sent will have no answer; see [`Servers::withdrawn`].
    pub fn withdrawn(&mut self, sent: &Sent, now_s: f64) {
        self.tell(|| Event::Withdraw { at_s: now_s, number: sent.number });
        self.servers.withdrawn(sent);
    }

    /// Entries of the policy's table.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.policy.entries(&self.servers)
    }

    /// The server at this place has said how it is.
    pub fn reported(&mut self, at: usize, report: &Report, now_s: f64) {
        self.tell(|| Event::Report { at_s: now_s, place: at, report: report.clone() });
        self.servers.reported(at, report.total_s);
        self.servers.reported_queue(at, report.queue, report.limit, now_s);
        self.policy.report(at, report);
    }

    /// A server joins; see [`Servers::join`].
    pub fn join(&mut self, id: u64, room: usize, weight: f64, now_s: f64) -> usize {
        self.tell(|| Event::Join { at_s: now_s, id, room, weight });
        let at = self.servers.join(id, room, weight, now_s);
        // What another said that had the place before.
        self.policy.report(at, &Report::default());
        at
    }

    /// A server leaves; see [`Servers::leave`].
    pub fn leave(&mut self, at: usize, now_s: f64) {
        self.tell(|| Event::Leave { at_s: now_s, place: at });
        self.servers.leave(at);
        // What it said last would bind classes to nobody.
        self.policy.report(at, &Report::default());
    }

    /// A server takes requests, or does not; see [`Servers::set_up`].
    pub fn set_up(&mut self, at: usize, up: bool, now_s: f64) {
        self.tell(|| Event::Up { at_s: now_s, place: at, up });
        self.servers.set_up(at, up, now_s);
    }

    /// A server has begun anew; see [`Servers::began_anew`].
    pub fn began_anew(&mut self, at: usize, now_s: f64) {
        self.tell(|| Event::Anew { at_s: now_s, place: at });
        self.servers.began_anew(at, now_s);
    }

    /// A server's weight changes; see [`Servers::weigh`].
    pub fn weigh(&mut self, at: usize, weight: f64, now_s: f64) {
        self.tell(|| Event::Weight { at_s: now_s, place: at, weight });
        self.servers.weigh(at, weight);
    }

    /// A server may hold so many requests at once.
    pub fn hold(&mut self, at: usize, holds: u32, now_s: f64) {
        self.tell(|| Event::Hold { at_s: now_s, place: at, holds });
        self.servers.all[at].holds = holds;
    }

    /// A server has said how many contexts its cache has room for.
    pub fn set_room(&mut self, at: usize, room: usize, now_s: f64) {
        self.tell(|| Event::Room { at_s: now_s, place: at, room });
        self.servers.shadows.set_room(at, room);
    }
}
