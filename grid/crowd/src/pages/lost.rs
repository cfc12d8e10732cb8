//! What is done by links in letters: a lost password, another address.

use std::net::SocketAddr;

use axum::Form;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::account::{LEAST_PASSWORD, edit, fits, hashed, said};
use super::frame::form;
use super::mail::{Letter, deliver};
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::account::email;
use crate::engine::DeskError;
use crate::serve::accounts::user_by_email;
use crate::store::{UserRow, Value};

/// Seconds that a link can be used.
const LINK: i64 = 86_400;

/// What a link of a lost password is bound to: it serves once, for the password is another one then.
fn bound(user: &UserRow, until: i64) -> String {
    format!("{} {until} {} {}", user.id, user.key_epoch, user.password)
}

fn send(view: &View<'_>, letter: &Letter) -> Result<(), Failure> {
    let sent = deliver(&view.site.web.project.dir, letter, view.now);
    sent.map(|_| ()).map_err(|error| Failure::Broken(error.to_string()))
}

pub(super) async fn lost_form(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let body = form(
            view.site,
            "lost",
            "",
            html! {
                p { "A letter with a link goes to the address of the account; the link serves for a day." }
                label { "E-mail address" br; input type="email" name="email" required autocomplete="username"; }
                button { "Send" }
            },
        );
        Ok(Answer::Page("Password or key lost".to_owned(), body))
    })
    .await
}

pub(super) async fn lost(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(fields): Form<Fields>,
) -> Response {
    site.open_form(headers, connection, fields, |view, fields| {
        let address = email(field(fields, "email")).map_err(|error| Failure::Said(error.to_string()))?;
        if let Some(user) = view.scan::<UserRow>("email = $1", &[Value::Text(address)])?.pop() {
            let until = view.now + LINK;
            let token = view.site.secret.token("lost", &bound(&user, until));
            let url = &view.site.web.project.address;
            let body = format!(
                "Somebody, perhaps you, asked for a new password for your account at {}.\n\nThis link serves until tomorrow, once:\n\n{url}lost/{}.{until}.{token}\n\nYour account key is shown when you are logged in. If it was not you, do nothing.",
                view.site.title(),
                user.id,
            );
            let subject = format!("{}: your account", view.site.title());
            send(view, &Letter { to: user.email, subject, body })?;
        }
        // The same whether there is an account or not.
        let body = html! { p { "If there is an account with this address, a letter is on its way." } };
        Ok(Answer::Page("Letter sent".to_owned(), body))
    })
    .await
}

/// Number, time and token of a link.
fn parts(link: &str) -> Option<(i64, i64, &str)> {
    let mut words = link.splitn(3, '.');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?, words.next()?))
}

/// The user of a link, if it still serves.
fn user_of(view: &mut View<'_>, link: &str) -> Result<UserRow, Failure> {
    let over = || said("this link was used, or is older than a day; ask for another letter");
    let (id, until, token) = parts(link).ok_or_else(over)?;
    let user: UserRow = view.get(id)?.ok_or_else(over)?;
    let good = until >= view.now && view.site.secret.is_token(token, "lost", &bound(&user, until));
    if good { Ok(user) } else { Err(over()) }
}

pub(super) async fn link(State(site): State<Site>, headers: HeaderMap, Path(link): Path<String>) -> Response {
    site.page(headers, move |view| {
        user_of(view, &link)?;
        let body = form(view.site, &format!("lost/{link}"), "", html! {
            label { "New password" br; input type="password" name="new" minlength=(LEAST_PASSWORD) required autocomplete="new-password"; }
            button { "Save" }
        });
        Ok(Answer::Page("New password".to_owned(), body))
    })
    .await
}

pub(super) async fn new_password(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(link): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    site.open_form(headers, connection, fields, move |view, fields| {
        let user = user_of(view, &link)?;
        let password = hashed(fields.get("new").map_or("", String::as_str), &user.email)?;
        let new = UserRow { password: password.clone(), ..user };
        edit(view, new.id, move |user, _| user.password.clone_from(&password))?;
        Ok(Answer::Session(view.site.session(&new, view.now), "account".to_owned()))
    })
    .await
}

/// Sends a letter to a new address; its link makes the change.
pub(super) fn send_confirmation(view: &View<'_>, me: &UserRow, address: &str) -> Result<(), Failure> {
    let until = view.now + LINK;
    let hex: String = address.bytes().map(|byte| format!("{byte:02x}")).collect();
    let token = view.site.secret.token("email", &format!("{} {hex}", bound(me, until)));
    let url = &view.site.web.project.address;
    let body = format!(
        "This link makes this address that of your account at {}. It serves until tomorrow:\n\n{url}account/email/{}.{until}.{hex}-{token}\n\nIf you did not ask for it, do nothing.",
        view.site.title(),
        me.id,
    );
    let subject = format!("{}: your new address", view.site.title());
    send(view, &Letter { to: address.to_owned(), subject, body })
}

/// User and new address of a link, if it still serves.
fn address_of(view: &mut View<'_>, link: &str) -> Result<(UserRow, String), Failure> {
    let over = || said("this link was used, or is older than a day; ask for the change again");
    let (id, until, rest) = parts(link).ok_or_else(over)?;
    let (hex, token) = rest.split_once('-').ok_or_else(over)?;
    let user: UserRow = view.get(id)?.ok_or_else(over)?;
    let good =
        until >= view.now && view.site.secret.is_token(token, "email", &format!("{} {hex}", bound(&user, until)));
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok());
    let bytes: Option<Vec<u8>> = digits.map(|pair| pair.and_then(|pair| u8::from_str_radix(pair, 16).ok())).collect();
    let address = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|_| good).ok_or_else(over)?;
    Ok((user, address))
}

pub(super) async fn confirm(State(site): State<Site>, headers: HeaderMap, Path(link): Path<String>) -> Response {
    site.page(headers, move |view| {
        let (_, address) = address_of(view, &link)?;
        let body = form(
            view.site,
            &format!("account/email/{link}"),
            "",
            html! {
                p { "New address: " (address) }
                label { "Password" br; input type="password" name="password" required autocomplete="current-password"; }
                button { "Change" }
            },
        );
        Ok(Answer::Page("E-mail address".to_owned(), body))
    })
    .await
}

pub(super) async fn confirm_email(
    State(site): State<Site>,
    ConnectInfo(connection): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Path(link): Path<String>,
    Form(fields): Form<Fields>,
) -> Response {
    site.open_form(headers, connection, fields, move |view, fields| {
        let (user, address) = address_of(view, &link)?;
        let given = fields.get("password").map_or("", String::as_str);
        if !fits(given, Some(&user)) {
            return Err(said("the password is another one"));
        }
        // What clients send is made of password and address.
        let password = hashed(given, &address)?;
        let (id, old) = (user.id, user.email.clone());
        let new = UserRow { email: address.clone(), password: password.clone(), ..user };
        view.site.web.engine.act(move |desk| {
            if user_by_email(desk, &address)?.is_some_and(|other| other.id != id) {
                return Err(DeskError::Refused("an account with this address exists".to_owned()));
            }
            desk.load_users([id])?;
            if let Some(user) = desk.book.users.edit(id) {
                user.email.clone_from(&address);
                user.password.clone_from(&password);
            }
            Ok(())
        })?;
        let subject = format!("{}: your address was changed", view.site.title());
        let body = "The address of your account was changed, and this one is not used any more. If it was not you, write to the project.";
        send(view, &Letter { to: old, subject, body: body.to_owned() })?;
        Ok(Answer::Session(view.site.session(&new, view.now), "account".to_owned()))
    })
    .await
}
