//! What is computed.

use super::row::row;
use crate::life::{Assimilation, Limits, Outcome, ServerState, Standing, Trouble, UnitState, Validity};

/// Results that a unit can have: a result's number is its unit's times this, plus its place.
pub const MOST_RESULTS: i64 = 64;
/// Outputs that a result can have.
pub const MOST_OUTPUTS: i64 = 16;

row! {
    /// A unit.
    UnitRow in "units" {
        /// Number.
        id: i64,
        /// Name; unique.
        name: String,
        /// Application.
        app_id: i64,
        /// Batch; none for none.
        batch_id: Option<i64>,
        /// Higher goes first.
        priority: i64,
        /// When it was made.
        created: i64,
        /// Operations that it takes.
        flops: f64,
        /// Operations after which clients end it.
        flops_bound: f64,
        /// Bytes of memory at most.
        memory: f64,
        /// Bytes of disk at most.
        disk: f64,
        /// Seconds that a host has.
        delay: i64,
        /// Command line.
        command_line: String,
        /// Inputs, as JSON: file, open_name, copy.
        inputs: String,
        /// Outputs, as JSON: open_name, most, gzip.
        outputs: String,
        /// Successes that are compared.
        quorum: i64,
        /// Results that it aims at.
        target: i64,
        /// Failures that it outlives.
        most_errors: i64,
        /// Where one result of a trusted host is enough: the quorum and target if the host is not; else 0.
        replicate: i64,
        /// Results in all.
        most_total: i64,
        /// Successes without agreement that it outlives.
        most_successes: i64,
        /// Credit of a valid result, in millionths of a cobblestone.
        credit: i64,
        /// Text for the project's roles.
        opaque: String,
        /// The only host that may have it.
        target_host: Option<i64>,
        /// The only user who may have it.
        target_user: Option<i64>,
        /// Class of hosts that may have it; fixed by the first.
        redundancy_class: Option<i64>,
        /// Version that results have to be of; fixed by the first.
        version_id: Option<i64>,
        /// Result that speaks for it.
        canonical: Option<i64>,
        /// Bits of why it was given up.
        trouble: i64,
        /// Whether there are results to compare.
        validate: bool,
        /// 0: no outcome yet; 1: one to be handed on; 2: handed on.
        assimilation: i64,
        /// 0: files are needed; 1: to be deleted; 2: gone.
        deletion: i64,
        /// 0: not chosen; 1: to be done again by the server; 2: it found the same; 3: it found something else; 4: it could not.
        refit: i64,
        /// When to look at it again if nothing happens before.
        next: Option<i64>,
        /// When it was done with; 0 before.
        ended: i64,
    }
}

row! {
    /// A result: one host's try at a unit. Its number is the unit's times [`MOST_RESULTS`], plus its place in the unit.
    ResultRow in "results" {
        /// Number.
        id: i64,
        /// BOINC's server state: 2 unsent, 4 in progress, 5 over.
        state: i64,
        /// BOINC's outcome.
        outcome: i64,
        /// BOINC's validate state.
        validity: i64,
        /// Order of sending: minus twice the priority, less one for those that make up for another.
        rank: i64,
        /// Host; 0 before it is sent.
        host_id: i64,
        /// User; 0 before it is sent.
        user_id: i64,
        /// Team of the user when it was sent.
        team_id: Option<i64>,
        /// Version; 0 for one that the host brought itself.
        version_id: i64,
        /// When it was made.
        created: i64,
        /// When it was sent.
        sent: i64,
        /// When it is due.
        deadline: i64,
        /// When it was reported.
        received: i64,
        /// BOINC's client state, as reported.
        client_state: i64,
        /// As reported.
        exit_status: i64,
        /// Processor time, seconds.
        cpu: f64,
        /// Time that passed, seconds.
        elapsed: f64,
        /// Credit that was granted, in millionths of a cobblestone.
        granted: i64,
        /// Whether its outputs are here.
        has_files: bool,
        /// Whether its client was told to end it.
        abort_sent: bool,
        /// Whether the unit needs no second result of this host's, which is trusted.
        trusted: bool,
        /// What application and client had to say.
        stderr: String,
        /// Why it is not valid; empty where nothing is to be said.
        reason: String,
    }
}

