//! A daemon with nothing around it: `serve [--socket PATH] [--guest NAME --guests MAP --region PEER=PATH]`.

use std::path::PathBuf;

use pogson_wire::guest::Settings;
use pogson_wire::policy::Policy;
use pogson_wire::serve::{self, Daemon};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

const USAGE: &str = "usage: serve [--socket PATH] [--guest NAME --guests MAP --region PEER=PATH]";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut path = pogson_wire::address::own_path();
    let (mut name, mut map, mut regions) = (None, None, Vec::new());
    let mut words = std::env::args().skip(1);
    while let (Some(flag), value) = (words.next(), words.next()) {
        let value = value.ok_or(USAGE)?;
        match flag.as_str() {
            "--socket" => path = PathBuf::from(value),
            "--guest" => name = Some(value),
            "--guests" => map = Some(PathBuf::from(value)),
            "--region" => {
                let (peer, file) = value.split_once('=').ok_or(USAGE)?;
                regions.push((peer.into(), file.into()));
            }
            _ => return Err(USAGE.into()),
        }
    }
    serve::raise_limit();
    let mut daemon = Daemon::bind(&path, Policy::default())?;
    if let (Some(name), Some(map)) = (name, map) {
        let user = rustix::process::geteuid().as_raw();
        daemon.join_guests(Settings { name, map, regions, user, network: None })?;
    }
    let stopper = daemon.stopper();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for _ in &mut signals {
            stopper.stop();
        }
    });
    Ok(daemon.run()?)
}
