//! What is to be emulated, and what came of it.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use serde::Serialize;

use crate::habits::Habits;
use crate::output::Form;
use crate::profile::Kinds;
use crate::tally::Percentiles;

/// When hosts turn to the scheduler.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// Open loop: so many scheduler requests a second from all hosts together, one host after the other, at times that depend on no
    /// answer; each host keeps up to `tasks` tasks, and sends their outputs before its next turn.
    Rate {
        /// Requests a second.
        per_second: f64,
        /// Tasks that a host keeps.
        tasks: u32,
    },
    /// As clients do by themselves: tasks take their time, and the scheduler is asked when there is something to report or to want.
    Natural {
        /// Seconds over which hosts first appear.
        spread: f64,
        /// Seconds of work that a host keeps for each processor.
        buffer: f64,
    },
}

/// Where accounts come from.
#[derive(Debug, Clone)]
pub enum Accounts {
    /// Keys; hosts are dealt out to them in turn.
    Keys(Vec<String>),
    /// So many are looked up, and made where they do not exist, with addresses at this domain.
    Create {
        /// How many.
        count: usize,
        /// Part of the address after the at sign.
        domain: String,
    },
}

/// What is to be emulated.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The project's master URL.
    pub url: String,
    /// Hosts.
    pub hosts: usize,
    /// Their accounts.
    pub accounts: Accounts,
    /// Seed of all draws.
    pub seed: u64,
    /// When hosts turn to the scheduler.
    pub pace: Pace,
    /// Seconds, by the hosts' clock.
    pub seconds: f64,
    /// Seconds after these in which hosts send and report what they have, and want nothing new.
    pub drain: f64,
    /// Seconds at the beginning whose times are not measured.
    pub warm: f64,
    /// Which hosts.
    pub kinds: Kinds,
    /// What befalls their tasks.
    pub habits: Habits,
    /// Bytes of an output.
    pub output_bytes: usize,
    /// What outputs look like.
    pub form: Form,
    /// Whether files are downloaded and checked.
    pub downloads: bool,
    /// Seconds before a failed transfer or request is tried again: least and most; they double with each failure.
    pub retry: (f64, f64),
    /// Seconds that a request may take, by the wall clock.
    pub patience: f64,
    /// Addresses 127.x.y.z that hosts are spread over; 0 for whatever the system picks.
    pub addresses: u32,
    /// Where acknowledgements are recorded.
    pub record: Option<PathBuf>,
    /// Requests on their way at once, at most.
    pub at_once: usize,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            url: String::new(),
            hosts: 1,
            accounts: Accounts::Keys(Vec::new()),
            seed: 1,
            pace: Pace::Rate { per_second: 1.0, tasks: 1 },
            seconds: 10.0,
            drain: 0.0,
            warm: 0.0,
            kinds: Kinds::default(),
            habits: Habits::default(),
            output_bytes: 4000,
            form: Form::Digits,
            downloads: false,
            retry: (1.0, 3.0),
            patience: 60.0,
            addresses: 0,
            record: None,
            at_once: 4000,
        }
    }
}

/// What came of an emulation.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// Seconds, by the hosts' clock.
    pub seconds: f64,
    /// Hosts that the server knows.
    pub hosts: u64,
    /// Seconds of processor that the emulator itself took.
    pub cpu_seconds: f64,
    /// Requests of all kinds.
    pub requests: u64,
    /// Scheduler requests, from when they were due to the whole reply.
    pub rpc: Percentiles,
    /// Uploads, from when they were due to the handler's word.
    pub upload: Percentiles,
    /// How late the emulator itself was.
    pub lag: Percentiles,
    /// Counts by name.
    pub counts: BTreeMap<&'static str, u64>,
    /// Errors by kind.
    pub errors: BTreeMap<String, u64>,
    /// The server's messages, by text.
    pub messages: BTreeMap<String, u64>,
}

/// Why an emulation did not come about.
#[derive(Debug, thiserror::Error)]
pub enum EmulateError {
    /// A URL of another kind.
    #[error("{url}: the emulator speaks plain http; give a URL that begins with http://")]
    Url {
        /// The URL.
        url: String,
    },
    /// A host name without address.
    #[error("{address} has no address: {error}")]
    Address {
        /// The name.
        address: String,
        /// What the system says.
        error: io::Error,
    },
    /// The project cannot be attached to.
    #[error("{url}: {reason}")]
    Attach {
        /// What was asked.
        url: String,
        /// What came.
        reason: String,
    },
    /// No account to attach with.
    #[error("there is no account to attach with; give keys, or let accounts be made")]
    NoAccount,
    /// The record, the clock or the network.
    #[error("{what}: {error}")]
    Io {
        /// What.
        what: String,
        /// What the system says.
        error: io::Error,
    },
}
