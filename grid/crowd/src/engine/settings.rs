//! What a project has set, and what time it is.

use std::sync::atomic::AtomicBool;

use crate::account::AccountSecret;
use crate::schedule::Rules;
use crate::sign::UploadSecret;

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// Seconds of Unix time.
    fn now(&self) -> i64;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> i64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_secs() as i64)
    }
}

/// Stages that can be stopped and started one by one.
#[derive(Debug)]
pub struct Stages {
    /// Work is sent.
    pub send: AtomicBool,
    /// Outputs are compared.
    pub validate: AtomicBool,
    /// Outcomes are handed on.
    pub assimilate: AtomicBool,
    /// Files that are not needed any more are deleted.
    pub delete: AtomicBool,
    /// Rows of units that ended long ago are removed.
    pub purge: AtomicBool,
    /// Work is made.
    pub generate: AtomicBool,
    /// Validated units are done again.
    pub refit: AtomicBool,
    /// This process is the one of those that share the database which does what only one may. No operator sets it.
    pub leads: AtomicBool,
}

impl Default for Stages {
    fn default() -> Self {
        let on = || AtomicBool::new(true);
        Stages {
            send: on(),
            validate: on(),
            assimilate: on(),
            delete: on(),
            purge: on(),
            generate: on(),
            refit: on(),
            leads: on(),
        }
    }
}

/// What a project has set.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Its name.
    pub name: String,
    /// The address that clients attach to; ends in `/`.
    pub url: String,
    /// The address of downloads; ends in `/`.
    pub download_url: String,
    /// The address of uploads, which names this process.
    pub upload_url: String,
    /// Which work is given to whom.
    pub rules: Rules,
    /// Tasks a day for each processor of a host that is new; grows and falls with its results, up to this.
    pub daily_quota: i64,
    /// Seconds until a client may ask again.
    pub request_delay: f64,
    /// Seconds after which a client asks whatever it needs; none to let it decide.
    pub next_rpc_delay: Option<f64>,
    /// Failures in a row after which a host gets one task at a time; 0: never.
    pub quarantine_after: i64,
    /// Seconds after its deadline in which a result may still be uploaded.
    pub upload_grace: i64,
    /// Whether clients report a result as soon as it is done.
    pub report_immediately: bool,
    /// Whether tasks that a client lost are sent again.
    pub resend_lost: bool,
    /// Seconds that rows of ended units are kept.
    pub keep: i64,
    /// Seconds until a stage that failed is tried again.
    pub retry: i64,
    /// Which validated units the server does again.
    pub refits: super::refit::Refits,
    /// Makes account keys.
    pub accounts: AccountSecret,
    /// Makes upload certificates.
    pub secret: UploadSecret,
    /// The first public code signing key, as clients read it; later ones are in the database.
    pub code_sign_key: String,
    /// Links for the client's window: name, what it says, address with `{user}` and `{host}`.
    pub gui_urls: Vec<(String, String, String)>,
}
