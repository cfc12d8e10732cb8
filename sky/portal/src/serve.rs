//! The portal on a socket.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{ACCEPT, ALLOW, HOST, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use axum_server::Handle;
use hyper_util::rt::TokioTimer;
use sha2::{Digest, Sha256};
use tokio::sync::{oneshot, watch};

use crate::answer::{Answer, Refusal, Workshop};
use crate::cache::BlockCache;
use crate::collection::Collection;
use crate::connection::{Clients, Door, Limits};
use crate::context::kind_of_work;
use crate::desk::{Desk, Label, Outcome};
use crate::error::PortalError;
use crate::local::Place;
use crate::page;
use crate::properties::Publisher;
use crate::reply::{Validators, not_modified, plain, put, sentence, whole_or_part};
use crate::reporting::{self, Reporting, Voice};
use crate::request::{Request, RequestError, What};
use crate::set::{DataSet, hex};
use crate::shelf::{Shelf, Tally};
use crate::status;

/// How a portal is served.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The folder of mosaics.
    pub dir: PathBuf,
    /// Where smaller copies of them are put; they take a third of the mosaics' size there while the portal runs.
    pub scratch: PathBuf,
    /// Address to listen at.
    pub listen: String,
    /// Socket in the file system to listen at besides, for a gate on the same machine.
    pub unix: Option<PathBuf>,
    /// Bytes of storage blocks in memory.
    pub cache_bytes: usize,
    /// Waited for each block that is read, to try what a distant store would do.
    pub store_delay: Duration,
    /// Threads that render.
    pub workers: usize,
    /// Requests that may wait for them.
    pub queue: usize,
    /// Order of storage blocks; of each data set's finest tiles where it is not given.
    pub block_order: Option<u8>,
    /// Who publishes.
    pub publisher: Publisher,
    /// To whom the portal reports how it is; to nobody where it is not given.
    pub reporting: Option<Reporting>,
    /// What clients may take.
    pub limits: Limits,
}

/// A portal that listens.
pub struct Server {
    site: Arc<Site>,
    listener: TcpListener,
    place: Option<Place>,
    handle: Handle<SocketAddr>,
    ending: watch::Sender<bool>,
    head: Duration,
    reporting: Option<Reporting>,
}

/// What handlers share.
pub(crate) struct Site {
    pub(crate) workshop: Workshop,
    pub(crate) desk: Desk,
    pub(crate) clients: Arc<Clients>,
    /// Signs the reports in answers.
    voice: Option<Voice>,
}

/// How long requests that are under way may take when the server ends.
const GRACE: Duration = Duration::from_secs(4);

/// Bytes of a request's head.
pub(crate) const LONGEST_HEAD: usize = 32 << 10;

/// The name by which the portal tells a request's context.
pub const CONTEXT_HEADER: HeaderName = HeaderName::from_static("pogson-context");
/// The name by which a gate tells the class that it put a request in.
pub const CLASS_HEADER: HeaderName = HeaderName::from_static("pogson-class");
const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

impl Server {
    /// Opens the mosaics and begins to listen; nothing is answered before [`Server::run`].
    ///
    /// # Errors
    /// [`PortalError`].
    pub fn start(settings: &Settings) -> Result<Server, PortalError> {
        let listener = listen_at(&settings.listen)?;
        let place = settings.unix.as_deref().map(Place::open).transpose()?;
        let io = |source| PortalError::Io { path: settings.scratch.clone(), source };
        let scratch = tempfile::Builder::new().prefix(".pogson-portal-").tempdir_in(&settings.scratch).map_err(io)?;
        let collection = Collection::open(&settings.dir, scratch.path(), settings.block_order)?;
        for reason in collection.left_out() {
            tracing::warn!("left out: {reason}");
        }
        let shelf = Shelf { cache: BlockCache::new(settings.cache_bytes), delay: settings.store_delay };
        let desk = Desk::start(settings.workers.max(1), settings.queue.max(1)).map_err(PortalError::Ended)?;
        let workshop = Workshop { collection, shelf, publisher: settings.publisher.clone() };
        let reporting = settings.reporting.clone();
        let voice = reporting.as_ref().map(Voice::new);
        let clients = Clients::new(settings.limits);
        let site = Arc::new(Site { workshop, desk, clients, voice });
        let (handle, ending) = (Handle::new(), watch::channel(false).0);
        Ok(Server { site, listener, place, handle, ending, head: settings.limits.head, reporting })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// The data sets.
    pub fn collection(&self) -> &Collection {
        &self.site.workshop.collection
    }

    /// Something to end it by, from another thread: requests under way are answered.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let (handle, ending) = (self.handle.clone(), self.ending.clone());
        move || {
            handle.graceful_shutdown(Some(GRACE));
            ending.send_replace(true);
        }
    }

