//! Region files of DS9 (and of funtools, which are alike).

use super::coordinate::{angle, coordinate, length};
use super::lexer::{Statement, properties, statements};
use super::{Length, Region, Shape, System};
use std::path::{Path, PathBuf};

/// What can be wrong with a region file.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// The file could not be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The region file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A word that is neither a shape nor a system nor a directive.
    #[error(
        "line {line}: '{word}' is no region shape; known are circle, ellipse, box, polygon, annulus, point, line, text"
    )]
    UnknownShape {
        /// 1-based line.
        line: usize,
        /// The word.
        word: String,
    },
    /// A shape with too few or too many numbers.
    #[error("line {line}: {shape} with {found} numbers; it takes {wanted}")]
    Count {
        /// 1-based line.
        line: usize,
        /// The shape.
        shape: String,
        /// Numbers found.
        found: usize,
        /// Numbers it takes.
        wanted: &'static str,
    },
    /// A number that cannot be one in its place.
    #[error("line {line}: '{text}' is no {what} of the {system:?} system")]
    BadNumber {
        /// 1-based line.
        line: usize,
        /// The text.
        text: String,
        /// What it should be.
        what: &'static str,
        /// The coordinate system there.
        system: System,
    },
    /// An error of the regions in a file.
    #[error("{}: {source}", path.display())]
    InFile {
        /// The region file.
        path: PathBuf,
        /// What is wrong.
        source: Box<RegionError>,
    },
}

/// The regions of a file.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RegionFile {
    /// Regions in order.
    pub regions: Vec<Region>,
    /// Annotations that cover nothing and are left out (rulers, compasses, vectors ...): line and word.
    pub skipped: Vec<(usize, String)>,
}

const ANNOTATIONS: [&str; 6] = ["vector", "ruler", "compass", "segment", "projection", "composite"];

impl RegionFile {
    /// Reads a region file.
    ///
    /// # Errors
    /// [`RegionError::Io`], or [`RegionError::InFile`] around what [`RegionFile::parse`] says.
    pub fn read(path: &Path) -> Result<RegionFile, RegionError> {
        let bytes = std::fs::read(path).map_err(|source| RegionError::Io { path: path.to_owned(), source })?;
        RegionFile::parse(&String::from_utf8_lossy(&bytes))
            .map_err(|source| RegionError::InFile { path: path.to_owned(), source: Box::new(source) })
    }

    /// Parses the text of a region file.
    ///
    /// A system's name holds for what follows; before the first one positions are physical. Numbers stand in
    /// parentheses or behind the shape, between commas or blanks. Ellipses and boxes with several pairs of sides
    /// become one ring from the first pair to the last, annuli with several radii likewise.
    ///
    /// # Errors
    /// [`RegionError::UnknownShape`], [`RegionError::Count`], [`RegionError::BadNumber`].
    pub fn parse(text: &str) -> Result<RegionFile, RegionError> {
        let mut file = RegionFile::default();
        let mut system = System::default();
        let mut global: Vec<(String, String)> = Vec::new();
        for statement in statements(text) {
            let body = statement.body.trim_start_matches("||").trim_end_matches("||").trim();
            if let Some(found) = System::from_word(body) {
                system = found;
                continue;
            }
            let (include, body) = match body.strip_prefix('-') {
                Some(rest) => (false, rest.trim_start()),
                None => (true, body.strip_prefix(['+', '&']).unwrap_or(body).trim_start()),
            };
            let word_end = body.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(body.len());
            let (word, arguments) = body.split_at(word_end);
            let word = word.to_ascii_lowercase();
            if word == "global" {
                global = properties(arguments);
            } else if ANNOTATIONS.contains(&word.as_str()) {
                file.skipped.push((statement.line, word));
            } else if let Some(shape) = read_shape(&word, arguments, system, &statement)? {
                let mut all = global.clone();
                all.extend(properties(statement.properties));
                let last = |key: &str| all.iter().rev().find(|(k, _)| k == key).map(|(_, v)| v.clone());
                let (color, text) = (last("color"), last("text"));
                file.regions.push(Region {
                    shape,
                    system,
                    include,
                    color,
                    text,
                    properties: all,
                    line: statement.line,
                });
            }
        }
        Ok(file)
    }
}

