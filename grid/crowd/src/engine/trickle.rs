//! Messages between tasks and the project: stored as they come, handed to the application's listener, and sent to tasks that run.

use super::desk::{Desk, DeskError};
use super::effect::Effect;
use super::identify::Identity;
use super::rpc::low;
use crate::role::{Fact, Message, Reply as Answer};
use crate::store::{Counter, StoreError, TrickleRow, Value};
use crate::wire::{Reply, Request, TrickleDown, is_sendable};

/// Messages that one request may bring; tasks send one now and then.
const MOST: usize = 200;
/// Messages that are handed on, or forgotten, at once.
const AT_ONCE: i64 = 200;

impl Desk<'_> {
    /// Stores the messages that a request brings; they are acknowledged when that is safe.
    pub(super) fn take_trickles(&mut self, request: &Request, who: Identity, reply: &mut Reply) {
        for trickle in request.trickles.iter().take(MOST) {
            let row = TrickleRow {
                id: self.book.next(Counter::Trickle),
                down: false,
                host_id: who.host,
                result_name: trickle.result.clone(),
                variety: trickle.variety.clone(),
                body: trickle.text.clone(),
                moment: self.now,
                handled: false,
            };
            self.book.trickles.insert(row);
        }
        if request.trickles.len() > MOST {
            reply.messages.push(low(format!("{} messages of tasks were too many", request.trickles.len())));
        }
        reply.trickles_stored = !request.trickles.is_empty();
        if reply.trickles_stored && !self.effects.contains(&Effect::Trickles) {
            self.effects.push(Effect::Trickles);
        }
    }

    /// Sends what waits for a host's tasks; each message is sent once, as BOINC has it.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn tell_trickles(&mut self, host: i64, reply: &mut Reply) -> Result<(), StoreError> {
        // Nearly always there is none, and nothing is looked for.
        if self.book.count(Counter::TrickleDown, 0) <= 0 {
            return Ok(());
        }
        let condition = "host_id = $1 and handled = 0 and down = 1 order by id limit 20";
        for id in self.book.trickles.scan(self.database, condition, &[Value::Int(host)])? {
            let Some(row) = self.book.trickles.edit(id).filter(|row| !row.handled) else { continue };
            row.handled = true;
            let message = TrickleDown { result: row.result_name.clone(), time: row.moment, text: row.body.clone() };
            self.book.count(Counter::TrickleDown, -1);
            let runs = self.result_named(&message.result).and_then(|id| self.book.results.get(id));
            if runs.is_some_and(|row| row.is_in_progress() && row.host_id == host) {
                reply.trickles.push(message);
            }
        }
        Ok(())
    }

    /// A message for a task that a host has.
    ///
    /// # Errors
    /// [`DeskError`]: no such task, one that is not in progress, a text that cannot be sent.
    pub fn send_trickle(&mut self, result: &str, text: &str) -> Result<i64, DeskError> {
        let no = |text: String| Err(DeskError::Refused(text));
        if !is_sendable(text) {
            return no(
                "a message to a task has lines below 250 bytes, without control characters and the tags about it"
                    .to_owned(),
            );
        }
        self.load_units_named(super::desk::split_name(result).map(|(unit, _)| unit))?;
        let row = self.result_named(result).and_then(|id| self.book.results.get(id));
        let Some(row) = row.filter(|row| row.is_in_progress()) else {
            return no(format!("no computer has task {result:?} now"));
        };
        let row = TrickleRow {
            id: 0,
            down: true,
            host_id: row.host_id,
            result_name: result.to_owned(),
            variety: String::new(),
            body: text.to_owned(),
            moment: self.now,
            handled: false,
        };
        let id = self.book.next(Counter::Trickle);
        self.book.trickles.insert(TrickleRow { id, ..row });
        self.book.count(Counter::TrickleDown, 1);
        Ok(id)
    }

    /// Messages that wait for a listener, each with what it is about; none for one whose work is not known any more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn waiting_trickles(&mut self, after: i64) -> Result<Vec<(i64, Option<Message>)>, StoreError> {
        let condition = "handled = 0 and down = 0 and id > $1 order by id limit $2";
        let ids = self.book.trickles.scan(self.database, condition, &[Value::Int(after), Value::Int(AT_ONCE)])?;
        let rows: Vec<TrickleRow> = ids.iter().filter_map(|id| self.book.trickles.get(*id).cloned()).collect();
        let names: Vec<&str> =
            rows.iter().filter_map(|row| super::desk::split_name(&row.result_name)).map(|(unit, _)| unit).collect();
        self.load_units_named(names)?;
        let batches: Vec<i64> = self.book.units.all().filter_map(|unit| unit.batch_id).collect();
        self.book.batches.load(self.database, batches)?;
        let mut waiting = Vec::with_capacity(rows.len());
        for row in rows {
            let result = self.result_named(&row.result_name).and_then(|id| self.book.results.get(id));
            // What another host's task would say is nothing that this host knows.
            let result = result.filter(|result| result.host_id == row.host_id);
            let unit = result.and_then(|result| self.book.units.get(result.unit()));
            let message = result.zip(unit).map(|(result, unit)| Message {
                unit: self.facts(unit),
                result: row.result_name.clone(),
                host: row.host_id,
                user: result.user_id,
                variety: row.variety.clone(),
                text: row.body.clone(),
                moment: row.moment,
            });
            waiting.push((row.id, message));
        }
        Ok(waiting)
    }

    /// A message was heard: what its listener wants to remember and to say is stored with that.
    ///
    /// # Errors
    /// [`DeskError`]: an answer that cannot be sent.
    pub fn heard(&mut self, trickle: i64, answer: &Answer) -> Result<(), DeskError> {
        self.book.trickles.load(self.database, [trickle])?;
        let Some(row) = self.book.trickles.edit(trickle).filter(|row| !row.handled) else { return Ok(()) };
        row.handled = true;
        let result = row.result_name.clone();
        let facts: Vec<Fact> = answer.facts.clone();
        self.remember(&facts)?;
        for text in &answer.messages {
            // The task may have ended in the meantime; then nobody is there to hear it.
            match self.send_trickle(&result, text) {
                Ok(_) => {}
                Err(DeskError::Refused(why)) => tracing::info!(result, why, "a message to a task was not sent"),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Forgets messages that were handled long ago; whether there are more.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn forget_trickles(&mut self) -> Result<bool, StoreError> {
        let before = self.now - self.settings.keep;
        let condition = "handled = 1 and moment < $1 order by id limit $2";
        let ids = self.book.trickles.scan(self.database, condition, &[Value::Int(before), Value::Int(AT_ONCE)])?;
        let more = ids.len() as i64 == AT_ONCE;
        ids.into_iter().for_each(|id| self.book.trickles.remove(id));
        Ok(more)
    }
}
