//! The three roles, by programs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::line::{Answer, Question, UnitLine};
use super::pool::{Ended, Pool};
use super::scratch::{Scratch, Unreadable};
use super::{Post, Program};
use crate::role::{
    Assimilator, Fact, Facts, Finished, Generator, Listener, Message, Outputs, Reply, RoleError, Supply, UnitFacts,
    Validator,
};

/// Exit code by which a program says that the same question may do later (`sysexits.h`, `EX_TEMPFAIL`).
const TRY_LATER: i32 = 75;

/// Makes work by a program.
pub struct CommandGenerator {
    pool: Pool,
}

/// Compares outputs by a program.
pub struct CommandValidator {
    pool: Pool,
}

/// Hands outcomes to a program.
pub struct CommandAssimilator {
    pool: Pool,
}

/// Hands messages of tasks to a program.
pub struct CommandListener {
    pool: Pool,
}

impl CommandListener {
    /// A program that runs in `folder`.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: limits that cannot be, or no command.
    pub fn new(program: Program, folder: &Path) -> Result<CommandListener, RoleError> {
        let post = Post::new("listener", program, folder.to_owned(), PathBuf::new())?;
        Ok(CommandListener { pool: Pool::new(post, 1) })
    }
}

impl Listener for CommandListener {
    fn hear(&mut self, facts: &dyn Facts, message: &Message) -> Result<Reply, RoleError> {
        let post = &self.pool.post;
        let question = Question::hear(message, chosen(post, facts)?);
        let (mut reply, mut answered) = (Reply::default(), false);
        let ended = self.pool.ask(&question, |answer| {
            refuse(post, &answer)?;
            answered |= answer.ok == Some(true);
            reply.facts.extend(answer.fact.into_iter().chain(answer.facts).map(Fact::from));
            reply.messages.extend(answer.messages);
            Ok(true)
        })?;
        match ended {
            Some(ended) => success(post, &ended).map(|()| reply),
            None if answered => Ok(reply),
            None => Err(post.trouble("did not say {\"ok\": true}")),
        }
    }
}

impl CommandGenerator {
    /// A program that runs in `folder`.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: limits that cannot be, or no command.
    pub fn new(program: Program, folder: &Path) -> Result<CommandGenerator, RoleError> {
        let post = Post::new("generator", program, folder.to_owned(), PathBuf::new())?;
        Ok(CommandGenerator { pool: Pool::new(post, 1) })
    }
}

impl Generator for CommandGenerator {
    fn generate(&mut self, facts: &dyn Facts, wanted: usize) -> Result<Supply, RoleError> {
        let post = &self.pool.post;
        let mut supply = Supply::default();
        let question = Question::Generate { wanted, facts: chosen(post, facts)? };
        let mut count = 0;
        let ended = self.pool.ask(&question, |answer| {
            count += 1;
            refuse(post, &answer)?;
            let bad = |what| RoleError::Transient(format!("the generator's line {count}: {what}"));
            if let Some(file) = answer.file {
                supply.files.push(file.file(&post.folder).map_err(bad)?);
            }
            if let Some(unit) = answer.unit {
                supply.units.push(unit.unit().map_err(bad)?);
            }
            supply.facts.extend(answer.fact.into_iter().chain(answer.facts).map(Fact::from));
            Ok(answer.done == Some(true))
        })?;
        // Half of an answer is none.
        ended.map_or(Ok(supply.clone()), |ended| success(post, &ended).map(|()| supply))
    }
}

impl CommandValidator {
    /// A program that runs in `folder` and finds outputs as files under `scratch`.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: limits that cannot be, or no command.
    pub fn new(program: Program, folder: &Path, scratch: &Path) -> Result<CommandValidator, RoleError> {
        let copies = program.copies;
        let post = Post::new("validator", program, folder.to_owned(), scratch.to_owned())?;
        Ok(CommandValidator { pool: Pool::new(post, copies) })
    }

    /// Yes or no, of an answer's field or of an exit code; no with a reason.
    fn ask(
        &self,
        question: &Question<'_>,
        field: impl Fn(&Answer) -> Option<bool>,
    ) -> Result<Result<(), String>, RoleError> {
        let post = &self.pool.post;
        let mut verdict = None;
        let ended = self.pool.ask(question, |answer| {
            refuse(post, &answer)?;
            if let Some(yes) = field(&answer) {
                verdict = Some(if yes { Ok(()) } else { Err(answer.reason.unwrap_or_default()) });
            }
            Ok(true)
        })?;
        match (verdict, ended) {
            (Some(verdict), Some(ended)) if ended.code == Some(0) || ended.code == Some(1) => Ok(verdict),
            (Some(verdict), None) => Ok(verdict),
            // As cmp and diff end. A script that breaks ends with 1 too, but not without a word.
            (None, Some(ended)) if ended.code == Some(1) && ended.complaint.is_empty() => Ok(Err(ended.said)),
            (None, Some(ended)) => success(post, &ended).map(Ok),
            (Some(_), Some(ended)) => success(post, &ended).and(Err(post.trouble("answered twice"))),
            (None, None) => Err(post.trouble("answered neither yes nor no")),
        }
    }
}

