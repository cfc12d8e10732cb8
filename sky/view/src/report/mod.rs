//! Reports: one HTML file with its pictures and charts inside, without scripts, for light and dark screens.
//!
//! ```
//! use pogson_view::report::{Card, Chart, ReportBuilder, Table};
//! use pogson_view::{Picture, Rgb};
//!
//! let html = ReportBuilder::new("M17 in K", "8 tiles of 2MASS")
//!     .cards(vec![
//!         Card::new("Tiles", "8").note("none left out"),
//!         Card::new("Overlap residual", "0.107 DN"),
//!     ])
//!     .section("Background")
//!     .text("Planes were fitted to the differences of overlapping tiles.")
//!     .table(
//!         Table::new("Corrections", &["Tile", "Level (DN)"])
//!             .row(["2mass-atlas-990502s", "-3.21"])
//!             .row(["2mass-atlas-990503s", "0.44"]),
//!     )
//!     .figure(&Picture::filled(64, 48, Rgb::BLACK), "An empty field", "The mosaic, north up.")?
//!     .chart(
//!         Chart::new("Residuals", "difference (DN)", "pixels").bars("after", -1.0, 0.5, &[2.0, 9.0, 8.0, 1.0]),
//!         "Differences of overlapping tiles after correction.",
//!     )
//!     .html();
//! assert!(html.starts_with("<!doctype html>") && html.contains("data:image/png;base64,"));
//! # Ok::<(), pogson_view::png::PngError>(())
//! ```

mod base64;
mod chart;
mod corner;
mod style;
pub(crate) mod ticks;

pub use chart::Chart;
pub use corner::Corner;

use std::fmt::Write as _;
use std::path::Path;

use crate::picture::Picture;
use crate::png::{self, PngError};

/// A key figure: a short label, its value, and perhaps a line that explains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    label: String,
    value: String,
    note: String,
}

impl Card {
    /// A card without a note.
    pub fn new(label: &str, value: &str) -> Card {
        Card { label: label.into(), value: value.into(), note: String::new() }
    }

    /// The same card with a line under its value.
    pub fn note(mut self, note: &str) -> Card {
        self.note = note.into();
        self
    }
}

/// A table with a caption. Columns whose cells are all numbers (or empty, or `-`) stand flush right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    caption: String,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table with named columns.
    pub fn new(caption: &str, columns: &[&str]) -> Table {
        Table { caption: caption.into(), columns: columns.iter().map(|c| (*c).into()).collect(), rows: Vec::new() }
    }

    /// The same table with one more row; missing cells are empty, cells beyond the last column are left out.
    pub fn row<S: Into<String>>(mut self, cells: impl IntoIterator<Item = S>) -> Table {
        self.push(cells);
        self
    }

    /// Adds a row, as [`Table::row`].
    pub fn push<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        let mut row: Vec<String> = cells.into_iter().map(Into::into).collect();
        row.resize(self.columns.len(), String::new());
        self.rows.push(row);
    }

    fn html(&self) -> String {
        let numeric: Vec<bool> = (0..self.columns.len())
            .map(|c| !self.rows.is_empty() && self.rows.iter().all(|row| is_number(&row[c])))
            .collect();
        let class = |c: usize| if numeric[c] { " class=\"n\"" } else { "" };
        let mut html = format!(
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{0}\"><table>\n<caption>{0}</caption>\n<thead><tr>",
            escaped(&self.caption)
        );
        for (c, name) in self.columns.iter().enumerate() {
            let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(c), escaped(name));
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in &self.rows {
            html.push_str("<tr>");
            for (c, cell) in row.iter().enumerate() {
                let cell = escaped(cell);
                let _ = if c == 0 {
                    write!(html, "<th scope=\"row\"{}>{cell}</th>", class(c))
                } else {
                    write!(html, "<td{}>{cell}</td>", class(c))
                };
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody></table></div>\n");
        html
    }
}

fn is_number(cell: &str) -> bool {
    let cell = cell.trim().replace(['\u{2212}', '\u{b1}'], "-");
    let digits = cell.trim_end_matches([' ', '%', '"', '\u{b0}', '\u{2033}']).replace([',', '\u{2009}'], "");
    cell.is_empty() || cell == "-" || digits.parse::<f64>().is_ok()
}

/// A picture of a row of figures.
#[derive(Debug, Clone)]
pub struct Figure<'a> {
    /// The picture.
    pub picture: &'a Picture,
    /// What one who cannot see it should know.
    pub alt: &'a str,
    /// The line under it.
    pub caption: &'a str,
}

