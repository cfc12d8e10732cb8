//! What operators do by pages. Each act is a command, with a line in the audit that names who did it.
//!
//! Moderators ban and pardon; operators besides stop and start, cancel and compare again, and write news; admins besides give roles.

use axum::Form;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::account::said;
use super::frame::{facts, form, link, table, text, time};
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::admin::{AdminError, Command, Place, WhoseWork, run};
use crate::alert::ALERT;
use crate::engine::{DIFFERS, DeskError};
use crate::store::{AuditRow, Counter, FactRow, HostRow, UserRow, Value};

/// Acts by name, and the least role for each: 1 moderator, 2 operator, 3 admin.
const ACTS: [(&str, u8); 9] = [
    ("ban", 1),
    ("pardon", 1),
    ("stage", 2),
    ("drain", 2),
    ("cancel", 2),
    ("revalidate", 2),
    ("notice", 2),
    ("app", 2),
    ("role", 3),
];

fn rank(user: &UserRow) -> u8 {
    match user.role.as_str() {
        "moderator" => 1,
        "operator" => 2,
        "admin" => 3,
        _ => 0,
    }
}

fn staff(view: &View<'_>) -> Result<(UserRow, u8), Failure> {
    let me = view.must()?;
    let rank = rank(&me);
    if rank == 0 { Err(Failure::Forbidden) } else { Ok((me, rank)) }
}

fn act_form(view: &View<'_>, act: &str, button: &str, inputs: Markup) -> Markup {
    form(
        view.site,
        "admin/act",
        &view.token,
        html! { input type="hidden" name="act" value=(act); (inputs) button { (button) } },
    )
}

pub(super) async fn home(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, page).await
}

