//! What the daemon does about what processes say.

mod figures;

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use pogson_ring::layout::VERSION;
use pogson_ring::protocol::{Answer, Refusal};

use crate::closing::Closing;
use crate::ends::{End, Ends};
use crate::guest::Guests;
use crate::identify::{Place, Stream};
use crate::policy::Policy;
use crate::session::{Member, Refused, Session, Told};
use crate::slab::Slab;
use crate::users::{self, Accounts, Caller};
use crate::watch::Watch;

/// Records of a process that are taken in at its turn.
const TURN: usize = 64;

/// How often what is left of ended sessions is looked at: nobody tells when it is used no more.
const CLEARING: Duration = Duration::from_secs(1);

/// Whether a session goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    On,
    Over,
}

/// All that the daemon knows.
pub(crate) struct Desk {
    pub(crate) policy: Policy,
    pub(crate) watch: Watch,
    pub(crate) sessions: HashMap<u64, Session>,
    pub(crate) ends: Ends,
    /// Slabs by number.
    pub(crate) slabs: HashMap<u64, Slab>,
    /// Slabs by their sessions, the lower first.
    pub(crate) between: HashMap<(u64, u64), Vec<u64>>,
    pub(crate) accounts: Accounts,
    pub(crate) closing: Closing,
    /// Sessions with something in their inboxes.
    pub(crate) later: VecDeque<u64>,
    /// Sessions to which something is left of slabs that are no more.
    pub(crate) remaining: HashSet<u64>,
    /// When that was looked at.
    cleared: Instant,
    pub(crate) next_slab: u64,
    pub(crate) totals: Totals,
    /// Other guests of the host.
    pub(crate) guests: Option<Guests>,
    next_session: u64,
    unknown_user: Option<u32>,
}

/// What ended sessions did, and what the daemon counts itself.
#[derive(Default)]
pub(crate) struct Totals {
    pub(crate) connections: u64,
    pub(crate) upgraded: u64,
    pub(crate) bytes_tcp: u64,
    pub(crate) bytes_ring: u64,
    pub(crate) wakes: u64,
    pub(crate) pairs: u64,
    pub(crate) refused: BTreeMap<&'static str, u64>,
}

impl Desk {
    /// An empty desk.
    pub(crate) fn new(policy: Policy, watch: Watch) -> Self {
        Self {
            policy,
            watch,
            sessions: HashMap::new(),
            ends: Ends::default(),
            slabs: HashMap::new(),
            between: HashMap::new(),
            accounts: Accounts::default(),
            closing: Closing::default(),
            later: VecDeque::new(),
            remaining: HashSet::new(),
            cleared: Instant::now(),
            next_slab: 0,
            totals: Totals::default(),
            guests: None,
            // Not from the beginning: other guests, and what they share with this one, outlive a daemon.
            next_session: RandomState::new().build_hasher().finish() >> 17,
            unknown_user: users::unknown_user(),
        }
    }

    /// Somebody has connected.
    pub(crate) fn greet(&mut self, socket: OwnedFd) {
        // Who cannot be told, or has too much already, is not heard, and goes on by TCP.
        let Ok(caller) = Caller::of(socket.as_fd()) else { return };
        let user = caller.user;
        let many = self.accounts.of(user).sessions >= self.policy.bounds.sessions;
        if self.unknown_user == Some(user) || many || self.closing.is_behind(user) {
            return;
        }
        self.next_session += 1;
        let session = Session::new(self.next_session, socket, caller);
        if self.watch.begin(&session).is_ok() {
            self.accounts.change(user, |account| account.sessions += 1);
            self.sessions.insert(session.id, session);
        }
    }

    /// A process has sent something.
    pub(crate) fn hear(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        session.hear(TURN, &mut self.closing);
        if self.closing.is_behind(session.caller.user) {
            session.give_up();
        }
        self.turn(id);
    }

