//! Downloads: whole or from a byte on.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::services::ServeFile;

use super::web::Web;

pub(super) async fn download(State(web): State<Web>, Path(name): Path<String>, request: Request<Body>) -> Response {
    if crate::spool::check_name(&name).is_err() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let kind = "application/octet-stream".parse().ok();
    let file = web.project.download_path(&name);
    let service = match kind {
        Some(kind) => ServeFile::new_with_mime(file, &kind),
        None => ServeFile::new(file),
    };
    match service.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}