fn page(view: &mut View<'_>) -> Result<Answer, Failure> {
    let (me, rank) = staff(view)?;
    let condition = "quarantined = 1 or banned_until > $1 order by seen desc limit 50";
    let suspects: Vec<HostRow> = view.scan(condition, &[Value::Int(view.now)])?;
    let site = view.site;
    let rows = suspects.iter().map(|host| {
        vec![
            link(site, &format!("host/{}", host.id), &host.id.to_string()),
            link(site, &format!("admin/user?who={}", host.user_id), &host.user_id.to_string()),
            text(host.valid),
            text(host.invalid),
            text(host.errors),
            text(if host.banned_until > view.now { time(host.banned_until) } else { "-".to_owned() }),
            act_form(view, "pardon", "Pardon", html! { input type="hidden" name="host" value=(host.id); }),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let stages = ["send", "validate", "assimilate", "delete", "purge", "generate", "refit"];
    let body = html! {
        p { "You are " (me.role) ". " (link(site, "admin/audit", "What was done")) }
        h2 { "A user" }
        form action=(format!("{}admin/user", site.path())) { input type="text" name="who" placeholder="number or address"; " " button { "Show" } }
        (troubles(view)?)
        h2 { "Computers in quarantine, and banned ones" }
        (table(&["Computer", "User", "Valid", "Invalid", "Failed", "Banned until", ""], &[2, 3, 4], rows))
        @if rank >= 2 {
            h2 { "Stages" }
            (act_form(view, "stage", "Set", html! {
                select name="name" { @for stage in stages { option { (stage) } } } " "
                select name="on" { option value="1" { "runs" } option value="0" { "stops" } } " "
            }))
            (act_form(view, "drain", "Set", html! { select name="on" { option value="1" { "no new work" } option value="0" { "work again" } } " " }))
            h2 { "Applications" }
            (act_form(view, "app", "Set", html! {
                input type="text" name="name" placeholder="short name"; " "
                select name="on" { option value="0" { "paused" } option value="1" { "sent" } } " "
            }))
            h2 { "Work" }
            (act_form(view, "cancel", "Cancel", html! { input type="text" name="unit" placeholder="unit"; " or " input type="text" name="batch" placeholder="batch"; " " }))
            (act_form(view, "revalidate", "Compare again", html! { input type="text" name="unit" placeholder="unit"; " or " input type="text" name="batch" placeholder="batch"; " " }))
            h2 { "News" }
            (act_form(view, "notice", "Publish", html! {
                label { "Title" br; input type="text" name="title" maxlength="200" required; }
                label { "Text" br; textarea name="body" rows="5" maxlength="5000" required {} }
                label { "For one user alone (number or address)" br; input type="text" name="user"; }
            }))
        }
    };
    Ok(Answer::Page("Administration".to_owned(), body))
}

/// Alerts that are on, and units that the server found differently.
fn troubles(view: &mut View<'_>) -> Result<Markup, Failure> {
    let alerts = facts_under(view, ALERT)?;
    let differ = facts_under(view, DIFFERS)?;
    let alerts = alerts.iter().map(|(name, since)| vec![text(name), text(time(since.parse().unwrap_or(0)))]);
    let alerts: Vec<_> = alerts.collect();
    let row = |(name, body): &(String, String)| {
        let said: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
        let results = said["results"].as_array().map_or(&[][..], Vec::as_slice);
        let hosts: Vec<String> = results.iter().filter_map(|one| Some(one["host"].as_i64()?.to_string())).collect();
        vec![
            text(name),
            text(time(said["time"].as_i64().unwrap_or(0))),
            text(hosts.join(", ")),
            text(said["why"].as_str().unwrap_or_default()),
        ]
    };
    let differ: Vec<_> = differ.iter().map(row).collect();
    Ok(html! {
        @if !alerts.is_empty() {
            h2 { "Alerts" }
            (table(&["What", "Since"], &[], alerts))
        }
        @if !differ.is_empty() {
            h2 { "Validated units that the server itself found differently" }
            (table(&["Work unit", "When", "Computers", "Why"], &[], differ))
        }
    })
}

/// Facts of the server's under a prefix, without it.
fn facts_under(view: &mut View<'_>, prefix: &str) -> Result<Vec<(String, String)>, Failure> {
    let end = format!("{prefix}\u{10FFFF}");
    let condition = "name >= $1 and name < $2 order by name limit 200";
    let rows: Vec<FactRow> = view.scan(condition, &[Value::Text(prefix.to_owned()), Value::Text(end)])?;
    Ok(rows.into_iter().map(|row| (row.name.strip_prefix(prefix).unwrap_or("").to_owned(), row.body)).collect())
}

pub(super) async fn user(State(site): State<Site>, headers: HeaderMap, fields: Query<Fields>) -> Response {
    site.page(headers, move |view| {
        let (_, rank) = staff(view)?;
        let who = field(&fields, "who");
        let found: Vec<UserRow> = match who.parse::<i64>() {
            Ok(id) => view.scan("id = $1", &[Value::Int(id)])?,
            Err(_) => view.scan("email = $1", &[Value::Text(who.to_lowercase())])?,
        };
        let user = found.into_iter().next().ok_or(Failure::Missing("user"))?;
        let site = view.site;
        let body = html! {
            (facts(&[
                ("Number", link(site, &format!("user/{}", user.id), &user.id.to_string())),
                ("Name", text(&user.name)),
                ("E-mail address", text(&user.email)),
                ("Since", text(time(user.created))),
                ("Last heard of", text(time(user.seen))),
                ("Role", text(if user.role.is_empty() { "none" } else { &user.role })),
                ("Banned until", text(time(user.banned_until))),
            ]))
            (act_form(view, "ban", "Ban", html! {
                input type="hidden" name="user" value=(user.id);
                label { "Days (0 lifts a ban)" br; input type="number" name="days" min="0" max="36500" value="14" required; }
            }))
            @if rank >= 3 {
                (act_form(view, "role", "Give role", html! {
                    input type="hidden" name="user" value=(user.id);
                    select name="role" { @for role in ["", "moderator", "operator", "admin"] {
                        option value=(role) selected[role == user.role] { (if role.is_empty() { "none" } else { role }) }
                    } } " "
                }))
            }
            p { (link(site, &format!("user/{}/tasks", user.id), "Tasks")) }
        };
        Ok(Answer::Page(format!("User {}", user.id), body))
    })
    .await
}

pub(super) async fn audit(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        staff(view)?;
        let acts: Vec<AuditRow> = view.scan("id > 0 order by id desc limit 500", &[])?;
        let rows = acts.iter().map(|row| vec![text(time(row.moment)), text(&row.who), text(&row.what)]);
        Ok(Answer::Page("What was done".to_owned(), table(&["When", "Who", "What"], &[], rows.collect())))
    })
    .await
}

pub(super) async fn act(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let (me, rank) = staff(view)?;
        let act = field(fields, "act");
        let least = ACTS.iter().find(|(name, _)| *name == act).map(|(_, least)| *least);
        if least.ok_or_else(|| said("there is no such act"))? > rank {
            return Err(Failure::Forbidden);
        }
        if act == "role" {
            give_role(view, &me, fields)?;
        } else {
            let web = &view.site.web;
            let place = Place {
                engine: web.engine.clone(),
                project: std::sync::Arc::clone(&web.project),
                stages: Some(std::sync::Arc::clone(&web.stages)),
                who: me.email.clone(),
            };
            run(&place, command(act, fields, view.now)?).map_err(|error| match error {
                AdminError::Engine(error) => Failure::from(error),
                AdminError::Store(error) => Failure::from(error),
                error => Failure::Said(error.to_string()),
            })?;
        }
        Ok(Answer::To("admin".to_owned()))
    })
    .await
}

