//! What back ends say of themselves, between the wire and the policy: whose reports are believed, how often, and for how long they count.
//!
//! Pure: bytes and times come in, [`Heard`] goes out. Reports come by push to the admin listener ([`Reports::pushed`]) or in the headers
//! of a back end's own answers ([`Reports::answered`]); what clients send under these headers' names is dropped before it comes here.

use std::collections::BTreeMap;
use std::time::Duration;

use pogson_dispatch::policy::Report as Known;
use pogson_report::{Key, Ledger, Limits, Malformed, Name, Report, Verdict, orca};

/// Reports that one back end may send in a burst, and a second, before more are turned away.
const BURST: f64 = 100.0;
const PER_SECOND: f64 = 100.0;

/// What became of a report. `P` is where a back end stands: a pool and a place in it, for example.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard<P> {
    /// It is news of the back end at these places.
    News(Vec<P>, Box<Report>),
    /// It says something of one answer alone: how long it took, and whether it was cached.
    OfOne(Box<Report>),
    /// It is authentic, but no news.
    Old(Verdict),
    /// It is not believed, or cannot be read.
    Refused(Verdict),
    /// The back end sends more than is read.
    TooOften(Name),
}

impl<P> Heard<P> {
    /// Status and text with which a push is answered.
    #[must_use]
    pub fn answer(&self) -> (u16, String) {
        let verdict = match self {
            Self::News(..) | Self::OfOne(_) => return (204, String::new()),
            Self::TooOften(name) => {
                return (429, format!("{name} sends more than {PER_SECOND} reports a second; send fewer\n"));
            }
            Self::Old(verdict) | Self::Refused(verdict) => verdict,
        };
        match verdict {
            Verdict::Fresh(_) | Verdict::Reordered(_) => (204, String::new()),
            Verdict::Replayed(name) => (409, format!("a report of {name} with this number came before\n")),
            Verdict::TooOld(name) => (409, format!("the report of {name} is too old; compare the clocks\n")),
            Verdict::TooNew(name) => (409, format!("the report of {name} is dated ahead; compare the clocks\n")),
            // The same words for both, so that nobody learns which names there are.
            Verdict::Forged(_) | Verdict::UnknownSender(_) => {
                (401, "no server of that name has that key; compare name and key file\n".into())
            }
            Verdict::Malformed(why @ Malformed::TooLarge { .. }) => (413, format!("{why}\n")),
            Verdict::Malformed(why) => (400, format!("{why}\n")),
        }
    }
}

/// How a back end's reports are going.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// Who.
    pub name: Name,
    /// Milliseconds since the last one came; `None` if none ever did.
    pub age_ms: Option<u64>,
    /// How much what it said counts still: 1 is all, 0 nothing.
    pub weight: f64,
    /// Reports that were taken.
    pub taken: u64,
    /// Reports that never came.
    pub lost: u64,
}

/// Reports of the back ends.
#[derive(Clone, Debug)]
pub struct Reports<P> {
    ledger: Ledger,
    senders: BTreeMap<Name, Sender<P>>,
    /// Age at which a report says nothing any more, milliseconds.
    stale_after_ms: u64,
}

#[derive(Clone, Debug)]
struct Sender<P> {
    places: Vec<P>,
    /// What it may send at once, and when that was so, milliseconds.
    allowance: f64,
    at_ms: u64,
}

impl<P: Clone + PartialEq> Reports<P> {
    /// Reports that say nothing any more after `stale_after`.
    #[must_use]
    pub fn new(stale_after: Duration, limits: Limits) -> Self {
        let mut new = Self { ledger: Ledger::new(limits), senders: BTreeMap::new(), stale_after_ms: 0 };
        new.count_for(stale_after);
        new
    }

    /// They say nothing any more after `stale_after`, from now on.
    pub fn count_for(&mut self, stale_after: Duration) {
        self.stale_after_ms = u64::try_from(stale_after.as_millis()).unwrap_or(u64::MAX).max(1);
    }

    /// Takes reports of `name`, signed with `key`, as those of the back end at `place`. One back end may stand at several places; what
    /// it said stays when a configuration is read again.
    pub fn know(&mut self, name: Name, key: Key, place: P) {
        self.ledger.know(name.clone(), key);
        let new = Sender { places: Vec::new(), allowance: BURST, at_ms: 0 };
        let places = &mut self.senders.entry(name).or_insert(new).places;
        if !places.contains(&place) {
            places.push(place);
        }
    }

