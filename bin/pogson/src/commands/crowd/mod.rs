//! `pogson crowd`: a project that volunteers compute for.

mod app;
mod backup;
mod check;
mod emulate;
mod export;
mod galaxy;
mod import;
mod init;
mod keys;
mod people;
mod serve;
mod status;
mod task;
mod trickle;
mod way;
mod work;

use crate::failure::Failure;
use crate::output::Output;

/// A project that volunteers' BOINC clients compute for
///
/// A project lives in a folder. While it is served, commands go to the process that serves it; else they change its database
/// themselves.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd init pogs --url http://127.0.0.1:8080/pogs/
  pogson crowd galaxy add pogs cube.fits --redshift 0.0055 --name NGC5584
  pogson crowd user add pogs --email ada@example.org --name Ada --json
  pogson crowd serve pogs
  pogson crowd status pogs")]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

/// What is done with the project.
#[derive(clap::Subcommand, Debug)]
#[allow(clippy::large_enum_variant, reason = "one is made in a process's life")]
enum What {
    Init(init::Args),
    Keys(keys::Args),
    Serve(serve::Args),
    Status(status::Args),
    Check(check::Args),
    Galaxy(galaxy::Args),
    App(app::Args),
    User(people::UserArgs),
    Host(people::HostArgs),
    Team(people::TeamArgs),
    Ban(people::BanArgs),
    Pardon(people::PardonArgs),
    Wu(work::Args),
    Results(work::ResultsArgs),
    Cancel(work::WhichArgs),
    Revalidate(work::RevalidateArgs),
    Export(export::Args),
    Import(import::Args),
    Backup(backup::Args),
    Restore(backup::RestoreArgs),
    Replica(backup::ReplicaArgs),
    Trickle(trickle::Args),
    Drain(work::DrainArgs),
    Stage(work::StageArgs),
    #[command(name = "work", hide = true)]
    Task(task::Args),
    Emulate(emulate::Args),
}

/// Does it.
///
/// # Errors
/// Those of the command; see its module.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    match args.what {
        What::Init(args) => init::run(args, out),
        What::Keys(args) => keys::run(args, out),
        What::Serve(args) => serve::run(args, out),
        What::Status(args) => status::run(args, out),
        What::Check(args) => check::run(args, out),
        What::Galaxy(args) => galaxy::run(args, out),
        What::App(args) => app::run(args, out),
        What::User(args) => people::user(args, out),
        What::Host(args) => people::host(args, out),
        What::Team(args) => people::team(args, out),
        What::Ban(args) => people::ban(args, out),
        What::Pardon(args) => people::pardon(args, out),
        What::Wu(args) => work::run(args, out),
        What::Results(args) => work::results(args, out),
        What::Cancel(args) => work::cancel(args, out),
        What::Revalidate(args) => work::revalidate(args, out),
        What::Export(args) => export::run(args, out),
        What::Import(args) => import::run(args, out),
        What::Backup(args) => backup::run(args, out),
        What::Restore(args) => backup::restore(args, out),
        What::Replica(args) => backup::replica(args, out),
        What::Trickle(args) => trickle::run(args, out),
        What::Drain(args) => work::drain(args, out),
        What::Stage(args) => work::stage(args, out),
        What::Task(args) => task::run(args, out),
        What::Emulate(args) => emulate::run(args, out),
    }
}
