//! How many connections clients have at once, of all threads together.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bits of an address of version 6 that are a client's own choice.
const OWN_BITS: u32 = 64;

/// The connections of one socket.
#[derive(Default)]
pub(crate) struct Crowd {
    all: AtomicUsize,
    /// Of each client that has any; counted only where there is a limit.
    clients: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts, until this goes.
pub(crate) struct Counted(Arc<Crowd>);

/// A connection that counts as one of its client's, until this goes.
pub(crate) struct OfClient(Arc<Crowd>, IpAddr);

impl Crowd {
    /// One more connection; `None` if there are as many as may be.
    pub(crate) fn enters(self: &Arc<Self>, most: usize) -> Option<Counted> {
        let counted = Counted(self.clone());
        let before = self.all.fetch_add(1, Ordering::Relaxed);
        (before < most).then_some(counted)
    }

    /// One more connection of a client; `None` if it has as many as it may.
    pub(crate) fn enters_of(self: &Arc<Self>, client: IpAddr, most: usize) -> Option<OfClient> {
        let client = one(client);
        let mut clients = self.clients();
        let count = clients.entry(client).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(OfClient(self.clone(), client))
    }

    fn clients(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The address that stands for all that one client may have.
fn one(client: IpAddr) -> IpAddr {
    match client.to_canonical() {
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() >> OWN_BITS << OWN_BITS).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.all.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for OfClient {
    fn drop(&mut self) {
        let mut clients = self.0.clients();
        if let Some(count) = clients.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn no_more_enter_than_may_until_one_leaves() {
        let crowd = Arc::<Crowd>::default();
        let first = crowd.enters(2).expect("room");
        let _second = crowd.enters(2).expect("room");
        assert!(crowd.enters(2).is_none());
        assert!(crowd.enters(2).is_none(), "who is turned away does not count");
        drop(first);
        assert!(crowd.enters(2).is_some());
    }

    #[test]
    fn a_client_of_version_6_is_all_of_its_64_bits() {
        let crowd = Arc::<Crowd>::default();
        let first = crowd.enters_of(address("2001:db8::1"), 1).expect("room");
        assert!(crowd.enters_of(address("2001:db8::ffff:2"), 1).is_none());
        assert!(crowd.enters_of(address("2001:db8:0:1::1"), 1).is_some());
        drop(first);
        assert!(crowd.enters_of(address("2001:db8::2"), 1).is_some());
        let _mapped = crowd.enters_of(address("::ffff:192.0.2.1"), 1).expect("room");
        assert!(crowd.enters_of(address("192.0.2.1"), 1).is_none());
        assert!(crowd.enters_of(address("192.0.2.2"), 1).is_some());
        assert_eq!(crowd.clients().len(), 1, "who has no connection leaves no trace");
    }
}
