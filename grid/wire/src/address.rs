//! Where the daemon is spoken to.

use std::path::PathBuf;

/// Environment variable that names the daemon's socket.
pub const VARIABLE: &str = "POGSON_WIRE_SOCKET";

/// Socket of root's daemon, which serves all users.
const ROOTS: &str = "/run/pogson/wire.sock";

/// Where a daemon of this user listens if no place is named: [`VARIABLE`]'s, else `$XDG_RUNTIME_DIR/pogson/wire.sock`, and
/// `/run/pogson/wire.sock` for root and those who have no such folder. Never a folder that others can write to: who listens there
/// is given sockets.
#[must_use]
pub fn own_path() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable(VARIABLE) {
        return path.into();
    }
    match variable("XDG_RUNTIME_DIR") {
        Some(folder) if !rustix::process::geteuid().is_root() => PathBuf::from(folder).join("pogson/wire.sock"),
        _ => PathBuf::from(ROOTS),
    }
}

/// Where a daemon is to be found if no place is named: [`own_path`], or root's daemon if there is none of this user's.
#[must_use]
pub fn path() -> PathBuf {
    let own = own_path();
    let named = std::env::var_os(VARIABLE).is_some_and(|value| !value.is_empty());
    if named || own.exists() { own } else { PathBuf::from(ROOTS) }
}
