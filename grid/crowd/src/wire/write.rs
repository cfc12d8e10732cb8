//! XML as clients read it: a tag a line, three entities.

use std::fmt::{Display, Write};

/// A document in the making.
#[derive(Debug, Default)]
pub(super) struct Writer {
    text: String,
    depth: usize,
}

/// Text with the entities that clients know; control characters, which break their parser, are left out.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

impl Writer {
    fn indent(&mut self) {
        for _ in 0..self.depth {
            self.text.push_str("    ");
        }
    }

    /// `<name>value</name>` of text.
    pub(super) fn text(&mut self, name: &str, value: &str) {
        self.raw(name, escaped(value));
    }

    /// `<name>value</name>` of a number, or of text that needs no entities.
    pub(super) fn raw(&mut self, name: &str, value: impl Display) {
        self.indent();
        // Writing to a string does not fail.
        let _ = writeln!(self.text, "<{name}>{value}</{name}>");
    }

    /// `<name/>`.
    pub(super) fn flag(&mut self, name: &str) {
        self.indent();
        let _ = writeln!(self.text, "<{name}/>");
    }

    /// A line as it is.
    pub(super) fn line(&mut self, line: &str) {
        self.indent();
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Lines as they are, at the margin: keys, signatures and preferences that a client sent.
    pub(super) fn lines(&mut self, lines: &str) {
        self.text.push_str(lines);
        if !lines.ends_with('\n') {
            self.text.push('\n');
        }
    }

    /// `<name>`, what `body` writes, `</name>`.
    pub(super) fn within(&mut self, name: &str, body: impl FnOnce(&mut Writer)) {
        self.line(&format!("<{name}>"));
        self.depth += 1;
        body(self);
        self.depth -= 1;
        self.line(&format!("</{name}>"));
    }

    /// The document.
    pub(super) fn done(self) -> String {
        self.text
    }
}
