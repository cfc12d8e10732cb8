//! The lines, as JSON.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::life::{Limits, Trouble};
use crate::role::{Fact, Finished, InputFile, MICRO, Message, NewFile, NewUnit, OutputFile, UnitFacts};
use crate::spool::check_name;

/// A unit as programs are told of it.
#[derive(Debug, Serialize)]
pub(super) struct UnitLine<'a> {
    app: &'a str,
    name: &'a str,
    opaque: &'a str,
    batch: &'a str,
}

impl<'a> UnitLine<'a> {
    pub(super) fn of(unit: &'a UnitFacts) -> UnitLine<'a> {
        UnitLine { app: &unit.app, name: &unit.name, opaque: &unit.opaque, batch: &unit.batch }
    }
}

/// A user whose result is valid.
#[derive(Debug, Serialize)]
pub(super) struct UserLine<'a> {
    id: i64,
    name: &'a str,
}

/// An input, and where it is.
#[derive(Debug, Serialize)]
pub(super) struct InputPath<'a> {
    pub(super) open_name: &'a str,
    pub(super) path: &'a Path,
}

/// A question.
#[derive(Debug, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(super) enum Question<'a> {
    Generate {
        wanted: usize,
        facts: BTreeMap<String, String>,
    },
    Check {
        unit: UnitLine<'a>,
        outputs: &'a [PathBuf],
    },
    Agree {
        unit: UnitLine<'a>,
        one: &'a [PathBuf],
        other: &'a [PathBuf],
    },
    Refit {
        unit: UnitLine<'a>,
        command_line: &'a str,
        inputs: Vec<InputPath<'a>>,
        outputs: &'a [PathBuf],
    },
    Assimilate {
        unit: UnitLine<'a>,
        outputs: Option<&'a [PathBuf]>,
        trouble: Option<&'static str>,
        users: Vec<UserLine<'a>>,
        facts: BTreeMap<String, String>,
    },
    Hear {
        unit: UnitLine<'a>,
        result: &'a str,
        host: i64,
        user: i64,
        variety: &'a str,
        text: &'a str,
        moment: i64,
        facts: BTreeMap<String, String>,
    },
}

impl<'a> Question<'a> {
    pub(super) fn hear(message: &'a Message, facts: BTreeMap<String, String>) -> Question<'a> {
        let Message { unit, result, host, user, variety, text, moment } = message;
        let (host, user, moment) = (*host, *user, *moment);
        Question::Hear { unit: UnitLine::of(unit), result, host, user, variety, text, moment, facts }
    }

    pub(super) fn assimilate(
        finished: &'a Finished,
        outputs: Option<&'a [PathBuf]>,
        facts: BTreeMap<String, String>,
    ) -> Question<'a> {
        let users = finished.users.iter().map(|(id, name)| UserLine { id: *id, name }).collect();
        let trouble = finished.trouble.map(|trouble| match trouble {
            Trouble::CouldntSend => "could_not_send",
            Trouble::TooManyErrors => "too_many_errors",
            Trouble::TooManySuccesses => "too_many_successes",
            Trouble::TooManyTotal => "too_many_total",
            Trouble::Cancelled => "cancelled",
        });
        Question::Assimilate { unit: UnitLine::of(&finished.unit), outputs, trouble, users, facts }
    }

    /// Words that follow the command where it is started for this question alone.
    pub(super) fn arguments(&self) -> Vec<String> {
        let paths = |paths: &[PathBuf]| paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>();
        match self {
            Question::Generate { wanted, .. } => vec![wanted.to_string()],
            Question::Check { outputs, .. } | Question::Refit { outputs, .. } => paths(outputs),
            Question::Hear { result, variety, .. } => vec![(*result).to_owned(), (*variety).to_owned()],
            Question::Agree { one, other, .. } => [paths(one), paths(other)].concat(),
            Question::Assimilate { outputs, .. } => outputs.map(paths).unwrap_or_default(),
        }
    }
}

/// An answer, or a part of the generator's.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) ok: Option<bool>,
    pub(super) agree: Option<bool>,
    pub(super) reason: Option<String>,
    pub(super) error: Option<String>,
    /// Whether the same question may do later; where nothing is said it may.
    pub(super) transient: Option<bool>,
    #[serde(default)]
    pub(super) facts: Vec<FactLine>,
    /// To the task.
    #[serde(default)]
    pub(super) messages: Vec<String>,
    pub(super) fact: Option<FactLine>,
    pub(super) file: Option<FileLine>,
    pub(super) unit: Option<Box<NewUnitLine>>,
    pub(super) done: Option<bool>,
}

