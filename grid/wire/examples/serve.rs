//! A daemon with nothing around it: `serve --socket PATH`.

use std::path::PathBuf;

use pogson_wire::policy::Policy;
use pogson_wire::serve::{self, Daemon};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args_os().skip(1);
    let path = match (words.next(), words.next(), words.next()) {
        (None, ..) => pogson_wire::address::own_path(),
        (Some(flag), Some(path), None) if flag == "--socket" => PathBuf::from(path),
        _ => return Err("usage: serve [--socket PATH]".into()),
    };
    serve::raise_limit();
    let daemon = Daemon::bind(&path, Policy::default())?;
    let stopper = daemon.stopper();
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        for _ in &mut signals {
            stopper.stop();
        }
    });
    Ok(daemon.run()?)
}
