//! `pogson info`: what a FITS file holds, and where its pixels lie.

mod coordinates;
mod describe;

use std::path::PathBuf;

use pogson_image::fits::FitsFile;
use pogson_image::sphere::Frame;
use pogson_image::wcs::Wcs;
use serde::Serialize;

use crate::arguments::frame::FrameName;
use crate::arguments::hdu::{HduChoice, find_hdu};
use crate::failure::Failure;
use crate::output::Output;

/// Show what a FITS file holds, its header, and where its pixels lie on the sky
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson info tile.fits
  pogson info tile.fits.gz --header
  pogson info mosaic.fits --pix2sky \"256.5 512.5\"
  pogson info mosaic.fits --sky2pix \"18:18:48 -13:48:00\" --frame fk5 --json
  pogson info mosaic.fits --sky2pix - < positions.txt")]
pub struct Args {
    /// FITS file, plain, gzipped or tile-compressed
    file: PathBuf,
    /// HDU to look at: a number from 0, a name, or NAME,VERSION [default: the first image]
    #[arg(long)]
    hdu: Option<HduChoice>,
    /// Print the header
    #[arg(long)]
    header: bool,
    /// Where a pixel lies: its 1-based coordinates; - reads many from standard input
    #[arg(long, value_name = "X Y", conflicts_with_all = ["sky2pix", "header"], allow_hyphen_values = true)]
    pix2sky: Option<String>,
    /// Which pixel shows a position: degrees or sexagesimal; - reads many from standard input
    #[arg(long, value_name = "RA DEC", conflicts_with = "header", allow_hyphen_values = true)]
    sky2pix: Option<String>,
    /// Frame of the positions: icrs, fk5, fk4, galactic, ecliptic, supergalactic [default: the image's own]
    #[arg(long)]
    frame: Option<FrameName>,
    /// Alternate coordinate description, A to Z
    #[arg(long, value_name = "LETTER", value_parser = letter)]
    wcs: Option<char>,
}

fn letter(text: &str) -> Result<char, String> {
    match text.trim().chars().next() {
        Some(letter) if text.trim().len() == 1 && letter.is_ascii_alphabetic() => Ok(letter.to_ascii_uppercase()),
        _ => Err("an alternate description is a letter from A to Z".to_owned()),
    }
}

#[derive(Serialize)]
struct Report {
    file: String,
    hdu: Option<usize>,
    hdus: Vec<describe::HduDescription>,
    wcs: Option<coordinates::WcsDescription>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    header: Option<serde_json::Map<String, serde_json::Value>>,
}

#[derive(Serialize)]
struct PointReport {
    file: String,
    hdu: usize,
    frame: String,
    #[serde(flatten)]
    first: Option<coordinates::Point>,
    points: Vec<coordinates::Point>,
}

/// Reads the file and shows what was asked for.
///
/// # Errors
/// When the file is no FITS, has no such HDU or no coordinates that were asked for.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let file = FitsFile::open(&args.file)?;
    let mut warnings = file.warnings();
    let asks_points = args.pix2sky.is_some() || args.sky2pix.is_some();
    let index = match find_hdu(&file, args.hdu.as_ref()) {
        Ok(index) => Some(index),
        // A file without an image can still be described.
        Err(_) if args.hdu.is_none() && !asks_points => None,
        Err(error) => return Err(error.into()),
    };
    let wcs = index.map(|index| read_wcs(&file, index, args.wcs));
    if let Some(Ok(wcs)) = &wcs {
        warnings.extend(wcs.warnings().iter().cloned());
    }
    for warning in &warnings {
        out.warn(format!("{}: {warning}", args.file.display()));
    }
    if asks_points {
        let (Some(index), Some(wcs)) = (index, wcs) else { return Err(Failure::in_file(&args.file, "no image")) };
        return show_points(&args, index, &wcs?, out);
    }
    if args.wcs.is_some()
        && let Some(Err(failure)) = wcs
    {
        return Err(failure);
    }
    let header_of = index.unwrap_or(0);
    if args.header && !out.is_json() {
        return out.line(describe::header_text(file.hdu(header_of)?.own_header()));
    }
    let hdus = describe::describe(&file);
    let header = args.header.then(|| file.hdu(header_of)).transpose()?;
    let report = Report {
        file: args.file.display().to_string(),
        hdu: index,
        hdus,
        wcs: wcs.and_then(Result::ok).map(|wcs| coordinates::describe(&wcs)),
        warnings,
        header: header.map(|hdu| describe::header_json(hdu.own_header())),
    };
    if out.is_json() { out.object(&report) } else { show(&report, out) }
}

fn show(report: &Report, out: &Output) -> Result<(), Failure> {
    for hdu in &report.hdus {
        out.line(hdu.line())?;
        if Some(hdu.index) == report.hdu
            && let Some(wcs) = &report.wcs
        {
            out.line(format!("       {}", wcs.line()))?;
        }
    }
    Ok(())
}

fn read_wcs(file: &FitsFile, index: usize, alternate: Option<char>) -> Result<Wcs, Failure> {
    let wcs = match alternate {
        Some(letter) => file.hdu(index).map_err(Failure::from).and_then(|hdu| {
            Wcs::from_header_alt(hdu.header(), letter).map_err(|e| Failure::in_file(file.path(), e))
        })?,
        None => Wcs::from_hdu(file, index).map_err(|e| Failure::in_file(file.path(), e))?,
    };
    Ok(wcs)
}

fn show_points(args: &Args, hdu: usize, wcs: &Wcs, out: &Output) -> Result<(), Failure> {
    let frame: &Frame = args.frame.as_ref().map_or(wcs.frame(), |name| &name.0);
    if !frame.reaches(wcs.frame()) {
        let (own, asked) = (wcs.frame().name(), frame.name());
        return Err(Failure::in_file(&args.file, format!("no way leads from its frame {own} to {asked}; leave --frame out")));
    }
    let converter = coordinates::Converter { wcs, frame };
    let points: Vec<coordinates::Point> = match (&args.pix2sky, &args.sky2pix) {
        (Some(pixels), _) => coordinates::read_points(pixels)?.into_iter().map(|p| converter.to_sky(p)).collect(),
        (None, Some(places)) => coordinates::read_points(places)?.into_iter().map(|p| converter.to_pixel(p)).collect(),
        (None, None) => Vec::new(),
    };
    if out.is_json() {
        let first = points.first().cloned();
        let file = args.file.display().to_string();
        return out.object(&PointReport { file, hdu, frame: frame.name(), first, points });
    }
    for point in &points {
        out.line(point.answer(args.pix2sky.is_some()))?;
    }
    Ok(())
}