    /// Serves until it is stopped.
    ///
    /// # Errors
    /// [`PortalError::Ended`].
    pub fn run(self) -> Result<(), PortalError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(PortalError::Ended)?;
        let ending = Arc::new(AtomicBool::new(false));
        let mut reports = Vec::new();
        if let (Some(who), Some(voice)) = (&self.reporting, &self.site.voice) {
            for url in &who.urls {
                reports.push(reporting::push(&self.site, voice, who.every, url, &ending).map_err(PortalError::Ended)?);
            }
        }
        let service = router(Arc::clone(&self.site)).into_make_service();
        let served = runtime.block_on(async {
            let local =
                self.place.map(|place| tokio::spawn(place.serve(Arc::clone(&self.site), self.ending.subscribe())));
            let door = Door(Arc::clone(&self.site.clients));
            let mut server = axum_server::from_tcp(self.listener)?.handle(self.handle).acceptor(door).http1_only();
            let mut http = server.http_builder().http1();
            http.timer(TokioTimer::new()).header_read_timeout(self.head).max_buf_size(LONGEST_HEAD);
            let served = server.serve(service).await;
            self.ending.send_replace(true);
            if let Some(local) = local {
                // What is not answered by then is cut.
                let _ = tokio::time::timeout(GRACE, local).await;
            }
            served
        });
        self.site.desk.end();
        ending.store(true, Ordering::Relaxed);
        for thread in reports {
            // A fault in it has been logged, and there is nothing to be done about it.
            let _ = thread.join();
        }
        served.map_err(PortalError::Ended)
    }
}

fn listen_at(address: &str) -> Result<TcpListener, PortalError> {
    let failed = |source| PortalError::Listen { address: address.to_owned(), source };
    let places: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
    let listener = TcpListener::bind(&places[..]).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    Ok(listener)
}

pub(crate) fn router(site: Arc<Site>) -> Router {
    Router::new().fallback(answer).with_state(site)
}

async fn answer(State(site): State<Arc<Site>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    respond(&site, method, uri, headers).await
}

