//! Where the daemon is.

use std::path::PathBuf;

/// As the command `pogson wire` looks for it: what POGSON_WIRE_SOCKET names, else this user's, else root's.
pub(crate) fn path() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("POGSON_WIRE_SOCKET") {
        return path.into();
    }
    let own = variable("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("pogson/wire.sock"));
    own.filter(|own| own.exists()).unwrap_or_else(|| PathBuf::from("/run/pogson/wire.sock"))
}
