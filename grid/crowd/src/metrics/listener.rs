//! Metrics over HTTP, at an address of their own: the project's address is the public's.

use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Meters;

/// What Prometheus and its like know the form by.
const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves `/metrics` until it is dropped.
pub(crate) async fn serve(listener: TcpListener, meters: Arc<Meters>) {
    let answer = move || {
        let meters = Arc::clone(&meters);
        async move { text(&meters) }
    };
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "metrics are not served"),
    };
    let routes = Router::new().route("/metrics", get(answer));
    if let Err(error) = axum::serve(listener, routes).await {
        tracing::error!(%error, "metrics are not served any more");
    }
}

fn text(meters: &Meters) -> Response {
    ([(header::CONTENT_TYPE, KIND)], meters.text()).into_response()
}
