//! `pogson gate token`.

use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use pogson_gate::classify::TokenKey;
use pogson_gate::config::{Level, time};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::Output;

/// Make a token that says how important its bearer's requests are
///
/// It is signed with the key that the gate's configuration names as members.key_file. Bearers send it as the cookie pogson_priority, in a
/// field Pogson-Priority, or as Authorization: Bearer. To change the key, let the gate name the old one in members.former_keys until its
/// tokens are over.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  head -c 32 /dev/urandom > priority.key
  pogson gate token --key priority.key --level high --member ada --for 30d")]
pub struct Args {
    /// File of the key, 16 bytes or more
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// high, medium or low
    #[arg(long)]
    level: Level,
    /// Who it is for: letters, digits, and any of - _ @ +
    #[arg(long, value_name = "NAME")]
    member: String,
    /// How long it counts, such as 12h or 30d
    #[arg(long = "for", value_name = "TIME", value_parser = time)]
    lasts: Duration,
}

#[derive(Serialize)]
struct Made {
    token: String,
    ends: u64,
}

/// Makes it.
///
/// # Errors
/// A key that cannot be read or is too short (exit 3), a name that is none (exit 2).
pub fn run(args: &Args, out: &Output) -> Result<(), Failure> {
    if args.lasts < Duration::from_secs(1) {
        return Err(Failure::usage("--for: a token counts for a second at least; write a time such as 12h"));
    }
    let bytes = std::fs::read(&args.key).map_err(|error| Failure::io(&args.key, &error))?;
    let wrong_key = |error| Failure::bad_input(format!("{}: {error}", args.key.display()));
    let key = TokenKey::new(&bytes).map_err(wrong_key)?;
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let signed = key.sign(args.level, &args.member, now_s, args.lasts);
    let token = signed.map_err(|error| Failure::usage(error.to_string()))?;
    if out.is_json() {
        out.object(&Made { token, ends: now_s.saturating_add(args.lasts.as_secs()) })
    } else {
        out.line(token)
    }
}
