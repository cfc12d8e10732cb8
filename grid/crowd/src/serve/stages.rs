//! The threads behind the engine: they compare, hand on, delete and generate, and tell the engine what came of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::refit::Refits;
use super::roles::{FactReader, KeepOutputs, Roles, SameBytes};
use crate::engine::{AssimilateJob, Effect, Engine, Judgement, PlacedFile, Question, Stages, ValidateJob};
use crate::life::{Validity, judge, straggler};
use crate::metrics::Role;
use crate::project::Project;
use crate::role::{Assimilator, Finished, Generator, NewFile, Outputs, RoleError, Supply, Validator};
use crate::spool::{Location, Spool, SpoolError};
use crate::store::{Counter, OutputRow, StoreError, Value};

/// What all stages need.
#[derive(Clone)]
pub(super) struct Workshop {
    pub(super) engine: Engine,
    pub(super) project: Arc<Project>,
    pub(super) spool: Arc<Spool>,
    pub(super) stages: Arc<Stages>,
    pub(super) ending: Arc<AtomicBool>,
}

/// Where an output lies.
pub(super) fn location(row: &OutputRow) -> Location {
    Location { segment: row.segment.clone(), offset: row.place.unsigned_abs(), bytes: row.bytes.unsigned_abs() }
}

/// Threads that store outputs of applications without an assimilator of their own: each waits for the disk twice for each unit, and
/// disks sync many files in about the time of one.
const KEEPERS: usize = 16;

/// Starts the threads; they end when the engine has.
///
/// # Errors
/// A thread or a connection that cannot be had.
pub(super) fn start(
    workshop: &Workshop,
    effects: Receiver<Effect>,
    roles: Roles,
    comparers: usize,
) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let mut threads = Vec::new();
    let mut spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(run);
        thread
            .map(|thread| threads.push(thread))
            .map_err(|error| StoreError::Database { place: name.to_owned(), cause: error.to_string() })
    };
    let (to_validate, validate) = unbounded::<ValidateJob>();
    let (to_assimilate, assimilate) = unbounded::<AssimilateJob>();
    let (to_keep, keep) = unbounded::<AssimilateJob>();
    let (to_delete, delete) = unbounded::<Effect>();
    let (to_refit, refit) = unbounded::<i64>();
    let (to_hear, told) = unbounded::<()>();
    let own: HashSet<String> = roles.assimilators.keys().cloned().collect();
    let hand_on = move |job: AssimilateJob| {
        let to = if own.contains(&job.facts.app) { &to_assimilate } else { &to_keep };
        to.send(job).map_err(drop)
    };
    spawn("effects", Box::new(move || route(&effects, &to_validate, hand_on, &to_delete, &to_refit, &to_hear)))?;
    let validators = Arc::new(roles.validators);
    for number in 0..comparers.max(1) {
        let (workshop, jobs, validators) = (workshop.clone(), validate.clone(), Arc::clone(&validators));
        let run = move || {
            for job in jobs {
                let same: Arc<dyn Validator> = Arc::new(SameBytes);
                let validator = validators.get(&job.facts.app).unwrap_or(&same);
                workshop.validate(job, validator.as_ref());
            }
        };
        spawn(&format!("validate-{number}"), Box::new(run))?;
    }
    let facts = Arc::new(FactReader::new(workshop.project.database_to_read()?));
    for number in 0..KEEPERS {
        let (one, jobs, facts) = (workshop.clone(), keep.clone(), Arc::clone(&facts));
        let mut keep = KeepOutputs { folder: workshop.project.dir.join("outputs") };
        let run = move || jobs.iter().for_each(|job| one.assimilate(job, &mut keep, &facts));
        spawn(&format!("keep-{number}"), Box::new(run))?;
    }
    let (one, mut assimilators) = (workshop.clone(), roles.assimilators);
    spawn(
        "assimilate",
        Box::new(move || {
            for job in assimilate {
                if let Some(assimilator) = assimilators.get_mut(&job.facts.app) {
                    one.assimilate(job, assimilator.as_mut(), &facts);
                }
            }
        }),
    )?;
    let (one, mut listeners) = (workshop.clone(), roles.listeners);
    let read = FactReader::new(workshop.project.database_to_read()?);
    spawn("listen", Box::new(move || super::listening::listen(&one, &told, &mut listeners, &read)))?;
    let one = workshop.clone();
    spawn("delete", Box::new(move || delete.iter().for_each(|effect| one.delete(&effect))))?;
    let refits = Refits {
        workshop: workshop.clone(),
        refitters: roles.refitters,
        validators,
        facts: FactReader::new(workshop.project.database_to_read()?),
        database: workshop.project.database_to_read()?,
    };
    spawn("refit", Box::new(move || refits.run(&refit)))?;
    if !roles.generators.is_empty() {
        let (one, mut generators) = (workshop.clone(), roles.generators);
        let (facts, mut counter) =
            (FactReader::new(workshop.project.database_to_read()?), workshop.project.database_to_read()?);
        spawn(
            "generate",
            Box::new(move || {
                while !one.ending.load(Ordering::Relaxed) {
                    let kept = [Value::Int(Counter::Unsent as i64)];
                    let waiting = counter.ask("select value from counters where id = $1", &kept);
                    let wait = one.generate(&mut generators, &facts, waiting);
                    std::thread::sleep(wait);
                }
            }),
        )?;
    }
    Ok(threads)
}

