//! Where the daemon is spoken to.

use std::path::PathBuf;

/// Environment variable that names the daemon's socket.
pub const VARIABLE: &str = "POGSON_WIRE_SOCKET";

/// The daemon's socket, where none is named: [`VARIABLE`]'s, else `/run/pogson/wire.sock` for root and
/// `$XDG_RUNTIME_DIR/pogson/wire.sock` for others (`/tmp/pogson-UID/wire.sock` without that variable).
#[must_use]
pub fn default_path() -> PathBuf {
    if let Some(path) = std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        return path.into();
    }
    let user = rustix::process::geteuid();
    if user.is_root() {
        return PathBuf::from("/run/pogson/wire.sock");
    }
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty()) {
        Some(folder) => PathBuf::from(folder).join("pogson/wire.sock"),
        None => PathBuf::from(format!("/tmp/pogson-{}/wire.sock", user.as_raw())),
    }
}
