//! `pogson get`: image lists and tiles from archives.

use std::path::PathBuf;

use pogson_get::{ARCHIVES, Archive, Client, Download, ImageRecord, Outcome, Patience, Query, Version, file_names};
use pogson_image::table::{Column, ColumnType, IpacTable};
use serde::Serialize;

use crate::arguments::position::Position;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// List the images that an archive has of a place, and fetch them
///
/// Asks by Simple Image Access, version 1 or 2. Tiles arrive under temporary names, several at once; a run that breaks
/// off resumes where it stopped when it is repeated, and tiles that are there are kept.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson get 2mass --center \"18:20:47 -16:10:18\" --size 0.3 --band K --list images.tbl
  pogson get wise --center \"83.6 22.0\" --size 1 --band W1 -o tiles/
  pogson get https://archive.example/sia --sia 1 --center \"10.7 41.3\" --size 0.5 -o m31/")]
pub struct Args {
    /// Registered survey (2mass, wise, sdss, dss), or the address of a service
    survey: String,
    /// Middle of the square of sky, ICRS: degrees or sexagesimal
    #[arg(long, value_name = "RA DEC", allow_hyphen_values = true)]
    center: Position,
    /// Side of the square in degrees
    #[arg(long, value_name = "DEG", default_value_t = 0.25)]
    size: f64,
    /// Band by name, or wavelength or LOW..HIGH in micrometres
    #[arg(long)]
    band: Option<String>,
    /// Folder for the tiles; without it images are listed alone
    #[arg(long, short, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Write the list as a table
    #[arg(long, value_name = "TABLE")]
    list: Option<PathBuf>,
    /// Version of Simple Image Access that an address speaks
    #[arg(long, value_name = "1|2", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=2))]
    sia: u8,
    /// Collection of a version 2 service, instead of the survey's own
    #[arg(long)]
    collection: Option<String>,
    /// Most images to list
    #[arg(long, value_name = "N")]
    max: Option<usize>,
    /// Also uncertainty, coverage and mask images
    #[arg(long)]
    ancillary: bool,
    /// Transfers at once
    #[arg(long, value_name = "N", default_value_t = 4)]
    at_once: usize,
    /// Attempts for each request
    #[arg(long, value_name = "N", default_value_t = 5)]
    attempts: u32,
    /// Fetch tiles again that are there, replace the table
    #[arg(long)]
    force: bool,
}

#[derive(Serialize)]
struct ImageJson {
    title: String,
    url: String,
    file: String,
    ra_deg: Option<f64>,
    dec_deg: Option<f64>,
    band: String,
    bytes: Option<u64>,
    /// listed, fetched, kept or failed.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[derive(Serialize)]
struct Report {
    query: String,
    images: Vec<ImageJson>,
    notes: Vec<String>,
}

/// Asks, lists, fetches.
///
/// # Errors
/// When the archive gives no answer or none that can be read, or a tile could not be had.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let archive = archive_of(&args)?;
    if !(args.size > 0.0 && args.size <= 180.0) {
        return Err(Failure::usage(format!("--size {}: give degrees from 0 to 180", args.size)));
    }
    let patience = Patience { attempts: args.attempts.max(1), ..Patience::default() };
    let client = Client::new(patience).stopping_at(out.interrupt_flag());
    let query = Query {
        ra_deg: args.center.lon_deg,
        dec_deg: args.center.lat_deg,
        size_deg: args.size,
        band: args.band.clone(),
        collection: args.collection.clone(),
        max_rows: args.max,
        ancillary: args.ancillary,
    };
    let list = client.search(&archive, &query).map_err(|error| Failure::failed(error.to_string()))?;
    out.go_on()?;
    for note in &list.notes {
        out.note(note);
    }
    let names = file_names(&list.images);
    if let Some(path) = &args.list {
        table_of(&list.images, &names).write(path, args.force)?;
    }
    let outcomes = match &args.output {
        Some(directory) => {
            let download = Download { directory: directory.clone(), at_once: args.at_once, overwrite: args.force };
            let progress = out.progress("tiles", list.images.len() as u64, Unit::Tiles);
            download.run_watched(&client, &list.images, &|_| {}, &|| progress.add(1))
        }
        None => Vec::new(),
    };
    let mut images = Vec::new();
    for (index, (image, name)) in list.images.iter().zip(&names).enumerate() {
        images.push(describe(image, name, outcomes.get(index)));
    }
    let failed: Vec<String> = images.iter().filter_map(|image| image.error.clone()).collect();
    let total = images.len();
    if out.is_json() {
        out.object(&Report { query: list.url, images, notes: list.notes })?;
    } else {
        for image in &images {
            let place = image.ra_deg.zip(image.dec_deg).map_or(String::new(), |(ra, dec)| format!("{ra:.5} {dec:.5}"));
            out.line(format!("{:8} {:22} {:6} {}", image.state, place, image.band, image.file))?;
        }
    }
    out.go_on()?;
    for error in &failed {
        out.warn(error);
    }
    if !failed.is_empty() {
        return Err(Failure::failed(format!("{} of {total} tiles could not be had; run again to try them", failed.len())));
    }
    if total == 0 {
        out.warn("the archive has no such image of this place");
    }
    Ok(())
}

fn archive_of(args: &Args) -> Result<Archive, Failure> {
    if let Some(archive) = Archive::registered(&args.survey) {
        return Ok(archive);
    }
    if args.survey.starts_with("http://") || args.survey.starts_with("https://") {
        let version = if args.sia == 1 { Version::One } else { Version::Two };
        return Ok(Archive::at(&args.survey, version));
    }
    let known: Vec<&str> = ARCHIVES.iter().map(|entry| entry.0).collect();
    let known = known.join(", ");
    Err(Failure::usage(format!("'{}' is no registered survey ({known}); give one, or a service's http address", args.survey)))
}

fn describe(image: &ImageRecord, name: &str, outcome: Option<&Outcome>) -> ImageJson {
    let (state, error, bytes) = match outcome {
        None => ("listed", None, image.size),
        Some(Outcome::Fetched { bytes, .. }) => ("fetched", None, Some(*bytes)),
        Some(Outcome::Kept { .. }) => ("kept", None, image.size),
        Some(Outcome::Failed { error, .. }) => ("failed", Some(error.to_string()), image.size),
    };
    ImageJson {
        title: image.title.clone(),
        url: image.url.clone(),
        file: name.to_owned(),
        ra_deg: image.ra_deg,
        dec_deg: image.dec_deg,
        band: image.band.clone(),
        bytes,
        state,
        error,
    }
}

fn table_of(images: &[ImageRecord], names: &[String]) -> IpacTable {
    let columns = [
        ("cntr", ColumnType::Int),
        ("ra", ColumnType::Double),
        ("dec", ColumnType::Double),
        ("band", ColumnType::Char),
        ("size", ColumnType::Long),
        ("title", ColumnType::Char),
        ("fname", ColumnType::Char),
        ("url", ColumnType::Char),
    ];
    let mut table = IpacTable::new(columns.iter().map(|(name, kind)| Column::new(name, *kind)).collect());
    for (number, (image, name)) in images.iter().zip(names).enumerate() {
        table.push([
            Some(number.to_string()),
            image.ra_deg.map(|v| v.to_string()),
            image.dec_deg.map(|v| v.to_string()),
            Some(image.band.clone()),
            image.size.map(|v| v.to_string()),
            Some(image.title.clone()),
            Some(name.clone()),
            Some(image.url.clone()),
        ]);
    }
    table
}