fn command(act: &str, fields: &Fields, now: i64) -> Result<Command, Failure> {
    let given = |name: &str| Some(field(fields, name).to_owned()).filter(|text| !text.is_empty());
    let host = given("host").and_then(|host| host.parse::<i64>().ok());
    let on = field(fields, "on") == "1";
    let work = || match (given("unit"), given("batch")) {
        (Some(unit), None) => Ok(WhoseWork::Units(vec![unit])),
        (None, Some(batch)) => Ok(WhoseWork::Batch(batch)),
        _ => Err(said("name either a unit or a batch")),
    };
    Ok(match act {
        "ban" => {
            let days: i64 = field(fields, "days")
                .parse()
                .ok()
                .filter(|days| (0..=36_500).contains(days))
                .ok_or_else(|| said("a ban has 0 to 36500 days"))?;
            if given("user").is_none() && host.is_none() {
                return Err(said("name a user or a computer"));
            }
            Command::Ban { user: given("user"), host, until: if days == 0 { 0 } else { now + days * 86_400 } }
        }
        "pardon" => Command::Pardon { host: host.ok_or_else(|| said("name a computer"))? },
        "stage" => Command::Stage { name: field(fields, "name").to_owned(), on },
        "drain" => Command::Drain { on },
        "cancel" => Command::Cancel(work()?),
        "revalidate" => Command::Revalidate(work()?),
        "app" => Command::AppPause { name: field(fields, "name").to_owned(), paused: !on },
        _ => Command::Notice {
            title: crate::account::clean_text(field(fields, "title"), 200),
            body: crate::account::clean_text(field(fields, "body"), 5000),
            user: given("user"),
        },
    })
}

fn give_role(view: &View<'_>, me: &UserRow, fields: &Fields) -> Result<(), Failure> {
    let id: i64 = field(fields, "user").parse().map_err(|_| said("name a user by number"))?;
    let role = field(fields, "role").to_owned();
    if !["", "moderator", "operator", "admin"].contains(&role.as_str()) {
        return Err(said("there is no such role"));
    }
    if id == me.id {
        return Err(said("nobody changes one's own role, so that an admin stays"));
    }
    let who = me.email.clone();
    view.site.web.engine.act(move |desk| {
        desk.load_users([id])?;
        let user = desk.book.users.edit(id).ok_or_else(|| DeskError::Refused(format!("there is no user {id}")))?;
        user.role.clone_from(&role);
        let row = AuditRow {
            id: desk.book.next(Counter::Audit),
            moment: desk.now,
            who: who.clone(),
            what: format!("role of user {id}: {role:?}"),
        };
        desk.book.audit.insert(row);
        Ok(())
    })?;
    Ok(())
}
