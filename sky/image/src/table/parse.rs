//! Text of an IPAC table to [`IpacTable`].

use super::{Column, ColumnType, IpacTable, TableError};

/// Columns in characters: where the `|` of the header lines stand.
struct Layout {
    /// Position of each `|`; one more than there are columns.
    bars: Vec<usize>,
}

impl IpacTable {
    /// Parses the text of a table.
    ///
    /// A value lies under its column's header, the left `|` included; the last column takes all that follows. Where
    /// a value runs across a `|` the row is split at blanks instead, if that gives one value for each column.
    /// Blank lines are passed over. A cell that is blank, or equals the column's null text, or says `null` in a
    /// numeric column, is null.
    ///
    /// # Errors
    /// [`TableError::Empty`], [`TableError::NoHeader`] and [`TableError::HeaderWidth`].
    pub fn parse(text: &str) -> Result<IpacTable, TableError> {
        let mut table = IpacTable::default();
        let mut layout: Option<Layout> = None;
        let mut columns: Vec<Column> = Vec::new();
        let mut header_lines = 0;
        let mut in_data = false;
        for (number, line) in text.lines().enumerate() {
            let line = line.trim_end_matches('\r');
            if let Some(rest) = line.strip_prefix('\\') {
                read_keyword(&mut table, rest);
            } else if line.starts_with('|') && !in_data {
                let chars: Vec<char> = line.trim_end().chars().collect();
                let found = Layout::of(&chars);
                let words = found.words(&chars);
                if header_lines == 0 {
                    columns = words.iter().map(|w| Column::new(w, ColumnType::Char)).collect();
                    layout = Some(found);
                } else if words.len() != columns.len() {
                    return Err(TableError::HeaderWidth {
                        line: number + 1,
                        found: words.len(),
                        expected: columns.len(),
                    });
                }
                for (column, word) in columns.iter_mut().zip(&words) {
                    match header_lines {
                        1 => column.kind = ColumnType::from_word(word.trim_start_matches('-')),
                        2 => column.unit.clone_from(word),
                        3 => column.null.clone_from(word),
                        _ => {}
                    }
                }
                header_lines += 1;
            } else if !line.trim().is_empty() {
                let Some(layout) = &layout else {
                    return Err(TableError::NoHeader { line: number + 1 });
                };
                if !in_data {
                    in_data = true;
                    for column in columns.drain(..) {
                        table.add_column(column);
                    }
                }
                let cells = layout.cells(line);
                let cells: Vec<_> = cells.into_iter().zip(table.columns()).map(|(t, c)| value(t, c)).collect();
                table.push(cells);
            }
        }
        for column in columns {
            table.add_column(column);
        }
        if table.columns().is_empty() { Err(TableError::Empty) } else { Ok(table) }
    }
}

fn value(text: String, column: &Column) -> Option<String> {
    let null = text.is_empty()
        || (!column.null.is_empty() && text == column.null)
        || (column.kind.is_number() && text.eq_ignore_ascii_case("null"));
    (!null).then_some(text)
}

/// `\key = value` is a keyword, `\ text` a comment; `\text` without `=` is a comment too.
fn read_keyword(table: &mut IpacTable, rest: &str) {
    let key_value = rest.split_once('=').map(|(k, v)| (k.trim(), v.trim()));
    match key_value {
        Some((key, value)) if !rest.starts_with(' ') && !key.is_empty() && !key.contains(char::is_whitespace) => {
            let quoted = ['\'', '"'].iter().find_map(|q| value.strip_prefix(*q)?.strip_suffix(*q));
            table.keywords.push((key.to_owned(), quoted.unwrap_or(value).to_owned()));
        }
        _ => table.comments.push(rest.trim().to_owned()),
    }
}

impl Layout {
    fn of(header: &[char]) -> Layout {
        let mut bars: Vec<usize> = header.iter().enumerate().filter(|(_, c)| **c == '|').map(|(i, _)| i).collect();
        // A header cut off before its last bar still has the column.
        if bars.last().is_some_and(|last| last + 1 < header.len()) {
            bars.push(header.len());
        }
        Layout { bars }
    }

    fn words(&self, line: &[char]) -> Vec<String> {
        self.bars
            .windows(2)
            .map(|w| line.get(w[0] + 1..w[1]).unwrap_or(&[]).iter().collect::<String>().trim().to_owned())
            .collect()
    }

    fn cells(&self, line: &str) -> Vec<String> {
        let chars: Vec<char> = line.chars().collect();
        let count = self.bars.len().saturating_sub(1);
        let blank = |i: usize| chars.get(i).is_none_or(|c| c.is_whitespace());
        let inner = self.bars.get(1..count).unwrap_or(&[]);
        if inner.iter().any(|&bar| !blank(bar) && !blank(bar - 1)) {
            let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            if words.len() == count {
                return words;
            }
        }
        (0..count)
            .map(|i| {
                let end = if i + 1 == count { chars.len() } else { self.bars[i + 1].min(chars.len()) };
                let start = self.bars[i].min(end);
                chars[start..end].iter().collect::<String>().trim().to_owned()
            })
            .collect()
    }
}
