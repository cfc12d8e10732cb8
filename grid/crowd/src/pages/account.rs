//! One's own account: logging in and out, joining, name, password, address, key, leaving.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::frame::{credit, facts, form, link, text};
use super::lost::send_confirmation;
use super::person::average;
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::account::{Cost, clean_text, email, is_former, key_hash, password_hash, random, user_name};
use crate::engine::DeskError;
use crate::serve::accounts::{add_user, user_by_email};
use crate::stats::{DELETED_HOST, DELETED_USER, shown_cpid};
use crate::store::{HostRow, OldKeyRow, Place, UserRow, Value};

/// Fewest characters of a password.
pub(super) const LEAST_PASSWORD: usize = 6;

pub(super) fn said(text: &str) -> Failure {
    Failure::Said(text.to_owned())
}

/// What is kept of a password.
pub(super) fn hashed(password: &str, address: &str) -> Result<String, Failure> {
    if password.chars().count() < LEAST_PASSWORD || password.len() > 200 {
        return Err(said("a password has 6 to 200 characters"));
    }
    let salt = random().map_err(|error| Failure::Broken(error.to_string()))?;
    Cost::default().hash(&password_hash(password, address), &salt).map_err(|error| Failure::Broken(error.to_string()))
}

/// Whether a password is the user's.
pub(super) fn fits(password: &str, user: Option<&UserRow>) -> bool {
    let sent = password_hash(password, user.map_or("", |user| user.email.as_str()));
    let kept = user.map(|user| user.password.as_str()).filter(|kept| !kept.is_empty());
    Cost::default().verify(&sent, kept)
}

/// Changes one's own row.
pub(super) fn edit(
    view: &View<'_>,
    id: i64,
    mut change: impl FnMut(&mut UserRow, i64) + Send + 'static,
) -> Result<(), Failure> {
    view.site.web.engine.act(move |desk| {
        desk.load_users([id])?;
        let now = desk.now;
        match desk.book.users.edit(id) {
            Some(user) => change(user, now),
            None => return Err(DeskError::Refused("there is no such account".to_owned())),
        }
        Ok(())
    })?;
    Ok(())
}

/// The user whose account a key opens.
fn user_by_key(view: &mut View<'_>, key: &str) -> Result<Option<UserRow>, Failure> {
    let hash = [Value::Text(key_hash(key))];
    if let Some(user) = view.scan::<UserRow>("key_hash = $1", &hash)?.pop() {
        return Ok(Some(user));
    }
    match view.scan::<OldKeyRow>("hash = $1 and weak = 0", &hash)?.pop() {
        Some(old) => Ok(view.get(old.user_id)?),
        None => Ok(None),
    }
}

/// A password that came from another project is kept as all others are from now on.
fn renew(view: &View<'_>, user: UserRow, password: &str) -> Result<UserRow, Failure> {
    if !is_former(&user.password) {
        return Ok(user);
    }
    let salt = random().map_err(|error| Failure::Broken(error.to_string()))?;
    let sent = password_hash(password, &user.email);
    let new = Cost::default().hash(&sent, &salt).map_err(|error| Failure::Broken(error.to_string()))?;
    let kept = new.clone();
    edit(view, user.id, move |row, _| row.password.clone_from(&kept))?;
    Ok(UserRow { password: new, ..user })
}

pub(super) async fn login_form(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let body = html! {
            (form(view.site, "login", "", html! {
                label { "E-mail address" br; input type="email" name="email" autocomplete="username"; }
                label { "Password" br; input type="password" name="password" autocomplete="current-password"; }
                p { "or" }
                label { "Account key" br; input type="password" name="key" autocomplete="off"; }
                button { "Log in" }
            }))
            p { (link(view.site, "lost", "Password lost?")) " " (link(view.site, "join", "No account yet?")) }
        };
        Ok(Answer::Page("Log in".to_owned(), body))
    })
    .await
}

pub(super) async fn login(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    site.open_form(headers, connection, fields, |view, fields| {
        let key = field(fields, "key");
        let user = if key.is_empty() {
            // An address that cannot be one takes as long as one without an account.
            let address = email(field(fields, "email")).unwrap_or_default();
            let user = view.scan::<UserRow>("email = $1", &[Value::Text(address)])?.pop();
            if user.is_none() {
                fits("", None);
            }
            let password = fields.get("password").map_or("", String::as_str);
            match user.filter(|user| fits(password, Some(user))) {
                Some(user) => Some(renew(view, user, password)?),
                None => None,
            }
        } else {
            user_by_key(view, key)?
        };
        let user = user.ok_or_else(|| said("address, password or key is another one"))?;
        Ok(Answer::Session(view.site.session(&user, view.now), "account".to_owned()))
    })
    .await
}

