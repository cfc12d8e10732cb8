//! Reports to gates: how much waits and is worked on, what is cached, what requests take; pushed, and in answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName};
use pogson_report::{
    ClassCounts, Cost, Key, MARK_HEADER, METRICS_HEADER, Name, Report, Sender, in_responses::of_one, sender::now_ms,
};
use rustix::time::{ClockId, clock_gettime};

use crate::reply::put;
use crate::serve::Site;

/// Who reports to whom.
#[derive(Debug, Clone)]
pub struct Reporting {
    /// The portal's name, as gates have it.
    pub name: Name,
    /// What it signs with.
    pub key: Key,
    /// Addresses that reports are pushed to.
    pub urls: Vec<String>,
    /// Time between them.
    pub every: Duration,
}

/// Bytes of a report in an answer at most: few enough for the limits that servers set to headers.
const ROOM: usize = 1024;
/// Least time between answers that tell of the whole portal: a gate reads 100 reports a second of all kinds, and none that 64 later ones
/// have passed on their way.
const BETWEEN: Duration = Duration::from_millis(20);
/// How long a gate's answer is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often the end of the server is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// What the portal knows of itself now.
fn figures(site: &Site) -> Report {
    let (desk, cache) = (site.desk.figures(), site.workshop.shelf.cache.figures());
    let costs = desk.products.iter().enumerate().filter(|(_, of)| of.mean_s.is_some());
    let classes = site.desk.by_class().into_iter();
    Report {
        queue_length: Some(desk.queued as u64),
        queue_limit: Some(desk.limit as u64),
        queue_s: Some(desk.waiting_s()),
        active: Some(desk.active as u64),
        dropped: Some(desk.dropped),
        connections: Some(site.clients.connections() as u64),
        utilization: Some(desk.active as f64 / desk.workers.max(1) as f64),
        hit_rate: desk.hit_rate,
        cache_bytes: Some(cache.bytes as u64),
        cache_limit_bytes: Some(cache.limit as u64),
        classes: classes.map(|(class, c)| (class, ClassCounts { queued: c.queued, active: c.active })).collect(),
        costs: costs.map(|(number, of)| (number as u32, Cost { hit_s: of.hit_s, miss_s: of.miss_s })).collect(),
        ..Report::default()
    }
}

/// The portal's voice: one life and one sequence for reports of all kinds, for of two lives a gate believes the newer alone.
#[derive(Debug)]
pub(crate) struct Voice {
    sender: Sender,
    began: Instant,
    /// Microseconds since `began` when an answer tells of the whole portal again.
    next_us: AtomicU64,
}

impl Voice {
    /// It begins.
    pub(crate) fn new(reporting: &Reporting) -> Self {
        let sender = Sender::new(reporting.name.clone(), reporting.key.clone());
        Self { sender, began: Instant::now(), next_us: AtomicU64::new(0) }
    }

    /// Whether an answer tells of the whole portal now.
    fn is_due(&self) -> bool {
        let now = self.began.elapsed();
        let due = self.next_us.load(Ordering::Relaxed);
        let next = (now + BETWEEN).as_micros() as u64;
        let may = now.as_micros() as u64 >= due;
        // Of those that find it due at the same time one does.
        may && self.next_us.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

/// Writes a report into an answer's headers: of what it took itself, and every so often of the whole portal.
pub(crate) fn write(site: &Site, voice: &Voice, (took, hit): (Duration, bool), headers: &mut HeaderMap) {
    let took_s = took.as_secs_f64();
    if !voice.is_due() {
        put(headers, HeaderName::from_static(METRICS_HEADER), &of_one(took_s, Some(hit)));
        return;
    }
    let report = Report { request_s: Some(took_s), request_hit: Some(hit), ..figures(site) };
    let signed = voice.sender.header(&report, ROOM, now_ms());
    put(headers, HeaderName::from_static(METRICS_HEADER), &signed.payload);
    put(headers, HeaderName::from_static(MARK_HEADER), &signed.mark);
}

/// Processor time of this process so far.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

/// Pushes reports to one address until the server ends, from a thread of its own.
pub(crate) fn push(
    site: &Arc<Site>,
    voice: &Voice,
    every: Duration,
    url: &str,
    ending: &Arc<AtomicBool>,
) -> std::io::Result<JoinHandle<()>> {
    let (site, ending, url) = (Arc::clone(site), Arc::clone(ending), url.to_owned());
    let sender = voice.sender.clone();
    std::thread::Builder::new().name("reports".into()).spawn(move || {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build().into();
        let processors = std::thread::available_parallelism().map_or(1, usize::from) as f64;
        let (mut before, mut spent, mut done, mut failed) = (Instant::now(), processor_time(), 0, 0);
        let mut reached = true;
        while !ending.load(Ordering::Relaxed) {
            let (now, spends) = (Instant::now(), processor_time());
            let seconds = now.duration_since(before).as_secs_f64();
            let mut report = figures(&site);
            let desk = site.desk.figures();
            if seconds > 0.0 {
                report.cpu = Some(spends.saturating_sub(spent).as_secs_f64() / seconds / processors);
                report.requests_per_s = Some((desk.done - done) as f64 / seconds);
                report.errors_per_s = Some((desk.failed - failed) as f64 / seconds);
            }
            (before, spent, done, failed) = (now, spends, desk.done, desk.failed);
            let signed = sender.push(&report, now_ms());
            let sent = agent
                .post(&url)
                .header("content-type", "application/json")
                .header(MARK_HEADER, &signed.mark)
                .send(&signed.payload);
            match sent {
                Ok(_) if !reached => tracing::info!("{url}: reports arrive again"),
                Err(ref error) if reached => tracing::warn!("{url}: a report was not taken: {error}"),
                _ => {}
            }
            reached = sent.is_ok();
            let next = now + every;
            while Instant::now() < next && !ending.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK.min(next.saturating_duration_since(Instant::now())));
            }
        }
    })
}