row! {
    /// An output that is here. The number is the result's times [`MOST_OUTPUTS`], plus the output's place.
    OutputRow in "outputs" {
        /// Number.
        id: i64,
        /// Bytes.
        bytes: i64,
        /// MD5, hexadecimal.
        md5: String,
        /// Where it lies in the spool.
        segment: String,
        /// Where it begins there.
        place: i64,
    }
}

row! {
    /// Units that belong together.
    BatchRow in "batches" {
        /// Number.
        id: i64,
        /// Name; unique.
        name: String,
        /// When it was made.
        created: i64,
        /// Units in it.
        units: i64,
        /// Of those, assimilated.
        assimilated: i64,
        /// Whether it was cancelled.
        cancelled: bool,
    }
}

row! {
    /// A count that goes on.
    CounterRow in "counters" {
        /// Which.
        id: i64,
        /// Its last value.
        value: i64,
    }
}

impl UnitRow {
    /// What [`crate::life`] has to know of it.
    pub fn life(&self) -> UnitState {
        let count = |number: i64| usize::try_from(number).unwrap_or(0);
        UnitState {
            limits: Limits {
                quorum: count(self.quorum),
                target: count(self.target),
                errors: count(self.most_errors),
                total: count(self.most_total.min(MOST_RESULTS)),
                successes: count(self.most_successes),
            },
            canonical: self.canonical,
            trouble: self.trouble(),
            assimilation: match self.assimilation {
                0 => Assimilation::Waiting,
                1 => Assimilation::Ready,
                // Its files are needed until it was done again.
                _ if self.refit == 1 => Assimilation::Ready,
                _ => Assimilation::Done,
            },
        }
    }

    /// Why it was given up.
    pub fn trouble(&self) -> Option<Trouble> {
        use Trouble::{Cancelled, CouldntSend, TooManyErrors, TooManySuccesses, TooManyTotal};
        [Cancelled, CouldntSend, TooManyErrors, TooManySuccesses, TooManyTotal]
            .into_iter()
            .find(|trouble| self.trouble & trouble.bit() != 0)
    }

    /// Whether nothing more is asked of hosts.
    pub fn is_decided(&self) -> bool {
        self.canonical.is_some() || self.trouble != 0
    }

    /// Numbers that its results can have.
    pub fn results(&self) -> (i64, i64) {
        (self.id * MOST_RESULTS, self.id * MOST_RESULTS + MOST_RESULTS - 1)
    }
}

impl ResultRow {
    /// Its unit.
    pub fn unit(&self) -> i64 {
        self.id / MOST_RESULTS
    }

    /// Its name, of its unit's.
    pub fn name(&self, unit: &str) -> String {
        format!("{unit}_{}", self.id % MOST_RESULTS)
    }

    /// Where it is.
    pub fn server_state(&self) -> ServerState {
        ServerState::of(self.state).unwrap_or(ServerState::Over)
    }

    /// Whether a host has it.
    pub fn is_in_progress(&self) -> bool {
        self.state == ServerState::InProgress.number()
    }

    /// What [`crate::life`] has to know of it.
    pub fn standing(&self) -> Standing {
        /// A user ended it in the client (`lib/error_numbers.h`).
        const ABORTED_BY_USER: i64 = 203;
        Standing {
            id: self.id,
            state: self.server_state(),
            outcome: Outcome::of(self.outcome).unwrap_or(Outcome::Unknown),
            validity: Validity::of(self.validity).unwrap_or(Validity::Unknown),
            deadline: self.deadline,
            aborted_by_user: self.exit_status == ABORTED_BY_USER,
            has_files: self.has_files,
        }
    }
}
