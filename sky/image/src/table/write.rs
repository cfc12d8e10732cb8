//! [`IpacTable`] to text.

use super::{Column, IpacTable};
use std::fmt::Write;

impl IpacTable {
    /// The table as text: keywords, comments, header lines (units and nulls only when a column has them), rows.
    ///
    /// Columns are as wide as their widest content; numbers are set to the right, text to the left. A null in a
    /// column without null text is blank, so every cell stands under its header.
    pub fn to_text(&self) -> String {
        let widths: Vec<usize> = (0..self.columns().len()).map(|i| self.width(i)).collect();
        let mut out = String::new();
        for (key, value) in &self.keywords {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "\\{key} = {value}");
        }
        for comment in &self.comments {
            let _ = writeln!(out, "\\ {comment}");
        }
        let columns = self.columns();
        header_line(&mut out, columns, &widths, |c| &c.name);
        header_line(&mut out, columns, &widths, |c| c.kind.word());
        let has_null = columns.iter().any(|c| !c.null.is_empty());
        if has_null || columns.iter().any(|c| !c.unit.is_empty()) {
            header_line(&mut out, columns, &widths, |c| &c.unit);
        }
        if has_null {
            header_line(&mut out, columns, &widths, |c| &c.null);
        }
        for row in 0..self.len() {
            for (i, (column, width)) in columns.iter().zip(&widths).enumerate() {
                let text = self.text(row, i).unwrap_or(&column.null);
                let _ = if column.kind.is_number() {
                    write!(out, " {text:>width$}")
                } else {
                    write!(out, " {text:<width$}")
                };
            }
            // One blank under the last bar: Montage's reader wants rows as long as the header.
            out.push_str(" \n");
        }
        out
    }

    fn width(&self, index: usize) -> usize {
        let Some(column) = self.columns().get(index) else {
            return 0;
        };
        let head = [column.name.as_str(), column.kind.word(), &column.unit, &column.null];
        let head = head.iter().map(|t| t.chars().count()).max().unwrap_or(0);
        let cells = (0..self.len()).filter_map(|row| self.text(row, index)).map(|t| t.chars().count()).max();
        head.max(cells.unwrap_or(0)).max(column.min_width)
    }
}

fn header_line<'a>(out: &mut String, columns: &'a [Column], widths: &[usize], text: impl Fn(&'a Column) -> &'a str) {
    for (column, width) in columns.iter().zip(widths) {
        let _ = write!(out, "|{:<width$}", text(column));
    }
    out.push_str("|\n");
}
