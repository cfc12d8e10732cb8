//! What account managers ask on behalf of users: `am_get_info.php`, `am_set_info.php`, `am_set_host_info.php`.
//!
//! All take the account key. A weak one, by which computers work for an account and do nothing else, tells what is public and changes
//! nothing. Tries are limited as those of passwords are.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::accounts::{answer, blocking, may_try, user_by_email};
use super::web::Web;
use crate::account::{Cost, email, is_country, is_password_hash, url, user_name};
use crate::engine::{Desk, DeskError, Opens};
use crate::pages::{Letter, VENUES, deliver};
use crate::store::{Place, UserRow, Value};
use crate::wire::{AccountError, AccountFacts, Node, account_facts, manager_success, preference_values};

type Fields = HashMap<String, String>;

fn given<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).map(|text| text.trim()).filter(|text| !text.is_empty())
}

/// The user of a request's key, who may change the account by it.
fn owner(desk: &mut Desk<'_>, key: &str) -> Result<Result<UserRow, AccountError>, DeskError> {
    desk.load_keys(&[key])?;
    Ok(match desk.user_of_key(key) {
        Some((id, Opens::All)) => desk.book.users.get(id).cloned().ok_or(AccountError::NotFound),
        Some((_, Opens::Work)) => Err(AccountError::WeakKey),
        None => Err(AccountError::NotFound),
    })
}

/// Does something for a request, within the limits.
async fn act<T: Send + 'static>(
    web: &Web,
    connection: SocketAddr,
    headers: &HeaderMap,
    work: impl FnMut(&mut Desk<'_>) -> Result<Result<T, AccountError>, DeskError> + Send + 'static,
) -> Result<T, AccountError> {
    may_try(web, connection, headers)?;
    let engine = web.engine.clone();
    blocking(move || engine.act(work)).await.map_err(|_| AccountError::Unavailable)?
}

pub(super) async fn get_info(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let key = given(&fields, "account_key").unwrap_or_default().to_owned();
    let secret = web.project.account_secret();
    let told = act(&web, connection, &headers, move |desk| {
        desk.load_keys(&[&key])?;
        let Some((id, opens)) = desk.user_of_key(&key) else { return Ok(Err(AccountError::NotFound)) };
        desk.load_users([id])?;
        desk.book.hosts.load_by(desk.database, Place::of("user_id"), &[Value::Int(id)])?;
        let Some(user) = desk.book.users.get(id).cloned() else { return Ok(Err(AccountError::NotFound)) };
        let mut hosts = desk.book.hosts.all().filter(|host| host.user_id == id && host.merged_into.is_none());
        let team = user.team_id.and_then(|team| desk.book.teams.get(team));
        Ok(Ok(AccountFacts {
            id,
            weak_key: if opens == Opens::All { secret.weak(id, user.key_epoch) } else { String::new() },
            shows_hosts: hosts.all(|host| !host.hidden),
            team: user.team_id.unwrap_or(0),
            founder: team.is_some_and(|team| team.founder_id == id),
            preferences: serde_json::from_str(&user.preferences).unwrap_or_default(),
            preferences_time: user.preferences_time,
            name: user.name,
            country: user.country,
            url: user.url,
            venue: user.venue,
        }))
    });
    answer(told.await.map(|facts| account_facts(&facts)))
}

/// What is to be changed, read and found good.
#[derive(Debug, Clone, Default)]
struct Change {
    name: Option<String>,
    country: Option<String>,
    url: Option<String>,
    venue: Option<String>,
    email: Option<String>,
    password: Option<String>,
    team: Option<i64>,
    shows_hosts: Option<bool>,
    preferences: Option<(String, f64)>,
}

impl Change {
    fn of(fields: &Fields) -> Result<Change, AccountError> {
        let mut change = Change::default();
        if let Some(text) = given(fields, "name") {
            change.name = Some(user_name(text)?);
        }
        if let Some(text) = given(fields, "country") {
            change.country = Some(text.to_owned()).filter(|text| is_country(text));
            change.country.as_ref().ok_or(AccountError::BadValue)?;
        }
        if let Some(text) = given(fields, "url") {
            change.url = Some(url(text).ok_or(AccountError::BadValue)?);
        }
        if let Some(text) = given(fields, "venue") {
            change.venue = Some(text.to_owned()).filter(|text| VENUES.contains(&text.as_str()));
            change.venue.as_ref().ok_or(AccountError::BadValue)?;
        }
        if let Some(text) = given(fields, "email_addr") {
            change.email = Some(email(text)?);
        }
        if let Some(text) = given(fields, "password_hash") {
            if !is_password_hash(text) {
                return Err(AccountError::BadPassword);
            }
            let salt = crate::account::random().map_err(|_| AccountError::Unavailable)?;
            change.password = Some(Cost::default().hash(text, &salt).map_err(|_| AccountError::Unavailable)?);
        }
        if let Some(text) = given(fields, "teamid") {
            change.team = Some(text.parse().map_err(|_| AccountError::BadValue)?);
        }
        if let Some(text) = given(fields, "show_hosts") {
            change.shows_hosts = Some(text != "0");
        }
        if let Some(text) = given(fields, "global_prefs") {
            let node = Node::parse(text.as_bytes(), "global_preferences").map_err(|_| AccountError::BadXml)?;
            let values = preference_values(&node);
            let json = serde_json::to_string(&values).map_err(|_| AccountError::BadXml)?;
            change.preferences = Some((json, node.number("mod_time").unwrap_or(0.0)));
        }
        Ok(change)
    }

