//! The servers of a gate at work: how they are, and what operators change.

use serde::{Deserialize, Serialize};

use crate::config::{Pool, Protocol, Room, Server, ServerAddress};
use crate::control::Order;
use crate::desk::Held;
use crate::running::{Running, next_number};

/// How a server is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerState {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub name: String,
    /// Where it is.
    pub address: String,
    /// `up`, `drained` or `down` by an operator, `unwell` by the checks, `ejected` by what became of requests, `weightless`.
    pub state: String,
    /// Its share where all else is equal.
    pub weight: f64,
    /// Requests that may be there at once.
    #[serde(default)]
    pub limit: u32,
    /// Requests there.
    pub active: u32,
    /// Requests beside those whose clients do not take what the server has for them.
    #[serde(default)]
    pub slow: u32,
    /// Requests that wait in the gate for it.
    pub waiting: usize,
    /// Predicted work of both, seconds.
    pub work_s: f64,
    /// Time that its work takes by what it would take elsewhere.
    pub slowness: f64,
    /// Contexts that it is taken to have cached.
    pub contexts: usize,
    /// Times that it got no requests for a while because of failures.
    pub ejections: u64,
    /// Why the last connection to it came to nothing, if none came about since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
}

/// All servers, pool by pool.
pub(crate) fn servers(running: &Running) -> Vec<ServerState> {
    running.pools().flat_map(|(pool, desk)| desk.states(&pool.name)).collect()
}

/// Does what an order about servers says.
///
/// # Errors
/// A pool or a server that there is not, a value that makes no sense.
pub(crate) fn change(running: &Running, order: Order) -> Result<(), String> {
    match order {
        Order::Listeners | Order::Drain | Order::Servers | Order::State => Ok(()),
        Order::Add { pool, name, address, weight } => add(running, pool.as_deref(), name, &address, weight),
        Order::Remove { pool, name } => {
            let (desk, number) = find(running, pool.as_deref(), &name)?;
            desk.part(number);
            Ok(())
        }
        Order::Drained { pool, name } => hold(running, pool.as_deref(), &name, Held::Drained),
        Order::Down { pool, name } => hold(running, pool.as_deref(), &name, Held::Down),
        Order::Up { pool, name } => hold(running, pool.as_deref(), &name, Held::Up),
        Order::Weight { pool, name, weight } => {
            let (desk, number) = find(running, pool.as_deref(), &name)?;
            desk.weigh(number, checked_weight(weight)?);
            Ok(())
        }
    }
}

type Found<'a> = (&'a Pool, &'a std::sync::Arc<crate::desk::Desk>);

fn pool<'a>(running: &'a Running, name: Option<&str>) -> Result<Found<'a>, String> {
    let mut pools = running.pools();
    let names = || running.config.pool.iter().map(|pool| pool.name.as_str()).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => pools
            .find(|(pool, _)| pool.name == name)
            .ok_or_else(|| format!("there is no pool \"{name}\"; there is: {}", names())),
        None if running.desks.len() == 1 => pools.next().ok_or_else(|| "there is no pool".to_string()),
        None => Err(format!("there are several pools; name one with --pool: {}", names())),
    }
}

fn find<'a>(
    running: &'a Running,
    of: Option<&str>,
    name: &str,
) -> Result<(&'a std::sync::Arc<crate::desk::Desk>, u64), String> {
    let (pool, desk) = pool(running, of)?;
    let found = desk.endpoints().into_iter().find(|endpoint| endpoint.name == name);
    let number = found.map(|endpoint| endpoint.number);
    number.map(|number| (desk, number)).ok_or_else(|| format!("pool \"{}\" has no server \"{name}\"", pool.name))
}

fn hold(running: &Running, pool: Option<&str>, name: &str, held: Held) -> Result<(), String> {
    let (desk, number) = find(running, pool, name)?;
    desk.hold(number, held);
    Ok(())
}

fn add(running: &Running, of: Option<&str>, name: String, address: &str, weight: f64) -> Result<(), String> {
    let (pool, desk) = pool(running, of)?;
    let address = address.parse()?;
    if desk.endpoints().iter().any(|endpoint| endpoint.name == name) {
        return Err(format!("pool \"{}\" has a server \"{name}\" already; choose another name", pool.name));
    }
    let like = pool.server.first();
    let server = Server {
        name,
        direct: like.is_some_and(|server| server.direct) && matches!(address, ServerAddress::Unix(_)),
        address,
        weight: checked_weight(weight)?,
        protocol: like.map_or(Protocol::default(), |server| server.protocol),
        max_active: like.map_or(0, |server| server.max_active),
        cache: like.map_or(Room::default(), |server| server.cache),
        slow_start: like.map_or(std::time::Duration::from_secs(10), |server| server.slow_start),
    };
    desk.join(pool, &server, next_number());
    Ok(())
}

fn checked_weight(weight: f64) -> Result<f64, String> {
    if (0.0..=1e6).contains(&weight) {
        Ok(weight)
    } else {
        Err(format!("{weight} is not a weight; give one from 0 to 1000000"))
    }
}
