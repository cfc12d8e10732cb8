//! `pogson gate server`.

use std::path::PathBuf;

use pogson_gate::control::{Order, tell};
use pogson_gate::served::ServerState;
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Show and change the servers of a running gate
///
/// What is changed so holds until the gate ends or reads its configuration again.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson gate server --socket gate.sock list --json
  pogson gate server --socket gate.sock add tiles-3 http://10.0.0.3:9000 --weight 2
  pogson gate server --socket gate.sock drain tiles-1
  pogson gate server --socket gate.sock weight tiles-2 0.5
  pogson gate server --socket gate.sock up tiles-1")]
pub struct Args {
    /// The gate's control socket: admin.socket of its configuration
    #[arg(long, value_name = "PATH")]
    socket: PathBuf,
    /// The pool, if the gate has several
    #[arg(long, value_name = "NAME")]
    pool: Option<String>,
    #[command(subcommand)]
    what: What,
}

/// What is done.
#[derive(clap::Subcommand, Debug)]
enum What {
    /// Show all servers
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock list")]
    List,
    /// Add a server
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock add tiles-3 http://10.0.0.3:9000")]
    Add {
        /// How logs and commands call it
        name: String,
        /// Where it is, as in the configuration
        address: String,
        /// Its share where all else is equal
        #[arg(long, value_name = "X", default_value_t = 1.0, value_parser = weight)]
        weight: f64,
    },
    /// Remove a server; what it has under way ends
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock remove tiles-3")]
    Remove {
        /// The server
        name: String,
    },
    /// Send a server nothing more; what it has under way ends
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock drain tiles-1")]
    Drain {
        /// The server
        name: String,
    },
    /// Take a server for out of order
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock down tiles-1")]
    Down {
        /// The server
        name: String,
    },
    /// Send a server requests again
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock up tiles-1")]
    Up {
        /// The server
        name: String,
    },
    /// Change a server's share; 0 is none
    #[command(after_help = "Examples:\n  pogson gate server --socket gate.sock weight tiles-2 0.5")]
    Weight {
        /// The server
        name: String,
        /// Its share where all else is equal, 0 to 1000000
        #[arg(value_name = "X", value_parser = weight)]
        weight: f64,
    },
}

/// A share as it is written.
fn weight(text: &str) -> Result<f64, String> {
    let weight = text.parse().ok().filter(|weight| (0.0..=1e6).contains(weight));
    weight.ok_or_else(|| "a weight is a number from 0 to 1000000, such as 0.5".to_string())
}

/// The result.
#[derive(Serialize)]
struct Servers {
    servers: Vec<ServerState>,
}

/// Does it, and shows the servers.
///
/// # Errors
/// A gate that does not answer, a server that there is not.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let pool = args.pool;
    let order = match args.what {
        What::List => Order::Servers,
        What::Add { name, address, weight } => Order::Add { pool, name, address, weight },
        What::Remove { name } => Order::Remove { pool, name },
        What::Drain { name } => Order::Drained { pool, name },
        What::Down { name } => Order::Down { pool, name },
        What::Up { name } => Order::Up { pool, name },
        What::Weight { name, weight } => Order::Weight { pool, name, weight },
    };
    let told = tell(&args.socket, &order).map_err(|error| Failure::failed(error.to_string()))?;
    if out.is_json() {
        return out.object(&Servers { servers: told.servers });
    }
    out.line(format!("{:12} {:20} {:10} {:>7} {:>7} {:>7} {:>7}  address", "pool", "server", "state", "weight", "active", "slow", "waiting"))?;
    for server in told.servers {
        let ServerState { pool, name, address, state, weight, active, slow, waiting, trouble, .. } = server;
        let trouble = trouble.map(|trouble| format!("  ({trouble})")).unwrap_or_default();
        out.line(format!("{pool:12} {name:20} {state:10} {weight:7} {active:7} {slow:7} {waiting:7}  {address}{trouble}"))?;
    }
    Ok(())
}
