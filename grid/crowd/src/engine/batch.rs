//! One transaction: all that was asked in the meantime.

use super::desk::{Desk, DeskError, split_name};
use super::effect::Effect;
use super::question::{Answer, Question, RpcQuestion, UploadQuestion};
use super::rpc::Begun;
use crate::life::{Outcome, ServerState};
use crate::store::{MOST_OUTPUTS, OutputRow, ResultRow, StoreError};
use crate::upload::Place;
use crate::wire::Reply;

/// What a question came to, to be told after the commit.
pub(super) enum Outcomes {
    /// Of an RPC.
    Reply(Box<Reply>),
    /// Of an upload.
    Known(Place),
    /// Of an act.
    Act(Result<(), DeskError>),
    /// Nobody waits for one.
    None,
}

impl Desk<'_> {
    /// Answers questions in memory; nothing is written yet. Outcomes are in the order of the questions.
    ///
    /// # Errors
    /// [`StoreError`]: nothing of it may be written.
    pub(super) fn answer(&mut self, questions: &mut [Question]) -> Result<Vec<Outcomes>, StoreError> {
        let mut outcomes = Vec::with_capacity(questions.len());
        self.load_all(questions)?;
        let mut begun: Vec<(usize, Begun)> = Vec::new();
        for (at, question) in questions.iter_mut().enumerate() {
            let outcome = match question {
                Question::Rpc(rpc) => {
                    begun.push((at, self.begin_rpc(rpc)?));
                    Outcomes::None
                }
                Question::Upload(upload) => Outcomes::Known(self.upload(upload)),
                Question::Known { name, host, .. } => Outcomes::Known(self.known(name, *host).0),
                Question::Judged(judgement) => {
                    self.judged(judgement)?;
                    Outcomes::None
                }
                Question::Assimilated { unit, facts } => {
                    self.assimilated(*unit, facts)?;
                    Outcomes::None
                }
                Question::Deleted { unit } => {
                    self.deleted(*unit)?;
                    Outcomes::None
                }
                Question::Postponed { unit, .. } => {
                    let again = self.now + self.settings.retry;
                    self.load_units([*unit])?;
                    if let Some(row) = self.book.units.edit(*unit) {
                        row.next = Some(row.next.map_or(again, |next| next.min(again)));
                    }
                    Outcomes::None
                }
                Question::End => Outcomes::None,
                Question::Act { act, .. } => match act(self) {
                    Err(DeskError::Store(error)) => return Err(error),
                    other => Outcomes::Act(other),
                },
            };
            outcomes.push(outcome);
        }
        self.settle()?;
        let rpcs: Vec<&RpcQuestion> = begun
            .iter()
            .filter_map(|(at, _)| if let Question::Rpc(rpc) = &questions[*at] { Some(rpc.as_ref()) } else { None })
            .collect();
        let (places, mut begun): (Vec<usize>, Vec<Begun>) = begun.into_iter().unzip();
        self.assign(&rpcs, &mut begun)?;
        self.settle()?;
        for (at, mut begun) in places.into_iter().zip(begun) {
            if let Some(who) = begun.who {
                self.tell_user(who, &mut begun.reply)?;
            }
            outcomes[at] = Outcomes::Reply(Box::new(begun.reply));
        }
        Ok(outcomes)
    }

    /// Loads the rows that questions will need, table by table.
    fn load_all(&mut self, questions: &[Question]) -> Result<(), StoreError> {
        let mut rpcs = Vec::new();
        let mut names = Vec::new();
        let mut units = Vec::new();
        for question in questions {
            match question {
                Question::Rpc(rpc) => rpcs.push(rpc.as_ref()),
                Question::Upload(UploadQuestion { name, .. }) | Question::Known { name, .. } => {
                    names
                        .extend(name.rsplit_once('_').and_then(|(result, _)| split_name(result)).map(|(unit, _)| unit));
                }
                Question::Judged(judgement) => units.push(judgement.unit),
                Question::Assimilated { unit, .. } | Question::Deleted { unit } => units.push(*unit),
                Question::Postponed { .. } | Question::Act { .. } | Question::End => {}
            }
        }
        let judged: Vec<i64> =
            questions.iter().filter_map(|q| if let Question::Judged(j) = q { Some(j.unit) } else { None }).collect();
        self.load_units(units)?;
        self.load_units_named(names)?;
        let results: Vec<(i64, i64, i64)> = judged
            .iter()
            .filter_map(|id| self.book.units.get(*id))
            .flat_map(|unit| self.book.results.within(unit.results()))
            .filter(|row| row.host_id != 0)
            .map(|row| (row.host_id, row.user_id, row.version_id))
            .collect();
        self.load_hosts(results.iter().map(|(host, ..)| *host))?;
        self.load_users(results.iter().map(|(_, user, _)| *user))?;
        let known = results.iter().map(|(host, _, version)| super::credit::host_version_key(*host, *version));
        self.book.host_versions.load(self.database, known.collect::<Vec<_>>())?;
        let outputs: Vec<i64> = questions
            .iter()
            .filter_map(|q| match q {
                Question::Upload(UploadQuestion { name, .. }) | Question::Known { name, .. } => {
                    name.rsplit_once('_').and_then(|(result, _)| self.result_named(result))
                }
                _ => None,
            })
            .collect();
        self.book.load_outputs(self.database, outputs)?;
        self.load_for(&rpcs)
    }

    /// What is known of an output, and its number; of any host's where none is said.
    fn known(&self, name: &str, host: Option<i64>) -> (Place, i64) {
        let parts = name.rsplit_once('_').and_then(|(result, place)| {
            let place: i64 = place.parse().ok().filter(|place| (0..MOST_OUTPUTS).contains(place))?;
            Some((self.book.results.get(self.result_named(result)?)?, place))
        });
        let mine = |row: &ResultRow| host.is_none_or(|host| row.host_id == host);
        let Some((row, place)) = parts.filter(|(row, _)| mine(row)) else { return (Place::Unwanted, 0) };
        let id = row.id * MOST_OUTPUTS + place;
        let asked = self.book.units.get(row.unit()).map_or(0, |unit| super::supply::outputs(unit).len() as i64);
        if let Some(output) = self.book.outputs.get(id) {
            (Place::Here(output.bytes.unsigned_abs()), id)
        } else if place < asked && may_still_come(row) {
            (Place::Wanted, id)
        } else if place < asked && row.received > 0 && row.outcome == Outcome::Success.number() {
            // It came, was reported, and is not needed any more: a client that asks again missed the answer.
            (Place::Here(0), id)
        } else {
            (Place::Unwanted, id)
        }
    }

    fn upload(&mut self, upload: &UploadQuestion) -> Place {
        let (known, id) = self.known(&upload.name, Some(upload.host));
        if known == Place::Wanted {
            self.book.outputs.insert(OutputRow {
                id,
                bytes: upload.bytes,
                md5: upload.md5.clone(),
                segment: upload.segment.clone(),
                place: upload.place,
            });
            if let Some(row) = self.book.results.edit(id / MOST_OUTPUTS) {
                row.has_files = true;
            }
        }
        known
    }
}