    /// The back end at `place` is no more.
    pub fn leave(&mut self, place: &P) {
        self.senders.retain(|name, sender| {
            sender.places.retain(|own| own != place);
            if sender.places.is_empty() {
                self.ledger.forget(name.as_str());
            }
            !sender.places.is_empty()
        });
    }

    /// The back ends at places that `stays` is not true of are no more.
    pub fn keep(&mut self, stays: impl Fn(&P) -> bool) {
        let places = self.senders.values().flat_map(|sender| &sender.places);
        let gone: Vec<P> = places.filter(|place| !stays(place)).cloned().collect();
        gone.iter().for_each(|place| self.leave(place));
    }

    /// Whether a back end of that name has a key.
    #[must_use]
    pub fn knows(&self, name: &Name) -> bool {
        self.senders.contains_key(name)
    }

    /// The name under which the back end at `place` reports, if it has a key.
    #[must_use]
    pub fn name_at(&self, place: &P) -> Option<&Name> {
        self.senders.iter().find(|(_, sender)| sender.places.contains(place)).map(|(name, _)| name)
    }

    /// A push came, `mark` being its header `pogson-report`; `now_ms` is milliseconds since 1970 UTC.
    pub fn pushed(&mut self, mark: Option<&[u8]>, body: &[u8], now_ms: u64) -> Heard<P> {
        self.take(mark.unwrap_or_default(), body, now_ms)
    }

    /// An answer of the back end at `place` came with the header `endpoint-load-metrics`, and with `mark` in `pogson-report` if it is
    /// signed.
    ///
    /// What is not signed is believed of that one answer, and of the whole back end if `unsigned` says so, because no key was given for
    /// it: the gate has itself opened the connection that the answer came on. What is signed has to be of the back end that answered.
    pub fn answered(
        &mut self,
        place: &P,
        mark: Option<&[u8]>,
        metrics: &[u8],
        unsigned: bool,
        now_ms: u64,
    ) -> Heard<P> {
        let Some(mark) = mark else {
            return match orca::read_header(metrics) {
                Ok(report) if unsigned => Heard::News(vec![place.clone()], Box::new(report)),
                Ok(Report { request_s, request_hit, .. }) => {
                    Heard::OfOne(Box::new(Report { request_s, request_hit, ..Report::default() }))
                }
                Err(why) => Heard::Refused(Verdict::Malformed(why)),
            };
        };
        if let Ok((parsed, ..)) = pogson_report::Mark::parse(mark)
            && !self.senders.get(&parsed.name).is_some_and(|sender| sender.places.contains(place))
        {
            return Heard::Refused(Verdict::UnknownSender(parsed.name));
        }
        self.take(mark, metrics, now_ms)
    }

    fn take(&mut self, mark: &[u8], payload: &[u8], now_ms: u64) -> Heard<P> {
        if let Ok((parsed, ..)) = pogson_report::Mark::parse(mark)
            && let Some(sender) = self.senders.get_mut(&parsed.name)
            && !sender.may(now_ms)
        {
            return Heard::TooOften(parsed.name);
        }
        match self.ledger.take(mark, payload, now_ms) {
            Verdict::Fresh(name) => {
                let Some(sender) = self.senders.get_mut(&name) else {
                    return Heard::Refused(Verdict::UnknownSender(name));
                };
                // Only news is charged: who repeats what another said does not use up that one's allowance.
                sender.allowance -= 1.0;
                let report = self.ledger.latest(name.as_str()).map(|said| said.report.clone()).unwrap_or_default();
                Heard::News(sender.places.clone(), Box::new(report))
            }
            old @ (Verdict::Reordered(_) | Verdict::Replayed(_)) => Heard::Old(old),
            other => Heard::Refused(other),
        }
    }

    /// How reports of all back ends that have a key are going.
    #[must_use]
    pub fn states(&self, now_ms: u64) -> Vec<State> {
        let state = |(name, said): (&Name, Option<&pogson_report::Said>)| {
            let age_ms = self.ledger.age_ms(name.as_str(), now_ms);
            State {
                name: name.clone(),
                age_ms,
                weight: age_ms.map_or(0.0, |age_ms| weight(age_ms, self.stale_after_ms)),
                taken: said.map_or(0, |said| said.taken),
                lost: said.map_or(0, |said| said.lost),
            }
        };
        self.ledger.all().map(state).collect()
    }

    /// How many reports were not taken, by reason.
    #[must_use]
    pub fn refusals(&self) -> pogson_report::Refusals {
        self.ledger.refusals()
    }
}

