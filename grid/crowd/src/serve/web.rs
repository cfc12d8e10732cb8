//! What handlers of HTTP requests share.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::account::Limiter;
use crate::engine::{Clock, Engine, Stages};
use crate::project::Project;

/// What handlers share.
#[derive(Clone)]
pub struct Web {
    /// Answers questions.
    pub engine: Engine,
    /// Takes uploads.
    pub uploads: Arc<crate::upload::Desk>,
    /// The folder.
    pub project: Arc<Project>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// How often accounts may be tried.
    pub limiter: Arc<Mutex<Limiter>>,
    /// Which stages run.
    pub stages: Arc<Stages>,
    /// Pages that the project brings.
    pub sections: Vec<Arc<dyn crate::pages::Section>>,
}

impl Web {
    /// The address of who asks: of the connection, or what a proxy that is believed says.
    pub fn client(&self, connection: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let near = connection.ip().to_canonical();
        if !self.project.config.server.proxies.contains(&near) {
            return near;
        }
        let said = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        said.and_then(|list| list.rsplit(',').next()).and_then(|last| last.trim().parse().ok()).unwrap_or(near)
    }
}

/// XML for clients.
pub(super) fn xml(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}

/// The server cannot answer now; clients try again.
pub(super) fn later(why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "60")], format!("{why}\n")).into_response()
}

/// XML for clients, compressed where it is long and they say that they can read that.
pub(super) fn xml_for(headers: &HeaderMap, text: String) -> Response {
    /// Bytes from which compressing pays on a volunteer's line.
    const LONG: usize = 16_384;
    let accepts = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let gzip = accepts.flat_map(|list| list.split(',')).any(|one| one.trim().split(';').next() == Some("gzip"));
    if !gzip || text.len() < LONG {
        return xml(text);
    }
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    match encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish()) {
        Ok(bytes) => {
            let kinds = [(header::CONTENT_TYPE, "text/xml; charset=utf-8"), (header::CONTENT_ENCODING, "gzip")];
            (kinds, bytes).into_response()
        }
        Err(_) => xml(text),
    }
}
