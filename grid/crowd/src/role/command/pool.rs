//! Programs that stay, and wait for the next question.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Instant;

use super::Post;
use super::child::Running;
use super::line::{Answer, Question};
use crate::role::RoleError;

/// Runs copies of a program, as many as are asked at once and allowed.
pub(super) struct Pool {
    pub(super) post: Post,
    copies: usize,
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    idle: Vec<Running>,
    busy: usize,
}

/// How a program that ran for one question ended.
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) complaint: String,
    /// The first line that is no JSON.
    pub(super) said: String,
}

impl Pool {
    pub(super) fn new(post: Post, copies: usize) -> Pool {
        Pool { post, copies, state: Mutex::new(State::default()), freed: Condvar::new() }
    }

    /// Asks; `take` gets each line of the answer and says whether it was the last. Where the program is started for this question
    /// alone, its end is the answer's end.
    pub(super) fn ask(
        &self,
        question: &Question<'_>,
        mut take: impl FnMut(Answer) -> Result<bool, RoleError>,
    ) -> Result<Option<Ended>, RoleError> {
        let text = serde_json::to_string(question).map_err(|error| self.post.trouble(error))?;
        let slot = self.slot();
        let deadline = Instant::now() + self.post.program.limit();
        if self.post.program.each_call {
            return self.call(question, text, deadline, take).map(Some);
        }
        if let Some(running) = slot.take_idle() {
            running.tell(text.clone())?;
            // One that ended while it waited is started anew; it has said nothing yet.
            if let Some(line) = running.hear(deadline)? {
                return self.listen(&slot, running, Some(line), deadline, &mut take).map(|()| None);
            }
        }
        let running = Running::start(&self.post, &[])?;
        running.tell(text)?;
        self.listen(&slot, running, None, deadline, &mut take).map(|()| None)
    }

    /// Takes an answer's lines up to the last; then the copy waits again. After trouble it is not asked any more.
    fn listen(
        &self,
        slot: &Slot<'_>,
        running: Running,
        first: Option<String>,
        deadline: Instant,
        take: &mut impl FnMut(Answer) -> Result<bool, RoleError>,
    ) -> Result<(), RoleError> {
        let (mut first, mut bytes) = (first, 0);
        loop {
            let line = match first.take() {
                Some(line) => line,
                None => running.hear(deadline)?.ok_or_else(|| running.trouble("ended without an answer"))?,
            };
            bytes += line.len();
            if bytes > self.post.program.most_bytes {
                return Err(running.trouble(format!("answered more than {} bytes", self.post.program.most_bytes)));
            }
            if line.is_empty() {
                continue;
            }
            let answer = serde_json::from_str(&line).map_err(|error| running.trouble(nonsense(&line, &error)))?;
            if take(answer)? {
                slot.give_back(running);
                return Ok(());
            }
        }
    }

    fn call(
        &self,
        question: &Question<'_>,
        text: String,
        deadline: Instant,
        mut take: impl FnMut(Answer) -> Result<bool, RoleError>,
    ) -> Result<Ended, RoleError> {
        let mut running = Running::start(&self.post, &question.arguments())?;
        running.tell(text)?;
        running.hang_up();
        let (mut said, mut bytes) = (String::new(), 0);
        while let Some(line) = running.hear(deadline)? {
            bytes += line.len();
            if bytes > self.post.program.most_bytes {
                return Err(running.trouble(format!("answered more than {} bytes", self.post.program.most_bytes)));
            }
            if line.starts_with('{') {
                let answer = serde_json::from_str(&line).map_err(|error| running.trouble(nonsense(&line, &error)))?;
                take(answer)?;
            } else if said.is_empty() {
                said = line.chars().take(500).collect();
            }
        }
        let status = running.wait(deadline)?;
        Ok(Ended { code: status.code(), complaint: running.complaint(), said })
    }

    fn slot(&self) -> Slot<'_> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while state.busy >= self.copies {
            state = self.freed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.busy += 1;
        Slot { pool: self }
    }
}

/// The right to ask one copy.
struct Slot<'a> {
    pool: &'a Pool,
}

impl Slot<'_> {
    /// A copy that waits; those that ended by themselves meanwhile are let go.
    fn take_idle(&self) -> Option<Running> {
        loop {
            let mut running = self.pool.state.lock().unwrap_or_else(PoisonError::into_inner).idle.pop()?;
            if !running.has_ended() {
                return Some(running);
            }
        }
    }

    fn give_back(&self, running: Running) {
        self.pool.state.lock().unwrap_or_else(PoisonError::into_inner).idle.push(running);
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.pool.state.lock().unwrap_or_else(PoisonError::into_inner).busy -= 1;
        self.pool.freed.notify_one();
    }
}

fn nonsense(line: &str, error: &serde_json::Error) -> String {
    let begin: String = line.chars().take(120).collect();
    format!("answered {begin:?}, which is no answer: {error}")
}