pub(super) async fn logout(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |_, _| Ok(Answer::Session(String::new(), String::new()))).await
}

pub(super) async fn join_form(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let config = &view.site.web.project.config.project;
        if config.closed {
            return Err(said("this project makes no new accounts now"));
        }
        let body = html! {
            p { "BOINC can make an account, too: add the project there." }
            @if !config.terms_of_use.is_empty() { pre { (config.terms_of_use) } }
            (form(view.site, "join", "", html! {
                label { "Name that others see" br; input type="text" name="name" maxlength="60" required autocomplete="nickname"; }
                label { "E-mail address" br; input type="email" name="email" required autocomplete="username"; }
                label { "Password" br; input type="password" name="password" minlength=(LEAST_PASSWORD) required autocomplete="new-password"; }
                label { input type="checkbox" name="consent" value="1"; " Name and credit may be exported to sites that show many projects" }
                @if !config.terms_of_use.is_empty() { label { input type="checkbox" name="terms" value="1" required; " I agree to the terms of use" } }
                button { "Join" }
            }))
        };
        Ok(Answer::Page("Join".to_owned(), body))
    })
    .await
}

pub(super) async fn join(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    site.open_form(headers, connection, fields, |view, fields| {
        let config = &view.site.web.project.config.project;
        if config.closed {
            return Err(said("this project makes no new accounts now"));
        }
        if !config.terms_of_use.is_empty() && !fields.contains_key("terms") {
            return Err(said("an account needs your agreement to the terms of use"));
        }
        let address = email(field(fields, "email")).map_err(|error| Failure::Said(error.to_string()))?;
        let name = user_name(field(fields, "name")).map_err(|error| Failure::Said(error.to_string()))?;
        let password = hashed(fields.get("password").map_or("", String::as_str), &address)?;
        let consent = fields.contains_key("consent");
        let project = std::sync::Arc::clone(&view.site.web.project);
        let user = view.site.web.engine.act(move |desk| {
            if user_by_email(desk, &address)?.is_some() {
                return Err(DeskError::Refused("an account with this address exists".to_owned()));
            }
            add_user(desk, &project, &address, &name, &password, consent);
            user_by_email(desk, &address)?.ok_or_else(|| DeskError::Refused("the account was not made".to_owned()))
        })?;
        Ok(Answer::Session(view.site.session(&user, view.now), "account".to_owned()))
    })
    .await
}

pub(super) async fn home(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, page).await
}

fn page(view: &mut View<'_>) -> Result<Answer, Failure> {
    let me = view.must()?;
    let (site, token) = (view.site, view.token.as_str());
    let key = site.secret.authenticator(me.id, me.key_epoch);
    let key = (key_hash(&key) == me.key_hash).then_some(key);
    let body = html! {
        (facts(&[
            ("Number", text(me.id)),
            ("E-mail address", text(&me.email)),
            ("Credit", text(credit(me.credit))),
            ("Credit a day of late", text(average(me.average, me.average_time, view.now))),
            ("Account key", match &key {
                Some(key) => html! { details { summary { "Show" } code { (key) } p .small { "Who has it works for your account. Keep it to yourself." } } },
                None => text("as you brought it from the project's former server"),
            }),
        ]))
        p {
            (link(site, &format!("user/{}", me.id), "Public page")) " | "
            (link(site, &format!("user/{}/tasks", me.id), "Tasks")) " | "
            (link(site, "account/computers", "Computers")) " | "
            (link(site, "account/preferences", "Preferences")) " | "
            @match me.team_id { Some(team) => (link(site, &format!("team/{team}"), "Team")), None => (link(site, "top/teams", "Teams")) }
        }
        h2 { "Name" }
        (form(site, "account/name", token, html! {
            label { "Name that others see" br; input type="text" name="name" maxlength="60" required value=(me.name); }
            button { "Save" }
        }))
        h2 { "Password" }
        (form(site, "account/password", token, html! {
            label { "Password, or account key where there is none" br; input type="password" name="password" required autocomplete="current-password"; }
            label { "New password" br; input type="password" name="new" minlength=(LEAST_PASSWORD) required autocomplete="new-password"; }
            button { "Change" }
        }))
        h2 { "E-mail address" }
        (form(site, "account/email", token, html! {
            label { "New address; it gets a letter with a link" br; input type="email" name="email" required; }
            label { "Password" br; input type="password" name="password" required autocomplete="current-password"; }
            button { "Change" }
        }))
        h2 { "Account key" }
        (form(site, "account/key", token, html! {
            p { "If others know your key, make another. Computers have to be attached again then." }
            label { "Password" br; input type="password" name="password" required autocomplete="current-password"; }
            button { "New key" }
        }))
        h2 { "Delete the account" }
        (form(site, "account/delete", token, html! {
            p { "Name, address and what is known of your computers are removed. Credit stays with the project, without a name." }
            label { "Password, or account key where there is none" br; input type="password" name="password" required autocomplete="current-password"; }
            label { input type="checkbox" name="sure" value="1" required; " I want that" }
            button { "Delete" }
        }))
    };
    Ok(Answer::Page(me.name, body))
}

