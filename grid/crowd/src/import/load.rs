//! Former users, teams and computers become rows, some hundred in a transaction.
//!
//! Each keeps its number where that is free, for pages, statistics and clients know it. A fact tells what became of each, so that an
//! import that was ended, or is done again, brings nothing twice.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::person::{FormerHost, FormerTeam, FormerUser};
use crate::account::{AccountSecret, email, key_hash, new_cpid};
use crate::engine::{Desk, DeskError};
use crate::role::Fact;
use crate::store::{Counter, CounterRow, HostRow, OldKeyRow, Place, StoreError, TeamRow, UserRow, Value};

/// What became of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Done {
    /// It is new.
    New,
    /// It came to what was here under its address or name: credit and keys were added.
    Joined,
    /// It was brought before.
    Before,
}

/// What became of one, and under which number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Became {
    /// Its former number.
    pub former: i64,
    /// Its number here.
    pub id: i64,
    /// What was done.
    pub done: Done,
    /// What could not be taken as it was.
    pub notes: Vec<String>,
}

fn mark(source: &str, kind: &str, id: i64) -> String {
    format!("server/imported/{source}/{kind}/{id}")
}

/// What became of those that were brought before.
fn before(
    desk: &mut Desk<'_>,
    source: &str,
    kind: &str,
    ids: impl Iterator<Item = i64>,
) -> Result<HashMap<i64, i64>, StoreError> {
    let names: HashMap<String, i64> = ids.map(|id| (mark(source, kind, id), id)).collect();
    let keys: Vec<Value> = names.keys().cloned().map(Value::Text).collect();
    desk.book.facts.load_by(desk.database, Place::of("name"), &keys)?;
    let found = desk.book.facts.all().filter_map(|fact| Some((*names.get(&fact.name)?, fact.body.parse().ok()?)));
    Ok(found.collect())
}

/// A number: the former one where it is free, else a new one.
fn number(desk: &mut Desk<'_>, counter: Counter, former: i64, free: bool) -> i64 {
    if former <= 0 || former > i64::from(i32::MAX) || !free {
        return desk.book.next(counter);
    }
    let id = counter as i64;
    match desk.book.counters.edit(id) {
        Some(row) => row.value = row.value.max(former),
        None => desk.book.counters.insert(CounterRow { id, value: former }),
    }
    former
}

/// The address of an account whose own is not told, or cannot be one: nobody can have it.
fn placeholder(source: &str, id: i64) -> String {
    format!("imported-{source}-{id}")
}

/// Brings users.
///
/// # Errors
/// [`DeskError`].
pub fn users(
    desk: &mut Desk<'_>,
    secret: &AccountSecret,
    source: &str,
    former: &[FormerUser],
) -> Result<Vec<Became>, DeskError> {
    let known = before(desk, source, "user", former.iter().map(|user| user.id))?;
    desk.book.users.load(desk.database, former.iter().map(|user| user.id).chain(known.values().copied()))?;
    let addresses: Vec<Value> = former.iter().filter_map(|user| email(&user.email).ok()).map(Value::Text).collect();
    desk.book.users.load_by(desk.database, Place::of("email"), &addresses)?;
    let mut by_address: HashMap<String, i64> =
        desk.book.users.all().map(|user| (user.email.clone(), user.id)).collect();
    let hashes = former.iter().flat_map(|user| [&user.key_hash, &user.weak_hash]);
    let hashes: Vec<Value> = hashes.filter(|hash| !hash.is_empty()).cloned().map(Value::Text).collect();
    desk.book.old_keys.load_by(desk.database, Place::of("hash"), &hashes)?;
    let mut became = Vec::with_capacity(former.len());
    let mut marks = Vec::new();
    for user in former {
        let mut notes = user.notes.clone();
        let address = email(&user.email).ok();
        if address.is_none() && !user.email.is_empty() {
            notes.push(format!("{:?} is no address; the account is used by its key", user.email));
        }
        let (id, done) = match (known.get(&user.id), address.as_ref().and_then(|address| by_address.get(address))) {
            (Some(&id), _) => (id, Done::Before),
            (None, Some(&id)) => (id, Done::Joined),
            (None, None) => {
                let free = desk.book.users.get(user.id).is_none();
                (number(desk, Counter::User, user.id, free), Done::New)
            }
        };
        match done {
            Done::New => {
                let address = address.clone().unwrap_or_else(|| placeholder(source, user.id));
                by_address.insert(address.clone(), id);
                desk.book.users.insert(row(user, id, address, secret));
            }
            Done::Joined => {
                if let Some(here) = desk.book.users.edit(id) {
                    here.credit += user.credit;
                    here.imported += user.credit;
                    here.average +=
                        crate::engine::average_after(user.average, 0.0, (here.average_time - user.average_time) as f64);
                    here.created = here.created.min(user.created);
                }
            }
            Done::Before => complete(desk, id, user, address, source, &by_address),
        }
        if done != Done::Before {
            marks.push(Fact::new(mark(source, "user", user.id), id.to_string()));
        }
        add_keys(desk, id, user);
        became.push(Became { former: user.id, id, done, notes });
    }
    desk.remember(&marks)?;
    Ok(became)
}