fn may_still_come(row: &ResultRow) -> bool {
    let late = [Outcome::NoReply.number(), Outcome::ClientDetached.number()].contains(&row.outcome);
    row.is_in_progress() || (row.state == ServerState::Over.number() && late && row.received == 0)
}

/// Tells a question its outcome.
pub(super) fn tell(question: Question, outcome: Outcomes) {
    match (question, outcome) {
        (Question::Rpc(rpc), Outcomes::Reply(reply)) => (rpc.answer)(Ok(*reply)),
        (Question::Upload(UploadQuestion { answer, .. }) | Question::Known { answer, .. }, Outcomes::Known(known)) => {
            answer(Ok(known));
        }
        (Question::Act { answer, .. }, Outcomes::Act(outcome)) => answer(outcome),
        _ => {}
    }
}

/// Tells a question that it was not answered.
pub(super) fn fail(question: Question, error: &StoreError) {
    fn no<T>(answer: Answer<T>, error: &StoreError) {
        answer(Err(error.clone()));
    }
    match question {
        Question::Rpc(rpc) => no(rpc.answer, error),
        Question::Upload(UploadQuestion { answer, .. }) | Question::Known { answer, .. } => no(answer, error),
        Question::Act { answer, .. } => answer(Err(DeskError::Store(error.clone()))),
        Question::Judged(_)
        | Question::Assimilated { .. }
        | Question::Deleted { .. }
        | Question::Postponed { .. }
        | Question::End => {}
    }
}

/// The unit that an effect is about, where the engine has to know that it is under way.
pub(super) fn unit_of(effect: &Effect) -> Option<i64> {
    match effect {
        Effect::Validate(job) => Some(job.unit),
        Effect::Assimilate(job) => Some(job.unit),
        Effect::DeleteInputs { unit, .. } => Some(*unit),
        Effect::DeleteOutputs(_) | Effect::Refit(_) | Effect::Trickles => None,
    }
}
