//! What a project has set, in `pogson.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::role::command::Program;

/// All of `pogson.toml`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What volunteers see.
    pub project: ProjectConfig,
    /// How it is served.
    #[serde(default)]
    pub server: ServerConfig,
    /// Where rows are.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// Which work is given out.
    #[serde(default)]
    pub scheduler: SchedulerConfig,
    /// Who is told when something goes wrong.
    #[serde(default)]
    pub alerts: AlertConfig,
    /// Programs that are an application's roles, by the application's name.
    #[serde(default)]
    pub roles: BTreeMap<String, RolePrograms>,
}

/// What volunteers see.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectConfig {
    /// Name that people read.
    pub name: String,
    /// The address that clients attach to.
    pub url: String,
    /// What users agree to; empty for nothing.
    #[serde(default)]
    pub terms_of_use: String,
    /// Whether no new accounts are made.
    #[serde(default)]
    pub closed: bool,
}

/// How it is served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Where it listens; empty: the host and port of the project's address.
    pub listen: String,
    /// Where metrics are served, `HOST:PORT`, apart from the public's address; empty: nowhere.
    pub metrics: String,
    /// This process's name, where several serve one database; letters and digits.
    pub process: String,
    /// Certificate chain and key for HTTPS, PEM; empty for HTTP.
    pub certificate: PathBuf,
    /// See `certificate`.
    pub certificate_key: PathBuf,
    /// Bytes of disk that uploads leave free.
    pub disk_reserve: u64,
    /// Bytes that unfinished uploads may take in memory.
    pub upload_memory: u64,
    /// Tries at accounts: so many at once for an address, and so many a second after that.
    pub tries: f64,
    /// See `tries`.
    pub tries_per_second: f64,
    /// The same for all addresses together.
    pub all_tries: f64,
    /// See `all_tries`.
    pub all_tries_per_second: f64,
    /// Addresses from which `X-Forwarded-For` is believed.
    pub proxies: Vec<std::net::IpAddr>,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: String::new(),
            metrics: String::new(),
            process: "main".to_owned(),
            certificate: PathBuf::new(),
            certificate_key: PathBuf::new(),
            disk_reserve: 1 << 30,
            upload_memory: 256 << 20,
            // A classroom behind one address may well make thirty accounts.
            tries: 40.0,
            tries_per_second: 0.2,
            all_tries: 200.0,
            all_tries_per_second: 10.0,
            proxies: Vec::new(),
        }
    }
}

/// Where rows are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// `postgres://...`; empty for the file `project.db`.
    pub url: String,
}

/// Which work is given out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SchedulerConfig {
    /// Seconds until a client may ask again.
    pub request_delay: f64,
    /// Seconds after which clients ask whatever they need, so that they hear of tasks to end; 0: as they like.
    pub next_rpc_delay: f64,
    /// Tasks a day for each processor.
    pub daily_quota: i64,
    /// Tasks in one reply.
    pub most_at_once: usize,
    /// Whether a user gets one result of a unit only.
    pub one_per_user: bool,
    /// Whether hosts at one address get one result of a unit only.
    pub one_per_address: bool,
    /// Failures in a row after which a host gets one task at a time; 0: never.
    pub quarantine_after: i64,
    /// Whether clients report a result as soon as it is done.
    pub report_immediately: bool,
    /// Whether tasks that a client lost are sent again.
    pub resend_lost: bool,
    /// Hours after its deadline in which a result may still be uploaded.
    pub upload_grace_hours: f64,
    /// Days that rows of ended units are kept.
    pub keep_days: f64,
    /// Share of validated units that the server does again itself, of applications with a refitter; 0 to 1.
    pub refit_share: f64,
    /// Results that are to wait for hosts; generators are asked for more where fewer do.
    pub queue: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        SchedulerConfig {
            request_delay: 7.0,
            next_rpc_delay: 0.0,
            daily_quota: 100,
            most_at_once: 64,
            one_per_user: true,
            one_per_address: false,
            quarantine_after: 10,
            report_immediately: true,
            resend_lost: true,
            upload_grace_hours: 720.0,
            keep_days: 7.0,
            refit_share: 0.01,
            queue: 1000,
        }
    }
}

/// Who is told when something goes wrong, and when that is. A threshold of 0 turns its rule off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlertConfig {
    /// Where messages are posted to, as JSON; empty: nobody is told.
    pub url: String,
    /// Seconds between two looks.
    pub every_seconds: f64,
    /// Minutes in which fewer results wait than `queue_below`.
    pub queue_empty_minutes: f64,
    /// See `queue_empty_minutes`.
    pub queue_below: i64,
    /// Share of the results that were compared in the last hour that may be invalid, of `invalid_least` at least.
    pub invalid_rate: f64,
    /// See `invalid_rate`.
    pub invalid_least: u64,
    /// Minutes in which no host reported a result.
    pub no_result_minutes: f64,
    /// Gigabytes that have to be free on the project's disk.
    pub disk_free_gb: f64,
    /// Minutes in which a generator, validator, assimilator or refitter failed `role_failures` times.
    pub role_failing_minutes: f64,
    /// See `role_failing_minutes`.
    pub role_failures: u64,
    /// Minutes that a stage is stopped.
    pub stage_stopped_minutes: f64,
    /// Hours that a unit which the server found differently is told of.
    pub refit_differs_hours: f64,
}

impl Default for AlertConfig {
    fn default() -> Self {
        AlertConfig {
            url: String::new(),
            every_seconds: 15.0,
            queue_empty_minutes: 10.0,
            queue_below: 1,
            invalid_rate: 0.1,
            invalid_least: 20,
            no_result_minutes: 120.0,
            disk_free_gb: 5.0,
            role_failing_minutes: 10.0,
            role_failures: 3,
            stage_stopped_minutes: 30.0,
            refit_differs_hours: 24.0,
        }
    }
}

/// Programs that are an application's roles.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RolePrograms {
    /// Makes work; none: work is made by `pogson crowd wu create` alone.
    pub generator: Option<Program>,
    /// Compares outputs; none: byte for byte.
    pub validator: Option<Program>,
    /// Takes what was agreed on; none: it is stored under `outputs/`.
    pub assimilator: Option<Program>,
    /// Does some validated units again; none: nobody does.
    pub refitter: Option<Program>,
    /// Hears what running tasks say; none: it is stored alone.
    pub listener: Option<Program>,
}