fn row(user: &FormerUser, id: i64, email: String, secret: &AccountSecret) -> UserRow {
    UserRow {
        id,
        email,
        name: if user.name.is_empty() { format!("user {id}") } else { user.name.clone() },
        key_hash: key_hash(&secret.authenticator(id, 0)),
        password: user.password.clone(),
        cpid: if user.cpid.is_empty() { new_cpid(secret, id) } else { user.cpid.clone() },
        created: user.created,
        credit: user.credit,
        imported: user.credit,
        average: user.average,
        average_time: user.average_time,
        preferences: user.preferences.clone(),
        preferences_time: user.preferences_time,
        venue: user.venue.clone(),
        country: user.country.clone(),
        url: user.url.clone(),
        consent: user.consent,
        ..UserRow::default()
    }
}

/// What statistics did not tell of an account, a dump may.
fn complete(
    desk: &mut Desk<'_>,
    id: i64,
    user: &FormerUser,
    address: Option<String>,
    source: &str,
    by_address: &HashMap<String, i64>,
) {
    let Some(address) = address.filter(|address| !by_address.contains_key(address)) else { return };
    let is_bare = |row: &UserRow| row.email == placeholder(source, user.id) && row.password.is_empty();
    if desk.book.users.get(id).is_some_and(is_bare)
        && let Some(row) = desk.book.users.edit(id)
    {
        row.email = address;
        row.password.clone_from(&user.password);
        if !user.cpid.is_empty() {
            row.cpid.clone_from(&user.cpid);
        }
    }
}

/// Former keys open the account as its own does, until its owner makes a new one.
fn add_keys(desk: &mut Desk<'_>, id: i64, user: &FormerUser) {
    // Who made a new key since wants none of the former ones.
    if desk.book.users.get(id).is_none_or(|row| row.key_epoch > 0) {
        return;
    }
    for (hash, weak) in [(&user.key_hash, false), (&user.weak_hash, true)] {
        let new = !hash.is_empty() && !desk.book.old_keys.all().any(|key| key.hash == *hash);
        if new {
            let key = OldKeyRow { id: desk.book.next(Counter::OldKey), hash: hash.clone(), user_id: id, weak };
            desk.book.old_keys.insert(key);
        }
    }
}

