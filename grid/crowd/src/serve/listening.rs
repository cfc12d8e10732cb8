//! The thread that hands tasks' messages to listeners.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};

use super::roles::FactReader;
use super::stages::Workshop;
use crate::role::{Listener, Reply, RoleError};

/// How long a listener that failed is left alone, and how often the end of the server is looked for.
const RETRY: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(500);
const HOUR: Duration = Duration::from_secs(3600);

/// Hears messages until the server ends: those that wait at the start, then all of which a transaction tells.
pub(super) fn listen(
    workshop: &Workshop,
    told: &Receiver<()>,
    listeners: &mut HashMap<String, Box<dyn Listener>>,
    facts: &FactReader,
) {
    let (mut next, mut forgotten) = (Instant::now(), Instant::now());
    let mut open = true;
    while open && !workshop.ending.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            let failed = workshop.hear(listeners, facts);
            next = Instant::now() + if failed { RETRY } else { HOUR };
        }
        if forgotten.elapsed() >= HOUR {
            workshop.forget();
            forgotten = Instant::now();
        }
        match told.recv_timeout(LOOK) {
            Ok(()) => {
                // All that was told meanwhile is heard at once.
                while told.try_recv().is_ok() {}
                next = Instant::now();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => open = false,
        }
    }
}

impl Workshop {
    /// Hears all that waits; whether some has to wait longer.
    fn hear(&self, listeners: &mut HashMap<String, Box<dyn Listener>>, facts: &FactReader) -> bool {
        let (mut after, mut failed) = (0, false);
        loop {
            let waiting = match self.engine.act(move |desk| Ok(desk.waiting_trickles(after)?)) {
                Ok(waiting) => waiting,
                Err(error) => {
                    tracing::warn!(%error, "messages of tasks were not read");
                    return true;
                }
            };
            let Some((last, _)) = waiting.last() else { return failed };
            after = *last;
            for (id, message) in waiting {
                let listener = message.as_ref().and_then(|message| listeners.get_mut(&message.unit.app));
                let answer = match (listener, &message) {
                    (Some(listener), Some(message)) => listener.hear(facts, message),
                    // Nobody listens: it is stored, and that is all.
                    _ => Ok(Reply::default()),
                };
                let answer = match answer {
                    Ok(answer) => answer,
                    Err(RoleError::Permanent(why)) => {
                        tracing::error!(why, "a message of a task was not understood");
                        Reply::default()
                    }
                    Err(RoleError::Transient(why)) => {
                        tracing::warn!(why, "a message of a task is handed on again later");
                        failed = true;
                        continue;
                    }
                };
                if let Err(error) = self.engine.act(move |desk| desk.heard(id, &answer)) {
                    tracing::warn!(%error, "a message of a task is handed on again later");
                    failed = true;
                }
            }
        }
    }

    fn forget(&self) {
        while !self.ending.load(Ordering::Relaxed) {
            match self.engine.act(|desk| Ok(desk.forget_trickles()?)) {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return tracing::warn!(%error, "old messages of tasks were not removed"),
            }
        }
    }
}
