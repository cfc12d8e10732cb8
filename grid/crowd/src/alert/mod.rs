//! Whoever looks after a project is told when something goes wrong with it, and when it is well again: rules over what is counted and
//! looked up, and messages to an address of the operator's choice.

mod rules;
mod webhook;

pub use rules::{Counts, Notice, Rules};
pub use webhook::Webhook;

/// Facts under this, plus the rule's name, tell of alerts that are on: since when, seconds of Unix time.
pub const ALERT: &str = "server/alert/";
