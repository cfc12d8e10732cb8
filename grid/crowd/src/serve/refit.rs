//! A thread of low priority that does some validated units again, to see whether what volunteers agreed on is right.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::roles::{FactReader, SameBytes};
use super::stages::Workshop;
use crate::engine::{Found, RefitJob};
use crate::metrics::Role;
use crate::role::{Again, Outputs, Refitter, RoleError, Validator};
use crate::spool::SpoolError;
use crate::store::{Database, StoreError, Value};

/// How long one that failed waits.
const LATER: Duration = Duration::from_secs(60);
/// Units that are looked up at once.
const SOME: i64 = 50;

/// Who does it, and what is needed for it.
pub(super) struct Refits {
    pub(super) workshop: Workshop,
    pub(super) refitters: HashMap<String, Box<dyn Refitter>>,
    pub(super) validators: Arc<HashMap<String, Arc<dyn Validator>>>,
    pub(super) facts: FactReader,
    pub(super) database: Box<dyn Database>,
}

impl Refits {
    /// Until nobody calls any more.
    pub(super) fn run(mut self, called: &Receiver<i64>) {
        // What volunteers wait for goes first.
        let _ = rustix::process::nice(15);
        let mut later: HashMap<i64, Instant> = HashMap::new();
        let (mut wanted, mut looked) = (true, Instant::now());
        loop {
            match called.recv_timeout(Duration::from_millis(200)) {
                Ok(_) => wanted = true,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while called.try_recv().is_ok() {}
            if self.workshop.ending.load(Ordering::Relaxed) {
                continue;
            }
            let stages = &self.workshop.stages;
            let may = stages.leads.load(Ordering::Relaxed) && stages.refit.load(Ordering::Relaxed);
            // What other processes chose is looked for now and then.
            if !may || !(wanted || looked.elapsed() >= LATER) {
                continue;
            }
            (wanted, looked) = (false, Instant::now());
            later.retain(|_, until| *until > Instant::now());
            if let Err(error) = self.round(&mut later) {
                tracing::warn!(%error, "units that are to be done again were not found");
            }
        }
    }

    fn round(&mut self, later: &mut HashMap<i64, Instant>) -> Result<(), StoreError> {
        let mut after = 0;
        loop {
            let next = "select id from units where refit = 1 and id > $1 order by id limit $2";
            let rows = self.database.ask(next, &[Value::Int(after), Value::Int(SOME)])?;
            let ids: Vec<i64> = rows
                .iter()
                .filter_map(|row| if let Some(Value::Int(id)) = row.first() { Some(*id) } else { None })
                .collect();
            let Some(last) = ids.last() else { return Ok(()) };
            after = *last;
            for id in ids.into_iter().filter(|id| !later.contains_key(id)).collect::<Vec<_>>() {
                let stages = &self.workshop.stages;
                if self.workshop.ending.load(Ordering::Relaxed) || !stages.refit.load(Ordering::Relaxed) {
                    return Ok(());
                }
                if let Err(error) = self.one(id) {
                    self.workshop.engine.meters().role_failed(Role::Refitter);
                    tracing::warn!(unit = id, %error, "a unit is done again later");
                    later.insert(id, Instant::now() + LATER);
                }
            }
        }
    }

    /// Does one again.
    fn one(&mut self, id: i64) -> Result<(), RoleError> {
        let engine = self.workshop.engine.clone();
        let transient = |error: crate::engine::EngineError| RoleError::Transient(error.to_string());
        let Some(job) = engine.act(move |desk| desk.to_refit(id)).map_err(transient)? else { return Ok(()) };
        let name = job.facts.name.clone();
        let found = self.compare(job)?;
        match &found {
            Found::Same => tracing::debug!(unit = name, "a unit was done again, and is the same"),
            Found::Differs(why) => {
                tracing::error!(unit = name, why, "a validated unit is not what the server comes to")
            }
            Found::Impossible(why) => tracing::warn!(unit = name, why, "a unit cannot be done again"),
        }
        let word = match &found {
            Found::Same => "same",
            Found::Differs(_) => "differs",
            Found::Impossible(_) => "impossible",
        };
        engine.act(move |desk| desk.refitted(id, &found)).map_err(transient)?;
        engine.meters().refit(word);
        Ok(())
    }

    fn compare(&mut self, job: RefitJob) -> Result<Found, RoleError> {
        let Some(refitter) = self.refitters.get_mut(&job.facts.app) else {
            return Ok(Found::Impossible("the application has no refitter".to_owned()));
        };
        let canonical: Outputs = match self.workshop.read(&job.canonical) {
            Ok(outputs) => outputs,
            Err(error @ (SpoolError::Missing { .. } | SpoolError::Damaged { .. })) => {
                return Ok(Found::Impossible(format!("the canonical output is lost: {error}")));
            }
            Err(error) => return Err(RoleError::Transient(error.to_string())),
        };
        let path = |(open_name, file): (String, String)| (open_name, self.workshop.project.download_path(&file));
        let again = Again {
            unit: job.facts,
            command_line: job.command_line,
            inputs: job.inputs.into_iter().map(path).collect(),
            outputs: job.outputs,
        };
        let own = match refitter.refit(&self.facts, &again) {
            Ok(outputs) => outputs,
            Err(RoleError::Permanent(why)) => return Ok(Found::Impossible(why)),
            Err(transient) => return Err(transient),
        };
        if own.len() != canonical.len() {
            return Ok(Found::Impossible(format!("{} outputs came of it, not {}", own.len(), canonical.len())));
        }
        let same: Arc<dyn Validator> = Arc::new(SameBytes);
        let validator = self.validators.get(&again.unit.app).unwrap_or(&same);
        match validator.agree(&again.unit, &own, &canonical) {
            Ok(true) => Ok(Found::Same),
            Ok(false) => Ok(Found::Differs(first_difference(&own, &canonical))),
            Err(RoleError::Permanent(why)) => Ok(Found::Impossible(why)),
            Err(transient) => Err(transient),
        }
    }
}

/// Where two outputs begin to differ, in words.
fn first_difference(own: &Outputs, canonical: &Outputs) -> String {
    let pairs = own.iter().zip(canonical).enumerate();
    for (place, (one, other)) in pairs {
        if one != other {
            let at = one.iter().zip(other).take_while(|(a, b)| a == b).count();
            return format!(
                "output {place}: {} bytes here, {} bytes from the volunteer; they differ from byte {at} on",
                one.len(),
                other.len()
            );
        }
    }
    "the validator says so".to_owned()
}