/// The shape, or None for directives that describe no region (`linear`, `tile 1`).
fn read_shape(
    word: &str,
    arguments: &str,
    system: System,
    statement: &Statement<'_>,
) -> Result<Option<Shape>, RegionError> {
    if matches!(word, "linear" | "wcs" | "tile" | "detector" | "amplifier") {
        return Ok(None);
    }
    let line = statement.line;
    let unknown = || RegionError::UnknownShape { line, word: statement.body.chars().take(30).collect() };
    let inner = arguments.trim();
    let inner = match inner.strip_prefix('(') {
        Some(rest) => rest.split_once(')').map_or(rest, |(numbers, _)| numbers),
        None => inner,
    };
    let mut parts: Vec<&str> = inner.split(|c: char| c == ',' || c.is_whitespace()).filter(|t| !t.is_empty()).collect();
    // "point 1 2 circle" of old files, and text(1,2,{label}).
    if matches!(word, "point" | "text" | "circlepoint" | "boxpoint" | "crosspoint") {
        parts.truncate(2);
    }
    let count = |wanted: &'static str| RegionError::Count { line, shape: word.to_owned(), found: parts.len(), wanted };
    let bad = |text: &str, what: &'static str| RegionError::BadNumber { line, text: text.to_owned(), what, system };
    let place = |x: &str, y: &str| -> Result<[f64; 2], RegionError> {
        let longitude = coordinate(x, system, true).ok_or_else(|| bad(x, "coordinate"))?;
        Ok([longitude, coordinate(y, system, false).ok_or_else(|| bad(y, "coordinate"))?])
    };
    let size = |text: &str| -> Result<Length, RegionError> { length(text, system).ok_or_else(|| bad(text, "length")) };
    let turn = |text: &str| -> Result<f64, RegionError> { angle(text).ok_or_else(|| bad(text, "angle")) };
    Ok(Some(match (word, parts.as_slice()) {
        ("circle", [x, y, r]) => Shape::Circle { center: place(x, y)?, radius: size(r)? },
        ("circle", _) => return Err(count("3: x, y, radius")),
        ("annulus", [x, y, inner, .., outer]) => {
            Shape::Annulus { center: place(x, y)?, inner: size(inner)?, outer: size(outer)? }
        }
        ("annulus", _) => return Err(count("4 or more: x, y, radii")),
        ("ellipse" | "box" | "rotbox", [x, y, sides @ ..]) if sides.len() >= 2 => {
            // An even number of sides has no angle.
            let (sides, angle_deg) = match sides.split_last() {
                Some((last, pairs)) if sides.len() % 2 == 1 => (pairs, turn(last)?),
                _ => (sides, 0.0),
            };
            let pairs = sides.chunks_exact(2).map(|p| Ok([size(p[0])?, size(p[1])?]));
            let pairs = pairs.collect::<Result<Vec<_>, RegionError>>()?;
            let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else {
                return Err(count("4 or 5: x, y, two sides, angle"));
            };
            let (center, hole) = (place(x, y)?, (pairs.len() > 1).then_some(*first));
            if word == "ellipse" {
                Shape::Ellipse { center, radii: *last, hole, angle_deg }
            } else {
                Shape::Box { center, size: *last, hole, angle_deg }
            }
        }
        ("ellipse" | "box" | "rotbox", _) => return Err(count("4 or 5: x, y, two sides, angle")),
        ("polygon", numbers) if numbers.len() >= 6 && numbers.len() % 2 == 0 => {
            let vertices = numbers.chunks_exact(2).map(|p| place(p[0], p[1])).collect::<Result<Vec<_>, _>>()?;
            Shape::Polygon { vertices }
        }
        ("polygon", _) => return Err(count("an even number of 6 or more: x and y of each vertex")),
        ("line", [x1, y1, x2, y2]) => Shape::Line { ends: [place(x1, y1)?, place(x2, y2)?] },
        ("line", _) => return Err(count("4: x and y of both ends")),
        ("point" | "circlepoint" | "boxpoint" | "crosspoint", [x, y]) => Shape::Point { center: place(x, y)? },
        ("text", [x, y]) => Shape::Text { center: place(x, y)? },
        ("point" | "text", _) => return Err(count("2: x, y")),
        _ => return Err(unknown()),
    }))
}