    /// Changes a user's row.
    fn apply(&self, desk: &mut Desk<'_>, me: &UserRow) -> Result<Result<(), AccountError>, DeskError> {
        if let Some(address) = self.email.as_ref().filter(|address| **address != me.email) {
            // The password is one of address and password: a new address needs it anew.
            if self.password.is_none() && !me.password.is_empty() {
                return Ok(Err(AccountError::BadPassword));
            }
            if user_by_email(desk, address)?.is_some() {
                return Ok(Err(AccountError::NotUnique));
            }
        }
        if let Some(team) = self.team.filter(|team| *team != 0) {
            desk.book.teams.load(desk.database, [team])?;
            if !desk.book.teams.get(team).is_some_and(|team| team.joinable) {
                return Ok(Err(AccountError::BadValue));
            }
        }
        if let Some(shows) = self.shows_hosts {
            desk.book.hosts.load_by(desk.database, Place::of("user_id"), &[Value::Int(me.id)])?;
            let hosts: Vec<i64> =
                desk.book.hosts.all().filter(|host| host.user_id == me.id).map(|host| host.id).collect();
            for host in hosts {
                if let Some(row) = desk.book.hosts.edit(host) {
                    row.hidden = !shows;
                }
            }
        }
        let now = desk.now as f64;
        let Some(user) = desk.book.users.edit(me.id) else { return Ok(Err(AccountError::NotFound)) };
        let texts = [
            (&mut user.name, &self.name),
            (&mut user.country, &self.country),
            (&mut user.url, &self.url),
            (&mut user.venue, &self.venue),
            (&mut user.email, &self.email),
            (&mut user.password, &self.password),
        ];
        for (text, new) in texts {
            if let Some(new) = new {
                text.clone_from(new);
            }
        }
        if let Some(team) = self.team {
            user.team_id = Some(team).filter(|team| *team != 0);
        }
        if let Some((values, modified)) = &self.preferences {
            user.preferences.clone_from(values);
            // Computers take what is newer than what they have.
            user.preferences_time = if *modified > 0.0 && *modified <= now { *modified } else { now };
        }
        Ok(Ok(()))
    }
}

pub(super) async fn set_info(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let key = given(&fields, "account_key").unwrap_or_default().to_owned();
    let read = tokio::task::spawn_blocking(move || Change::of(&fields)).await;
    let change = match read.unwrap_or(Err(AccountError::Unavailable)) {
        Ok(change) => change,
        Err(error) => return answer(Err(error)),
    };
    let done = act(&web, connection, &headers, move |desk| match owner(desk, &key)? {
        Ok(me) => Ok(change.apply(desk, &me)?.map(|()| (me.email, change.email.clone()))),
        Err(error) => Ok(Err(error)),
    });
    let done = done.await;
    if let Ok((old, Some(new))) = &done
        && old != new
    {
        let name = &web.project.config.project.name;
        let letter = Letter {
            to: old.clone(),
            subject: format!("{name}: your address was changed"),
            body: "An account manager changed the address of your account, and this one is not used any more. If it was not you, write to the project.".to_owned(),
        };
        if let Err(error) = deliver(&web.project.dir, &letter, web.clock.now()) {
            tracing::warn!(%error, "a letter about a changed address was not written");
        }
    }
    answer(done.map(|_| manager_success("am_set_info_reply")))
}

pub(super) async fn set_host_info(
    State(web): State<Web>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    let key = given(&fields, "account_key").unwrap_or_default().to_owned();
    let host = given(&fields, "hostid").and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let venue = fields.get("venue").cloned().unwrap_or_default();
    if !VENUES.contains(&venue.as_str()) {
        return answer(Err(AccountError::BadValue));
    }
    let done = act(&web, connection, &headers, move |desk| {
        let me = match owner(desk, &key)? {
            Ok(me) => me,
            Err(error) => return Ok(Err(error)),
        };
        desk.book.hosts.load(desk.database, [host])?;
        let mine = desk.book.hosts.get(host).is_some_and(|row| row.user_id == me.id);
        match desk.book.hosts.edit(host).filter(|_| mine) {
            Some(row) => row.venue.clone_from(&venue),
            None => return Ok(Err(AccountError::NotFound)),
        }
        Ok(Ok(()))
    });
    answer(done.await.map(|()| manager_success("am_set_host_info_reply")))
}
