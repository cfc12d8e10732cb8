//! The scheduler's RPC over HTTP.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::web::{Web, later, xml, xml_for};
use crate::engine::{Question, RpcQuestion};
use crate::wire::{Message, Priority, Reply, Request};

/// Bytes of a request at most; a thousand reported results take about one million.
const MOST_BYTES: usize = 16 << 20;
/// How long a client may take to send one.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn rpc(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let meters = web.engine.meters();
    let Ok(Ok(bytes)) = timeout(PATIENCE, to_bytes(body, MOST_BYTES)).await else {
        meters.rpc("refused", Duration::ZERO);
        return xml(refusal(&web, "the request did not come whole, or is longer than any client's"));
    };
    let request = match Request::parse(&bytes) {
        Ok(request) => request,
        Err(error) => {
            meters.rpc("refused", Duration::ZERO);
            return xml(refusal(&web, &error.to_string()));
        }
    };
    drop(bytes);
    let began = Instant::now();
    let address = web.client(connection, &headers).to_string();
    let (answer, answered) = oneshot::channel();
    // The one who waits may have gone.
    let answer = Box::new(move |reply| drop(answer.send(reply)));
    if !web.engine.ask(Question::Rpc(Box::new(RpcQuestion { request, address, answer }))) {
        return later("the server is shutting down");
    }
    match answered.await {
        Ok(Ok(reply)) => {
            let answer = match (&reply.user, reply.jobs.is_empty()) {
                (None, _) => "unknown_account",
                (Some(_), false) => "work",
                (Some(_), true) => "no_work",
            };
            let answered = xml_for(&headers, reply.write());
            meters.rpc(answer, began.elapsed());
            answered
        }
        Ok(Err(error)) => {
            meters.rpc("failed", began.elapsed());
            tracing::error!(%error, "a scheduler RPC was not answered");
            later("the project's database cannot be written now")
        }
        Err(_) => later("the server is shutting down"),
    }
}

/// A reply to what is no request.
fn refusal(web: &Web, why: &str) -> String {
    Reply {
        master_url: web.project.address.to_string(),
        project_name: web.project.config.project.name.clone(),
        request_delay: 3600.0,
        messages: vec![Message { priority: Priority::Low, text: format!("Request refused: {why}") }],
        ..Reply::default()
    }
    .write()
}
