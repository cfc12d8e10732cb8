//! Reports in the headers of responses.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use crate::counts::Counts;
use crate::orca;
use crate::report::Report;
use crate::sender::{Sender, Signed, now_ms};

/// Says in responses how the server is, at most once each so often.
#[derive(Debug)]
pub struct InResponses {
    sender: Sender,
    counts: Arc<Counts>,
    every: Duration,
    room: usize,
    began: Instant,
    /// Microseconds since `began` when the next one is due.
    next_us: AtomicU64,
}

impl InResponses {
    /// Of these counts, at most once each `every`, in at most `room` bytes.
    #[must_use]
    pub fn new(sender: Sender, counts: Arc<Counts>, every: Duration, room: usize) -> Self {
        Self { sender, counts, every, room, began: Instant::now(), next_us: AtomicU64::default() }
    }

    /// The two headers' values for the response that goes out now, if a report is due.
    #[must_use]
    pub fn due(&self) -> Option<Signed> {
        let now = self.began.elapsed();
        let due = self.next_us.load(Relaxed);
        let next = (now + self.every).as_micros() as u64;
        // Of those that find it due at the same time one sends it.
        let mine = now.as_micros() as u64 >= due && self.next_us.compare_exchange(due, next, Relaxed, Relaxed).is_ok();
        mine.then(|| self.sender.header(&self.counts.report(), self.room, now_ms()))
    }
}

/// Value of the header `endpoint-load-metrics` that says of one response alone how long it took, seconds, and whether its data was cached.
#[must_use]
pub fn of_one(request_s: f64, hit: Option<bool>) -> String {
    let request_s = Some(request_s).filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    orca::write_header(&Report { request_s, request_hit: hit, ..Report::default() }, crate::LARGEST_HEADER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Key, Ledger, Verdict};

    #[test]
    fn one_response_in_each_while_says_how_the_server_is() {
        let key = Key::new(&[1; 16]).unwrap();
        let sender = Sender::new("a".parse().unwrap(), key.clone());
        let counts = Counts::new(Some(9));
        let waiting = counts.queue(crate::Work { class: 5, ..Default::default() });
        let responses = InResponses::new(sender, counts, Duration::from_secs(3600), 1000);
        let all: Vec<_> = (0..10).filter_map(|_| responses.due()).collect();
        assert_eq!(all.len(), 1);
        let mut ledger = Ledger::default();
        ledger.know("a".parse().unwrap(), key);
        let verdict = ledger.take(all[0].mark.as_bytes(), all[0].payload.as_bytes(), now_ms());
        assert!(matches!(verdict, Verdict::Fresh(_)));
        assert_eq!(ledger.latest("a").unwrap().report.classes[&5].queued, 1);
        drop(waiting);
    }

    #[test]
    fn what_one_response_took_is_read_from_its_header() {
        let report = orca::read_header(of_one(0.25, Some(true)).as_bytes()).unwrap();
        assert_eq!((report.request_s, report.request_hit), (Some(0.25), Some(true)));
        assert_eq!(of_one(f64::NAN, None), "TEXT ");
    }
}
