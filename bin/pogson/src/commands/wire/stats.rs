//! `pogson wire stats`.

use pogson_wire::report;

use super::Socket;
use super::table;
use crate::failure::Failure;
use crate::output::Output;

/// Say what has gone by shared memory and what by TCP
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson wire stats
  pogson wire stats --json
  pogson wire stats --connections --json")]
pub struct Args {
    #[command(flatten)]
    socket: Socket,
    /// Each process and each of its connections, too; of other users only for root
    #[arg(long)]
    connections: bool,
}

/// Says it.
///
/// # Errors
/// No daemon answers.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let report = report::ask(&args.socket.path(), args.connections)?;
    if out.is_json() {
        return out.object(&report);
    }
    for line in table::totals(&report) {
        out.line(line)?;
    }
    for process in report.details.iter().flatten() {
        out.line("")?;
        out.line(format!("{} {} (user {})", process.pid, process.program, process.user))?;
        for end in &process.ends {
            out.line(format!("  {}", table::connection(end)))?;
        }
    }
    Ok(())
}