    /// A process has room for more of its report.
    pub(crate) fn go_on_reporting(&mut self, id: u64) {
        let Some(session) = self.sessions.get_mut(&id) else { return };
        match session.send_report() {
            Ok(done) => self.watch.wait_for_room(session, !done),
            Err(_) => self.end(id),
        }
    }

    /// How long nothing need be done unless something happens; `None` for ever.
    pub(crate) fn rests(&self) -> Option<Duration> {
        if !self.later.is_empty() {
            return Some(Duration::ZERO);
        }
        (!self.remaining.is_empty()).then_some(CLEARING)
    }

    /// Gives those a turn whose inboxes were filled on behalf of others.
    pub(crate) fn go_on(&mut self) {
        if !self.remaining.is_empty() && self.cleared.elapsed() >= CLEARING {
            self.cleared = Instant::now();
            self.clear_away();
        }
        for id in std::mem::take(&mut self.later) {
            self.turn(id);
        }
    }

    /// A process is no more.
    pub(crate) fn end(&mut self, id: u64) {
        let Some(session) = self.sessions.remove(&id) else { return };
        self.watch.end(&session);
        let user = session.caller.user;
        let by_ring = self.bytes_by_ring(&session);
        self.totals.add(&session, by_ring);
        for end in self.ends.remove_session(id) {
            self.discount(&end, user);
        }
        self.gone_far(id);
        for partner in session.partners {
            self.part(id, partner);
        }
        self.remaining.remove(&id);
        let remains = session.remains.len();
        self.accounts.change(user, |account| {
            (account.sessions, account.slabs) = (account.sessions - 1, account.slabs - remains)
        });
        if self.accounts.of(user).sessions == 0 {
            self.closing.forget(user);
        }
    }

    /// Keeps the account of `user`, whose end was forgotten.
    fn discount(&mut self, end: &End, user: u32) {
        self.accounts.change(user, |account| account.ends -= 1);
        if let Some((seat, _)) = end.paired
            && let Some(slab) = self.slabs.get_mut(&seat.slab)
        {
            slab.reclaim(seat);
        }
    }

    fn turn(&mut self, id: u64) {
        while let Some(told) = self.sessions.get_mut(&id).and_then(|session| session.inbox.pop_front()) {
            let goes = match told {
                Told::Hello { version, program, abilities } => self.welcome(id, version, program, abilities),
                Told::Register { tag, ring_bytes, stream } => self.register(id, tag, ring_bytes, stream),
                Told::Cancel { tag } => self.cancel(id, tag),
                Told::Report { detail } => self.report(id, detail),
                Told::End => Goes::Over,
            };
            if goes == Goes::Over {
                self.end(id);
            }
        }
    }

    fn welcome(&mut self, id: u64, version: u32, program: [u8; 16], abilities: u32) -> Goes {
        let Some(session) = self.sessions.get_mut(&id) else { return Goes::Over };
        let refuse = |session: &Session, reason| {
            // Whether it hears this or not, its session ends.
            let _ = session.send(&Answer::Refused { tag: 0, reason }.encode(), &[]);
            Goes::Over
        };
        if session.member.is_some() {
            return Goes::Over;
        }
        if version != VERSION {
            return refuse(session, Refusal::Version);
        }
        let Ok((member, page)) = Member::new(program, abilities) else { return refuse(session, Refusal::Full) };
        let answer = Answer::Welcome { version: VERSION, session: id }.encode();
        session.member = Some(member);
        let bell = session.member.as_ref().map(|member| member.bell.as_fd());
        match bell.map(|bell| session.send(&answer, &[page.as_fd(), bell])) {
            Some(Ok(())) => Goes::On,
            _ => Goes::Over,
        }
    }

