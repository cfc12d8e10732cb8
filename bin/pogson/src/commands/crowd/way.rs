//! Commands' way to a project, and how what they say is shown.

use std::path::Path;

use pogson_crowd::admin::{Command, Way};
use pogson_crowd::project::Project;
use serde_json::Value as Json;

use crate::failure::Failure;
use crate::output::Output;

/// Runs a command on a project.
///
/// # Errors
/// A folder that is none, and what the command says.
pub(super) fn ask(dir: &Path, command: Command) -> Result<Json, Failure> {
    let project = Project::open(dir)?;
    Ok(Way::open(project)?.run(command)?)
}

/// Shows what a command said: as JSON, or a line for each value.
///
/// # Errors
/// Those of writing.
pub(super) fn show(said: &Json, out: &Output) -> Result<(), Failure> {
    if out.is_json() { out.object(said) } else { lines("", said, out) }
}

fn lines(prefix: &str, value: &Json, out: &Output) -> Result<(), Failure> {
    match value {
        Json::Object(map) => map.iter().try_for_each(|(key, value)| match value {
            Json::Array(list) if list.iter().all(|one| !one.is_object()) => {
                let words: Vec<String> = list.iter().map(word).collect();
                out.line(format!("{prefix}{key:20} {}", words.join(" ")))
            }
            Json::Array(list) => list.iter().enumerate().try_for_each(|(at, one)| {
                out.line(format!("{prefix}{key} {at}:"))?;
                lines(&format!("{prefix}  "), one, out)
            }),
            Json::Object(_) => {
                out.line(format!("{prefix}{key}:"))?;
                lines(&format!("{prefix}  "), value, out)
            }
            other => out.line(format!("{prefix}{key:20} {}", word(other))),
        }),
        other => out.line(format!("{prefix}{}", word(other))),
    }
}

/// A value as people write it, on one line and without control characters: some come from strangers.
fn word(value: &Json) -> String {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Null => "-".to_owned(),
        other => other.to_string(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