impl Validator for CommandValidator {
    fn check(&self, unit: &UnitFacts, outputs: &Outputs) -> Result<(), RoleError> {
        let post = &self.pool.post;
        if !post.program.checks {
            return Ok(());
        }
        let scratch = Scratch::new(post)?;
        let outputs = match scratch.lay(post, "output", outputs) {
            Ok(outputs) => outputs,
            Err(Unreadable::Outputs(why)) => return Err(RoleError::Permanent(why)),
            Err(Unreadable::Disk(error)) => return Err(error),
        };
        let question = Question::Check { unit: UnitLine::of(unit), outputs: &outputs };
        match self.ask(&question, |answer| answer.ok) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(reason)) if reason.is_empty() => {
                Err(RoleError::Permanent("the outputs are not what the project expects".to_owned()))
            }
            Ok(Err(reason)) => Err(RoleError::Permanent(reason.chars().take(500).collect())),
            // Permanent would say that the result is bad; it is the program that is.
            Err(RoleError::Permanent(why) | RoleError::Transient(why)) => Err(RoleError::Transient(why)),
        }
    }

    fn agree(&self, unit: &UnitFacts, one: &Outputs, other: &Outputs) -> Result<bool, RoleError> {
        let post = &self.pool.post;
        let scratch = Scratch::new(post)?;
        let mut paths = Vec::with_capacity(2);
        for (word, outputs) in [("one", one), ("other", other)] {
            match scratch.lay(post, word, outputs) {
                Ok(outputs) => paths.push(outputs),
                // What cannot be read agrees with nothing.
                Err(Unreadable::Outputs(_)) => return Ok(false),
                Err(Unreadable::Disk(error)) => return Err(error),
            }
        }
        let [one, other] = paths.as_slice() else { return Ok(false) };
        let question = Question::Agree { unit: UnitLine::of(unit), one, other };
        self.ask(&question, |answer| answer.agree).map(|verdict| verdict.is_ok())
    }
}

impl CommandAssimilator {
    /// A program that runs in `folder` and finds outputs as files under `scratch`.
    ///
    /// # Errors
    /// [`RoleError::Permanent`]: limits that cannot be, or no command.
    pub fn new(program: Program, folder: &Path, scratch: &Path) -> Result<CommandAssimilator, RoleError> {
        let post = Post::new("assimilator", program, folder.to_owned(), scratch.to_owned())?;
        Ok(CommandAssimilator { pool: Pool::new(post, 1) })
    }
}

impl Assimilator for CommandAssimilator {
    fn assimilate(&mut self, facts: &dyn Facts, finished: &Finished) -> Result<Vec<Fact>, RoleError> {
        let post = &self.pool.post;
        let scratch = Scratch::new(post)?;
        let outputs = match finished.outputs.as_ref().map(|outputs| scratch.lay(post, "output", outputs)).transpose() {
            Ok(outputs) => outputs,
            Err(Unreadable::Outputs(why)) => return Err(RoleError::Permanent(why)),
            Err(Unreadable::Disk(error)) => return Err(error),
        };
        let question = Question::assimilate(finished, outputs.as_deref(), chosen(post, facts)?);
        let mut stored = Vec::new();
        let mut answered = false;
        let ended = self.pool.ask(&question, |answer| {
            refuse(post, &answer)?;
            answered |= answer.ok == Some(true);
            if answer.ok == Some(false) {
                return Err(RoleError::Permanent(
                    answer.reason.unwrap_or_else(|| "refused by the assimilator".to_owned()),
                ));
            }
            stored.extend(answer.fact.into_iter().chain(answer.facts).map(Fact::from));
            Ok(true)
        })?;
        match ended {
            Some(ended) => success(post, &ended).map(|()| stored),
            None if answered => Ok(stored),
            None => Err(post.trouble("did not say {\"ok\": true}")),
        }
    }
}

/// Facts that go with a question.
fn chosen(post: &Post, facts: &dyn Facts) -> Result<BTreeMap<String, String>, RoleError> {
    match &post.program.facts {
        Some(prefix) => Ok(facts.beginning(prefix)?.into_iter().collect()),
        None => Ok(BTreeMap::new()),
    }
}

/// What a program says of its own trouble.
pub(super) fn refuse(post: &Post, answer: &Answer) -> Result<(), RoleError> {
    match &answer.error {
        None => Ok(()),
        Some(error) if answer.transient == Some(false) => {
            Err(RoleError::Permanent(format!("the {} says: {error}", post.role)))
        }
        Some(error) => Err(RoleError::Transient(format!("the {} says: {error}", post.role))),
    }
}

/// Whether a program that ran for one question ended well.
pub(super) fn success(post: &Post, ended: &Ended) -> Result<(), RoleError> {
    let said = if ended.complaint.is_empty() { &ended.said } else { &ended.complaint };
    match ended.code {
        Some(0) => Ok(()),
        Some(TRY_LATER) => Err(post.trouble(format!("is to be asked again later: {said}"))),
        Some(code) => Err(post.trouble(format!("ended with exit code {code}: {said}"))),
        None => Err(post.trouble(format!("was ended by a signal: {said}"))),
    }
}
