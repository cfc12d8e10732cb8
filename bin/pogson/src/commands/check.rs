//! `pogson check`: are these files FITS, whole, and sure of their place on the sky?

use std::path::{Path, PathBuf};

use pogson_image::fits::checksum::Verdict;
use pogson_image::fits::FitsFile;
use pogson_image::wcs::{Wcs, validity};
use rayon::prelude::*;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Check files: FITS structure, sizes, check sums, world coordinates
///
/// Errors make a file unusable or untrue; warnings are oddities that were understood. The exit code is 3 when there is an
/// error.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson check tile.fits
  pogson check raw/ --json")]
pub struct Args {
    /// FITS files, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    inputs: Vec<PathBuf>,
    /// Fail on warnings too
    #[arg(long)]
    strict: bool,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Severity {
    Error,
    Warning,
    Note,
}

#[derive(Serialize)]
struct Finding {
    severity: Severity,
    hdu: Option<usize>,
    message: String,
}

#[derive(Serialize)]
struct Checked {
    file: String,
    hdus: usize,
    findings: Vec<Finding>,
}

#[derive(Serialize)]
struct Report {
    files: Vec<Checked>,
    errors: usize,
    warnings: usize,
}

/// Checks each file and prints what was found.
///
/// # Errors
/// [`Class::BadInput`](crate::failure::Class::BadInput) when a file has an error.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let paths = super::table::list(&args.inputs, true, true)?;
    let progress = out.progress("check", paths.len() as u64, Unit::Tiles);
    let files: Result<Vec<Checked>, Failure> = paths
        .par_iter()
        .map(|path| {
            out.go_on()?;
            let checked = check(path);
            progress.add(1);
            Ok(checked)
        })
        .collect();
    drop(progress);
    let files = files?;
    let count = |severity| files.iter().flat_map(|f| &f.findings).filter(|f| f.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let total = files.len();
    if out.is_json() {
        out.object(&Report { files, errors, warnings })?;
    } else {
        for file in &files {
            print(file, out)?;
        }
    }
    if errors > 0 || (args.strict && warnings > 0) {
        return Err(Failure::bad_input(format!("{total} files checked: {errors} errors, {warnings} warnings")));
    }
    out.note(format!("{total} files checked: no errors, {warnings} warnings"));
    Ok(())
}

fn print(file: &Checked, out: &Output) -> Result<(), Failure> {
    if file.findings.iter().all(|f| f.severity == Severity::Note) {
        out.line(format!("{}: good ({} HDUs)", file.file, file.hdus))?;
    }
    for finding in &file.findings {
        let word = match finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let place = finding.hdu.map_or(String::new(), |hdu| format!(", HDU {hdu}"));
        // Most sentences name the file already.
        let message = finding.message.strip_prefix(&format!("{}: ", file.file)).unwrap_or(&finding.message);
        out.line(format!("{}{place}: {word}: {message}", file.file))?;
    }
    Ok(())
}

fn check(path: &Path) -> Checked {
    let mut findings = Vec::new();
    let mut find = |severity, hdu, message: String| findings.push(Finding { severity, hdu, message });
    let file = match FitsFile::open(path) {
        Ok(file) => file,
        Err(error) => {
            find(Severity::Error, None, error.to_string());
            return Checked { file: path.display().to_string(), hdus: 0, findings };
        }
    };
    for warning in file.warnings() {
        find(Severity::Warning, None, warning);
    }
    for (index, hdu) in file.hdus().iter().enumerate() {
        match file.verify(index) {
            Err(error) => find(Severity::Error, Some(index), error.to_string()),
            Ok((data, whole)) => {
                for (key, verdict) in [("DATASUM", data), ("CHECKSUM", whole)] {
                    if verdict == Verdict::Wrong {
                        let message = format!("{key} does not agree with the bytes; the file was changed or damaged");
                        find(Severity::Error, Some(index), message);
                    }
                }
            }
        }
        if hdu.image_dimensions() < 2 {
            continue;
        }
        if let Err(error) = file.image(index) {
            find(Severity::Error, Some(index), error.to_string());
        }
        for finding in validity::of_hdu(&file, index) {
            let severity = match finding.severity {
                validity::Severity::Note => Severity::Note,
                validity::Severity::Warning => Severity::Warning,
                validity::Severity::Error => Severity::Error,
            };
            find(severity, Some(index), finding.message);
        }
        if let Some(message) = Wcs::from_hdu(&file, index).ok().as_ref().and_then(round_trip) {
            find(Severity::Warning, Some(index), message);
        }
    }
    Checked { file: path.display().to_string(), hdus: file.hdus().len(), findings }
}

/// A sentence when the way to the sky and back does not end where it began, at the centre and the corners.
fn round_trip(wcs: &Wcs) -> Option<String> {
    let (width, height) = wcs.naxis();
    let (right, top) = (width as f64 - 1.0, height as f64 - 1.0);
    let places = [(right / 2.0, top / 2.0), (0.0, 0.0), (right, 0.0), (0.0, top), (right, top)];
    let mut worst: Option<(f64, f64, f64)> = None;
    for (x, y) in places {
        // Corners of all-sky maps lie outside the sky, which is no fault.
        let Some(sky) = wcs.pix_to_sky(x, y) else { continue };
        let error = wcs.sky_to_pix(sky).map_or(f64::INFINITY, |(u, v)| libm::hypot(u - x, v - y));
        if error > worst.map_or(0.01, |w| w.0) {
            worst = Some((error, x + 1.0, y + 1.0));
        }
    }
    worst.map(|(error, x, y)| format!("pixel ({x}, {y}) to the sky and back ends {error:.3} pixels away"))
}
