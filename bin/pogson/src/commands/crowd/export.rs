//! `pogson crowd export`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use pogson_crowd::engine::{Clock, SystemClock};
use pogson_crowd::export::{Format, Which, agreed, export};
use pogson_crowd::project::Project;
use pogson_crowd::serve::FactReader;
use pogson_crowd::stats;
use pogson_site::{Galaxies, Settings};
use serde_json::{Value as Json, json};

use super::way::show;
use crate::failure::Failure;
use crate::output::Output;

/// Write tables, statistics, galaxies' results and outputs of a project into a folder
///
/// Reads beside the process that serves the project, as of one moment. Account keys, passwords and secrets are never written.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd export pogs out
  pogson crowd export pogs out --what users,results --format jsonl
  pogson crowd export pogs out --galaxy NGC5584
  pogson crowd export pogs www --public --what stats,galaxies,units,results")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
    /// Folder to write to; it is made where there is none
    to: PathBuf,
    /// What is written [default: all; with --galaxy: galaxies]
    #[arg(long, value_enum, value_delimiter = ',')]
    what: Vec<What>,
    /// How tables are written
    #[arg(long, value_enum, default_value_t = Lines::Csv)]
    format: Lines,
    /// Galaxies to write [default: all]
    #[arg(long = "galaxy", value_name = "NAME")]
    galaxies: Vec<String>,
    /// For the public: no addresses, no names of computers, no error output, and only users who agreed to be named
    #[arg(long)]
    public: bool,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
}

/// What is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    /// Volunteers
    Users,
    /// Their computers
    Hosts,
    /// Teams
    Teams,
    /// Applications
    Apps,
    /// Versions of applications
    Versions,
    /// Platforms that are paused
    Platforms,
    /// Batches of work units
    Batches,
    /// Work units
    Units,
    /// Results
    Results,
    /// Statistics as BOINC projects export them, in stats/
    Stats,
    /// Results (HDF5), maps and areas of galaxies, in galaxies/
    Galaxies,
    /// Outputs that were agreed on, in outputs/ and objects/
    Outputs,
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Lines {
    /// Values with commas between
    Csv,
    /// A JSON object on each line
    Jsonl,
}

const TABLES: [(What, Which); 9] = [
    (What::Users, Which::Users),
    (What::Hosts, Which::Hosts),
    (What::Teams, Which::Teams),
    (What::Apps, Which::Apps),
    (What::Versions, Which::Versions),
    (What::Platforms, Which::Platforms),
    (What::Batches, Which::Batches),
    (What::Units, Which::Units),
    (What::Results, Which::Results),
];

/// Writes it.
///
/// # Errors
/// A folder that is no project's or not empty, a galaxy that is not there, what cannot be read or written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    let empty = fs::read_dir(&args.to).map_or(true, |mut entries| entries.next().is_none());
    if !empty && !args.force {
        return Err(Failure::usage(format!("{} is not empty; choose another folder, or --force", args.to.display())));
    }
    let wants = |what: What| match (args.what.is_empty(), args.galaxies.is_empty()) {
        (false, _) => args.what.contains(&what),
        (true, false) => what == What::Galaxies,
        (true, true) => true,
    };
    let mut database = project.database_to_read()?;
    let mut said = json!({ "to": args.to, "public": args.public });
    let tables: Vec<Which> = TABLES.iter().filter(|(what, _)| wants(*what)).map(|(_, which)| *which).collect();
    if !tables.is_empty() {
        let format = if args.format == Lines::Csv { Format::Csv } else { Format::Jsonl };
        for (name, _, rows) in export(database.as_mut(), &args.to, &tables, format, args.public)? {
            said[name] = json!(rows);
        }
    }
    if wants(What::Stats) {
        let written = stats::export(database.as_mut(), &args.to.join("stats"), SystemClock.now())?;
        said["stats"] = json!({ "users": written.users, "teams": written.teams, "hosts": written.hosts });
    }
    if wants(What::Galaxies) {
        let named = if args.public { Some(agreed(database.as_mut())?) } else { None };
        said["galaxies"] = galaxies(&project, &args, named.as_ref())?;
    }
    if wants(What::Outputs) {
        let mut count = 0;
        for folder in ["outputs", "objects"] {
            count += copy_tree(&project.dir.join(folder), &args.to.join(folder))?;
        }
        said["outputs"] = json!(count);
    }
    show(&said, out)
}

fn galaxies(project: &Project, args: &Args, named: Option<&HashSet<i64>>) -> Result<Json, Failure> {
    let galaxies = Galaxies::new(&project.dir, Settings::default());
    let facts = FactReader::new(project.database_to_read()?);
    let all = galaxies.names(&facts)?;
    if let Some(name) = args.galaxies.iter().find(|name| !all.contains(name)) {
        return Err(Failure::usage(format!("--galaxy {name}: the project has no such galaxy")));
    }
    let wanted = all.iter().filter(|name| args.galaxies.is_empty() || args.galaxies.contains(name));
    let mut written = Vec::new();
    for name in wanted {
        let one = galaxies.export(&facts, name, &args.to.join("galaxies"), named)?;
        written.push(json!({ "name": one.name, "hdf5": one.hdf5, "maps": one.maps.len(), "areas": one.areas }));
    }
    Ok(Json::from(written))
}

/// Copies all files of a folder but those in the making; how many. One that goes meanwhile is left out.
fn copy_tree(from: &Path, to: &Path) -> Result<u64, Failure> {
    let failed = |path: &Path, error: std::io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let mut count = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(place) = folders.pop() {
        let folder = from.join(&place);
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| failed(&folder, error))?;
            let inner = place.join(entry.file_name());
            if entry.path().is_dir() {
                folders.push(inner);
                continue;
            }
            if entry.path().extension().is_some_and(|end| end == "part") {
                continue;
            }
            let into = to.join(&inner);
            let part = into.with_extension("part");
            if let Some(parent) = into.parent() {
                fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
            }
            match fs::copy(entry.path(), &part) {
                Ok(_) => fs::rename(&part, &into).map_err(|error| failed(&into, error))?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&entry.path(), error)),
            }
            count += 1;
        }
    }
    Ok(count)
}
