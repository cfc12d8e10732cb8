//! `pogson crowd user`, `host`, `team`, `ban` and `pardon`.

use std::path::PathBuf;

use pogson_crowd::admin::Command;
use pogson_crowd::engine::{Clock, SystemClock};

use super::way::{ask, show};
use crate::failure::Failure;
use crate::output::Output;

/// Volunteers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd user add pogs --email ada@example.org --name Ada --json
  pogson crowd user show pogs ada@example.org")]
pub struct UserArgs {
    #[command(subcommand)]
    what: UserWhat,
}

#[derive(clap::Subcommand, Debug)]
enum UserWhat {
    /// Make an account; shows its key, by which clients attach
    #[command(after_help = "Examples:\n  pogson crowd user add pogs --email ada@example.org --name Ada --json")]
    Add {
        /// The project's folder
        dir: PathBuf,
        /// Address
        #[arg(long)]
        email: String,
        /// Name that others see
        #[arg(long)]
        name: String,
        /// Password [default: none: the account is used by its key]
        #[arg(long)]
        password: Option<String>,
    },
    /// Show an account
    #[command(after_help = "Examples:\n  pogson crowd user show pogs ada@example.org")]
    Show {
        /// The project's folder
        dir: PathBuf,
        /// Number or address
        user: String,
    },
}

/// Computers
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd host show pogs 17")]
pub struct HostArgs {
    #[command(subcommand)]
    what: HostWhat,
}

#[derive(clap::Subcommand, Debug)]
enum HostWhat {
    /// Show a computer
    #[command(after_help = "Examples:\n  pogson crowd host show pogs 17")]
    Show {
        /// The project's folder
        dir: PathBuf,
        /// Number
        host: i64,
    },
}

/// Teams
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd team add pogs --name 'Perth stargazers' --founder ada@example.org")]
pub struct TeamArgs {
    #[command(subcommand)]
    what: TeamWhat,
}

#[derive(clap::Subcommand, Debug)]
enum TeamWhat {
    /// Make a team
    #[command(after_help = "Examples:\n  pogson crowd team add pogs --name 'Perth stargazers' --founder ada@example.org")]
    Add {
        /// The project's folder
        dir: PathBuf,
        /// Name
        #[arg(long)]
        name: String,
        /// Number or address of its founder
        #[arg(long)]
        founder: String,
    },
}

/// Send a user or a computer no work for some days
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson crowd ban pogs --host 17 --days 7
  pogson crowd ban pogs --user mallory@example.org --days 3650
  pogson crowd ban pogs --host 17 --days 0")]
pub struct BanArgs {
    /// The project's folder
    dir: PathBuf,
    /// Number or address of a user
    #[arg(long, required_unless_present = "host")]
    user: Option<String>,
    /// Number of a computer
    #[arg(long)]
    host: Option<i64>,
    /// For how long; 0 lifts it
    #[arg(long, default_value_t = 7.0)]
    days: f64,
}

/// Forget a computer's failures: it gets work as a new one does
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson crowd pardon pogs 17")]
pub struct PardonArgs {
    /// The project's folder
    dir: PathBuf,
    /// Number of the computer
    host: i64,
}

/// Users.
///
/// # Errors
/// What the server says.
pub fn user(args: UserArgs, out: &Output) -> Result<(), Failure> {
    let said = match args.what {
        UserWhat::Add { dir, email, name, password } => ask(&dir, Command::UserAdd { email, name, password })?,
        UserWhat::Show { dir, user } => ask(&dir, Command::UserShow { user })?,
    };
    show(&said, out)
}

/// Hosts.
///
/// # Errors
/// What the server says.
pub fn host(args: HostArgs, out: &Output) -> Result<(), Failure> {
    let HostWhat::Show { dir, host } = args.what;
    show(&ask(&dir, Command::HostShow { host })?, out)
}

/// Teams.
///
/// # Errors
/// What the server says.
pub fn team(args: TeamArgs, out: &Output) -> Result<(), Failure> {
    let TeamWhat::Add { dir, name, founder } = args.what;
    show(&ask(&dir, Command::TeamAdd { name, founder })?, out)
}

/// Bans.
///
/// # Errors
/// What the server says.
pub fn ban(args: BanArgs, out: &Output) -> Result<(), Failure> {
    let until = if args.days > 0.0 { SystemClock.now() + (args.days * 86_400.0).min(1e11) as i64 } else { 0 };
    show(&ask(&args.dir, Command::Ban { user: args.user, host: args.host, until })?, out)
}

/// Pardons.
///
/// # Errors
/// What the server says.
pub fn pardon(args: PardonArgs, out: &Output) -> Result<(), Failure> {
    show(&ask(&args.dir, Command::Pardon { host: args.host })?, out)
}
