//! `pogson gate check`.

use std::path::PathBuf;

use pogson_gate::classify::Classes;
use pogson_gate::config::{Config, ConfigError};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Read a gate's configuration and say what is wrong in it
///
/// All faults are said at once, each with its line, a caret, and the mend. Files that it names have to be there. Nothing is listened to
/// and no back end is asked.
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
    let config = match Config::read(&args.file) {
        Ok(config) => config,
        Err(error) => return Err(wrong(&error, out)?),
    };
    Classes::compile(&config).map_err(|problems| {
        let sentences: Vec<String> = problems.into_iter().map(|problem| problem.sentence).collect();
        Failure::bad_input(sentences.join("; "))
    })?;
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
    };
    if out.is_json() {
        return out.object(&checked);
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
        let faults = error.faults().iter().map(|fault| Fault {
            file: fault.file.clone(),
            line: fault.line,
            column: fault.column,
            error: fault.sentence.clone(),
        });
        out.object(&Wrong { ok: false, faults: faults.collect() })?;
    }
    Ok(Failure::bad_input(error.to_string()))
}
