//! The figures of a report.

use std::collections::BTreeMap;

/// Requests of one class at a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassCounts {
    /// Those that wait: the paper's `R_i`.
    pub queued: u64,
    /// Those that are worked on.
    pub active: u64,
}

/// What a request of one product takes, seconds of the server's own time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Where what it needs is cached.
    pub hit_s: Option<f64>,
    /// Where it is not.
    pub miss_s: Option<f64>,
}

/// What a server says of itself. Whatever it does not know is `None` or absent: no figure is a must.
///
/// All numbers are finite and at least 0; counts and sizes are at most 2^53.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Requests that wait: the paper's `q_i`.
    pub queue_length: Option<u64>,
    /// Requests that may wait; beyond it the server drops them.
    pub queue_limit: Option<u64>,
    /// Service time of what waits and of what is left of what is worked on, seconds: the paper's `T_i`.
    pub queue_s: Option<f64>,
    /// Requests that are worked on.
    pub active: Option<u64>,
    /// Requests dropped since the server began.
    pub dropped: Option<u64>,
    /// Connections that clients hold.
    pub connections: Option<u64>,
    /// Use of the processor as a fraction of what is there (ORCA's `cpu_utilization`); may exceed 1.
    pub cpu: Option<f64>,
    /// Use of memory as a fraction (ORCA's `mem_utilization`), at most 1.
    pub memory: Option<f64>,
    /// How busy the server says it is by its own measure, 1 being full (ORCA's `application_utilization`).
    pub utilization: Option<f64>,
    /// Requests answered per second (ORCA's `rps_fractional`).
    pub requests_per_s: Option<f64>,
    /// Those of them that failed, per second (ORCA's `eps`).
    pub errors_per_s: Option<f64>,
    /// Fraction of recent requests whose data was cached, at most 1.
    pub hit_rate: Option<f64>,
    /// What the cache holds, bytes.
    pub cache_bytes: Option<u64>,
    /// What it may hold, bytes.
    pub cache_limit_bytes: Option<u64>,
    /// Counts for each class, by the number that came with the request.
    pub classes: BTreeMap<u64, ClassCounts>,
    /// Estimates for each product, by its number.
    pub costs: BTreeMap<u32, Cost>,
    /// In a response's header: seconds that the server worked on that request.
    pub request_s: Option<f64>,
    /// In a response's header: whether what that request needed was cached.
    pub request_hit: Option<bool>,
    /// Named metrics of ORCA that mean nothing here.
    pub others: BTreeMap<String, f64>,
}

impl Report {
    /// Requests of all classes that wait: [`Report::queue_length`] or else the sum over classes, if any is said.
    #[must_use]
    pub fn queued(&self) -> Option<u64> {
        let sum = || self.classes.values().fold(0_u64, |sum, class| sum.saturating_add(class.queued));
        self.queue_length.or_else(|| (!self.classes.is_empty()).then(sum))
    }

    /// Whether nothing more can wait there.
    #[must_use]
    pub fn is_full(&self) -> bool {
        matches!((self.queued(), self.queue_limit), (Some(length), Some(limit)) if length >= limit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_at_its_limit_is_full_and_one_without_a_limit_never_is() {
        let at = |length, limit| Report { queue_length: length, queue_limit: limit, ..Report::default() }.is_full();
        assert!(at(Some(5), Some(5)) && !at(Some(4), Some(5)) && !at(Some(1 << 50), None) && !at(None, Some(0)));
    }

    #[test]
    fn the_queue_is_the_sum_of_its_classes_where_its_length_is_not_said() {
        let classes = [(1, ClassCounts { queued: 2, active: 1 }), (9, ClassCounts { queued: 3, active: 0 })];
        let report = Report { classes: classes.into(), ..Report::default() };
        assert_eq!((report.queued(), Report::default().queued()), (Some(5), None));
    }
}
