//! `pogson gate`: one address before several servers.

mod figures;
mod check;
mod replay;
mod serve;
mod server;
mod settings;
mod agent;
mod simulate;
mod token;
mod top;

use crate::failure::Failure;
use crate::output::Output;

/// Each request where its data is, and where there is room
///
/// A gate stands before several servers and chooses one for each request: by what each has cached, by the work under way, and by what a
/// miss costs.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson gate serve --config gate.toml
  pogson gate server --socket gate.sock list
  pogson gate top --socket gate.sock
  pogson gate check gate.toml
  pogson gate simulate --scenario saturated-1000 --policy pogson --json
  pogson gate simulate --scenario flash --policy all --seeds 5
  pogson gate replay gate.trace --policy lard-r
  pogson gate agent --log access.log --report-to http://gate:8081/reports --name tiles-1 --key tiles-1.key")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(clap::Subcommand, Debug)]
enum What {
    Serve(serve::Args),
    Server(server::Args),
    Top(top::Args),
    Check(check::Args),
    Token(token::Args),
    Agent(Box<agent::Args>),
    Simulate(simulate::Args),
    Replay(replay::Args),
}

/// Does it.
///
/// # Errors
/// Those of the command; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Serve(args) => serve::run(&args, out),
        What::Server(args) => server::run(args, out),
        What::Top(args) => top::run(&args, out),
        What::Check(args) => check::run(&args, out),
        What::Token(args) => token::run(&args, out),
        What::Agent(args) => agent::run(*args, out),
        What::Simulate(args) => simulate::run(&args, out),
        What::Replay(args) => replay::run(&args, out),
    }
}
