//! Classes of the failures around servers' reports.

use pogson_gate_agent::run::AgentError;
use pogson_report::{KeyError, PushError};

use super::{Failure, class_of};

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Failure {
        match &error {
            KeyError::File { error: source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            KeyError::TooShort { .. } | KeyError::Length { .. } => Failure::bad_input(error.to_string()),
        }
    }
}

impl From<AgentError> for Failure {
    fn from(error: AgentError) -> Failure {
        match &error {
            AgentError::Log { error: source, .. } => Failure::new(class_of(source.kind()), error.to_string()),
            AgentError::Address(PushError::Url { .. } | PushError::Https { .. }) => Failure::usage(error.to_string()),
            AgentError::Address(_) | AgentError::Thread(_) => Failure::failed(error.to_string()),
        }
    }
}