impl<P> Sender<P> {
    /// Whether it may be heard at `now_ms`.
    fn may(&mut self, now_ms: u64) -> bool {
        let passed_s = now_ms.saturating_sub(self.at_ms) as f64 / 1000.0;
        self.allowance = (self.allowance + passed_s * PER_SECOND).min(BURST);
        self.at_ms = now_ms;
        self.allowance >= 1.0
    }
}

/// How much a report counts that is `age_ms` old: all for half of `stale_after_ms`, then less and less, and nothing from there on. The work
/// of others that it told of is done by then, or nobody knows.
#[must_use]
pub fn weight(age_ms: u64, stale_after_ms: u64) -> f64 {
    let part = age_ms as f64 / stale_after_ms.max(1) as f64;
    (2.0 - 2.0 * part).clamp(0.0, 1.0)
}

/// Milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}

/// Most work that a server is believed to have, seconds: sums of larger numbers would drown what all others have.
const MOST_WORK_S: f64 = 86_400.0;

/// A report as policies have it, with `classes` classes; `None` where it does not say how much there is to do.
///
/// Where it does not say the time that its queue takes, that is guessed from the number of requests and what they cost.
#[must_use]
pub fn for_policy(report: &Report, classes: usize) -> Option<Known> {
    let queued = report.queued();
    let all = queued.unwrap_or(0).saturating_add(report.active.unwrap_or(0));
    let total_s = report.queue_s.or_else(|| {
        let costs: Vec<f64> = report.costs.values().flat_map(|cost| [cost.hit_s, cost.miss_s]).flatten().collect();
        let mean_s = (!costs.is_empty()).then(|| costs.iter().sum::<f64>() / costs.len() as f64)?;
        (queued.is_some() || report.active.is_some()).then_some(all as f64 * mean_s)
    })?;
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let mut counts = vec![0_u32; classes];
    for (class, of_class) in &report.classes {
        if let Some(count) = usize::try_from(class % classes.max(1) as u64).ok().and_then(|at| counts.get_mut(at)) {
            *count = count.saturating_add(small(of_class.queued));
        }
    }
    let total_s = total_s.min(MOST_WORK_S);
    Some(Known { queue: small(queued.unwrap_or(0)), classes: counts, total_s, limit: report.queue_limit.map(small) })
}

#[cfg(test)]
mod tests {
    use pogson_report::{ClassCounts, Cost, Sender};
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000_000;

    fn key(of: u8) -> Key {
        Key::new(&[of; 16]).expect("it is long enough")
    }

    fn name(of: &str) -> Name {
        of.parse().expect("it is a name")
    }

    /// Back ends a (at places 0 and 5) and b (at 1), each with a key of its own.
    fn reports() -> Reports<u32> {
        let mut reports = Reports::new(Duration::from_secs(3), Limits::default());
        for (of, place) in [("a", 0), ("b", 1), ("a", 5)] {
            reports.know(name(of), key(of.as_bytes()[0]), place);
        }
        reports
    }

    fn sender(of: &str) -> Sender {
        Sender::new(name(of), key(of.as_bytes()[0]))
    }

    fn said(length: u64) -> Report {
        Report { queue_length: Some(length), queue_s: Some(length as f64), ..Report::default() }
    }

