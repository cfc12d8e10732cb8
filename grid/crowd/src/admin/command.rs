//! Commands, as the socket carries them.

use serde::{Deserialize, Serialize};

use crate::engine::PlacedFile;
use crate::import::{FormerHost, FormerTeam, FormerUser};
use crate::role::{Fact, NewUnit};
use crate::schedule::VersionFile;
use crate::sign::RotationAnswer;

/// An application to be added.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewApp {
    /// Short name.
    pub name: String,
    /// Name that people read.
    pub title: String,
    /// Whether hosts of a unit have to be alike: 0 no, 1 system and maker, 2 system and family.
    pub redundancy_class: i64,
    /// Whether all results of a unit have to be of one version.
    pub one_version: bool,
    /// Valid results in a row after which a host works alone; 0: never.
    pub trust_after: i64,
    /// Tasks in progress for each processor; 0: any number.
    pub in_progress: i64,
}

/// A version to be added; its files lie in the project.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NewVersion {
    /// Application.
    pub app: String,
    /// 100 is 1.00.
    pub number: i64,
    /// Platform.
    pub platform: String,
    /// Plan class.
    pub plan_class: String,
    /// Runtime protocol.
    pub api_version: String,
    /// Processors that it keeps busy.
    pub processors: f64,
    /// Kind of accelerator, and how many.
    pub coprocessor: String,
    /// See `coprocessor`.
    pub coprocessors: f64,
    /// Operations a second over the host's processors'.
    pub speed: f64,
    /// Of an accelerator: share of its peak, oldest driver, least compute capability and version of OpenCL (`major * 100 + minor`),
    /// least bytes of memory; 0 for any.
    #[serde(default)]
    pub peak_share: f64,
    /// See `peak_share`.
    #[serde(default)]
    pub least_driver: i64,
    /// See `peak_share`.
    #[serde(default)]
    pub least_capability: i64,
    /// See `peak_share`.
    #[serde(default)]
    pub least_opencl: i64,
    /// See `peak_share`.
    #[serde(default)]
    pub least_memory: f64,
    /// Command line.
    pub command_line: String,
    /// Oldest client: major * 10000 + minor * 100 + release.
    pub least_client: i64,
    /// How tasks know its files.
    pub refs: Vec<VersionFile>,
    /// The files, signed.
    pub files: Vec<PlacedFile>,
}

/// Which units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoseWork {
    /// By their names.
    Units(Vec<String>),
    /// Of a batch.
    Batch(String),
}

/// A command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Counts.
    Status,
    /// A new account.
    UserAdd {
        /// Address.
        email: String,
        /// Name.
        name: String,
        /// Password; none for none.
        password: Option<String>,
    },
    /// What is known of a user, by number or address.
    UserShow {
        /// Number or address.
        user: String,
    },
    /// What is known of a host.
    HostShow {
        /// Number.
        host: i64,
    },
    /// A new team.
    TeamAdd {
        /// Name.
        name: String,
        /// Its founder's number or address.
        founder: String,
    },
    /// A new application, or other settings of one.
    AppAdd(NewApp),
    /// Whether an application's work is sent.
    AppPause {
        /// Name.
        name: String,
        /// Whether it is paused.
        paused: bool,
    },
    /// All applications and versions.
    AppList,
    /// A new version.
    VersionAdd(NewVersion),
    /// Whether a version is sent.
    VersionDeprecate {
        /// Application.
        app: String,
        /// Its number.
        number: i64,
        /// Platform; empty for all.
        platform: String,
        /// Whether it is not sent any more.
        deprecated: bool,
    },
    /// Whether a platform gets work.
    PlatformPause {
        /// Name.
        name: String,
        /// Whether it is paused.
        paused: bool,
    },
    /// New work.
    Supply {
        /// Its files, which lie in the project.
        files: Vec<PlacedFile>,
        /// Units.
        units: Vec<NewUnit>,
        /// Facts.
        facts: Vec<Fact>,
    },
    /// A unit and its results.
    UnitShow {
        /// Name.
        name: String,
    },
    /// A result.
    ResultShow {
        /// Name.
        name: String,
    },
    /// Work is not wanted any more.
    Cancel(WhoseWork),
    /// Results are compared again, as far as their outputs are still here and no credit was granted.
    Revalidate(WhoseWork),
    /// No work for a user or a host.
    Ban {
        /// User by number or address.
        user: Option<String>,
        /// Host.
        host: Option<i64>,
        /// Until when, seconds of Unix time; 0 lifts it.
        until: i64,
    },
    /// A host's failures are forgotten.
    Pardon {
        /// Host.
        host: i64,
    },
    /// Whether new work is sent and made.
    Drain {
        /// Whether to stop.
        on: bool,
    },
    /// A stage is stopped or started.
    Stage {
        /// `send`, `validate`, `assimilate`, `delete`, `purge`, `generate` or `refit`.
        name: String,
        /// Whether it runs.
        on: bool,
    },
    /// Stages are stopped or started in the process that is told alone; a [`Command::Stage`] is handed on to all in this way.
    StageHere {
        /// As of [`Command::Stage`].
        names: Vec<String>,
        /// Whether they run.
        on: bool,
    },
    /// What has to be signed for a new code signing key: the present key, and all files that it signed.
    Keys,
    /// A new code signing key, with all files signed by it.
    KeysInstall(RotationAnswer),
    /// Keys of a BOINC project: the present one, and those before with their signatures of it.
    ImportKeys {
        /// Keys and signatures.
        keys: Vec<(String, String)>,
    },
    /// Users of a BOINC project.
    ImportUsers {
        /// A word for the project.
        source: String,
        /// Users.
        users: Vec<FormerUser>,
    },
    /// Its teams.
    ImportTeams {
        /// A word for the project.
        source: String,
        /// Teams.
        teams: Vec<FormerTeam>,
    },
    /// Who is in which team.
    ImportMembers {
        /// Numbers of users and teams, here.
        pairs: Vec<(i64, i64)>,
    },
    /// Its computers.
    ImportHosts {
        /// A word for the project.
        source: String,
        /// Computers.
        hosts: Vec<FormerHost>,
    },
    /// A message to a task that a computer has.
    Trickle {
        /// The task's name.
        result: String,
        /// The message.
        text: String,
    },
    /// The last messages of tasks, and to them.
    Trickles {
        /// How many.
        count: i64,
    },
    /// News for volunteers.
    Notice {
        /// Title.
        title: String,
        /// Text.
        body: String,
        /// The only user that it is for, by number or address.
        user: Option<String>,
    },
}
