//! What a configuration is while it serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::Config;
use crate::desk::Desk;

/// Numbers that servers go by; each is used once.
static SERVERS: AtomicU64 = AtomicU64::new(1);

/// A configuration and what serves it.
pub(crate) struct Running {
    pub(crate) config: Config,
    /// Pools by their place in the configuration.
    pub(crate) pools: Vec<(usize, Arc<Desk>)>,
}

impl Running {
    /// - `seed`: of policies that draw lots.
    pub(crate) fn new(config: Config, seed: u64) -> Option<Self> {
        let mut pools = Vec::new();
        for (at, pool) in config.pool.iter().enumerate() {
            let number = SERVERS.fetch_add(pool.server.len() as u64, Ordering::Relaxed);
            pools.push((at, Arc::new(Desk::new(pool, number, seed)?)));
        }
        Some(Self { config, pools })
    }
}