/// Whether a form has the password of who is logged in, or, of one without a password, the account key.
pub(super) fn proven(view: &mut View<'_>, fields: &Fields) -> Result<UserRow, Failure> {
    let me = view.must()?;
    let given = fields.get("password").map_or("", String::as_str);
    let good = if me.password.is_empty() {
        user_by_key(view, given)?.is_some_and(|user| user.id == me.id)
    } else {
        fits(given, Some(&me))
    };
    if good { Ok(me) } else { Err(said("the password is another one")) }
}

pub(super) async fn change_name(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = view.must()?;
        let name = user_name(field(fields, "name")).map_err(|error| Failure::Said(error.to_string()))?;
        edit(view, me.id, move |user, _| user.name.clone_from(&name))?;
        Ok(Answer::To("account".to_owned()))
    })
    .await
}

pub(super) async fn change_password(
    State(site): State<Site>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = proven(view, fields)?;
        let password = hashed(fields.get("new").map_or("", String::as_str), &me.email)?;
        let new = UserRow { password: password.clone(), ..me };
        edit(view, new.id, move |user, _| user.password.clone_from(&password))?;
        // All other sessions end by the change.
        Ok(Answer::Session(view.site.session(&new, view.now), "account".to_owned()))
    })
    .await
}

pub(super) async fn change_email(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = proven(view, fields)?;
        let address = email(field(fields, "email")).map_err(|error| Failure::Said(error.to_string()))?;
        send_confirmation(view, &me, &address)?;
        let body = html! { p { "A letter went to " (clean_text(&address, 254)) ". The link in it makes the change." } };
        Ok(Answer::Page("E-mail address".to_owned(), body))
    })
    .await
}

pub(super) async fn new_key(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = proven(view, fields)?;
        let (epoch, secret) = (me.key_epoch + 1, view.site.secret.clone());
        let hash = key_hash(&secret.authenticator(me.id, epoch));
        let new = UserRow { key_epoch: epoch, ..me };
        let id = new.id;
        view.site.web.engine.act(move |desk| {
            desk.load_users([id])?;
            desk.forget_old_keys(id)?;
            if let Some(user) = desk.book.users.edit(id) {
                user.key_epoch = epoch;
                user.key_hash.clone_from(&hash);
            }
            Ok(())
        })?;
        Ok(Answer::Session(view.site.session(&new, view.now), "account".to_owned()))
    })
    .await
}

pub(super) async fn delete(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = proven(view, fields)?;
        if !fields.contains_key("sure") {
            return Err(said("the account stays: the box was not ticked"));
        }
        let id = me.id;
        view.site.web.engine.act(move |desk| {
            desk.load_users([id])?;
            desk.forget_old_keys(id)?;
            desk.book.hosts.load_by(desk.database, Place::of("user_id"), &[Value::Int(id)])?;
            let now = desk.now;
            let hosts: Vec<i64> = desk.book.hosts.all().filter(|host| host.user_id == id).map(|host| host.id).collect();
            let mut told = Vec::new();
            for host in hosts {
                if let Some(row) = desk.book.hosts.edit(host) {
                    told.push(crate::role::Fact::new(
                        format!("{DELETED_HOST}{host}"),
                        format!("{now} {}", shown_cpid(row, &me.email)),
                    ));
                    forget_host(row);
                }
            }
            if let Some(user) = desk.book.users.edit(id) {
                let cpid = crate::account::external_cpid(&user.cpid, &user.email);
                told.push(crate::role::Fact::new(format!("{DELETED_USER}{id}"), format!("{now} {cpid}")));
                forget_user(user);
            }
            desk.remember(&told)?;
            Ok(())
        })?;
        Ok(Answer::Session(String::new(), String::new()))
    })
    .await
}

/// All that tells of a person goes; credit stays, so that sums stay right.
fn forget_user(user: &mut UserRow) {
    let UserRow { id, created, credit, imported, average, average_time, .. } = *user;
    *user = UserRow {
        id,
        email: format!("deleted-{id}"),
        name: "deleted".to_owned(),
        key_hash: format!("deleted-{id}"),
        key_epoch: user.key_epoch + 1,
        created,
        credit,
        imported,
        average,
        average_time,
        ..UserRow::default()
    };
}

fn forget_host(host: &mut HostRow) {
    for text in [&mut host.cpid, &mut host.domain_name, &mut host.address, &mut host.os_version] {
        text.clear();
    }
    host.hidden = true;
}
