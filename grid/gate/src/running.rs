//! What a configuration is while it serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::classify::{Classes, Trusted};
use crate::config::{Config, Problem};
use crate::context::Contexts;
use crate::desk::Desk;
use crate::route::Routes;

/// Numbers that servers go by; each is used once.
static SERVERS: AtomicU64 = AtomicU64::new(1);

/// A configuration and what serves it.
pub(crate) struct Running {
    pub(crate) config: Config,
    pub(crate) routes: Routes,
    pub(crate) classes: Classes,
    pub(crate) contexts: Contexts,
    /// Who is believed, of each listener.
    pub(crate) trusted: Vec<Trusted>,
    /// Of each pool, by its place in the configuration.
    pub(crate) desks: Vec<Arc<Desk>>,
}

impl Running {
    /// - `seed`: of policies that draw lots.
    ///
    /// # Errors
    /// What cannot be used although it is written as it should be: a key that cannot be read, an expression that cannot be compiled.
    pub(crate) fn new(config: Config, seed: u64) -> Result<Self, Vec<Problem>> {
        let routes = Routes::compile(&config)?;
        let classes = Classes::compile(&config)?;
        let contexts = Contexts::compile(&config, Vec::new())?;
        let trusted = config.listen.iter().map(|listen| Trusted::new(&listen.trusted)).collect();
        let mut desks = Vec::new();
        for (at, pool) in config.pool.iter().enumerate() {
            let number = SERVERS.fetch_add(pool.server.len() as u64, Ordering::Relaxed);
            let desk = Desk::new(pool, number, seed).ok_or_else(|| {
                let place = vec!["pool".into(), at.into(), "policy".into()];
                vec![Problem { place, sentence: format!("\"{}\" is no policy", pool.policy) }]
            })?;
            desks.push(Arc::new(desk));
        }
        Ok(Self { config, routes, classes, contexts, trusted, desks })
    }
}