/// A fact; without a text it is forgotten.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FactLine {
    key: String,
    text: Option<String>,
}

impl From<FactLine> for Fact {
    fn from(line: FactLine) -> Fact {
        Fact { key: line.key, text: line.text }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileLine {
    name: String,
    path: PathBuf,
    #[serde(default)]
    sticky: bool,
}

impl FileLine {
    pub(super) fn file(self, folder: &Path) -> Result<NewFile, String> {
        name(&self.name, 200)?;
        Ok(NewFile { name: self.name, path: folder.join(self.path), sticky: self.sticky })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct InputLine {
    file: String,
    open_name: String,
    #[serde(default = "yes")]
    copy: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputLine {
    open_name: String,
    most: u64,
    #[serde(default)]
    gzip: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct LimitsLine {
    quorum: usize,
    target: Option<usize>,
    errors: usize,
    total: usize,
    successes: usize,
}

impl Default for LimitsLine {
    fn default() -> LimitsLine {
        let Limits { quorum, errors, total, successes, .. } = Limits::default();
        LimitsLine { quorum, target: None, errors, total, successes }
    }
}

fn yes() -> bool {
    true
}

/// A unit to be made. What is left out has the value that most projects want.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUnitLine {
    app: String,
    name: String,
    #[serde(default)]
    batch: String,
    #[serde(default)]
    priority: i64,
    flops: f64,
    flops_bound: Option<f64>,
    #[serde(default = "NewUnitLine::memory")]
    memory: f64,
    #[serde(default = "NewUnitLine::disk")]
    disk: f64,
    #[serde(default = "NewUnitLine::delay")]
    delay: i64,
    #[serde(default)]
    command_line: String,
    #[serde(default)]
    inputs: Vec<InputLine>,
    outputs: Vec<OutputLine>,
    #[serde(default)]
    limits: LimitsLine,
    /// Cobblestones.
    credit: f64,
    #[serde(default)]
    opaque: String,
    host: Option<i64>,
    user: Option<i64>,
}

impl NewUnitLine {
    fn memory() -> f64 {
        256e6
    }

    fn disk() -> f64 {
        256e6
    }

    fn delay() -> i64 {
        7 * 86_400
    }

    pub(super) fn unit(self) -> Result<NewUnit, String> {
        name(&self.name, 180)?;
        let bound = self.flops_bound.unwrap_or(self.flops * 100.0);
        let amount = |what: &str, value: f64| {
            let good = value.is_finite() && (0.0..=1e21).contains(&value);
            if good { Ok(()) } else { Err(format!("{what} of unit {} is {value}", self.name)) }
        };
        amount("flops", self.flops)?;
        amount("flops_bound", bound)?;
        amount("memory", self.memory)?;
        amount("disk", self.disk)?;
        if !(0.0..=1e9).contains(&self.credit) {
            return Err(format!("credit of unit {} is {}, and lies between 0 and 1e9", self.name, self.credit));
        }
        if self.delay <= 0 {
            return Err(format!("delay of unit {} is {} seconds", self.name, self.delay));
        }
        if self.outputs.is_empty() {
            return Err(format!("unit {} has no outputs", self.name));
        }
        for input in &self.inputs {
            name(&input.file, 200)?;
        }
        let LimitsLine { quorum, target, errors, total, successes } = self.limits;
        let limits = Limits { quorum, target: target.unwrap_or(quorum), errors, total, successes };
        if quorum == 0 || limits.target < quorum || total < limits.target {
            return Err(format!(
                "limits of unit {}: quorum <= target <= total, and a quorum of one at least",
                self.name
            ));
        }
        Ok(NewUnit {
            app: self.app,
            name: self.name,
            batch: self.batch,
            priority: self.priority,
            flops: self.flops,
            flops_bound: bound,
            memory: self.memory,
            disk: self.disk,
            delay: self.delay,
            command_line: self.command_line,
            inputs: self
                .inputs
                .into_iter()
                .map(|input| InputFile { file: input.file, open_name: input.open_name, copy: input.copy })
                .collect(),
            outputs: self
                .outputs
                .into_iter()
                .map(|output| OutputFile { open_name: output.open_name, most: output.most, gzip: output.gzip })
                .collect(),
            limits,
            credit: (self.credit * MICRO as f64).round() as i64,
            opaque: self.opaque,
            host: self.host,
            user: self.user,
        })
    }
}

fn name(name: &str, most: usize) -> Result<(), String> {
    check_name(name).map_err(|error| error.to_string())?;
    if name.len() > most { Err(format!("the name {name} has more than {most} bytes")) } else { Ok(()) }
}
