//! `pogson crowd import`.

use std::path::PathBuf;

use pogson_crowd::engine::{Clock, SystemClock};
use pogson_crowd::import::{Count, How, import};
use pogson_crowd::project::Project;

use crate::failure::Failure;
use crate::output::Output;

/// Bring a BOINC project's users, teams, computers and keys
///
/// From a dump of its database by mysqldump (also packed by gzip), or, where there is none, from a folder of its statistics (user.gz,
/// team.gz, host.gz), which tell neither addresses nor account keys. Users keep their numbers, account keys and passwords, computers
/// their numbers, where they are free. It may be done again, and while the project is served: what was brought is known.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  mysqldump pogs user team host consent consent_type > pogs.sql; pogson crowd import pogs --from pogs.sql --keys /home/boincadm/projects/pogs/keys
  pogson crowd import pogs --from stats/ --consent --json")]
pub struct Args {
    /// The project's folder
    dir: PathBuf,
    /// Dump, or folder of statistics
    #[arg(long, value_name = "PATH")]
    from: PathBuf,
    /// The BOINC project's folder of keys: clients that know its code signing key take programs that it signs
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Users agreed that names and credit are exported, where the dump does not tell
    #[arg(long)]
    consent: bool,
    /// A word for the BOINC project, where several are brought into one
    #[arg(long, value_name = "WORD", default_value = "boinc")]
    source: String,
}

/// Imports.
///
/// # Errors
/// What cannot be read, and what the server says.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let project = Project::open(&args.dir)?;
    let how = How { source: args.source, consent: args.consent, keys: args.keys, now: SystemClock.now() };
    let report = import(&project, &args.from, &how)?;
    if out.is_json() {
        return out.object(&report);
    }
    for (kind, count) in [("users", &report.users), ("teams", &report.teams), ("hosts", &report.hosts)] {
        let Count { imported, joined, before, skipped, noted, credit, notes } = count;
        for note in notes {
            out.line(note.clone())?;
        }
        if *noted > notes.len() {
            out.line(format!("and {} more of {kind}", noted - notes.len()))?;
        }
        out.line(format!(
            "{kind}: {imported} new, {joined} came to some that were here, {before} brought before, {skipped} left out; {:.6} cobblestones",
            *credit as f64 / 1e6
        ))?;
    }
    out.line(format!("{} users in teams, {} code signing keys", report.members, report.keys))
}
