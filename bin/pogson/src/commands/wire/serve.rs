//! `pogson wire serve`.

use std::sync::atomic::Ordering;
use std::time::Duration;

use pogson_wire::serve::{self, Daemon};

use super::Socket;
use super::guests::GuestArgs;
use super::policy::PolicyArgs;
use crate::failure::Failure;
use crate::output::Output;

/// Find the two ends of connections, until told to stop
///
/// Processes of one user are joined with each other; those of different users as --allow-user says. SIGTERM and SIGINT end it;
/// connections that are joined go on without it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  pogson wire serve
  pogson wire serve --socket /run/pogson/wire.sock --allow-user www-data:postgres
  pogson wire serve --no-port 22,9000-9010
  pogson wire serve --only-port 6379 --ring-bytes 1048576
  pogson wire serve --guest red --guests map.json --region blue=/sys/bus/pci/devices/0000:00:04.0/resource2
  pogson wire serve --guest red --guests map.json --region blue=/dev/shm/red-blue --network 192.0.2.1/24")]
pub struct Args {
    #[command(flatten)]
    socket: Socket,
    #[command(flatten)]
    policy: PolicyArgs,
    #[command(flatten)]
    guests: GuestArgs,
}

/// Serves.
///
/// # Errors
/// A policy that makes no sense, another daemon at the socket, a place that cannot be used.
pub fn run(args: Args, out: &Output) -> Result<(), Failure> {
    let policy = args.policy.policy()?;
    let guests = args.guests.settings()?;
    let path = args.socket.own_path();
    serve::raise_limit();
    let mut daemon = Daemon::bind(&path, policy)?;
    if let Some(guests) = guests {
        daemon.join_guests(guests)?;
    }
    out.note(format!("serving at {}; end with Ctrl-C", path.display()));
    let stopper = daemon.stopper();
    let interrupted = out.interrupt_flag();
    std::thread::spawn(move || {
        while !interrupted.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(100));
        }
        stopper.stop();
    });
    Ok(daemon.run()?)
}
