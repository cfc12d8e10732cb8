//! Lines of words, read with their numbers.

use std::str::{FromStr, SplitAsciiWhitespace};

use super::WorkError;

/// The lines of a text, one after the other; any line end will do.
pub(super) struct Lines<'a> {
    rest: std::iter::Enumerate<std::str::Lines<'a>>,
}

/// A line's words.
pub(super) struct Words<'a> {
    number: usize,
    line: &'a str,
    words: SplitAsciiWhitespace<'a>,
}

impl<'a> Lines<'a> {
    /// Of a text whose first line has to be `wanted`.
    pub(super) fn of(text: &'a str, wanted: &'static str) -> Result<Lines<'a>, WorkError> {
        let mut rest = text.lines().enumerate();
        let first = rest.next().map_or("", |(_, line)| line).trim_end();
        if first == wanted {
            Ok(Lines { rest })
        } else {
            Err(WorkError::Kind { found: first.chars().take(40).collect(), wanted })
        }
    }

    /// The next line.
    pub(super) fn next(&mut self) -> Result<Words<'a>, WorkError> {
        let (number, line) = self.rest.next().ok_or(WorkError::Cut)?;
        Ok(Words { number: number + 1, line, words: line.split_ascii_whitespace() })
    }

    /// The next line, which has to begin with `word`.
    pub(super) fn of_key(&mut self, word: &'static str) -> Result<Words<'a>, WorkError> {
        let mut line = self.next()?;
        match line.words.next() {
            Some(found) if found == word => Ok(line),
            _ => Err(line.wrong(format!("begins not with '{word}'"))),
        }
    }

    /// That nothing follows.
    pub(super) fn end(mut self) -> Result<(), WorkError> {
        match self.rest.find(|(_, line)| !line.trim().is_empty()) {
            None => Ok(()),
            Some((number, _)) => Err(WorkError::Line { line: number + 1, problem: "stands after the end".to_owned() }),
        }
    }
}

impl<'a> Words<'a> {
    /// A fault of this line.
    pub(super) fn wrong(&self, problem: impl Into<String>) -> WorkError {
        WorkError::Line { line: self.number, problem: problem.into() }
    }

    /// The next word, if there is one.
    pub(super) fn more(&mut self) -> Option<&'a str> {
        self.words.next()
    }

    /// The next word.
    pub(super) fn word(&mut self) -> Result<&'a str, WorkError> {
        self.words.next().ok_or_else(|| self.wrong("ends too early"))
    }

    /// The next word as a number.
    pub(super) fn number<T: FromStr>(&mut self) -> Result<T, WorkError> {
        let word = self.word()?;
        word.parse().map_err(|_| self.wrong(format!("'{}' is no such number", short(word))))
    }

    /// All words that are left, as numbers.
    pub(super) fn numbers<T: FromStr>(&mut self) -> Result<Vec<T>, WorkError> {
        let mut all = Vec::new();
        while let Some(word) = self.more() {
            all.push(word.parse().map_err(|_| self.wrong(format!("'{}' is no such number", short(word))))?);
        }
        Ok(all)
    }

    /// The line from its second word on.
    pub(super) fn sentence(&self) -> &'a str {
        let line = self.line.trim();
        line.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start())
    }

    /// That no word is left.
    pub(super) fn end(mut self) -> Result<(), WorkError> {
        match self.more() {
            None => Ok(()),
            Some(word) => Err(self.wrong(format!("'{}' is one word too many", short(word)))),
        }
    }
}

fn short(word: &str) -> String {
    word.chars().take(40).collect()
}

/// Appends numbers to a line, each after a blank.
pub(super) fn put<T: std::fmt::Debug>(text: &mut String, values: impl IntoIterator<Item = T>) {
    use std::fmt::Write;
    for value in values {
        // Writing to a string cannot fail.
        let _ = write!(text, " {value:?}");
    }
}
