//! `pogson crowd status`.

use std::path::PathBuf;

use pogson_crowd::admin::Command;
use pogson_crowd::project::Project;
use pogson_crowd::serve::FactReader;
use pogson_site::{Galaxies, Settings};
use serde_json::json;

use super::way::{ask, show};
use crate::failure::Failure;
use crate::output::Output;

/// Show how a project stands
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd status pogs\n  pogson crowd status pogs --json")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
}

/// Shows it.
///
/// # Errors
/// A folder that is none, a database that cannot be read.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let mut said = ask(&args.dir, Command::Status)?;
    let project = Project::open(&args.dir)?;
    let galaxies = Galaxies::new(&project.dir, Settings::default());
    let facts = FactReader::new(project.database_to_read()?);
    let list = galaxies.list(&facts)?;
    said["galaxies"] = json!(list.len());
    said["galaxy"] = json!(list);
    show(&said, out)
}