    #[test]
    fn a_push_is_news_of_its_back_end_wherever_that_stands() {
        let mut reports = reports();
        let push = sender("a").push(&said(3), NOW);
        let heard = reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW);
        assert_eq!(heard, Heard::News(vec![0, 5], Box::new(said(3))));
        assert_eq!(heard.answer().0, 204);
        let again = reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW);
        assert_eq!(again.answer().0, 409);
    }

    #[test]
    fn nobody_speaks_for_another() {
        let mut reports = reports();
        // b's key under a's name, by push.
        let forged = Sender::new(name("a"), key(b'b')).push(&said(0), NOW);
        let heard = reports.pushed(Some(forged.mark.as_bytes()), forged.payload.as_bytes(), NOW);
        assert_eq!((heard.answer().0, heard), (401, Heard::Refused(Verdict::Forged(name("a")))));
        // A true report of b in an answer of a.
        let other = sender("b").header(&said(0), 1000, NOW);
        let heard = reports.answered(&0, Some(other.mark.as_bytes()), other.payload.as_bytes(), false, NOW);
        assert_eq!(heard, Heard::Refused(Verdict::UnknownSender(name("b"))));
        let heard = reports.answered(&1, Some(other.mark.as_bytes()), other.payload.as_bytes(), false, NOW);
        assert!(matches!(heard, Heard::News(places, _) if places == [1]));
        assert_eq!(reports.pushed(None, b"{}", NOW).answer().0, 400);
    }

    #[test]
    fn an_answer_without_a_signature_speaks_of_itself_alone_unless_there_is_no_key() {
        let mut reports = reports();
        let metrics = b"TEXT cpu_utilization=0.1, named_metrics.queue_length=0, named_metrics.request_seconds=0.5";
        let heard = reports.answered(&0, None, metrics, false, NOW);
        assert_eq!(heard, Heard::OfOne(Box::new(Report { request_s: Some(0.5), ..Report::default() })));
        let heard = reports.answered(&7, None, metrics, true, NOW);
        assert!(matches!(heard, Heard::News(places, report) if places == [7] && report.cpu == Some(0.1)));
        assert!(matches!(reports.answered(&7, None, b"BIN x", true, NOW), Heard::Refused(Verdict::Malformed(_))));
    }

    #[test]
    fn a_back_end_that_sends_too_often_is_told_and_others_are_not_kept_out() {
        let mut reports = reports();
        let (a, b) = (sender("a"), sender("b"));
        let mut push = |sender: &Sender, now_ms| {
            let push = sender.push(&said(1), now_ms);
            reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), now_ms).answer().0
        };
        let taken = (0..300).filter(|_| push(&a, NOW) == 204).count();
        assert_eq!((taken, push(&a, NOW), push(&b, NOW)), (100, 429, 204));
        assert_eq!(push(&a, NOW + 10), 204);
    }

    #[test]
    fn one_who_repeats_or_forges_does_not_use_up_the_allowance() {
        let mut reports = reports();
        let a = sender("a");
        let first = a.push(&said(1), NOW);
        let forged = Sender::new(name("a"), key(b'x')).push(&said(1), NOW);
        for _ in 0..500 {
            for push in [&first, &forged] {
                reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW);
            }
        }
        let next = a.push(&said(2), NOW);
        assert_eq!(reports.pushed(Some(next.mark.as_bytes()), next.payload.as_bytes(), NOW).answer().0, 204);
        assert_eq!((reports.refusals().forged, reports.refusals().replayed), (500, 499));
    }

    #[test]
    fn what_is_said_counts_less_and_less_when_nothing_follows() {
        let mut reports = reports();
        let push = sender("a").push(&said(1), NOW);
        reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW);
        let weights: Vec<f64> = [0, 1500, 2250, 3000, 9000].map(|age| reports.states(NOW + age)[0].weight).into();
        assert_eq!(weights, [1.0, 1.0, 0.5, 0.0, 0.0]);
        let state = &reports.states(NOW)[1];
        assert_eq!((state.name.as_str(), state.age_ms, state.weight), ("b", None, 0.0));
    }

    #[test]
    fn a_back_end_is_known_as_long_as_it_stands_somewhere() {
        let mut reports = reports();
        let a = sender("a");
        reports.leave(&0);
        let push = a.push(&said(1), NOW);
        let heard = reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW);
        assert!(matches!(heard, Heard::News(places, _) if places == [5]));
        reports.leave(&5);
        let push = a.push(&said(1), NOW);
        assert_eq!(reports.pushed(Some(push.mark.as_bytes()), push.payload.as_bytes(), NOW).answer().0, 401);
    }

    #[test]
    fn policies_get_the_queue_by_class_and_the_work_that_is_said_or_guessed() {
        let classes = [(0, ClassCounts { queued: 2, active: 1 }), (5, ClassCounts { queued: 3, active: 0 })];
        let report = Report { queue_s: Some(1.5), queue_limit: Some(9), classes: classes.into(), ..Report::default() };
        let known = Known { queue: 5, classes: vec![2, 0, 3], total_s: 1.5, limit: Some(9) };
        assert_eq!(for_policy(&report, 3), Some(known));
        let costs = [(0, Cost { hit_s: Some(0.1), miss_s: Some(0.3) })];
        let report = Report { queue_length: Some(4), active: Some(1), costs: costs.into(), ..Report::default() };
        assert!(for_policy(&report, 0).is_some_and(|known| (known.total_s - 1.0).abs() < 1e-12));
        assert_eq!(for_policy(&Report { cpu: Some(0.5), ..Report::default() }, 3), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_heard(mark in prop::collection::vec(any::<u8>(), 0..90), body in prop::collection::vec(any::<u8>(), 0..90)) {
            let mut reports = reports();
            let status = reports.pushed(Some(&mark), &body, NOW).answer().0;
            prop_assert!((400..500).contains(&status));
            let heard = reports.answered(&0, Some(&mark), &body, true, NOW);
            prop_assert!(matches!(heard, Heard::Refused(_)));
        }
    }
}
