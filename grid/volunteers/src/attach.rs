//! Attaching: the project's configuration, accounts, the scheduler's address.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::Duration;

use crate::account::{self, Account};
use crate::http::{self, Place};
use crate::net::{Done, Net, Outgoing};
use crate::plan::{Accounts, EmulateError, Plan};
use crate::scan::find;

/// Requests for accounts on their way at once.
const AT_ONCE: usize = 16;
/// Attempts at each.
const TRIES: u32 = 8;

/// A project that is attached to.
#[derive(Debug)]
pub(crate) struct Attached {
    /// The scheduler.
    pub(crate) scheduler: (Place, SocketAddr),
    /// Keys of accounts.
    pub(crate) keys: Vec<Arc<str>>,
}

/// Where a URL leads.
///
/// # Errors
/// [`EmulateError::Url`], [`EmulateError::Address`].
pub(crate) fn resolved(url: &str) -> Result<(Place, SocketAddr), EmulateError> {
    let place = Place::of(url).ok_or_else(|| EmulateError::Url { url: url.to_owned() })?;
    let found = place
        .address
        .to_socket_addrs()
        .and_then(|mut all| all.next().ok_or_else(|| std::io::Error::other("the name is known, but has no address")));
    match found {
        Ok(to) => Ok((place, to)),
        Err(error) => Err(EmulateError::Address { address: place.address, error }),
    }
}

/// Attaches as a client does.
///
/// # Errors
/// [`EmulateError`]: no project there, accounts refused.
pub(crate) fn attach(plan: &Plan, net: &mut Net) -> Result<Attached, EmulateError> {
    let base = if plan.url.ends_with('/') { plan.url.clone() } else { format!("{}/", plan.url) };
    let config_url = format!("{base}get_project_config.php");
    let config = page(net, &config_url)?;
    let closed = find(&config, "account_creation_disabled").is_some();
    if find(&config, "name").is_none() {
        return Err(EmulateError::Attach { url: config_url, reason: "the reply is no project's configuration".into() });
    }
    let keys = match &plan.accounts {
        Accounts::Keys(keys) => keys.iter().map(|key| Arc::from(key.as_str())).collect(),
        Accounts::Create { count, domain } => {
            let all: Vec<String> = (0..*count).map(|n| format!("volunteer{n}@{domain}")).collect();
            accounts(plan, net, &base, &all, closed)?
        }
    };
    if keys.is_empty() {
        return Err(EmulateError::NoAccount);
    }
    let master = page(net, &base)?;
    let scheduler = account::scheduler(&master)
        .ok_or_else(|| EmulateError::Attach { url: base.clone(), reason: "the page names no scheduler".into() })?;
    Ok(Attached { scheduler: resolved(scheduler)?, keys })
}

/// One page, waited for.
fn page(net: &mut Net, url: &str) -> Result<String, EmulateError> {
    let (place, to) = resolved(url)?;
    let refused = |reason: String| EmulateError::Attach { url: url.to_owned(), reason };
    let mut last = String::new();
    for _ in 0..TRIES {
        net.send(Outgoing { to, from: None, bytes: http::get(&place, 0), cut: None, mark: 0 });
        let mut done = Vec::new();
        while done.is_empty() {
            wait(net, &mut done)?;
        }
        match done.remove(0).outcome {
            Ok(reply) if reply.status == 200 => return Ok(String::from_utf8_lossy(&reply.body).into_owned()),
            Ok(reply) if reply.status != 503 => return Err(refused(format!("HTTP status {}", reply.status))),
            Ok(reply) => last = format!("HTTP status {}", reply.status),
            Err(trouble) => last = trouble.to_string(),
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    Err(refused(last))
}

fn wait(net: &mut Net, done: &mut Vec<Done>) -> Result<(), EmulateError> {
    net.wait(Duration::from_millis(100), done).map_err(|error| EmulateError::Io { what: "network".into(), error })
}

/// The keys of accounts, looked up or made.
fn accounts(
    plan: &Plan,
    net: &mut Net,
    base: &str,
    emails: &[String],
    closed: bool,
) -> Result<Vec<Arc<str>>, EmulateError> {
    let password = format!("volunteer-{}", plan.seed);
    let (place, to) = resolved(base)?;
    let mut keys: Vec<Option<Arc<str>>> = vec![None; emails.len()];
    // What is still to be asked: the account, whether it is to be made, attempts.
    let mut open: Vec<(usize, bool, u32)> = (0..emails.len()).rev().map(|at| (at, false, 0)).collect();
    let (mut flights, mut done) = (std::collections::HashMap::new(), Vec::new());
    while !open.is_empty() || !flights.is_empty() {
        while flights.len() < AT_ONCE
            && let Some((at, make, tries)) = open.pop()
        {
            let asked = if make {
                account::create(&emails[at], &password, &format!("Volunteer {at}"))
            } else {
                account::lookup(&emails[at], &password)
            };
            let place = Place { path: format!("{}{asked}", place.path), ..place.clone() };
            let from = source(plan, at as u64);
            net.send(Outgoing { to, from, bytes: http::get(&place, 0), cut: None, mark: at as u64 });
            flights.insert(at as u64, (make, tries));
        }
        wait(net, &mut done)?;
        for one in done.drain(..) {
            let Some((make, tries)) = flights.remove(&one.mark) else { continue };
            let at = one.mark as usize;
            let text = one.outcome.map(|reply| (reply.status, String::from_utf8_lossy(&reply.body).into_owned()));
            let refused = |reason: String| EmulateError::Attach { url: base.to_owned(), reason };
            match text.map(|(status, text)| (status, account::account(&text))) {
                Ok((200, Account::Key(key))) => keys[at] = Some(key.into()),
                Ok((200, Account::Unknown)) if !make && !closed => open.push((at, true, 0)),
                Ok((200, Account::Unknown)) => {
                    return Err(refused(format!("no account {} and none can be made", emails[at])));
                }
                Ok((200, Account::Refused(number, words))) => {
                    return Err(refused(format!("account {}: {words} ({number})", emails[at])));
                }
                Ok((status, _)) if tries >= TRIES => return Err(refused(format!("HTTP status {status}"))),
                Err(trouble) if tries >= TRIES => return Err(refused(trouble.to_string())),
                _ => open.push((at, make, tries + 1)),
            }
        }
    }
    Ok(keys.into_iter().flatten().collect())
}

/// The address that a host comes from.
pub(crate) fn source(plan: &Plan, number: u64) -> Option<std::net::IpAddr> {
    (plan.addresses > 0).then(|| {
        let at = number % u64::from(plan.addresses);
        // 127.1.0.1 and on; bytes 1 to 250, so that none is a network's own or its broadcast.
        let byte = |n: u64| (n % 250 + 1) as u8;
        std::net::Ipv4Addr::new(127, byte(at / 62_500), byte(at / 250), byte(at)).into()
    })
}
