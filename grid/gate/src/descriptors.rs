//! Descriptors of the process: as many as it may have, some of them kept for connections to servers.

use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what is no connection of a client: this many, and this part of all.
const KEPT: (usize, usize) = (64, 10);

/// Lets the process have as many as it may (many systems begin with 1024), and says how many connections clients may have at once so
/// that servers can still be reached.
pub(crate) fn for_clients() -> usize {
    static CLIENTS: OnceLock<usize> = OnceLock::new();
    *CLIENTS.get_or_init(|| {
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        // Who may not is left with what there is.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let all =
            getrlimit(Resource::Nofile).current.map_or(usize::MAX, |all| usize::try_from(all).unwrap_or(usize::MAX));
        all.saturating_sub(KEPT.0 + all / KEPT.1).max(1)
    })
}
