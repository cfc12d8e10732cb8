//! What a configuration is while it serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use pogson_report::Key;

use crate::admin::Secret;
use crate::back::tls::Trust;
use crate::classify::{Classes, Trusted};
use crate::config::{Config, Listen, ListenAddress, Pool, Problem};
use crate::context::Contexts;
use crate::desk::Desk;
use crate::front::tls::Tls;
use crate::route::Routes;

/// Numbers that servers go by; each is used once.
static SERVERS: AtomicU64 = AtomicU64::new(1);

/// A configuration and what serves it.
pub(crate) struct Running {
    /// Its own, as long as the program runs.
    pub(crate) number: u64,
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    pub(crate) classes: Classes,
    pub(crate) contexts: Contexts,
    /// Who is believed, of each listener.
    trusted: Vec<Trusted>,
    /// TLS of each listener.
    tls: Vec<Option<Arc<Tls>>>,
    /// Of each pool, by its place in the configuration.
    pub(crate) desks: Vec<Arc<Desk>>,
    /// Addresses of the sockets that connections come by; a socket keeps its place for as long as the gate lives.
    sockets: Vec<Option<ListenAddress>>,
    /// What those who read the admin pages from other machines have to know.
    pub(crate) token: Option<Secret>,
}

impl Running {
    /// - `before`: what was served until now; pools of the same name go on, with what they learned.
    /// - `seed`: of policies that draw lots.
    ///
    /// # Errors
    /// What cannot be used although it is written as it should be: a key that cannot be read, an expression that cannot be compiled.
    pub(crate) fn new(
        config: Config,
        sockets: Vec<Option<ListenAddress>>,
        seed: u64,
        before: Option<&Self>,
    ) -> Result<Self, Vec<Problem>> {
        let routes = Routes::compile(&config)?;
        let classes = Classes::compile(&config)?;
        let contexts = Contexts::compile(&config, Vec::new())?;
        let trusted = config.listen.iter().map(|listen| Trusted::new(&listen.trusted)).collect();
        let mut tls = Vec::new();
        for (at, listen) in config.listen.iter().enumerate() {
            tls.push(certificates(listen, at).map_err(|problem| vec![problem])?.map(Arc::new));
        }
        let token = token(&config).map_err(|problem| vec![problem])?;
        let mut keys = Vec::new();
        for (at, pool) in config.pool.iter().enumerate() {
            keys.push(key(pool, at).map_err(|problem| vec![problem])?);
        }
        let mut desks = Vec::new();
        for (at, pool) in config.pool.iter().enumerate() {
            let trust = trust(pool, at).map_err(|problem| vec![problem])?;
            if let Some(desk) = before.and_then(|before| before.desk(pool, &trust)) {
                desks.push(desk);
                continue;
            }
            let number = SERVERS.fetch_add(pool.server.len() as u64, Ordering::Relaxed);
            let desk = Desk::new(pool, Arc::new(trust), number, seed).map_err(|(key, sentence)| {
                vec![Problem { place: vec!["pool".into(), at.into(), key.into()], sentence }]
            })?;
            desks.push(Arc::new(desk));
        }
        for ((pool, desk), key) in config.pool.iter().zip(&desks).zip(keys) {
            desk.adapt(pool, next_number);
            desk.hears(pool, key);
        }
        Ok(Self { number: next_number(), config, routes, classes, contexts, trusted, tls, desks, sockets, token })
    }

    /// The pool of that name, if it decides as `pool` says, and its servers are believed as `trust` does.
    fn desk(&self, pool: &Pool, trust: &Trust) -> Option<Arc<Desk>> {
        let same = |old: &Pool| {
            (&old.name, &old.policy, &old.settings, &old.trace)
                == (&pool.name, &pool.policy, &pool.settings, &pool.trace)
        };
        let at = self.config.pool.iter().position(same)?;
        self.desks.get(at).filter(|desk| desk.trust.is_as(trust)).cloned()
    }

    /// Threads that carry requests.
    pub(crate) fn threads(&self) -> usize {
        match self.config.workers {
            0 => thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }

    /// Pools with their desks.
    pub(crate) fn pools(&self) -> impl Iterator<Item = (&Pool, &Arc<Desk>)> {
        self.config.pool.iter().zip(&self.desks)
    }

    fn listener(&self, socket: usize) -> Option<usize> {
        let address = self.sockets.get(socket)?.as_ref()?;
        self.config.listen.iter().position(|listen| listen.address == *address)
    }

    /// The listener that a connection came to, if it still is one.
    pub(crate) fn listen(&self, socket: usize) -> Option<&Listen> {
        self.config.listen.get(self.listener(socket)?)
    }

    /// TLS of that listener, unless its connections are plain.
    pub(crate) fn tls(&self, socket: usize) -> Option<Arc<Tls>> {
        self.tls.get(self.listener(socket)?)?.clone()
    }

    /// Who is believed there.
    pub(crate) fn trusted(&self, socket: usize) -> Option<&Trusted> {
        self.trusted.get(self.listener(socket)?)
    }
}

/// All that a configuration names and cannot be used: keys and words that are too short, certificates that do not fit their keys.
pub(crate) fn unusable(config: &Config) -> Vec<Problem> {
    let mut found = Classes::compile(config).err().unwrap_or_default();
    found.extend(config.listen.iter().enumerate().filter_map(|(at, listen)| certificates(listen, at).err()));
    found.extend(token(config).err());
    for (at, pool) in config.pool.iter().enumerate() {
        found.extend(key(pool, at).err());
        found.extend(trust(pool, at).err());
    }
    found
}

fn certificates(listen: &Listen, at: usize) -> Result<Option<Tls>, Problem> {
    let place = || vec!["listen".into(), at.into(), "tls".into(), "cert".into()];
    Tls::new(listen).map_err(|why| Problem { place: place(), sentence: why.to_string() })
}

fn token(config: &Config) -> Result<Option<Secret>, Problem> {
    let token = config.admin.token_file.as_ref().map(|path| Secret::read(path)).transpose();
    token.map_err(|sentence| Problem { place: vec!["admin".into(), "token_file".into()], sentence })
}

fn key(pool: &Pool, at: usize) -> Result<Option<Key>, Problem> {
    let place = || vec!["pool".into(), at.into(), "reports".into(), "key_file".into()];
    let key = pool.reports.key_file.as_ref().map(|path| Key::read(path)).transpose();
    key.map_err(|why| Problem { place: place(), sentence: why.to_string() })
}

fn trust(pool: &Pool, at: usize) -> Result<Trust, Problem> {
    let place = |key: &str| vec!["pool".into(), at.into(), "tls".into(), key.into()];
    Trust::new(pool).map_err(|why| Problem { place: place(why.key()), sentence: why.to_string() })
}

/// A number that no server has had.
pub(crate) fn next_number() -> u64 {
    SERVERS.fetch_add(1, Ordering::Relaxed)
}
