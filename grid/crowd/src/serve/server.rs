//! A server from start to end.

use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;

use super::http::router;
use super::roles::Roles;
use super::stages::{self, Workshop, location};
use super::web::Web;
use crate::account::{Limiter, Rate};
use crate::engine::{Clock, Engine, EngineError, Stages};
use crate::project::{Project, ServerConfig};
use crate::spool::{Location, Options, Spool, SpoolError};
use crate::store::StoreError;

/// Why a project is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The uploads' folder.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The address to listen at.
    #[error("cannot listen at {address}: {cause}; choose another by --listen")]
    Listen {
        /// Which.
        address: String,
        /// Why not.
        cause: String,
    },
    /// The certificate.
    #[error("{path}: {cause}")]
    Certificate {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// Serving ended by itself.
    #[error("serving ended: {0}")]
    Ended(String),
}

/// A project being served.
pub struct Server {
    web: Web,
    listener: TcpListener,
    metrics: Option<TcpListener>,
    handle: Handle<SocketAddr>,
    ending: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    engine_thread: JoinHandle<()>,
}

/// How long connections may go on when the server ends.
const GRACE: Duration = Duration::from_secs(2);

impl Server {
    /// Opens everything and begins to listen; nothing is answered before [`Server::run`].
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn start(
        project: Project,
        mut roles: Roles,
        listen: Option<&str>,
        clock: Arc<dyn Clock>,
        seed: u64,
    ) -> Result<Server, ServeError> {
        let project = Arc::new(project);
        let server = &project.config.server;
        let address = match listen.or(Some(server.listen.as_str()).filter(|text| !text.is_empty())) {
            Some(address) => address.to_owned(),
            None => format!("{}:{}", project.address.host, project.address.port),
        };
        let listener = listen_at(&address)?;
        let metrics = Some(server.metrics.as_str()).filter(|text| !text.is_empty()).map(listen_at).transpose()?;
        let database = project.database()?;
        let stages = Arc::new(Stages::default());
        let mut settings = project.settings();
        settings.refits.apps = roles.refitters.keys().cloned().collect();
        let (engine, effects, engine_thread) =
            Engine::start(database, settings, Arc::clone(&clock), Arc::clone(&stages), seed)?;
        let meters = Arc::clone(engine.meters());
        let options = Options {
            reserve_bytes: server.disk_reserve,
            synced: Some(Arc::new(move |took| meters.synced(took))),
            ..Options::default()
        };
        let spool = Arc::new(Spool::open(&project.dir.join("upload"), &server.process, options)?);
        let ending = Arc::new(AtomicBool::new(false));
        let workshop = Workshop {
            engine: engine.clone(),
            project: Arc::clone(&project),
            spool: Arc::clone(&spool),
            stages: Arc::clone(&stages),
            ending: Arc::clone(&ending),
        };
        drop_unknown(&engine, &spool)?;
        let keepers = std::mem::take(&mut roles.keepers);
        let sections = std::mem::take(&mut roles.sections);
        let mut threads = stages::start(&workshop, effects, roles, 2)?;
        let house_clock = Arc::clone(&clock);
        threads.push(super::housekeeping::start(workshop, keepers, move || house_clock.now())?);
        let rate = |burst: f64, per_second: f64| Rate { burst, per_second };
        let limiter = Limiter::new(
            rate(server.tries, server.tries_per_second),
            rate(server.all_tries, server.all_tries_per_second),
        );
        let web = Web {
            sections,
            engine,
            uploads: Arc::new(crate::upload::Desk::new(project.upload_secret(), spool, server.upload_memory)),
            project: Arc::clone(&project),
            clock,
            limiter: Arc::new(Mutex::new(limiter)),
            stages,
        };
        threads.push(crate::admin::listen(&web, Arc::clone(&ending)).map_err(|error| ServeError::Listen {
            address: project.socket_path().display().to_string(),
            cause: error.to_string(),
        })?);
        let exporting = crate::pages::keep_exporting(&web, Arc::clone(&ending));
        threads.push(exporting.map_err(|error| ServeError::Ended(error.to_string()))?);
        threads.extend(super::watch::start(&web, metrics.is_some(), Arc::clone(&ending))?);
        Ok(Server { web, listener, metrics, handle: Handle::new(), ending, threads, engine_thread })
    }

