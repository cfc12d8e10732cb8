//! `pogson crowd backup`, `restore` and `replica`.

use std::collections::HashSet;
use std::path::PathBuf;

use pogson_crowd::admin::{Command, Way};
use pogson_crowd::backup::{Replica, replica as make_replica, restore as put_back};
use pogson_crowd::project::Project;
use pogson_crowd::serve::FactReader;
use pogson_site::{Galaxies, Settings};
use serde_json::json;

use super::init::keys_of;
use super::way::show;
use crate::failure::Failure;
use crate::output::Output;

/// Copy a whole project into a folder, while it is served
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd backup pogs /backups/pogs-2026-11-21")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
    /// Folder to make
    to: PathBuf,
}

/// Make a project of a backup
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd restore /backups/pogs-2026-11-21 pogs
  pogson crowd restore /backups/pogs-2026-11-21 pogs --database 'postgres://pogs@localhost/pogs'")]
pub struct RestoreArgs {
    /// The backup
    from: PathBuf,
    /// Folder to make
    dir: PathBuf,
    /// Database to fill [default: the one that the backup's pogson.toml names]
    #[arg(long, value_name = "URL", conflicts_with = "sqlite")]
    database: Option<String>,
    /// Fill a file in the folder, whatever pogson.toml names
    #[arg(long)]
    sqlite: bool,
}

/// Copy a project for tests, with keys and an address of its own
///
/// Account keys differ from the project's; pogson crowd user show tells them.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd replica pogs trial --url http://127.0.0.1:8081/trial/
  pogson crowd replica pogs trial --url http://127.0.0.1:8081/trial/ --galaxy NGC5584")]
pub struct ReplicaArgs {
    /// The project's folder
    dir: PathBuf,
    /// Folder to make
    new: PathBuf,
    /// The replica's address
    #[arg(long)]
    url: String,
    /// Galaxies to take along [default: all]
    #[arg(long = "galaxy", value_name = "NAME")]
    galaxies: Vec<String>,
    /// PostgreSQL database, by its URL [default: a file in the folder]
    #[arg(long, value_name = "URL")]
    database: Option<String>,
}

/// Takes a backup.
///
/// # Errors
/// What cannot be read or written.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    pogson_crowd::backup::backup(&project, &args.to)?;
    show(&json!({ "backup": args.to }), out)
}

/// Makes a project of it.
///
/// # Errors
/// What cannot be read or written.
pub fn restore(args: RestoreArgs, out: &Output) -> Result<(), Failure> {
    let database = if args.sqlite { Some("") } else { args.database.as_deref() };
    let project = put_back(&args.from, &args.dir, database)?;
    show(&json!({ "dir": project.dir, "url": project.address.to_string() }), out)
}

/// Makes a replica.
///
/// # Errors
/// What cannot be read or written; a galaxy that is not there.
pub fn replica(args: ReplicaArgs, out: &Output) -> Result<(), Failure> {
    let new: PathBuf = args.new.components().collect();
    let project = Project::open(&args.dir)?;
    let galaxies = Galaxies::new(&project.dir, Settings::default());
    let facts = FactReader::new(project.database_to_read()?);
    let all: HashSet<String> = galaxies.list(&facts)?.into_iter().map(|galaxy| galaxy.name).collect();
    if let Some(name) = args.galaxies.iter().find(|name| !all.contains(*name)) {
        return Err(Failure::usage(format!("--galaxy {name}: the project has no such galaxy")));
    }
    let dropped: Vec<&String> =
        all.iter().filter(|name| !args.galaxies.is_empty() && !args.galaxies.contains(name)).collect();
    let (mut stems, mut forget) = (HashSet::new(), Vec::new());
    for name in dropped {
        let (galaxy, facts) = galaxies.delete(&facts, name)?;
        stems.insert(galaxy.stem());
        forget.push((galaxy, facts));
    }
    let keys = keys_of(&new);
    let keep = |batch: &str| !stems.contains(batch);
    let how = Replica { url: &args.url, keys: &keys, database: args.database.as_deref(), keep: &keep };
    let made = make_replica(&project, &new, how)?;
    let copies = Galaxies::new(&made.dir, Settings::default());
    for (galaxy, facts) in forget {
        let command = Command::Supply { files: Vec::new(), units: Vec::new(), facts };
        Way::open(made.clone())?.run(command)?;
        copies.remove_files(&FactReader::new(made.database_to_read()?), &galaxy)?;
    }
    show(&json!({ "dir": made.dir, "url": made.address.to_string(), "keys": keys }), out)
}
