//! `pogson crowd check`.

use std::path::PathBuf;

use pogson_crowd::check::{How, Report, check};
use pogson_crowd::engine::{Clock, SystemClock};
use pogson_crowd::project::Project;
use pogson_crowd::serve::FactReader;
use pogson_site::{Galaxies, Settings};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Prove that a project's records agree with each other and with its files
///
/// Credit of results is that of hosts and of users; each unit has one canonical result at most, and nothing waits for ever; each row has
/// its file and each file its row. The project may be served meanwhile.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd check pogs\n  pogson crowd check pogs --deep --json")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
    /// Read all files, and compare their sums
    #[arg(long)]
    deep: bool,
}

#[derive(Serialize)]
struct Checked {
    #[serde(flatten)]
    report: Report,
    galaxies: Vec<pogson_site::Problem>,
    ok: bool,
}

/// Checks.
///
/// # Errors
/// What does not hold, and what cannot be read.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    let how = How { deep: args.deep, now: SystemClock.now() };
    let report = check(&project, how).map_err(|error| Failure::failed(error.to_string()))?;
    let facts = FactReader::new(project.database_to_read()?);
    let galaxies = Galaxies::new(&project.dir, Settings::default()).check(&facts, args.deep)?;
    let problems = report.problems.len() + galaxies.len();
    let checked = Checked { report, galaxies, ok: problems == 0 };
    if out.is_json() {
        out.object(&checked)?;
    } else {
        for problem in &checked.report.problems {
            out.line(format!("{}: {}", problem.rule, problem.what))?;
        }
        for problem in &checked.galaxies {
            out.line(format!("galaxy {}: {}", problem.galaxy, problem.sentence))?;
        }
        let Report { units, results, users, hosts, files, outputs, .. } = &checked.report;
        out.line(format!(
            "{units} units, {results} results, {users} users, {hosts} hosts, {files} files, {outputs} outputs: {problems} problems"
        ))?;
    }
    if checked.ok { Ok(()) } else { Err(Failure::failed(format!("{}: {problems} problems", args.dir.display()))) }
}
