//! Statistics for sites that show many projects: written every six hours, and served as files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::site::Site;
use crate::serve::Web;
use crate::stats::export;

/// Seconds between two exports.
const EVERY: i64 = 6 * 3600;
/// What is served.
const FILES: [&str; 6] = ["tables.xml", "user.gz", "team.gz", "host.gz", "user_deleted.gz", "host_deleted.gz"];

pub(super) async fn file(State(site): State<Site>, Path(name): Path<String>, request: Request<Body>) -> Response {
    if !FILES.contains(&name.as_str()) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let kind = if name.ends_with(".xml") { "text/xml" } else { "application/gzip" };
    let path = site.web.project.dir.join("stats").join(name);
    let service = match kind.parse() {
        Ok(kind) => ServeFile::new_with_mime(path, &kind),
        Err(_) => ServeFile::new(path),
    };
    match service.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

/// Writes the statistics now, and every six hours, until `ending`.
///
/// # Errors
/// The system has no thread to spare.
pub fn keep_exporting(web: &Web, ending: Arc<AtomicBool>) -> std::io::Result<JoinHandle<()>> {
    let (project, clock, stages) = (Arc::clone(&web.project), Arc::clone(&web.clock), Arc::clone(&web.stages));
    std::thread::Builder::new().name("statistics".to_owned()).spawn(move || {
        let mut last: Option<i64> = None;
        while !ending.load(Ordering::Relaxed) {
            let now = clock.now();
            // Of several processes one does it.
            if stages.leads.load(Ordering::Relaxed) && last.is_none_or(|last| now - last >= EVERY || now < last) {
                last = Some(now);
                let done = project.database_to_read().map_err(|error| error.to_string()).and_then(|mut database| {
                    export(database.as_mut(), &project.dir.join("stats"), now).map_err(|error| error.to_string())
                });
                match done {
                    Ok(sums) => tracing::info!(users = sums.users, hosts = sums.hosts, "statistics were exported"),
                    Err(why) => tracing::warn!(why, "statistics were not exported"),
                }
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    })
}
