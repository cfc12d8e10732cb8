//! `pogson wire run`.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{self, Path};
use std::process::Command;

use pogson_wire::{address, program};

use super::Socket;
use crate::failure::Failure;

/// Variable that names libraries which the loader loads first.
const PRELOAD: &str = "LD_PRELOAD";

/// Run a program whose connections within the machine go by shared memory
///
/// The program takes this command's place, and so do all that it begins itself. It is given LD_PRELOAD (before what stands there)
/// and POGSON_WIRE_SOCKET. Without a daemon, and with whom has none, it talks by TCP.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
The exit code is the program's; 3 if there is no such program.

Examples:
  pogson wire run -- redis-server --save ''
  pogson wire run --socket /run/pogson/wire.sock -- nginx -g 'daemon off;'
  pogson wire run -- sh -c 'iperf3 -s & sleep 1; iperf3 -c 127.0.0.1'")]
pub struct Args {
    #[command(flatten)]
    socket: Socket,
    /// The program and its arguments
    #[arg(required = true, last = true, value_name = "PROGRAM")]
    program: Vec<OsString>,
}

/// Becomes the program.
///
/// # Errors
/// No such program, or no place for the library that it is to load.
pub fn run(args: Args) -> Result<(), Failure> {
    let Some((name, arguments)) = args.program.split_first() else {
        return Err(Failure::usage("no program is named"));
    };
    if program::find(Path::new(name)).is_none() {
        return Err(missing(name));
    }
    let library = pogson_wire_library::unpack()?;
    let socket = args.socket.path();
    let socket = path::absolute(&socket).map_err(|error| Failure::io(&socket, &error))?;
    let mut program = Command::new(name);
    program.args(arguments).env(PRELOAD, preload(library.as_os_str())).env(address::VARIABLE, socket);
    let error = program.exec();
    Err(Failure::failed(format!("{}: the system does not run it: {error}", Path::new(name).display())))
}

fn missing(name: &OsStr) -> Failure {
    let name = Path::new(name).display();
    Failure::bad_input(format!("{name}: there is no such program that can be run (in PATH, for a name without a slash)"))
}

/// The library before those that the caller loads already, and once.
fn preload(library: &OsStr) -> OsString {
    let mut list = library.to_owned();
    let given = env::var_os(PRELOAD).unwrap_or_default();
    let others = given.as_encoded_bytes().split(|byte| b": ".contains(byte));
    for other in others.filter(|other| !other.is_empty() && *other != library.as_encoded_bytes()) {
        list.push(":");
        list.push(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(other));
    }
    list
}
