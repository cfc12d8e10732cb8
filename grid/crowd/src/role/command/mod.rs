//! Roles as programs in any language: a line of JSON in, lines of JSON out.
//!
//! A program is started once and asked line by line, or, where `each_call` is set, anew for each question. docs/crowd-roles.md has the
//! lines and an example. Whatever goes wrong with the program itself (it ends, is late, answers nonsense) is [`RoleError::Transient`]:
//! no volunteer loses credit by it.

mod again;
mod child;
mod line;
mod pool;
mod roles;
mod scratch;

pub use again::CommandRefitter;
pub use roles::{CommandAssimilator, CommandGenerator, CommandListener, CommandValidator};

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::RoleError;

/// A program that fills a role, as `pogson.toml` has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// Program and arguments. Not passed through a shell.
    pub command: Vec<String>,
    /// Whether it is started anew for each question.
    #[serde(default)]
    pub each_call: bool,
    /// Seconds that an answer may take.
    #[serde(default = "Program::seconds")]
    pub seconds: f64,
    /// Bytes of an answer at most.
    #[serde(default = "Program::most_bytes")]
    pub most_bytes: usize,
    /// How many of it run at once; only validators run more than one.
    #[serde(default = "Program::copies")]
    pub copies: usize,
    /// What it has in its environment besides PATH, HOME, LANG, TZ and TMPDIR.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Facts whose keys begin with this come with each question to generator and assimilator.
    #[serde(default)]
    pub facts: Option<String>,
    /// Of a validator: whether it is asked to check single results; else all can be compared.
    #[serde(default = "Program::checks")]
    pub checks: bool,
    /// Bytes that a result's outputs have at most when they are unpacked.
    #[serde(default = "Program::most_unpacked")]
    pub most_unpacked: u64,
}

impl Program {
    /// A program with the usual limits.
    pub fn new(command: impl IntoIterator<Item = impl Into<String>>) -> Program {
        Program {
            command: command.into_iter().map(Into::into).collect(),
            each_call: false,
            seconds: Program::seconds(),
            most_bytes: Program::most_bytes(),
            copies: Program::copies(),
            environment: BTreeMap::new(),
            facts: None,
            checks: true,
            most_unpacked: Program::most_unpacked(),
        }
    }

    fn seconds() -> f64 {
        60.0
    }

    fn most_bytes() -> usize {
        16 << 20
    }

    fn copies() -> usize {
        2
    }

    fn checks() -> bool {
        true
    }

    fn most_unpacked() -> u64 {
        256 << 20
    }

    fn limit(&self) -> Duration {
        Duration::try_from_secs_f64(self.seconds).unwrap_or(Duration::from_secs(60))
    }
}

/// Which program, where, and for what: for starting it and for messages.
#[derive(Debug, Clone)]
struct Post {
    program: Program,
    /// The role's name.
    role: &'static str,
    /// Where it runs: relative paths are from here.
    folder: PathBuf,
    /// Where outputs are laid for it.
    scratch: PathBuf,
}

impl Post {
    fn new(role: &'static str, program: Program, folder: PathBuf, scratch: PathBuf) -> Result<Post, RoleError> {
        let bad = |what: &str| Err(RoleError::Permanent(format!("the {role}'s program in pogson.toml: {what}")));
        if program.command.first().is_none_or(String::is_empty) {
            return bad("command names none; give program and arguments");
        }
        if !(program.seconds > 0.0 && program.seconds <= 86_400.0) {
            return bad("seconds lies between 0 and 86400");
        }
        if !(1..=64).contains(&program.copies) {
            return bad("copies lies between 1 and 64");
        }
        // Programs run in the project's folder.
        let scratch = std::path::absolute(&scratch).unwrap_or(scratch);
        Ok(Post { program, role, folder, scratch })
    }

    /// What went wrong with the program itself.
    fn trouble(&self, what: impl std::fmt::Display) -> RoleError {
        RoleError::Transient(format!("the {} {}: {what}", self.role, self.program.command.join(" ")))
    }
}