    /// Where it listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.local_addr().ok()
    }

    /// Where metrics are.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref()?.local_addr().ok()
    }

    /// What handlers share.
    pub fn web(&self) -> &Web {
        &self.web
    }

    /// Something to end it by, from another thread.
    pub fn stopper(&self) -> impl Fn() + Send + Sync + 'static {
        let handle = self.handle.clone();
        move || handle.graceful_shutdown(Some(GRACE))
    }

    /// Serves until it is stopped; then all that was begun is ended.
    ///
    /// # Errors
    /// [`ServeError`].
    pub fn run(self) -> Result<(), ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| ServeError::Ended(error.to_string()))?;
        let Server { web, listener, metrics, handle, ending, threads, engine_thread } = self;
        let engine = web.engine.clone();
        let socket = web.project.socket_path();
        let config = web.project.config.server.clone();
        let meters = Arc::clone(engine.meters());
        let routes = router(web);
        // PostgreSQL's client cannot be dropped by a thread of the runtime: the last hold on the pages' readers is let go here.
        let last = routes.clone();
        if let Some(listener) = metrics {
            runtime.spawn(crate::metrics::serve(listener, meters));
        }
        let served = runtime.block_on(serve(routes, config, listener, handle));
        ending.store(true, Ordering::Relaxed);
        drop(runtime);
        drop(last);
        // Nobody hears there any more.
        let _ = std::fs::remove_file(socket);
        // The threads behind the engine end after it.
        engine.end();
        for thread in threads {
            let _ = thread.join();
        }
        let _ = engine_thread.join();
        served
    }
}

async fn serve(
    routes: axum::Router,
    server: ServerConfig,
    listener: TcpListener,
    handle: Handle<SocketAddr>,
) -> Result<(), ServeError> {
    let ended = |error: std::io::Error| ServeError::Ended(error.to_string());
    let service = routes.into_make_service_with_connect_info::<SocketAddr>();
    if server.certificate.as_os_str().is_empty() {
        let server = axum_server::from_tcp(listener).map_err(ended)?.handle(handle);
        return server.serve(service).await.map_err(ended);
    }
    // Another part of the program may have chosen before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let config = RustlsConfig::from_pem_chain_file(&server.certificate, &server.certificate_key).await;
    let config = config.map_err(|error| ServeError::Certificate {
        path: server.certificate.display().to_string(),
        cause: error.to_string(),
    })?;
    let server = axum_server::from_tcp_rustls(listener, config).map_err(ended)?.handle(handle);
    server.serve(service).await.map_err(ended)
}

fn listen_at(address: &str) -> Result<TcpListener, ServeError> {
    let failed = |cause: String| ServeError::Listen { address: address.to_owned(), cause };
    let places: Vec<SocketAddr> = address.to_socket_addrs().map_err(|error| failed(error.to_string()))?.collect();
    let listener = TcpListener::bind(&places[..]).map_err(|error| failed(error.to_string()))?;
    listener.set_nonblocking(true).map_err(|error| failed(error.to_string()))?;
    Ok(listener)
}

/// Uploads that were not recorded before the last end were not acknowledged either.
fn drop_unknown(engine: &Engine, spool: &Spool) -> Result<(), ServeError> {
    let known: std::collections::HashSet<Location> = engine.act(|desk| {
        desk.book.outputs.scan(desk.database, "id > 0", &[])?;
        Ok(desk.book.outputs.all().map(location).collect())
    })?;
    let dropped = spool.retain(|_, location| known.contains(location))?;
    if dropped > 0 {
        tracing::info!(dropped, "uploads that were never recorded were dropped");
    }
    Ok(())
}
