//! The receiver's side: what each server said last, and what is wrong with what is not taken.

use std::collections::{BTreeMap, VecDeque};

use crate::mark::Malformed;
use crate::report::Report;
use crate::window::{Place, Window};
use crate::{Boot, Key, LARGEST_BODY, Mark, Name, orca};

/// Former lives of a server that are remembered.
const FORMER_BOOTS: usize = 16;

/// What becomes of a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// It is the newest: [`Ledger::latest`] has it. Holds who said it.
    Fresh(Name),
    /// It is authentic, but a newer one came before it; only the count of lost ones changes.
    Reordered(Name),
    /// It came before, or is of a former life of the server.
    Replayed(Name),
    /// The signature is not that of the server's key.
    Forged(Name),
    /// Nobody of that name is known.
    UnknownSender(Name),
    /// It was said too long ago, or before what the server said last in its former life.
    TooOld(Name),
    /// It is dated further ahead than clocks may differ.
    TooNew(Name),
    /// It cannot be read.
    Malformed(Malformed),
}

/// What a server said last.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// What.
    pub report: Report,
    /// As what.
    pub mark: Mark,
    /// When it came, milliseconds by the receiver's clock.
    pub received_ms: u64,
    /// Reports of this server that never came, by the gaps in its sequences.
    pub lost: u64,
    /// Reports of it that were taken.
    pub taken: u64,
}

/// How far clocks may differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Age beyond which a report is not taken, by the sender's date, milliseconds.
    pub oldest_ms: u64,
    /// How far ahead it may be dated, milliseconds.
    pub ahead_ms: u64,
}

impl Default for Limits {
    /// Half a minute either way.
    fn default() -> Self {
        Self { oldest_ms: 30_000, ahead_ms: 30_000 }
    }
}

/// How many reports were not taken, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// A newer one had come.
    pub reordered: u64,
    /// They had come before.
    pub replayed: u64,
    /// The signature was wrong.
    pub forged: u64,
    /// The name was not known.
    pub unknown: u64,
    /// Said too long ago.
    pub too_old: u64,
    /// Dated too far ahead.
    pub too_new: u64,
    /// Not to be read.
    pub malformed: u64,
}

#[derive(Clone, Debug)]
struct Known {
    key: Key,
    window: Window,
    former: VecDeque<Boot>,
    said: Option<Said>,
}

/// What servers said. Time is passed in: milliseconds since 1970 UTC, for it is compared with what senders say.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    limits: Limits,
    senders: BTreeMap<Name, Known>,
    refusals: Refusals,
}

impl Ledger {
    /// One that knows nobody.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Takes reports of `name` from now on, signed with `key`. What it said before stays.
    pub fn know(&mut self, name: Name, key: Key) {
        let new = Known { key: key.clone(), window: Window::new(0), former: VecDeque::new(), said: None };
        self.senders.entry(name).or_insert(new).key = key;
    }

    /// Takes no more reports of `name`, and forgets what it said.
    pub fn forget(&mut self, name: &str) {
        self.senders.remove(name);
    }

    /// What `name` said last.
    #[must_use]
    pub fn latest(&self, name: &str) -> Option<&Said> {
        self.senders.get(name)?.said.as_ref()
    }

    /// How long ago `name` said something, milliseconds; `None` if it never did.
    #[must_use]
    pub fn age_ms(&self, name: &str, now_ms: u64) -> Option<u64> {
        Some(now_ms.saturating_sub(self.latest(name)?.received_ms))
    }

    /// Those who are known, with what they said last.
    pub fn all(&self) -> impl Iterator<Item = (&Name, Option<&Said>)> {
        self.senders.iter().map(|(name, known)| (name, known.said.as_ref()))
    }

    /// How many were not taken.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// Takes a report: `mark` is the value of the header `pogson-report`, `payload` the body or the value of `endpoint-load-metrics`,
    /// each exactly as it came.
    pub fn take(&mut self, mark: &[u8], payload: &[u8], now_ms: u64) -> Verdict {
        let verdict = self.judge(mark, payload, now_ms);
        let counts = &mut self.refusals;
        let count = match &verdict {
            Verdict::Fresh(_) => return verdict,
            Verdict::Reordered(_) => &mut counts.reordered,
            Verdict::Replayed(_) => &mut counts.replayed,
            Verdict::Forged(_) => &mut counts.forged,
            Verdict::UnknownSender(_) => &mut counts.unknown,
            Verdict::TooOld(_) => &mut counts.too_old,
            Verdict::TooNew(_) => &mut counts.too_new,
            Verdict::Malformed(_) => &mut counts.malformed,
        };
        *count += 1;
        verdict
    }

    fn judge(&mut self, mark: &[u8], payload: &[u8], now_ms: u64) -> Verdict {
        if payload.len() > LARGEST_BODY {
            let wrong = Malformed::TooLarge { what: "report", bytes: payload.len(), most: LARGEST_BODY };
            return Verdict::Malformed(wrong);
        }
        let (mark, signed, signature) = match Mark::parse(mark) {
            Ok(parts) => parts,
            Err(wrong) => return Verdict::Malformed(wrong),
        };
        let Some(known) = self.senders.get_mut(&mark.name) else { return Verdict::UnknownSender(mark.name) };
        // Nothing of it is believed, nor its payload parsed, before this.
        if !known.key.verifies(signed, payload, &signature) {
            return Verdict::Forged(mark.name);
        }
        if mark.time_ms.saturating_add(self.limits.oldest_ms) < now_ms {
            return Verdict::TooOld(mark.name);
        }
        if mark.time_ms > now_ms.saturating_add(self.limits.ahead_ms) {
            return Verdict::TooNew(mark.name);
        }
        let report = match orca::read(payload) {
            Ok(report) => report,
            Err(wrong) => return Verdict::Malformed(wrong),
        };
        known.place(mark, report, now_ms)
    }
}

impl Known {
    fn place(&mut self, mark: Mark, report: Report, now_ms: u64) -> Verdict {
        let name = mark.name.clone();
        let Some(said) = &mut self.said else {
            self.window = Window::new(mark.sequence);
            self.said = Some(Said { report, mark, received_ms: now_ms, lost: 0, taken: 1 });
            return Verdict::Fresh(name);
        };
        if mark.boot != said.mark.boot {
            if self.former.contains(&mark.boot) {
                return Verdict::Replayed(name);
            }
            // Lives that were never seen, or are forgotten, are told from the present one by their date alone.
            if mark.time_ms <= said.mark.time_ms {
                return Verdict::TooOld(name);
            }
            if self.former.len() == FORMER_BOOTS {
                self.former.pop_front();
            }
            self.former.push_back(said.mark.boot);
            self.window = Window::new(mark.sequence);
        } else {
            match self.window.note(mark.sequence) {
                Place::Ahead { skipped } => said.lost = said.lost.saturating_add(skipped),
                Place::Behind => {
                    said.lost = said.lost.saturating_sub(1);
                    return Verdict::Reordered(name);
                }
                Place::Seen => return Verdict::Replayed(name),
            }
        }
        *said = Said { report, mark, received_ms: now_ms, lost: said.lost, taken: said.taken + 1 };
        Verdict::Fresh(name)
    }
}

#[cfg(test)]
mod tests;