/// Builds a report block by block, in the order of the calls.
#[derive(Debug, Clone)]
pub struct ReportBuilder {
    title: String,
    subtitle: String,
    body: String,
    contents: Vec<String>,
    open: bool,
    footer: String,
}

impl ReportBuilder {
    /// A report with a title and a line under it (may be empty).
    pub fn new(title: &str, subtitle: &str) -> ReportBuilder {
        ReportBuilder {
            title: title.into(),
            subtitle: subtitle.into(),
            body: String::new(),
            contents: Vec::new(),
            open: false,
            footer: format!("Made by pogson {}", env!("CARGO_PKG_VERSION")),
        }
    }

    /// The line at the end of the page; by default the program's name and version.
    pub fn footer(mut self, text: &str) -> ReportBuilder {
        self.footer = text.into();
        self
    }

    /// Begins a section with a heading, listed at the top of the page.
    pub fn section(mut self, heading: &str) -> ReportBuilder {
        self.close();
        let number = self.contents.len() + 1;
        let _ = write!(
            self.body,
            "<section aria-labelledby=\"s{number}\">\n<h2 id=\"s{number}\">{}</h2>\n",
            escaped(heading)
        );
        self.contents.push(heading.into());
        self.open = true;
        self
    }

    /// A paragraph of plain text.
    pub fn text(mut self, text: &str) -> ReportBuilder {
        let _ = writeln!(self.body, "<p>{}</p>", escaped(text));
        self
    }

    /// A paragraph that stands out: something that the reader must know before trusting the numbers.
    pub fn warning(mut self, text: &str) -> ReportBuilder {
        let _ = writeln!(self.body, "<p class=\"warning\" role=\"note\"><strong>Note.</strong> {}</p>", escaped(text));
        self
    }

    /// A row of key figures.
    pub fn cards(mut self, cards: impl IntoIterator<Item = Card>) -> ReportBuilder {
        self.body.push_str("<dl class=\"cards\">\n");
        for card in cards {
            let _ = write!(self.body, "<div><dt>{}</dt><dd>{}</dd>", escaped(&card.label), escaped(&card.value));
            if !card.note.is_empty() {
                let _ = write!(self.body, "<dd class=\"note\">{}</dd>", escaped(&card.note));
            }
            self.body.push_str("</div>\n");
        }
        self.body.push_str("</dl>\n");
        self
    }

    /// A table.
    pub fn table(mut self, table: Table) -> ReportBuilder {
        self.body.push_str(&table.html());
        self
    }

    /// A table behind a line that opens it: for long lists.
    pub fn folded_table(mut self, summary: &str, table: Table) -> ReportBuilder {
        let _ = write!(self.body, "<details><summary>{}</summary>\n{}</details>\n", escaped(summary), table.html());
        self
    }

    /// A picture with what it shows in words (`alt`) and a caption.
    ///
    /// # Errors
    /// [`PngError::Encode`], for a picture without pixels.
    pub fn figure(self, picture: &Picture, alt: &str, caption: &str) -> Result<ReportBuilder, PngError> {
        self.figures(&[Figure { picture, alt, caption }])
    }

