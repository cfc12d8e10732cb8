//! A thread that looks after the server for those who are not there: it brings gauges up to date, and says when something goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::roles::FactReader;
use super::web::Web;
use crate::alert::{ALERT, Counts, Notice, Rules, Webhook};
use crate::engine::Engine;
use crate::metrics::Looker;
use crate::role::{Fact, Facts};
use crate::store::StoreError;

/// How often gauges are brought up to date where nobody says it otherwise.
const LOOK: f64 = 15.0;

/// Starts the threads that are needed; they end with the server.
///
/// # Errors
/// [`StoreError`]: no connection, or no thread.
pub(super) fn start(web: &Web, metrics: bool, ending: Arc<AtomicBool>) -> Result<Vec<JoinHandle<()>>, StoreError> {
    let config = web.project.config.alerts.clone();
    let (meters, clock) = (Arc::clone(web.engine.meters()), Arc::clone(&web.clock));
    if !metrics && config.url.is_empty() {
        return Ok(Vec::new());
    }
    let no_thread =
        |error: std::io::Error| StoreError::Database { place: "watch".to_owned(), cause: error.to_string() };
    let mut threads = Vec::new();
    let every = if config.url.is_empty() { LOOK } else { config.every_seconds.clamp(0.1, 3600.0) };
    let mut alerts = None;
    if !config.url.is_empty() {
        let project = (web.project.config.project.name.clone(), web.project.address.to_string());
        let (webhook, thread) =
            Webhook::start(config.url.clone(), project, Arc::clone(&meters), Arc::clone(&ending)).map_err(no_thread)?;
        threads.push(thread);
        let facts = FactReader::new(web.project.database_to_read()?);
        let earlier = facts.beginning(ALERT).unwrap_or_default();
        let earlier = earlier
            .into_iter()
            .filter_map(|(key, since)| Some((key.strip_prefix(ALERT)?.to_owned(), since.parse().ok()?)));
        alerts = Some((Rules::new(config, earlier), webhook, web.engine.clone()));
    }
    let mut looker = Looker::new(Arc::clone(&web.project), Arc::clone(&web.stages))?;
    let watch = move || {
        let mut next = Instant::now();
        while !ending.load(Ordering::Relaxed) {
            if Instant::now() >= next {
                let sight = looker.look(clock.now()).unwrap_or_else(|error| {
                    tracing::warn!(%error, "the database was not looked at");
                    looker.outside(clock.now()).clone()
                });
                meters.show(&sight);
                if let Some((rules, webhook, engine)) = &mut alerts {
                    for notice in rules.look(&sight, &Counts::of(&meters)) {
                        tell(&notice, webhook, engine);
                    }
                }
                next = Instant::now() + Duration::from_secs_f64(every);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let thread = std::thread::Builder::new().name("watch".to_owned()).spawn(watch);
    threads.push(thread.map_err(no_thread)?);
    Ok(threads)
}

/// Posts a notice, logs it, and remembers it for the pages and for the process that comes after this one.
fn tell(notice: &Notice, webhook: &Webhook, engine: &Engine) {
    webhook.send(notice);
    let key = format!("{ALERT}{}", notice.alert);
    let fact = if notice.state == "firing" {
        tracing::warn!(alert = notice.alert, text = notice.text, "an alert");
        Fact::new(key, notice.since.to_string())
    } else {
        tracing::info!(alert = notice.alert, "an alert is over");
        Fact::forget(key)
    };
    // A database that cannot be written is no reason to be silent.
    if let Err(error) = engine.act(move |desk| Ok(desk.remember(std::slice::from_ref(&fact))?)) {
        tracing::warn!(%error, "an alert was not remembered");
    }
}
