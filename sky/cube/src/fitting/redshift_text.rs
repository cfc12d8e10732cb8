//! The posterior of one object's redshift as a file of comma-separated values.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use pogson_sed::fit::RedshiftPosterior;

/// First line.
const HEAD: &str = "redshift,probability";

/// Why a posterior was not read.
#[derive(Debug, thiserror::Error)]
pub enum RedshiftTextError {
    /// The file cannot be read.
    #[error("{path}: cannot be read: {source}; run the fit again with --restart")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A line that is not one of ours.
    #[error("{path}, line {line}: '{text}' is no redshift and probability; run the fit again with --restart")]
    Line {
        /// The file.
        path: PathBuf,
        /// Its number, from 1.
        line: usize,
        /// Its text.
        text: String,
    },
}

/// The posterior as text, all numbers exactly.
pub(super) fn redshift_text(posterior: &RedshiftPosterior) -> String {
    let mut text = format!("{HEAD}\n");
    for (redshift, probability) in &posterior.grid {
        // A string takes all that is written to it.
        let _ = writeln!(text, "{redshift:?},{probability:?}");
    }
    text
}

/// Reads what [`fit_list`](super::fit_list) wrote beside an object's fit.
///
/// # Errors
/// [`RedshiftTextError`]: no such file, or not of this form.
pub fn read_redshift(path: &Path) -> Result<RedshiftPosterior, RedshiftTextError> {
    let text = std::fs::read_to_string(path).map_err(|source| RedshiftTextError::Io { path: path.into(), source })?;
    let wrong = |line: usize, text: &str| {
        let text = text.chars().take(40).collect();
        RedshiftTextError::Line { path: path.into(), line: line + 1, text }
    };
    let mut grid = Vec::new();
    for (line, text) in text.lines().enumerate() {
        if line == 0 && text == HEAD {
            continue;
        }
        let point = text.split_once(',').and_then(|(z, p)| Some((z.parse().ok()?, p.parse().ok()?)));
        grid.push(point.filter(|_| line > 0).ok_or_else(|| wrong(line, text))?);
    }
    match grid.is_empty() {
        true => Err(wrong(0, "")),
        false => Ok(RedshiftPosterior { grid }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_is_written_is_read_and_what_is_damaged_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.redshift.csv");
        let posterior = RedshiftPosterior { grid: vec![(0.01, 0.1 + 0.2), (0.02, 1e-300), (0.03, 0.7)] };
        std::fs::write(&path, redshift_text(&posterior)).unwrap();
        assert_eq!(read_redshift(&path).unwrap(), posterior);
        std::fs::write(&path, "redshift,probability\n0.01,half\n").unwrap();
        let said = read_redshift(&path).unwrap_err().to_string();
        assert!(said.contains("1.redshift.csv, line 2: '0.01,half'"), "{said}");
        std::fs::write(&path, "").unwrap();
        assert!(read_redshift(&path).is_err());
    }
}