    fn register(&mut self, id: u64, tag: u64, ring_bytes: u32, stream: Result<Stream, Refusal>) -> Goes {
        let Some(session) = self.sessions.get_mut(&id).filter(|session| session.member.is_some()) else {
            return Goes::Over;
        };
        session.forget(tag);
        let user = session.caller.user;
        let stream = match stream {
            Ok(stream) => stream,
            Err(reason) => return self.refuse(id, tag, None, reason),
        };
        if !self.policy.joins_ports(&stream.place) {
            return self.refuse(id, tag, Some(stream.place), Refusal::Port);
        }
        if let Some(other) = self.ends.of_cookie(stream.cookie)
            && self.keeps(&other, id)
        {
            if other.paired.is_none() {
                self.forget(&other);
            }
            if other.session != id {
                self.refuse(other.session, other.tag, Some(stream.place), Refusal::Shared);
            }
            return self.refuse(id, tag, Some(stream.place), Refusal::Shared);
        }
        if self.accounts.of(user).ends >= self.policy.bounds.ends {
            return self.refuse(id, tag, Some(stream.place), Refusal::Full);
        }
        let end = End { session: id, tag, stream, ring_bytes, paired: None };
        self.accounts.change(user, |account| account.ends += 1);
        for gone in self.ends.insert(end) {
            if let Some(user) = self.sessions.get(&gone.session).map(|session| session.caller.user) {
                self.discount(&gone, user);
            }
            self.withdraw(&gone);
        }
        self.look_for_mirror(end);
        self.look_afar(end);
        Goes::On
    }

    /// Whether an end with the same socket stands against a new registration by `session`: another process has it, or the same
    /// process uses it by shared memory.
    fn keeps(&self, end: &End, session: u64) -> bool {
        let uses = end.paired.is_some_and(|(seat, side)| {
            self.slabs.get(&seat.slab).is_some_and(|slab| slab.holds(seat) && !slab.is_released(seat, side))
        });
        if end.session == session { uses } else { uses || end.paired.is_none() }
    }

    fn cancel(&mut self, id: u64, tag: u64) -> Goes {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.forget(tag);
        }
        if let Some(end) = self.ends.tagged(id, tag) {
            self.forget(&end);
        }
        Goes::On
    }

    /// Forgets an end.
    pub(crate) fn forget(&mut self, end: &End) {
        if self.ends.remove(end.session, end.tag).is_some()
            && let Some(user) = self.sessions.get(&end.session).map(|session| session.caller.user)
        {
            self.discount(end, user);
            self.withdraw(end);
        }
    }

    /// Tells a process that a connection stays on TCP.
    fn refuse(&mut self, id: u64, tag: u64, place: Option<Place>, reason: Refusal) -> Goes {
        *self.totals.refused.entry(reason.text()).or_default() += 1;
        if let Some(session) = self.sessions.get_mut(&id) {
            session.remember(Refused { tag, place, reason });
        }
        self.send(id, Answer::Refused { tag, reason }, &[]);
        Goes::On
    }

    /// Forgets an end and tells its process that it stays on TCP.
    pub(crate) fn turn_down(&mut self, end: &End, reason: Refusal) {
        self.forget(end);
        self.refuse(end.session, end.tag, Some(end.stream.place), reason);
    }

    /// Sends an answer; a process that does not take it is given up.
    fn send(&mut self, id: u64, answer: Answer, descriptors: &[BorrowedFd<'_>]) {
        if let Some(session) = self.sessions.get_mut(&id)
            && session.send(&answer.encode(), descriptors).is_err()
        {
            session.give_up();
            self.later.push_back(id);
        }
    }

    fn report(&mut self, id: u64, detail: u32) -> Goes {
        let Some(user) = self.sessions.get(&id).map(|session| session.caller.user) else { return Goes::Over };
        let report = self.figures(user, detail > 0);
        let (Some(session), Ok(text)) = (self.sessions.get_mut(&id), serde_json::to_vec(&report)) else {
            return Goes::Over;
        };
        // Nobody asks again before the answer is complete.
        if !session.report.is_empty() {
            return Goes::Over;
        }
        session.report = text.into();
        self.go_on_reporting(id);
        Goes::On
    }
}
