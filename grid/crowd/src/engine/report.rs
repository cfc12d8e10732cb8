//! Finished tasks that a client reports.

use super::desk::{Desk, split_name};
use super::identify::Identity;
use crate::life::{Outcome, ServerState, Validity};
use crate::schedule::usual_flops;
use crate::store::{MOST_RESULTS, ResultRow, StoreError, UnitRow, VersionRow};
use crate::wire::{ClientState, ReportedResult, Request};

/// What clients say of tasks that the project ended (`lib/error_numbers.h`, `EXIT_ABORTED_BY_PROJECT`).
const ENDED_BY_PROJECT: i64 = 202;
/// Characters of a task's error output that are kept.
const MOST_STDERR: usize = 65_536;

impl Desk<'_> {
    /// Takes all that a request reports; its units and their results are at hand. What cannot be taken is passed over: clients report
    /// until they are told that it came, so that all are acknowledged.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn report(&mut self, request: &Request, who: Identity) -> Result<Vec<String>, StoreError> {
        let outputs: Vec<i64> = request.results.iter().filter_map(|one| self.result_named(&one.name)).collect();
        self.book.load_outputs(self.database, outputs)?;
        for one in &request.results {
            self.take_report(one, request, who)?;
        }
        Ok(request.results.iter().map(|one| one.name.clone()).collect())
    }

    /// A result at hand by its name.
    pub(super) fn result_named(&self, name: &str) -> Option<i64> {
        let (unit, place) = split_name(name)?;
        let id = self.unit_named(unit)? * MOST_RESULTS + place;
        self.book.results.get(id).map(|row| row.id)
    }

    fn take_report(&mut self, one: &ReportedResult, request: &Request, who: Identity) -> Result<(), StoreError> {
        let Some(id) = self.result_named(&one.name) else { return Ok(()) };
        let Some(row) = self.book.results.get(id).filter(|row| row.host_id == who.host && awaited(row)).cloned() else {
            return Ok(());
        };
        let Some(unit) = self.book.units.get(row.unit()).cloned() else { return Ok(()) };
        let asked = super::supply::outputs(&unit).len();
        let here = self.book.outputs_of(id).count();
        let elapsed = reasonable(one.elapsed_seconds, (self.now - row.sent + 86_400) as f64);
        let cpu = reasonable(one.cpu_seconds, elapsed * 4096.0);
        let (outcome, reason) = match (one.succeeded(), here >= asked) {
            (true, true) => (Outcome::Success, String::new()),
            // A client that was refused an upload for good says that all is well.
            (true, false) => (
                Outcome::ValidateError,
                format!("reported as done, but {} of {asked} outputs did not come", asked - here),
            ),
            (false, _) => (Outcome::ClientError, failure(one)),
        };
        let failed = outcome != Outcome::Success;
        let now = self.now;
        if let Some(row) = self.book.results.edit(id) {
            (row.state, row.outcome) = (ServerState::Over.number(), outcome.number());
            row.validity = if failed { Validity::Invalid } else { Validity::Unknown }.number();
            (row.received, row.client_state) = (now, one.state as i64);
            (row.exit_status, row.cpu, row.elapsed) = (one.exit_status, cpu, elapsed);
            row.has_files = here > 0;
            row.stderr = last(&one.stderr, MOST_STDERR);
            row.reason = reason;
        }
        self.touched.insert(unit.id);
        // Who ends what nobody needs any more, as it was told to, has not failed.
        if failed && one.state == ClientState::Aborted && one.exit_status == ENDED_BY_PROJECT && unit.is_decided() {
            return Ok(());
        }
        if failed {
            return self.blame(who.host, row.version_id, false);
        }
        self.learn(&unit, &row, request, elapsed, who)
    }

    /// What a success tells of its host: how long such tasks take there.
    fn learn(
        &mut self,
        unit: &UnitRow,
        row: &ResultRow,
        request: &Request,
        elapsed: f64,
        who: Identity,
    ) -> Result<(), StoreError> {
        let flops = match self.catalogue.versions.get(&row.version_id) {
            Some(version) => usual_flops(version, request),
            None => usual_flops(&VersionRow::default(), request),
        };
        let turnaround = (self.now - row.sent) as f64;
        let known = self.host_version(who.host, row.version_id)?;
        known.count += 1;
        // A mean of all at first, then of about the last twenty.
        let weight = 1.0 / (known.count.min(20) as f64);
        // Of an accelerator that is not there any more nothing can be learnt.
        if let Some(flops) = flops.filter(|_| elapsed > 0.0) {
            known.slowness += (elapsed / (unit.flops / flops) - known.slowness) * weight;
        }
        known.turnaround += (turnaround - known.turnaround) * weight;
        Ok(())
    }
}

/// Whether a report of it is news: it is with its host, or was given up only for being late.
fn awaited(row: &ResultRow) -> bool {
    let late = [Outcome::NoReply.number(), Outcome::ClientDetached.number()].contains(&row.outcome);
    row.is_in_progress() || (row.state == ServerState::Over.number() && late && row.received == 0)
}

fn reasonable(seconds: f64, most: f64) -> f64 {
    if seconds.is_finite() { seconds.clamp(0.0, most.max(0.0)) } else { 0.0 }
}

fn failure(one: &ReportedResult) -> String {
    match one.state {
        ClientState::Downloading => format!("its files could not be downloaded (client error {})", one.exit_status),
        ClientState::Aborted => format!("it was aborted (status {})", one.exit_status),
        ClientState::UploadFailed => "its outputs could not be uploaded".to_owned(),
        ClientState::ComputeError if one.exit_status == 0 => "its output is missing or too large".to_owned(),
        _ => format!("the application ended with status {}", one.exit_status),
    }
}

fn last(text: &str, most: usize) -> String {
    let from = text.len().saturating_sub(most);
    (from..=text.len()).find(|&at| text.is_char_boundary(at)).map_or(String::new(), |at| text[at..].to_owned())
}
