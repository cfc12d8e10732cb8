//! `pogson gate check`.

use std::path::PathBuf;

use pogson_gate::config::{self, Config, ConfigError};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Read a gate's configuration and say what is wrong in it
///
/// All faults are said at once, each with its line, a caret, and the mend. Files that it names have to be there, and keys and certificates in
/// them have to be of use. Certificates that have ended or do not count yet, routes that no request takes and pools that no route leads to
/// are warned of. Nothing is listened to and no back end is asked.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:\n  pogson gate check gate.toml\n  pogson gate check gate.toml --json")]
pub struct Args {
    /// The configuration
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(Serialize)]
struct Checked {
    ok: bool,
    listeners: Vec<String>,
    pools: Vec<Pool>,
    routes: usize,
    classes: usize,
    contexts: usize,
    /// What is hardly meant.
    warnings: Vec<Fault>,
}

#[derive(Serialize)]
struct Pool {
    name: String,
    policy: String,
    servers: Vec<String>,
}

#[derive(Serialize)]
struct Wrong {
    ok: bool,
    faults: Vec<Fault>,
}

#[derive(Serialize)]
struct Fault {
    file: String,
    line: usize,
    column: usize,
    error: String,
}

/// Checks.
///
/// # Errors
/// What is wrong in the file (exit 3).
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    let (config, doubts) = match Config::read_with_doubts(&args.file) {
        Ok(read) => read,
        Err(error) => return Err(wrong(&error, out)?),
    };
    let pools = config.pool.iter().map(|pool| Pool {
        name: pool.name.clone(),
        policy: pool.policy.clone(),
        servers: pool.server.iter().map(|server| server.address.to_string()).collect(),
    });
    let checked = Checked {
        ok: true,
        listeners: config.listen.iter().map(|listen| listen.address.to_string()).collect(),
        pools: pools.collect(),
        routes: config.route.len(),
        classes: config.class.len(),
        contexts: config.context.len(),
        warnings: doubts.iter().map(fault).collect(),
    };
    if out.is_json() {
        return out.object(&checked);
    }
    for doubt in &doubts {
        out.warn(doubt);
    }
    out.line(format!("{} is a configuration of a gate", args.file.display()))?;
    out.line(format!("listens on {}", checked.listeners.join(", ")))?;
    for pool in &checked.pools {
        out.line(format!("pool {}, {}: {}", pool.name, pool.policy, pool.servers.join(", ")))?;
    }
    out.line(format!("{} routes, {} classes, {} rules for contexts", checked.routes, checked.classes, checked.contexts))
}

/// Says what is wrong; scripts get it on standard output.
fn wrong(error: &ConfigError, out: &Output) -> Result<Failure, Failure> {
    if out.is_json() {
        let faults = error.faults().iter().map(fault);
        out.object(&Wrong { ok: false, faults: faults.collect() })?;
    }
    Ok(Failure::bad_input(error.to_string()))
}

fn fault(fault: &config::Fault) -> Fault {
    let config::Fault { file, line, column, sentence, .. } = fault.clone();
    Fault { file, line, column, error: sentence }
}
