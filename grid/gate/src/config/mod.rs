//! The gate's configuration: a file of TOML as plain structures, checked.
//!
//! Ten lines are enough:
//!
//! ```
//! let config = pogson_gate::config::Config::parse(
//!     r#"
//! [[listen]]
//! address = "127.0.0.1:8080"
//!
//! [[pool]]
//! [[pool.server]]
//! address = "http://127.0.0.1:9001"
//! [[pool.server]]
//! address = "http://127.0.0.1:9002"
//! "#,
//! )?;
//! assert_eq!(config.pool[0].server.len(), 2);
//! # Ok::<(), pogson_gate::config::ConfigError>(())
//! ```

mod address;
mod check;
mod class;
mod context;
mod doubts;
mod error;
mod health;
mod listen;
mod moment;
mod near;
mod paths;
mod pool;
mod quantity;
mod route;

pub use address::{ListenAddress, Network, ServerAddress};
pub use class::{Class, FormerKey, Identity, Level, Members};
pub use context::{ContextRule, Kind};
pub use error::{ConfigError, Fault, Problem, Step};
pub use health::{Health, Passive, Statuses};
pub use listen::{Admin, Limits, Listen, Log, LogFormat, Pair, ProxyProtocol, Times, Tls};
pub use pool::{
    Admission, Hedge, PolicySettings, Pool, PoolTimes, PoolTls, Protocol, Queue, Reports, Retries, RetryOn, Room,
    Server,
};
pub use quantity::{bytes, time};
pub use route::{Fields, Redirect, Respond, Route};

use std::path::Path;

use serde::Deserialize;

use crate::context::Contexts;
use crate::route::Routes;
use crate::running;
use quantity::{de_bytes, de_bytes_or_off};

/// All of `gate.toml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Threads that carry requests; 0: as many as there are processors.
    #[serde(default)]
    pub workers: usize,
    /// Bytes of a request's body, unless a route says else.
    #[serde(default = "a_gigabyte", deserialize_with = "de_bytes")]
    pub body_limit: u64,
    /// Bytes from which on what is left of a body goes from socket to socket by the kernel, without a copy in the gate: of HTTP/1.1 over
    /// TCP on both sides. `None`: never.
    #[serde(default = "splice_from", deserialize_with = "de_bytes_or_off")]
    pub splice: Option<u64>,
    /// Bytes of an answer that are taken from a server before its client takes them, where that is all of the rest.
    #[serde(default = "a_megabyte", deserialize_with = "de_bytes")]
    pub read_ahead: u64,
    /// The same of all answers together.
    #[serde(default = "megabytes", deserialize_with = "de_bytes")]
    pub read_ahead_all: u64,
    /// Whether slashes in a row count as one.
    #[serde(default = "yes")]
    pub merge_slashes: bool,
    /// What clients connect to.
    #[serde(default)]
    pub listen: Vec<Listen>,
    /// How long clients are waited for.
    #[serde(default)]
    pub times: Times,
    /// What operators connect to.
    #[serde(default)]
    pub admin: Admin,
    /// What is written about each request.
    #[serde(default)]
    pub log: Log,
    /// Back ends.
    #[serde(default)]
    pub pool: Vec<Pool>,
    /// Which request goes to which pool; without any all go to the one pool.
    #[serde(default)]
    pub route: Vec<Route>,
    /// Who a client is.
    #[serde(default)]
    pub members: Members,
    /// The member table.
    #[serde(default)]
    pub class: Vec<Class>,
    /// What a request needs cached; without any what a portal of the sky serves, else path and query.
    #[serde(default)]
    pub context: Vec<ContextRule>,
}

fn a_gigabyte() -> u64 {
    1 << 30
}

fn splice_from() -> Option<u64> {
    Some(256 << 10)
}

fn a_megabyte() -> u64 {
    1 << 20
}

fn megabytes() -> u64 {
    128 << 20
}

fn yes() -> bool {
    true
}

impl Config {
    /// Reads a file; paths in it that do not begin at the root count from its folder, and files that it names have to be there.
    ///
    /// # Errors
    /// [`ConfigError`]: a file that cannot be read, or all that is wrong in it.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        Self::read_with_doubts(path).map(|(config, _)| config)
    }

    /// The same, with what is not wrong but hardly meant: routes that no request takes, pools that no route leads to, former keys whose
    /// time is over.
    ///
    /// # Errors
    /// As those of [`Config::read`].
    pub fn read_with_doubts(path: &Path) -> Result<(Self, Vec<Fault>), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_path_buf(), error: error.to_string() })?;
        let mut config = Self::checked(&text, &path.display().to_string())?;
        let name = path.display().to_string();
        let missing = paths::settle(&mut config, path.parent().unwrap_or(Path::new("")));
        ConfigError::of_problems(missing, &text, &name)?;
        ConfigError::of_problems(running::unusable(&config), &text, &name)?;
        let doubts = Fault::all(doubts::all(&config), &text, &name);
        Ok((config, doubts))
    }

    /// Reads a text, without a look at any file.
    ///
    /// # Errors
    /// [`ConfigError::Wrong`]: all that is wrong in it.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        Self::checked(text, "gate.toml")
    }

    fn checked(text: &str, name: &str) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| ConfigError::of_toml(&error, text, name))?;
        ConfigError::of_problems(check::problems(&config), text, name)?;
        ConfigError::of_problems(Routes::compile(&config).err().unwrap_or_default(), text, name)?;
        ConfigError::of_problems(Contexts::compile(&config, Vec::new()).err().unwrap_or_default(), text, name)?;
        for pool in &mut config.pool {
            for server in pool.server.iter_mut().filter(|server| server.name.is_empty()) {
                server.name = server.address.to_string();
            }
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
