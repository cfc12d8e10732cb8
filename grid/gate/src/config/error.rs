//! What is wrong in a file, with the line and a caret below it.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::near::nearest;

/// Why a configuration is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// Its file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: String,
    },
    /// Something in it is wrong: at least one fault, in the order of the file.
    Wrong(Vec<Fault>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file.
    pub file: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// What is wrong, and the mend.
    pub sentence: String,
    /// The line itself.
    pub text: String,
    /// Characters that the caret spans, at least 1.
    pub width: usize,
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a table.
    Key(String),
    /// A place in a list.
    Index(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Self::Key(key.to_string())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// Something that is wrong with the value at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The way to the value; if it is not in the file, as far as it goes.
    pub place: Vec<Step>,
    /// What is wrong, and the mend.
    pub sentence: String,
}

impl ConfigError {
    pub(super) fn of_toml(error: &toml::de::Error, text: &str, name: &str) -> Self {
        let message = error.message().lines().collect::<Vec<_>>().join("; ");
        let fault = Fault::at(error.span().unwrap_or(0..0), text, name, hinted(&message));
        Self::Wrong(vec![fault])
    }

    pub(super) fn of_problems(problems: Vec<Problem>, text: &str, name: &str) -> Result<(), Self> {
        let faults = Fault::all(problems, text, name);
        if faults.is_empty() { Ok(()) } else { Err(Self::Wrong(faults)) }
    }

    /// What is wrong, one by one.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        match self {
            Self::Unreadable { .. } => &[],
            Self::Wrong(faults) => faults,
        }
    }
}

/// Where the value at `place` stands.
fn find(table: &DeTable<'_>, place: &[Step]) -> Range<usize> {
    let mut span = 0..0;
    let Some((Step::Key(first), mut rest)) = place.split_first() else { return span };
    let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == first) else { return span };
    let mut at = value;
    span = if matches!(at.get_ref(), DeValue::Table(_) | DeValue::Array(_)) { key.span() } else { at.span() };
    while let Some((step, after)) = rest.split_first() {
        rest = after;
        let next = match (step, at.get_ref()) {
            (Step::Index(index), DeValue::Array(items)) => items.get(*index).map(|item| (item.span(), item)),
            (Step::Key(key), DeValue::Table(table)) => table
                .iter()
                .find(|(name, _)| name.get_ref() == key)
                .map(|(key, item)| (if item.get_ref().is_table() { key.span() } else { item.span() }, item)),
            // One text may stand for a list of it.
            (Step::Index(0), _) => Some((at.span(), at)),
            _ => None,
        };
        let Some((next_span, item)) = next else { break };
        (span, at) = (next_span, item);
    }
    span
}

/// Keys of the file itself, which are often written below a table by mistake.
const FIRST: [&str; 6] = ["workers", "body_limit", "splice", "read_ahead", "read_ahead_all", "merge_slashes"];

/// What serde says, in this program's words.
fn hinted(message: &str) -> String {
    if message == "invalid type: map, expected a sequence" {
        return "there may be several of these; write its name in two pairs of brackets, such as [[pool]]".into();
    }
    if message == "wanted string or table" {
        return "this is not one of the values; they are words in quotes".into();
    }
    if let Some((found, wanted)) = message.strip_prefix("invalid ").and_then(|rest| rest.split_once(", expected ")) {
        let Some((_, found)) = found.split_once(": ") else {
            return "this is no value; put text in quotes, such as \"text\"".into();
        };
        let wanted = match wanted {
            "usize" | "u64" | "u32" | "u16" | "u8" => "a whole number from 0",
            "f64" | "f32" => "a number",
            "a boolean" => "true or false",
            other => other,
        };
        return format!("this is {}, and has to be {}", found.replace('`', "\""), wanted.replace('`', "\""));
    }
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((found, names)) = quoted.split_first() else { return message.to_string() };
    let list = || names.join(", ");
    let meant = match nearest(found, names.iter().copied()) {
        Some(name) => format!("did you mean \"{name}\"? (There is also: {})", rest_of(names, name)),
        None => format!("there is: {}", list()),
    };
    let meant = meant.replace(" (There is also: )", "");
    if message.starts_with("unknown field") && FIRST.contains(found) {
        format!("\"{found}\" is not a key of this table; it stands in the first lines, above the first [[...]]")
    } else if message.starts_with("unknown field") {
        format!("\"{found}\" is not a key of this table; {meant}")
    } else if message.starts_with("unknown variant") {
        format!("\"{found}\" is not one of the values; {meant}")
    } else if message.starts_with("missing field") {
        format!("the key \"{found}\" is missing here; add it")
    } else {
        message.replace('`', "\"")
    }
}

fn rest_of(names: &[&str], but: &str) -> String {
    names.iter().filter(|name| **name != but).copied().collect::<Vec<_>>().join(", ")
}

impl Fault {
    /// Those of problems, in the order of the file.
    pub(super) fn all(problems: Vec<Problem>, text: &str, name: &str) -> Vec<Self> {
        let tree = DeTable::parse(text).ok();
        let mut faults: Vec<(Range<usize>, String)> = problems
            .into_iter()
            .map(|problem| {
                let span = tree.as_ref().map(|tree| find(tree.get_ref(), &problem.place)).unwrap_or_default();
                (span, problem.sentence)
            })
            .collect();
        faults.sort_by_key(|(span, _)| span.start);
        faults.into_iter().map(|(span, sentence)| Self::at(span, text, name, sentence)).collect()
    }

    fn at(span: Range<usize>, text: &str, file: &str, sentence: String) -> Self {
        let start = floor(text, span.start);
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let stop = floor(text, span.end.clamp(start, end));
        Self {
            file: file.to_string(),
            line: text[..start].matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            sentence,
            text: text[begin..end].trim_end_matches('\r').to_string(),
            width: text[start..stop].chars().count().max(1),
        }
    }
}

/// The nearest place at or before `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl fmt::Display for Fault {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, column, sentence, text, width } = self;
        writeln!(to, "{file}:{line}:{column}: {sentence}")?;
        let gutter = line.to_string();
        // Tabs stay tabs below, so that the caret stands where they put it.
        let lead: String = text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(to, " {gutter} | {text}")?;
        write!(to, " {:1$} | {lead}{2}", "", gutter.len(), "^".repeat(*width))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, error } => {
                write!(to, "{}: {error}; name a configuration that can be read", path.display())
            }
            Self::Wrong(faults) => {
                for (at, fault) in faults.iter().enumerate() {
                    write!(to, "{}{fault}", if at == 0 { "" } else { "\n" })?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigError {}