/// Brings teams; founders have their numbers here.
///
/// # Errors
/// [`DeskError`].
pub fn teams(desk: &mut Desk<'_>, source: &str, former: &[FormerTeam]) -> Result<Vec<Became>, DeskError> {
    let known = before(desk, source, "team", former.iter().map(|team| team.id))?;
    desk.book.teams.load(desk.database, former.iter().map(|team| team.id))?;
    let names: Vec<Value> = former.iter().map(|team| Value::Text(team.name.clone())).collect();
    desk.book.teams.load_by(desk.database, Place::of("name"), &names)?;
    let mut by_name: HashMap<String, i64> = desk.book.teams.all().map(|team| (team.name.clone(), team.id)).collect();
    let mut became = Vec::with_capacity(former.len());
    let mut marks = Vec::new();
    for team in former {
        let name = if team.name.is_empty() { format!("team {} of before", team.id) } else { team.name.clone() };
        let (id, done) = match (known.get(&team.id), by_name.get(&name)) {
            (Some(&id), _) => (id, Done::Before),
            (None, Some(&id)) => (id, Done::Joined),
            (None, None) => {
                let free = desk.book.teams.get(team.id).is_none();
                (number(desk, Counter::Team, team.id, free), Done::New)
            }
        };
        if done == Done::New {
            by_name.insert(name.clone(), id);
            desk.book.teams.insert(TeamRow {
                id,
                name,
                kind: team.kind,
                url: team.url.clone(),
                description: team.description.clone(),
                country: team.country.clone(),
                founder_id: team.founder,
                joinable: team.joinable,
                created: team.created,
                credit: team.credit,
                average: team.average,
                average_time: team.average_time,
            });
        } else if done == Done::Joined
            && let Some(here) = desk.book.teams.edit(id)
        {
            here.credit += team.credit;
        }
        if done != Done::Before {
            marks.push(Fact::new(mark(source, "team", team.id), id.to_string()));
        }
        became.push(Became { former: team.id, id, done, notes: team.notes.clone() });
    }
    desk.remember(&marks)?;
    Ok(became)
}

/// Puts users into teams, by numbers here; those that were heard of since, or are in one, know better.
///
/// # Errors
/// [`DeskError`].
pub fn members(desk: &mut Desk<'_>, pairs: &[(i64, i64)]) -> Result<usize, DeskError> {
    desk.book.users.load(desk.database, pairs.iter().map(|(user, _)| *user))?;
    desk.book.teams.load(desk.database, pairs.iter().map(|(_, team)| *team))?;
    let mut count = 0;
    for (user, team) in pairs {
        let waits = |row: &UserRow| row.team_id.is_none() && row.seen == 0;
        if desk.book.teams.get(*team).is_some()
            && desk.book.users.get(*user).is_some_and(waits)
            && let Some(row) = desk.book.users.edit(*user)
        {
            row.team_id = Some(*team);
            count += 1;
        }
    }
    Ok(count)
}

/// Brings computers; users have their numbers here. A computer's credit is no longer that of its user alone.
///
/// # Errors
/// [`DeskError`].
pub fn hosts(desk: &mut Desk<'_>, source: &str, former: &[FormerHost]) -> Result<Vec<Became>, DeskError> {
    let known = before(desk, source, "host", former.iter().map(|host| host.id))?;
    desk.book.hosts.load(desk.database, former.iter().map(|host| host.id))?;
    desk.book.users.load(desk.database, former.iter().map(|host| host.user))?;
    let mut became = Vec::with_capacity(former.len());
    let mut marks = Vec::new();
    for host in former {
        if let Some(&id) = known.get(&host.id) {
            became.push(Became { former: host.id, id, done: Done::Before, notes: Vec::new() });
            continue;
        }
        let Some(user) = desk.book.users.edit(host.user) else { continue };
        user.imported -= host.credit;
        let free = desk.book.hosts.get(host.id).is_none();
        let id = number(desk, Counter::Host, host.id, free);
        desk.book.hosts.insert(HostRow {
            id,
            user_id: host.user,
            created: host.created,
            sequence: host.sequence,
            seen: host.seen,
            cpid: host.cpid.clone(),
            domain_name: host.domain_name.clone(),
            address: host.address.clone(),
            timezone: host.timezone,
            client: host.client,
            processors: host.processors,
            vendor: host.vendor.clone(),
            model: host.model.clone(),
            flops: host.flops,
            iops: host.iops,
            memory: host.memory,
            disk: host.disk,
            disk_free: host.disk_free,
            os_name: host.os_name.clone(),
            os_version: host.os_version.clone(),
            coprocessors: "[]".to_owned(),
            available: host.available,
            venue: host.venue.clone(),
            credit: host.credit,
            imported: host.credit,
            average: host.average,
            average_time: host.average_time,
            ..HostRow::default()
        });
        marks.push(Fact::new(mark(source, "host", host.id), id.to_string()));
        became.push(Became { former: host.id, id, done: Done::New, notes: host.notes.clone() });
    }
    desk.remember(&marks)?;
    Ok(became)
}