/// What a request is answered.
pub(crate) async fn respond(site: &Arc<Site>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method == Method::OPTIONS {
        let mut response = plain(StatusCode::NO_CONTENT, "text/plain", Body::empty());
        let headers = response.headers_mut();
        headers.insert("access-control-allow-methods", HeaderValue::from_static("GET, HEAD, OPTIONS"));
        headers.insert("access-control-allow-headers", HeaderValue::from_static("*"));
        headers.insert("access-control-max-age", HeaderValue::from_static("86400"));
        return response;
    }
    if method != Method::GET && method != Method::HEAD {
        let mut response = sentence(StatusCode::METHOD_NOT_ALLOWED, "this address can only be read: GET or HEAD");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
        return response;
    }
    let query = uri.query().unwrap_or("");
    match Request::parse(uri.path(), query) {
        Ok(Request::Of(name, what)) => of_set(site, Asked { name: &name, what, uri: &uri, headers: &headers }).await,
        Ok(Request::Home) => home(site, &headers),
        Ok(Request::HipsList) => {
            let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
            let workshop = &site.workshop;
            let list = page::hips_list(&workshop.collection, &workshop.publisher, &format!("http://{host}"));
            plain(StatusCode::OK, "text/plain; charset=utf-8", list)
        }
        Ok(Request::Health) => fresh(plain(StatusCode::OK, "text/plain; charset=utf-8", "ok\n")),
        Ok(Request::Status) => fresh(plain(StatusCode::OK, "application/json", status::json(site).to_string())),
        Err(error @ RequestError::NoSuch) => sentence(StatusCode::NOT_FOUND, &error.to_string()),
        Err(error @ RequestError::Bad(_)) => sentence(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

/// What is true now only.
fn fresh(mut response: Response) -> Response {
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    response
}

fn home(site: &Site, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let collection = &site.workshop.collection;
    let mut response = if accept.contains("text/html") {
        plain(StatusCode::OK, "text/html; charset=utf-8", page::home(collection))
    } else {
        plain(StatusCode::OK, "application/json", page::home_json(collection))
    };
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    response
}

/// A request about a data set.
struct Asked<'a> {
    name: &'a str,
    what: What,
    uri: &'a Uri,
    headers: &'a HeaderMap,
}

async fn of_set(site: &Arc<Site>, asked: Asked<'_>) -> Response {
    let Some(set) = site.workshop.collection.get(asked.name) else {
        return sentence(StatusCode::NOT_FOUND, &format!("there is no data set '{}'; the list is at /", asked.name));
    };
    if !site.workshop.may_have(set, &asked.what) {
        return sentence(
            StatusCode::NOT_FOUND,
            &format!("{} has no pixels there; Moc.fits says where it has", set.name),
        );
    }
    let validators = validators(set, &asked);
    if validators.are_known(asked.headers) {
        return not_modified(&validators);
    }
    let context = site.workshop.collection.orders().of_request(Request::Of(asked.name.into(), asked.what.clone()));
    let context = context.map(|context| context.to_string()).unwrap_or_default();
    let begun = Instant::now();
    let (made, tally, worked) = if matches!(asked.what, What::Page | What::Properties | What::Moc(_)) {
        let mut tally = Tally::default();
        let made = site.workshop.make(set, &asked.what, &mut tally);
        (made, tally, begun.elapsed())
    } else {
        match by_worker(site, &asked, context.clone()).await {
            Ok(done) => done,
            Err(response) => return response,
        }
    };
    let mut response = match made {
        Ok(Answer { media_type, body }) => {
            whole_or_part(asked.headers, media_type, site.clients.hold(body), &validators)
        }
        Err(refusal @ Refusal::Nothing(_)) => sentence(StatusCode::NOT_FOUND, &refusal.to_string()),
        Err(refusal @ Refusal::Bad(_)) => sentence(StatusCode::BAD_REQUEST, &refusal.to_string()),
        Err(refusal @ Refusal::Failed(_)) => {
            tracing::error!("{}: {refusal}", asked.uri);
            sentence(StatusCode::INTERNAL_SERVER_ERROR, "the portal could not make this; its log says why")
        }
    };
    let headers = response.headers_mut();
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let waited = begun.elapsed().saturating_sub(worked);
    let timing = format!("work;dur={:.3}, store;dur={:.3}, wait;dur={:.3}", ms(worked), ms(tally.store), ms(waited));
    put(headers, SERVER_TIMING, &timing);
    put(headers, CACHE_STATUS, if tally.misses == 0 { "pogson; hit" } else { "pogson; fwd=miss" });
    put(headers, CONTEXT_HEADER, &context);
    if let Some(voice) = &site.voice {
        reporting::write(site, voice, (worked, tally.misses == 0), headers);
    }
    response
}

type Done = (Result<Answer, Refusal>, Tally, Duration);

/// Has a worker make it, in turn.
async fn by_worker(site: &Arc<Site>, asked: &Asked<'_>, context: String) -> Result<Done, Response> {
    if site.clients.are_full() {
        return Err(sentence(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many answers wait for their clients; try again in a second",
        ));
    }
    let (tell, told) = oneshot::channel::<Done>();
    let (name, what, shared) = (asked.name.to_owned(), asked.what.clone(), Arc::clone(site));
    let class = asked.headers.get(CLASS_HEADER).and_then(|class| class.to_str().ok()?.trim().parse().ok());
    let product = kind_of_work(&what);
    let accepted = site.desk.put(Label { context, class, product }, move || {
        if tell.is_closed() {
            return None;
        }
        let set = shared.workshop.collection.get(&name)?;
        let (begun, mut tally) = (Instant::now(), Tally::default());
        let made = shared.workshop.make(set, &what, &mut tally);
        let outcome = Outcome { tally, failed: matches!(made, Err(Refusal::Failed(_))) };
        // The client may have gone meanwhile.
        let _ = tell.send((made, tally, begun.elapsed()));
        Some(outcome)
    });
    if !accepted {
        return Err(sentence(StatusCode::SERVICE_UNAVAILABLE, "too many requests wait; try again in a second"));
    }
    told.await.map_err(|_| {
        tracing::error!("{}: the worker failed", asked.uri);
        sentence(StatusCode::INTERNAL_SERVER_ERROR, "the portal could not make this; its log says why")
    })
}

fn validators(set: &DataSet, asked: &Asked<'_>) -> Validators {
    let wanted = format!("{:?}", asked.what);
    let hash = Sha256::digest(wanted.as_bytes());
    let modified = httpdate::fmt_http_date(set.modified);
    let query = asked.uri.query().unwrap_or("");
    let immutable = crate::query::pairs(query).any(|(name, value)| name == "v" && value == set.version);
    Validators { etag: format!("\"{}-{}\"", set.version, hex(&hash[..8])), modified, immutable }
}
