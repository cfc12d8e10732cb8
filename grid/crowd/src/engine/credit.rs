//! Credit, and what hosts earn and lose by their results.

use super::desk::Desk;
use crate::life::Validity;
use crate::role::MICRO;
use crate::store::{Counter, HostVersionRow, ResultRow, StoreError};

/// The half-life of average credit, seconds: a week (`lib/util.h`, `CREDIT_HALF_LIFE`).
const HALF_LIFE: f64 = 7.0 * 86_400.0;
const DAY: f64 = 86_400.0;

/// Average credit a day after `granted` cobblestones came `seconds` after the last grant (`sched/credit.cpp`, `update_average`): each
/// grant counts as if it had come at an even pace since the last.
pub fn average_after(average: f64, granted: f64, seconds: f64) -> f64 {
    let rate = std::f64::consts::LN_2 / HALF_LIFE;
    let passed = seconds.max(0.0);
    let kept = libm::exp(-passed * rate);
    // (1 - kept) / passed, without loss where little passed.
    let pace = if passed * rate > 1e-6 { (1.0 - kept) / passed } else { rate };
    average * kept + pace * granted * DAY
}

/// Credit of operations by BOINC's definition, in millionths: a host of 1 GFLOPS earns 200 cobblestones a day.
pub fn cobblestones(flops: f64) -> i64 {
    (flops * 200.0 / DAY / 1e9 * MICRO as f64).clamp(0.0, 1e15) as i64
}

impl Desk<'_> {
    /// What is known of a version on a host, brought to this day.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn host_version(&mut self, host: i64, version: i64) -> Result<&mut HostVersionRow, StoreError> {
        let id = host_version_key(host, version);
        let (today, quota) = (self.now.div_euclid(86_400), self.settings.daily_quota);
        self.book.host_versions.load(self.database, [id])?;
        if self.book.host_versions.get(id).is_none() {
            let new = HostVersionRow { id, quota, day: today, ..HostVersionRow::default() };
            self.book.host_versions.insert(new);
        }
        // It was put there if it was not.
        #[expect(clippy::unwrap_used, reason = "inserted above")]
        let row = self.book.host_versions.edit(id).unwrap();
        if row.day != today {
            (row.day, row.sent) = (today, 0);
        }
        Ok(row)
    }

    /// A host's result failed, was late, or is not valid: it gets less a day, and after many in a row one at a time.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn blame(&mut self, host: i64, version: i64, invalid: bool) -> Result<(), StoreError> {
        self.load_hosts([host])?;
        let known = self.host_version(host, version)?;
        known.quota = (known.quota - 1).max(1);
        known.consecutive_valid = 0;
        let limit = self.settings.quarantine_after;
        if let Some(host) = self.book.hosts.edit(host) {
            host.failures += 1;
            if invalid {
                host.invalid += 1;
            } else {
                host.errors += 1;
            }
            host.quarantined |= limit > 0 && host.failures >= limit;
        }
        Ok(())
    }

    /// A result is valid: credit once, and trust.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn grant(&mut self, result: i64, credit: i64) -> Result<(), StoreError> {
        let now = self.now;
        let Some(row) = self.book.results.edit(result) else { return Ok(()) };
        if row.granted != 0 || row.validity == Validity::Valid.number() {
            return Ok(());
        }
        (row.validity, row.granted) = (Validity::Valid.number(), credit);
        let ResultRow { host_id, user_id, version_id, .. } = *row;
        let most = self.settings.daily_quota;
        self.load_hosts([host_id])?;
        self.load_users([user_id])?;
        let known = self.host_version(host_id, version_id)?;
        known.quota = (known.quota * 2).min(most);
        known.consecutive_valid += 1;
        let cobbles = credit as f64 / MICRO as f64;
        if let Some(host) = self.book.hosts.edit(host_id) {
            host.credit += credit;
            host.average = average_after(host.average, cobbles, (now - host.average_time) as f64);
            (host.average_time, host.last_valid, host.failures, host.quarantined) = (now, now, 0, false);
            host.valid += 1;
        }
        let mut team = None;
        if let Some(user) = self.book.users.edit(user_id) {
            user.credit += credit;
            user.average = average_after(user.average, cobbles, (now - user.average_time) as f64);
            user.average_time = now;
            team = user.team_id;
        }
        if let Some(team) = team.and_then(|id| self.book.teams.edit(id)) {
            team.credit += credit;
            team.average = average_after(team.average, cobbles, (now - team.average_time) as f64);
            team.average_time = now;
        }
        self.book.count(Counter::Valid, 1);
        Ok(())
    }
}

/// Key of what is known of a version on a host.
pub(super) fn host_version_key(host: i64, version: i64) -> i64 {
    host << 16 | (version & 0xFFFF)
}

#[cfg(test)]
mod tests {
    use super::{average_after, cobblestones};

    #[test]
    fn a_steady_earner_comes_to_average_what_it_earns_a_day() {
        let mut average = 0.0;
        for _ in 0..24 * 7 * 12 {
            average = average_after(average, 10.0, 3600.0);
        }
        assert!((average - 240.0).abs() < 0.1, "{average}");
    }

    #[test]
    fn average_halves_in_a_week_and_grants_at_one_moment_add_up() {
        assert!((average_after(100.0, 0.0, 7.0 * 86_400.0) - 50.0).abs() < 1e-9);
        let at_once = average_after(0.0, 7.0, 0.0);
        // ln 2 / 7 days, of 7 cobblestones a day.
        assert!((at_once - std::f64::consts::LN_2).abs() < 1e-12);
    }

    #[test]
    fn a_gigaflops_day_is_two_hundred_cobblestones() {
        assert_eq!(cobblestones(86_400.0 * 1e9), 200_000_000);
    }
}
