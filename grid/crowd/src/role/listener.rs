//! Who hears what tasks say while they run.

use super::{Fact, Facts, RoleError, UnitFacts};

/// What a running task said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its unit.
    pub unit: UnitFacts,
    /// Its name.
    pub result: String,
    /// Its computer.
    pub host: i64,
    /// The computer's user.
    pub user: i64,
    /// Of what kind the message is; empty where it does not say.
    pub variety: String,
    /// The message, as the task wrote it: whoever owns the computer may write anything.
    pub text: String,
    /// When it came, seconds of Unix time.
    pub moment: i64,
}

/// What a listener wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reply {
    /// To be remembered.
    pub facts: Vec<Fact>,
    /// Messages to the task, which it gets with its client's next request; see [`crate::wire::is_sendable`].
    pub messages: Vec<String>,
}

/// Hears what tasks say. Called from one thread; again with the same message if the server ended before the answer was stored.
pub trait Listener: Send {
    /// Hears a message; what it answers is stored in the transaction that marks the message as heard.
    ///
    /// # Errors
    /// [`RoleError::Transient`]: asked again later. [`RoleError::Permanent`]: the message is stored, and not handed on again.
    fn hear(&mut self, facts: &dyn Facts, message: &Message) -> Result<Reply, RoleError>;
}
