//! `pogson wire`: programs on one machine talk through shared memory.

mod bench;
mod check;
mod guests;
mod policy;
mod run;
mod serve;
mod stats;
mod table;
mod top;

use std::path::PathBuf;

use pogson_wire::address;

use crate::failure::Failure;
use crate::output::Output;

/// Unmodified programs on one machine talk through shared memory instead of TCP
///
/// A daemon (`serve`) finds the two ends of a connection; programs that are begun by `run` ask it, and send by shared memory what
/// would have gone by TCP. What cannot be joined stays on TCP, and all works without the daemon, too.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson wire serve &
  pogson wire run -- redis-server --save ''
  pogson wire run -- redis-benchmark -t get
  pogson wire top
  pogson wire check -- nginx
  pogson wire bench --quick")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(clap::Subcommand, Debug)]
enum What {
    Serve(serve::Args),
    Run(run::Args),
    Stats(stats::Args),
    Top(top::Args),
    Check(check::Args),
    Bench(bench::Args),
    #[command(name = "bench-end", hide = true)]
    BenchEnd(bench::EndArgs),
}

/// The daemon's socket.
#[derive(clap::Args, Debug)]
struct Socket {
    /// The daemon's socket [default: that of POGSON_WIRE_SOCKET, else $XDG_RUNTIME_DIR/pogson/wire.sock; for root, and where none
    /// of the user's own is to be found, /run/pogson/wire.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

impl Socket {
    /// Where a daemon is to be found.
    fn path(self) -> PathBuf {
        self.socket.unwrap_or_else(address::path)
    }

    /// Where a daemon is to listen.
    fn own_path(self) -> PathBuf {
        self.socket.unwrap_or_else(address::own_path)
    }
}

/// Does it.
///
/// # Errors
/// Those of the command; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Serve(args) => serve::run(args, out),
        What::Run(args) => run::run(args),
        What::Stats(args) => stats::run(args, out),
        What::Top(args) => top::run(args, out),
        What::Check(args) => check::run(args, out),
        What::Bench(args) => bench::run(args, out),
        What::BenchEnd(args) => bench::end(args),
    }
}