fn route(
    effects: &Receiver<Effect>,
    validate: &Sender<ValidateJob>,
    assimilate: impl Fn(AssimilateJob) -> Result<(), ()>,
    delete: &Sender<Effect>,
    refit: &Sender<i64>,
    hear: &Sender<()>,
) {
    for effect in effects {
        // Their threads end after this one.
        let _ = match effect {
            Effect::Validate(job) => validate.send(job).map_err(drop),
            Effect::Assimilate(job) => assimilate(job),
            Effect::Refit(unit) => refit.send(unit).map_err(drop),
            Effect::Trickles => hear.send(()).map_err(drop),
            other => delete.send(other).map_err(drop),
        };
    }
}

impl Workshop {
    pub(super) fn read(&self, rows: &[OutputRow]) -> Result<Outputs, SpoolError> {
        rows.iter().map(|row| self.spool.read(&location(row))).collect()
    }

    pub(super) fn postpone(&self, unit: i64, why: String) {
        tracing::warn!(unit, why, "a stage is tried again later");
        self.engine.ask(Question::Postponed { unit, why });
    }

    /// Compares a unit's outputs.
    fn validate(&self, job: ValidateJob, validator: &dyn Validator) {
        let unit = job.unit;
        match self.compare(job, validator) {
            Ok(judgement) => drop(self.engine.ask(Question::Judged(judgement))),
            Err(error) => {
                self.engine.meters().role_failed(Role::Validator);
                self.postpone(unit, error.to_string());
            }
        }
    }

    fn compare(&self, job: ValidateJob, validator: &dyn Validator) -> Result<Judgement, RoleError> {
        let mut judgement = Judgement {
            unit: job.unit,
            unreadable: Vec::new(),
            compared: Vec::new(),
            verdict: None,
            stragglers: Vec::new(),
        };
        let mut outputs: Vec<Outputs> = Vec::new();
        for (id, rows) in &job.results {
            let read = self.read(rows).map_err(spool_error);
            match read.and_then(|read| validator.check(&job.facts, &read).map(|()| read)) {
                Ok(read) => {
                    judgement.compared.push(*id);
                    outputs.push(read);
                }
                Err(RoleError::Permanent(why)) => judgement.unreadable.push((*id, why)),
                Err(transient) => return Err(transient),
            }
        }
        let mut failed = None;
        let mut agree = |one: &Outputs, other: &Outputs| match validator.agree(&job.facts, one, other) {
            Ok(agree) => agree,
            Err(error) => {
                failed.get_or_insert(error);
                false
            }
        };
        match &job.canonical {
            Some((_, rows)) => {
                let canonical = self.read(rows).ok();
                for (id, output) in judgement.compared.iter().zip(&outputs) {
                    let agrees = canonical.as_ref().map(|canonical| agree(canonical, output));
                    judgement.stragglers.push((*id, straggler(agrees)));
                }
            }
            None => {
                judgement.verdict =
                    Some(judge(outputs.len(), |a, b| agree(&outputs[a], &outputs[b]), job.quorum, job.most));
            }
        }
        if judgement.stragglers.iter().any(|(_, validity)| *validity == Validity::TooLate) {
            tracing::info!(unit = job.unit, "a result came when the canonical outputs were gone");
        }
        failed.map_or(Ok(judgement), Err)
    }

