//! Uploads over HTTP.

use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::web::Web;
use crate::engine::{Question, UploadQuestion};
use crate::store::StoreError;
use crate::upload::{Answer, Ending, Place, Step, Stored, Upload, Whole};
use crate::wire::UploadStatus;

/// How long a client may take between two pieces.
const PATIENCE: Duration = Duration::from_secs(60);

/// Bytes of a body that is taken before it is known whether it is wanted: that is asked when it is recorded, and asking twice costs more.
const SMALL: u64 = 65_536;

pub(super) async fn upload(State(web): State<Web>, headers: HeaderMap, body: Body) -> Response {
    let said = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let small = said.and_then(|text| text.parse::<u64>().ok()).is_some_and(|bytes| bytes <= SMALL);
    let answer = take(&web, body.into_data_stream(), small).await;
    web.engine.meters().upload(match answer.status {
        UploadStatus::Done => "done",
        UploadStatus::Transient => "later",
        UploadStatus::Permanent => "refused",
    });
    if !answer.why.is_empty() {
        tracing::info!(why = answer.why, "an upload was not taken");
    }
    ([(axum::http::header::CONTENT_TYPE, "text/xml; charset=utf-8")], answer.text).into_response()
}

fn transient(message: &str, why: impl Into<String>) -> Answer {
    Answer::refused(UploadStatus::Transient, message, why)
}

async fn take(web: &Web, mut body: BodyDataStream, small: bool) -> Answer {
    let mut upload = Upload::new(&web.uploads, web.clock.now());
    loop {
        let chunk = match timeout(PATIENCE, next(&mut body)).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break,
            Ok(Some(Err(error))) => return transient("the connection broke", error.to_string()),
            Err(_) => return transient("the client sent nothing for too long", "no data for a minute"),
        };
        let mut step = upload.push(&chunk);
        if let Step::Ask(question) = step {
            // Where a certificate was shown, the file is an output's.
            let asked = match question.host {
                Some(_) if small => Ok(Place::Wanted),
                host => ask(web, question.name, host).await,
            };
            step = match asked {
                Ok(place) => upload.known(place),
                Err(error) => {
                    tracing::error!(%error, "whether an upload is wanted cannot be told");
                    upload.known(Place::Unknown)
                }
            };
        }
        if let Step::Reply(answer) = step {
            return answer;
        }
    }
    match upload.end() {
        Ending::Reply(answer) => answer,
        Ending::Store(whole) => store(web, whole).await,
    }
}

async fn next(body: &mut BodyDataStream) -> Option<Result<axum::body::Bytes, axum::Error>> {
    use axum::body::HttpBody;
    let frame = std::future::poll_fn(|context| {
        let body: &mut BodyDataStream = body;
        std::pin::Pin::new(body).poll_frame(context)
    });
    frame.await.map(|frame| frame.map(|frame| frame.into_data().unwrap_or_default()))
}

async fn ask(web: &Web, name: String, host: Option<i64>) -> Result<Place, StoreError> {
    let (answer, answered) = oneshot::channel();
    web.engine.ask(Question::Known { name, host, answer: Box::new(move |known| drop(answer.send(known))) });
    answered.await.unwrap_or(Ok(Place::Unknown))
}

/// Makes it safe, records it, and only then says so.
async fn store(web: &Web, whole: Whole) -> Answer {
    let (done, stored) = oneshot::channel();
    let done = move |stored| drop(done.send(stored));
    if whole.is_in_memory() {
        whole.store_then(done);
    } else {
        tokio::task::spawn_blocking(move || whole.store_then(done));
    }
    let stored: Stored = match stored.await {
        Ok(Ok(stored)) => stored,
        Ok(Err(answer)) => return answer,
        Err(_) => return transient("the project cannot store the file now", "the spool has ended"),
    };
    let (answer, answered) = oneshot::channel();
    web.engine.ask(Question::Upload(UploadQuestion {
        name: stored.name.clone(),
        host: stored.host,
        bytes: i64::try_from(stored.location.bytes).unwrap_or(i64::MAX),
        md5: stored.md5.iter().map(|byte| format!("{byte:02x}")).collect(),
        segment: stored.location.segment.clone(),
        place: i64::try_from(stored.location.offset).unwrap_or(i64::MAX),
        answer: Box::new(move |known| drop(answer.send(known))),
    }));
    match answered.await {
        Ok(Ok(Place::Wanted)) => {
            web.engine.meters().stored(stored.location.bytes);
            stored.answer()
        }
        Ok(Ok(known)) => {
            // Another one was faster, or it is not wanted any more.
            forget(web, &stored);
            match known {
                Place::Here(_) => stored.answer(),
                _ => Answer::refused(UploadStatus::Permanent, "no such result is in progress", "not awaited any more"),
            }
        }
        Ok(Err(error)) => {
            // Whether it was recorded is not known; what was not is dropped at the next start.
            transient("the project cannot record the file now", error.to_string())
        }
        Err(_) => transient("the server is shutting down", "the engine has ended"),
    }
}

fn forget(web: &Web, stored: &Stored) {
    if let Err(error) = web.uploads.spool().delete(&stored.location) {
        tracing::warn!(%error, "a file that is not wanted stays until the next start");
    }
}
