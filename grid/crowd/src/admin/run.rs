//! Commands are run: each changes the database in one transaction, with a line in the audit.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use serde_json::{Value as Json, json};

use super::command::Command;
use super::socket::tell;
use crate::engine::{Desk, DeskError, Engine, EngineError, Stages};
use crate::project::Project;
use crate::store::{AuditRow, Counter, Database, StoreError};

/// Where commands are run.
pub struct Place {
    /// The engine.
    pub engine: Engine,
    /// The folder.
    pub project: Arc<Project>,
    /// The stages of the process that serves; none where none does.
    pub stages: Option<Arc<Stages>>,
    /// Who runs them, for the audit: a user's address, or `local`.
    pub who: String,
}

/// Why a command was not run.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum AdminError {
    /// It refused, or its database failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It only makes sense while the project is served.
    #[error("the project is not being served; start it with pogson crowd serve")]
    NotServed,
    /// The socket.
    #[error("{0}")]
    Socket(String),
    /// The process that serves said so.
    #[error("{0}")]
    Said(String),
}

impl Place {
    /// Does something at the desk, with a line in the audit.
    pub(super) fn act<T: Send + 'static>(
        &self,
        what: String,
        mut act: impl FnMut(&mut Desk<'_>) -> Result<T, DeskError> + Send + 'static,
    ) -> Result<T, AdminError> {
        let who = self.who.clone();
        let done = self.engine.act(move |desk| {
            let made = act(desk)?;
            let id = desk.book.next(Counter::Audit);
            let row = AuditRow { id, moment: desk.now, who: who.clone(), what: what.clone() };
            desk.book.audit.insert(row);
            Ok(made)
        });
        Ok(done?)
    }

    pub(super) fn read(&self) -> Result<Box<dyn Database>, AdminError> {
        Ok(self.project.database_to_read()?)
    }
}

/// Runs a command; what it has to say.
///
/// # Errors
/// [`AdminError`].
pub fn run(place: &Place, command: Command) -> Result<Json, AdminError> {
    match command {
        Command::Status => place.status(),
        Command::UserAdd { email, name, password } => place.user_add(&email, &name, password),
        Command::UserShow { user } => place.user_show(&user),
        Command::HostShow { host } => place.host_show(host),
        Command::TeamAdd { name, founder } => place.team_add(name, founder),
        Command::AppAdd(app) => place.app_add(app),
        Command::AppPause { name, paused } => place.app_pause(name, paused),
        Command::AppList => place.app_list(),
        Command::VersionAdd(version) => place.version_add(version),
        Command::VersionDeprecate { app, number, platform, deprecated } => {
            place.version_deprecate(app, number, platform, deprecated)
        }
        Command::PlatformPause { name, paused } => place.platform_pause(name, paused),
        Command::Supply { files, units, facts } => place.supply(files, units, facts),
        Command::UnitShow { name } => place.unit_show(&name),
        Command::ResultShow { name } => place.result_show(&name),
        Command::Cancel(which) => place.cancel(which),
        Command::Revalidate(which) => place.revalidate(which),
        Command::Ban { user, host, until } => place.ban(user, host, until),
        Command::Pardon { host } => place.pardon(host),
        Command::Drain { on } => place.stages(&["send", "generate"], !on),
        Command::Stage { name, on } => place.stages(&[&name], on),
        Command::StageHere { names, on } => place.stage(&names.iter().map(String::as_str).collect::<Vec<_>>(), on),
        Command::Keys => place.keys(),
        Command::KeysInstall(answer) => place.keys_install(answer),
        Command::ImportKeys { keys } => place.import_keys(keys),
        Command::ImportUsers { source, users } => place.import_users(source, users),
        Command::ImportTeams { source, teams } => place.import_teams(source, teams),
        Command::ImportMembers { pairs } => place.import_members(pairs),
        Command::ImportHosts { source, hosts } => place.import_hosts(source, hosts),
        Command::Trickle { result, text } => place.trickle(result, text),
        Command::Trickles { count } => place.trickles(count),
        Command::Notice { title, body, user } => place.notice(title, body, user),
    }
}

impl Place {
    /// Stops or starts stages in this process and in all others that serve the project.
    fn stages(&self, names: &[&str], on: bool) -> Result<Json, AdminError> {
        let said = self.stage(names, on)?;
        let own = self.project.socket_path();
        let told = Command::StageHere { names: names.iter().map(|name| (*name).to_owned()).collect(), on };
        for other in self.project.socket_paths().into_iter().filter(|path| *path != own) {
            // One that nobody hears at was left by a process that was killed.
            if let Ok(stream) = UnixStream::connect(&other) {
                tell(stream, &told)?;
            }
        }
        Ok(said)
    }

    fn stage(&self, names: &[&str], on: bool) -> Result<Json, AdminError> {
        let stages = self.stages.as_ref().ok_or(AdminError::NotServed)?;
        for name in names {
            let stage = match *name {
                "send" => &stages.send,
                "validate" => &stages.validate,
                "assimilate" => &stages.assimilate,
                "delete" => &stages.delete,
                "purge" => &stages.purge,
                "generate" => &stages.generate,
                "refit" => &stages.refit,
                other => {
                    return Err(AdminError::Said(format!(
                        "there is no stage {other:?}; stages are send, validate, assimilate, delete, purge, generate and refit"
                    )));
                }
            };
            stage.store(on, Ordering::Relaxed);
        }
        Ok(json!({ "stages": names, "on": on }))
    }
}
