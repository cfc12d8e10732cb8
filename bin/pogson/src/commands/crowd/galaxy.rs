//! `pogson crowd galaxy`.

use std::path::{Path, PathBuf};

use pogson_crowd::admin::{Command, NewApp, Way};
use pogson_crowd::project::Project;
use pogson_crowd::serve::FactReader;
use pogson_site::{Galaxies, NewGalaxy, Settings};
use serde_json::json;

use super::app::{Build, add_version};
use super::init::keys_of;
use super::way::show;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::Unit;

/// Galaxies that a project fits
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd galaxy add pogs cube.fits --redshift 0.0055 --name NGC5584
  pogson crowd galaxy list pogs")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(clap::Subcommand, Debug)]
enum What {
    /// Add a galaxy: its cube becomes areas, and these work units
    ///
    /// The model library for its filters and redshift is picked (within 0.005) or made. The program that clients run is added with the
    /// first galaxy, signed by the key in DIR.keys.
    #[command(after_help = "Examples:\n  pogson crowd galaxy add pogs cube.fits --redshift 0.0055 --name NGC5584")]
    Add(AddArgs),
    /// List galaxies and how far they are
    #[command(after_help = "Examples:\n  pogson crowd galaxy list pogs --json")]
    List(ListArgs),
}

#[derive(clap::Args, Debug)]
struct ListArgs {
    /// The project's folder
    dir: PathBuf,
}

#[derive(clap::Args, Debug)]
struct AddArgs {
    /// The project's folder
    dir: PathBuf,
    /// The galaxy's cube, as pogson cube made it
    cube: PathBuf,
    /// Its redshift [default: the cube's]
    #[arg(long)]
    redshift: Option<f64>,
    /// Its name on the server
    #[arg(long)]
    name: String,
    /// Model library [default: one that is there, or a new one]
    #[arg(long, value_name = "LIB")]
    library: Option<PathBuf>,
    /// Star formation histories of a new library
    #[arg(long, value_name = "N")]
    stellar: Option<u32>,
    /// Dust models of a new library
    #[arg(long, value_name = "N")]
    dust: Option<u32>,
    /// MAGPHYS's arithmetic to the letter
    #[arg(long)]
    paper: bool,
    /// Higher is handed out first
    #[arg(long, default_value_t = 0, allow_hyphen_values = true)]
    priority: i64,
    /// The program that clients run [default: pogson-worker beside pogson, or pogson itself]
    #[arg(long, value_name = "FILE")]
    worker: Option<PathBuf>,
    /// Folder of the code signing keys [default: DIR.keys]
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
}

/// Does it.
///
/// # Errors
/// What the site and the server say.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Add(args) => add(args, out),
        What::List(args) => list(&args.dir, out),
    }
}

fn list(dir: &Path, out: &Output) -> Result<(), Failure> {
    let project = Project::open(dir)?;
    let facts = FactReader::new(project.database_to_read()?);
    let list = Galaxies::new(&project.dir, Settings::default()).list(&facts)?;
    show(&json!({ "galaxies": list }), out)
}

fn add(args: AddArgs, out: &Output) -> Result<(), Failure> {
    let dir: PathBuf = args.dir.components().collect();
    let project = Project::open(&dir)?;
    program(&project, &args, &dir)?;
    let facts = FactReader::new(project.database_to_read()?);
    let mut new = NewGalaxy::new(&args.cube, &args.name, args.redshift);
    new.library = args.library;
    new.priority = args.priority;
    new.how.paper = args.paper;
    new.models.stellar = args.stellar.unwrap_or(new.models.stellar);
    new.models.dust = args.dust.unwrap_or(new.models.dust);
    let total = u64::from(new.models.stellar) + u64::from(new.models.dust);
    let progress = out.progress("models", total, Unit::Models);
    let flag = out.interrupt_flag();
    let galaxies = Galaxies::new(&project.dir, Settings::default());
    let added = galaxies.add(&facts, &new, &|more| progress.add(more), &flag)?;
    drop(progress);
    let command = Command::Supply { files: Vec::new(), units: Vec::new(), facts: added.facts };
    Way::open(project)?.run(command)?;
    let galaxy = added.galaxy;
    show(&json!({ "name": galaxy.name, "areas": galaxy.areas, "library": galaxy.library_file }), out)
}

/// Sees to it that the application is there, with a program for this platform.
fn program(project: &Project, args: &AddArgs, dir: &Path) -> Result<(), Failure> {
    const PLATFORM: &str = "x86_64-pc-linux-gnu";
    let name = Settings::default().app;
    let listed = Way::open(project.clone())?.run(Command::AppList)?;
    let app = listed["apps"].as_array().into_iter().flatten().find(|app| app["name"] == name.as_str());
    let has = |app: &serde_json::Value| {
        app["versions"].as_array().into_iter().flatten().any(|version| version["platform"] == PLATFORM)
    };
    if args.worker.is_none() && app.is_some_and(has) {
        return Ok(());
    }
    if app.is_none() {
        let new = NewApp { name: name.clone(), title: "Fits of galaxies' pixels".to_owned(), ..NewApp::default() };
        Way::open(project.clone())?.run(Command::AppAdd(new))?;
    }
    // The small program where it is at hand; else this one, which can do the same.
    let this = std::env::current_exe().map_err(|error| Failure::failed(format!("this program's own file: {error}")))?;
    let beside = Some(this.with_file_name("pogson-worker")).filter(|path| path.is_file());
    let itself = args.worker.is_none() && beside.is_none();
    let worker = args.worker.clone().or(beside).unwrap_or(this);
    let number = listed["apps"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|app| app["versions"].as_array().into_iter().flatten())
        .filter_map(|version| version["number"].as_i64())
        .max()
        .map_or(100, |last| last + 1);
    let build = Build {
        app: name.clone(),
        number,
        platform: PLATFORM.to_owned(),
        api_version: "7.5.0".to_owned(),
        command_line: if itself { "crowd work".to_owned() } else { String::new() },
        files: vec![(worker, format!("{name}_{number}_{PLATFORM}"))],
        ..Build::default()
    };
    let keys = args.keys.clone().unwrap_or_else(|| keys_of(dir));
    add_version(project, &keys, build).map(|_| ())
}
