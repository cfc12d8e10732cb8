//! What befalls a task on a volunteer's host.

use crate::draw::Draw;

/// How often what goes wrong; each between 0 and 1.
#[derive(Debug, Clone, Default)]
pub struct Habits {
    /// Tasks that fail: the application ends with a number or a signal, a file is missing.
    pub error: f64,
    /// Tasks that are never heard of again.
    pub silent: f64,
    /// Tasks whose output has one digit altered.
    pub wrong: f64,
    /// Tasks that come after their deadline.
    pub late: f64,
    /// Tasks that the user ends.
    pub abort: f64,
    /// Scheduler requests whose reply is lost, half of them by a connection that ends as soon as the request is sent.
    pub lost_reply: f64,
    /// Uploads whose reply is lost.
    pub lost_upload: f64,
    /// Uploads whose connection ends in the middle.
    pub cut_upload: f64,
    /// Reports that are made once more after they were acknowledged.
    pub duplicate: f64,
    /// Requests that carry a message of a running task.
    pub trickle: f64,
}

/// What befalls a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing: computed, sent, reported.
    Good,
    /// Its output has one digit altered.
    Wrong,
    /// Its output is what those who collude agreed on.
    Colluding,
    /// It ends with this state and exit status.
    Failed(i64, i64),
    /// It is never heard of again.
    Silent,
    /// It is done after its deadline.
    Late,
}

/// State and exit status of failing tasks, as a real client reported them: the application ends with 7, or by a signal; its output is
/// missing; a file did not arrive as signed.
const FAILURES: [(i64, i64); 4] = [(3, 7), (3, 11), (3, 0), (1, -186)];
/// State and exit status of a task that the user ended.
const ENDED_BY_USER: (i64, i64) = (6, 203);

impl Habits {
    /// What befalls a task of this name on a host that `colludes` or not. The draw must be the host's own.
    pub fn fate(&self, host: Draw, task: &str, colludes: bool) -> Fate {
        let draw = host.of("fate").of(task);
        let mut left = draw.unit();
        let mut within = |share: f64| {
            left -= share;
            left < 0.0
        };
        if within(self.error) {
            let (state, exit) = FAILURES[draw.at(1).below(FAILURES.len() as u64) as usize];
            Fate::Failed(state, exit)
        } else if within(self.silent) {
            Fate::Silent
        } else if within(self.wrong) {
            Fate::Wrong
        } else if within(self.late) {
            Fate::Late
        } else if within(self.abort) {
            Fate::Failed(ENDED_BY_USER.0, ENDED_BY_USER.1)
        } else if colludes {
            Fate::Colluding
        } else {
            Fate::Good
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fates_come_as_often_as_asked_for() {
        let habits = Habits { error: 0.034, silent: 0.01, wrong: 0.003, ..Habits::default() };
        let host = Draw::new(9);
        let fates: Vec<Fate> = (0..200_000).map(|n| habits.fate(host, &format!("u_{n}"), false)).collect();
        let share = |of: &dyn Fn(&Fate) -> bool| fates.iter().filter(|fate| of(fate)).count() as f64 / 2e5;
        assert!((share(&|fate| matches!(fate, Fate::Failed(..))) - 0.034).abs() < 0.0015);
        assert!((share(&|fate| *fate == Fate::Silent) - 0.01).abs() < 0.001);
        assert!((share(&|fate| *fate == Fate::Wrong) - 0.003).abs() < 0.0005);
        assert!((share(&|fate| *fate == Fate::Good) - 0.953).abs() < 0.002);
    }
}
