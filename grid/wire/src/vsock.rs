//! Connections by vsock, of which both ends are on this machine.
//!
//! An end has a context (a machine) and a port. What stays within the machine goes by the kernel's loopback, whose packets all bear
//! context: the end that accepted sees it as its other end's. The end that connected sees any of the machine's there, and mostly has
//! none of its own. With sources all the same, the kernel finds the socket of a packet by the two ports; a second connection with
//! the same ones cannot come about while a socket of the first is open. So the ports alone name a connection.

use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use pogson_ring::protocol::Refusal;

use crate::identify::{Address, Place};
use crate::options;

const ANY: u32 = libc::VMADDR_CID_ANY;
const LOOPBACK: u32 = libc::VMADDR_CID_LOCAL;
const HOST: u32 = libc::VMADDR_CID_HOST;

/// Where the connected stream `socket` is.
pub(crate) fn place(socket: BorrowedFd<'_>) -> Result<Place, Refusal> {
    let local = options::vsock_name(socket).map_err(|_| Refusal::NoStream)?;
    let remote = options::vsock_peer(socket).map_err(|_| Refusal::NoStream)?;
    let own = File::open("/dev/vsock").and_then(|device| options::vsock_context(device.as_fd())).ok();
    // Whoever has a context and does not see the loopback's may have come by another way.
    let by_loopback = remote.0 == LOOPBACK && is_here(local.0, own);
    if !(by_loopback || local.0 == ANY && is_here(remote.0, own)) {
        return Err(Refusal::Unproved);
    }
    // The network of all where the kernel has but one.
    let network =
        if knows_namespaces() { options::network_namespace(socket).map_err(|_| Refusal::Unproved)? } else { 0 };
    Ok(Place { network, local: Address::Vsock(local.1), remote: Address::Vsock(remote.1) })
}

/// Whether `context` is this machine.
///
/// - `own`: what the kernel calls it; `None` if it was not to be asked.
fn is_here(context: u32, own: Option<u32>) -> bool {
    match context {
        LOOPBACK => true,
        // The host is another machine for its guests.
        HOST => matches!(own, Some(ANY | LOOPBACK | HOST)),
        ANY => false,
        context => own == Some(context),
    }
}

/// Whether a vsock may belong to a network namespace, as since Linux 7.0, and not only to the machine.
fn knows_namespaces() -> bool {
    let settings = Path::new("/proc/sys/net");
    settings.join("vsock/ns_mode").exists() || !settings.join("core").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_is_itself_but_not_its_host() {
        assert!(is_here(1, Some(3)) && is_here(3, Some(3)));
        assert!(!is_here(2, Some(3)) && !is_here(4, Some(3)) && !is_here(0, Some(3)) && !is_here(ANY, Some(ANY)));
    }

    #[test]
    fn a_host_is_what_its_guests_call_it() {
        for own in [HOST, ANY] {
            assert!(is_here(1, Some(own)) && is_here(2, Some(own)) && !is_here(3, Some(own)));
        }
    }

    #[test]
    fn who_may_not_ask_knows_the_loopback_alone() {
        assert!(is_here(1, None) && !is_here(2, None) && !is_here(3, None));
    }
}