    /// Hands an outcome on.
    fn assimilate(&self, job: AssimilateJob, assimilator: &mut dyn Assimilator, facts: &FactReader) {
        let outputs = match job.outputs.map(|rows| self.read(&rows)).transpose() {
            Ok(outputs) => outputs,
            Err(error) => return self.postpone(job.unit, error.to_string()),
        };
        let finished = Finished { unit: job.facts, outputs, trouble: job.trouble, users: job.users };
        match assimilator.assimilate(facts, &finished) {
            Ok(facts) => drop(self.engine.ask(Question::Assimilated { unit: job.unit, facts })),
            Err(error) => {
                self.engine.meters().role_failed(Role::Assimilator);
                self.postpone(job.unit, error.to_string());
            }
        }
    }

    fn delete(&self, effect: &Effect) {
        // While a backup is taken, say: what it names has to be there.
        while !self.stages.delete.load(Ordering::Relaxed) && !self.ending.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(50));
        }
        match effect {
            Effect::DeleteInputs { unit, files } => {
                for name in files {
                    let path = self.project.download_path(name);
                    match std::fs::remove_file(&path) {
                        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                            return self.postpone(*unit, format!("{}: {error}", path.display()));
                        }
                        _ => {}
                    }
                }
                self.engine.ask(Question::Deleted { unit: *unit });
            }
            Effect::DeleteOutputs(rows) => {
                for row in rows {
                    if let Err(error) = self.spool.delete(&location(row)) {
                        tracing::warn!(%error, "an output that is not needed any more stays until the next start");
                    }
                }
            }
            Effect::Validate(_) | Effect::Assimilate(_) | Effect::Refit(_) | Effect::Trickles => {}
        }
    }

    /// Asks generators for work where too little waits; how long to wait before the next look.
    fn generate(
        &self,
        generators: &mut [Box<dyn Generator>],
        facts: &FactReader,
        waiting: Result<Vec<Vec<Value>>, StoreError>,
    ) -> Duration {
        let (soon, late) = (Duration::from_millis(50), Duration::from_millis(500));
        let waiting = match waiting.as_ref().ok().and_then(|rows| rows.first()).and_then(|row| row.first()) {
            Some(Value::Int(waiting)) => usize::try_from(*waiting).unwrap_or(0),
            // The engine counts from its first transaction on.
            _ if waiting.is_ok() => 0,
            _ => return late,
        };
        let wanted = self.project.config.scheduler.queue.saturating_sub(waiting);
        let may = self.stages.leads.load(Ordering::Relaxed) && self.stages.generate.load(Ordering::Relaxed);
        if wanted == 0 || !may {
            return late;
        }
        let mut made = 0;
        for generator in generators {
            match generator.generate(facts, wanted.div_ceil(2)).and_then(|supply| self.supply(supply)) {
                Ok(count) => made += count,
                Err(error) => {
                    self.engine.meters().role_failed(Role::Generator);
                    tracing::warn!(%error, "a generator made no work");
                }
            }
        }
        if made > 0 { soon } else { late }
    }

    fn supply(&self, supply: Supply) -> Result<usize, RoleError> {
        if supply == Supply::default() {
            return Ok(0);
        }
        let placed = place(&self.project, &supply.files)?;
        let count = supply.units.len();
        self.engine
            .act(move |desk| desk.supply(&supply, &placed))
            .map(|_| count)
            .map_err(|error| RoleError::Permanent(error.to_string()))
    }
}

/// Brings a supply's files into the project.
pub(crate) fn place(project: &Project, files: &[NewFile]) -> Result<Vec<PlacedFile>, RoleError> {
    let place = |file: &NewFile| {
        let placed = project.place(&file.name, &file.path).map_err(|error| RoleError::Transient(error.to_string()))?;
        Ok(PlacedFile {
            name: file.name.clone(),
            bytes: i64::try_from(placed.bytes).unwrap_or(i64::MAX),
            md5: placed.md5,
            sticky: file.sticky,
            signature: None,
        })
    };
    files.iter().map(place).collect()
}

fn spool_error(error: SpoolError) -> RoleError {
    match error {
        SpoolError::Missing { .. } | SpoolError::Damaged { .. } => {
            RoleError::Permanent(format!("the output is lost on the server: {error}"))
        }
        other => RoleError::Transient(other.to_string()),
    }
}
