//! The front end of the paper of context-based dispatching, as it is described: a packet classifier of two tables, and admission.
//!
//! A new connection has the priority that the [member table](MemberTable) gives it; a live one that of the [filter table](FilterTable),
//! where it ages. While fewer connections live than the cluster takes, each new one is accepted. Then one of higher priority takes the
//! place of the lowest that waits, and any other is rejected.
//!
//! What the paper leaves open is settled so: only what waits in a queue gives its place up, for a response that is under way would be cut
//! short; with an empty queue a class has no part of it ([`crate::policy::hits`]); where its Table 6 contradicts its Equation 2, the
//! equation counts. A packet with SYN is a new connection's, and looks into the member table; all others look into the filter table
//! (its Figures 2 and 3 have that the other way round).
//!
//! The gate's own way is in [`crate::waiting`].

mod filters;
mod members;

pub use filters::{Admitted, FilterTable};
pub use members::{Member, MemberTable, Network};

/// Connections that a cluster of so many servers takes at once, S: (N - 1) T_high + T_low - 1, that of locality-aware dispatching, by
/// which no server can have more than T_high while another has less than T_low. Without servers it is 0.
#[must_use]
pub fn connections(servers: usize, t_low: u32, t_high: u32) -> usize {
    servers.checked_sub(1).map_or(0, |others| (others * t_high as usize + t_low as usize).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_of_eight_takes_509_connections() {
        assert_eq!(connections(8, 55, 65), 7 * 65 + 54);
        assert_eq!((connections(1, 55, 65), connections(0, 55, 65), connections(1, 0, 65)), (54, 0, 0));
    }
}