    /// Pictures side by side where the screen has room.
    ///
    /// # Errors
    /// [`PngError::Encode`], for a picture without pixels.
    pub fn figures(mut self, figures: &[Figure<'_>]) -> Result<ReportBuilder, PngError> {
        self.body.push_str("<div class=\"figures\">\n");
        for figure in figures {
            let _ = writeln!(
                self.body,
                "<figure><img src=\"data:image/png;base64,{}\" alt=\"{}\" width=\"{}\" height=\"{}\"><figcaption>{}</figcaption></figure>",
                base64::encode(&png::encode(figure.picture)?),
                escaped(figure.alt),
                figure.picture.width(),
                figure.picture.height(),
                escaped(figure.caption)
            );
        }
        self.body.push_str("</div>\n");
        Ok(self)
    }

    /// A chart with a caption.
    pub fn chart(self, chart: Chart, caption: &str) -> ReportBuilder {
        self.charts(vec![(chart, caption)])
    }

    /// Charts with their captions, side by side where the screen has room.
    pub fn charts(mut self, charts: Vec<(Chart, &str)>) -> ReportBuilder {
        self.body.push_str("<div class=\"figures\">\n");
        for (chart, caption) in charts {
            let _ = writeln!(
                self.body,
                "<figure class=\"chart\">{}<figcaption>{}</figcaption></figure>",
                chart.svg(),
                escaped(caption)
            );
        }
        self.body.push_str("</div>\n");
        self
    }

    /// Charts behind a line that opens them: for many.
    pub fn folded_charts(mut self, summary: &str, charts: Vec<(Chart, &str)>) -> ReportBuilder {
        if charts.is_empty() {
            return self;
        }
        let _ = writeln!(self.body, "<details><summary>{}</summary>", escaped(summary));
        let mut page = self.charts(charts);
        page.body.push_str("</details>\n");
        page
    }

    /// A corner plot with a caption.
    pub fn corner(mut self, corner: &Corner, caption: &str) -> ReportBuilder {
        let _ = writeln!(
            self.body,
            "<figure class=\"chart wide\">{}<figcaption>{}</figcaption></figure>",
            corner.svg(),
            escaped(caption)
        );
        self
    }

    fn close(&mut self) {
        if self.open {
            self.body.push_str("</section>\n");
            self.open = false;
        }
    }

    /// The whole page.
    pub fn html(mut self) -> String {
        self.close();
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<header>\n<h1>{0}</h1>\n",
            escaped(&self.title),
            style::CSS
        );
        if !self.subtitle.is_empty() {
            let _ = writeln!(page, "<p class=\"subtitle\">{}</p>", escaped(&self.subtitle));
        }
        if self.contents.len() > 2 {
            page.push_str("<nav aria-label=\"Sections\"><ul>");
            for (k, heading) in self.contents.iter().enumerate() {
                let _ = write!(page, "<li><a href=\"#s{}\">{}</a></li>", k + 1, escaped(heading));
            }
            page.push_str("</ul></nav>\n");
        }
        let _ = write!(
            page,
            "</header>\n<main>\n{}</main>\n<footer>{}</footer>\n</body>\n</html>\n",
            self.body,
            escaped(&self.footer)
        );
        page
    }

    /// Writes the page to `path`; the file appears whole or not at all, and replaces an older one.
    ///
    /// # Errors
    /// [`PngError::Write`] with the file's name.
    pub fn write(self, path: &Path) -> Result<(), PngError> {
        png::write_whole(path, self.html().as_bytes())
            .map_err(|source| PngError::Write { path: path.to_path_buf(), source })
    }
}

/// Text as it may stand in HTML, in attributes too.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Rgb;

    #[test]
    fn text_from_file_names_cannot_become_markup() {
        let html = ReportBuilder::new("<b>&", "\"x\"")
            .section("<script>")
            .table(Table::new("<i>", &["<u>"]).row(["</td>"]))
            .html();
        for tag in ["<b>", "<script>", "<i>", "<u>", "</td></td>"] {
            assert!(!html.contains(tag), "{tag}");
        }
        assert!(html.contains("<title>&lt;b&gt;&amp;</title>"));
    }

    #[test]
    fn every_picture_and_chart_says_in_words_what_it_shows_and_every_table_has_a_caption() {
        let html = ReportBuilder::new("t", "")
            .figure(&Picture::filled(3, 2, Rgb::WHITE), "white field", "c")
            .unwrap()
            .chart(Chart::new("steps", "x", "y").line("l", &[(0.0, 1.0), (1.0, 2.0)]), "d")
            .table(Table::new("numbers", &["a", "b"]).row(["1"]))
            .html();
        assert!(html.contains("alt=\"white field\""));
        assert!(html.contains("role=\"img\"") && html.contains("<title>steps</title>"));
        assert_eq!(html.matches("<table>").count(), html.matches("<caption>").count());
        assert!(!html.contains("http"), "nothing is loaded from elsewhere");
    }

    #[test]
    fn columns_of_numbers_stand_flush_right() {
        for cell in ["1", "-2.5e3", "12 %", "\u{2212}3", "1,234", "", "-"] {
            assert!(is_number(cell), "{cell}");
        }
        for cell in ["a", "2mass", "1 of 2"] {
            assert!(!is_number(cell), "{cell}");
        }
    }
}
