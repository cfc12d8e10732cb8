//! Teams: a team's page, founding, joining, leaving, changing.

use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, html};

use super::frame::{credit, facts, form, link, table, text, time};
use super::person::average;
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::account::{clean_text, is_country, team_name, url};
use crate::engine::{Desk, DeskError};
use crate::store::{Counter, Place, TeamRow, UserRow, Value};

/// Kinds of teams, with BOINC's numbers (`html/inc/team_types.inc`).
const KINDS: [(i64, &str); 8] = [
    (1, "None"),
    (2, "Company"),
    (3, "Primary school"),
    (4, "Secondary school"),
    (5, "Junior college"),
    (6, "University or department"),
    (7, "Government agency"),
    (8, "Non-profit organization"),
];

pub(super) async fn team(State(site): State<Site>, headers: HeaderMap, Path(id): Path<i64>) -> Response {
    site.page(headers, move |view| page(view, id)).await
}

/// `team_display.php?teamid=N`.
pub(super) async fn moved(State(site): State<Site>, headers: HeaderMap, fields: Query<Fields>) -> Response {
    let id = fields.get("teamid").and_then(|id| id.parse::<i64>().ok()).unwrap_or(0);
    site.page(headers, move |_| Ok(Answer::To(format!("team/{id}")))).await
}

fn page(view: &mut View<'_>, id: i64) -> Result<Answer, Failure> {
    let team: TeamRow = view.get(id)?.ok_or(Failure::Missing("team"))?;
    let founder: Option<UserRow> = view.get(team.founder_id)?;
    let members = view.count("select count(*) from users where team_id = $1", &[Value::Int(id)])?;
    let shown: Vec<UserRow> = view.scan("team_id = $1 order by credit desc, id limit 200", &[Value::Int(id)])?;
    let (site, now) = (view.site, view.now);
    let kind = KINDS.iter().find(|(number, _)| *number == team.kind).map_or("None", |(_, name)| name);
    let mut rows = vec![
        ("Kind", text(kind)),
        ("Since", text(time(team.created))),
        ("Credit", text(credit(team.credit))),
        ("Credit a day of late", text(average(team.average, team.average_time, now))),
        ("Members", text(members)),
    ];
    if let Some(founder) = &founder {
        rows.push(("Founder", link(site, &format!("user/{}", founder.id), &founder.name)));
    }
    if !team.country.is_empty() {
        rows.push(("Country", text(&team.country)));
    }
    if url(&team.url).is_some_and(|url| !url.is_empty() && url == team.url) {
        rows.push(("Page", html! { a rel="nofollow ugc noopener" href=(team.url) { (team.url) } }));
    }
    let cells = shown.iter().map(|user| {
        vec![
            link(site, &format!("user/{}", user.id), &user.name),
            text(average(user.average, user.average_time, now)),
            text(credit(user.credit)),
        ]
    });
    let mine = view.me.as_ref().is_some_and(|me| me.team_id == Some(id));
    let body = html! {
        (facts(&rows))
        @if !team.description.is_empty() { @for line in team.description.lines() { p { (line) } } }
        @if view.me.is_some() {
            @if mine {
                (form(site, "teams/leave", &view.token, html! { button { "Leave this team" } }))
            } @else if team.joinable {
                (form(site, &format!("team/{id}/join"), &view.token, html! { button { "Join this team" } }))
            }
            @if view.may_see(team.founder_id) {
                details { summary { "Change" } (form(site, &format!("team/{id}/change"), &view.token, inputs(&team))) }
            }
        }
        h2 { "Members" }
        (table(&["Name", "Credit a day", "Credit"], &[1, 2], cells.collect()))
    };
    Ok(Answer::Page(team.name, body))
}

fn inputs(team: &TeamRow) -> Markup {
    html! {
        label { "Name" br; input type="text" name="name" maxlength="60" required value=(team.name); }
        label { "Kind" br; select name="kind" { @for (number, name) in KINDS {
            option value=(number) selected[number == team.kind] { (name) }
        } } }
        label { "Page" br; input type="text" name="url" maxlength="250" value=(team.url); }
        label { "Country" br; input type="text" name="country" maxlength="60" value=(team.country); }
        label { "What it is" br; textarea name="description" rows="5" maxlength="5000" { (team.description) } }
        label { input type="checkbox" name="joinable" value="1" checked[team.joinable]; " Anyone may join" }
        button { "Save" }
    }
}

pub(super) async fn new_form(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        view.must()?;
        let empty = TeamRow { joinable: true, kind: 1, ..TeamRow::default() };
        let body = form(view.site, "teams/new", &view.token, inputs(&empty));
        Ok(Answer::Page("Found a team".to_owned(), body))
    })
    .await
}

/// What a form says of a team.
fn read(fields: &Fields) -> Result<TeamRow, Failure> {
    let said = |text: &str| Failure::Said(text.to_owned());
    let country = field(fields, "country");
    if !is_country(country) {
        return Err(said("the country has other signs than letters, spaces and -.,'()"));
    }
    Ok(TeamRow {
        name: team_name(field(fields, "name"))
            .map_err(|_| said("this cannot be a team's name: up to 60 characters that are seen, without markup"))?,
        kind: field(fields, "kind").parse().ok().filter(|kind| (1..=8).contains(kind)).unwrap_or(1),
        url: url(field(fields, "url")).ok_or_else(|| said("the page's address begins with http:// or https://"))?,
        country: country.to_owned(),
        description: clean_text(field(fields, "description"), 5000),
        joinable: fields.contains_key("joinable"),
        ..TeamRow::default()
    })
}

fn named(desk: &mut Desk<'_>, name: &str) -> Result<Option<i64>, DeskError> {
    desk.book.teams.load_by(desk.database, Place::of("name"), &[Value::Text(name.to_owned())])?;
    Ok(desk.book.teams.all().find(|team| team.name == name).map(|team| team.id))
}

pub(super) async fn create(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let (me, team) = (view.must()?, read(fields)?);
        let id = view.site.web.engine.act(move |desk| {
            if named(desk, &team.name)?.is_some() {
                return Err(DeskError::Refused("there is a team of this name already".to_owned()));
            }
            let id = desk.book.next(Counter::Team);
            let (created, average_time) = (desk.now, desk.now);
            desk.book.teams.insert(TeamRow { id, founder_id: me.id, created, average_time, ..team.clone() });
            desk.load_users([me.id])?;
            if let Some(user) = desk.book.users.edit(me.id) {
                user.team_id = Some(id);
            }
            Ok(id)
        })?;
        Ok(Answer::To(format!("team/{id}")))
    })
    .await
}

pub(super) async fn change(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    site.form(headers, fields, move |view, fields| {
        let (me, staff, new) = (view.must()?, view.is_staff(), read(fields)?);
        view.site.web.engine.act(move |desk| {
            desk.book.teams.load(desk.database, [id])?;
            if named(desk, &new.name)?.is_some_and(|other| other != id) {
                return Err(DeskError::Refused("there is a team of this name already".to_owned()));
            }
            let team = desk.book.teams.edit(id).filter(|team| staff || team.founder_id == me.id);
            let team = team.ok_or_else(|| DeskError::Refused("only its founder changes a team".to_owned()))?;
            *team = TeamRow {
                name: new.name.clone(),
                kind: new.kind,
                url: new.url.clone(),
                country: new.country.clone(),
                description: new.description.clone(),
                joinable: new.joinable,
                ..team.clone()
            };
            Ok(())
        })?;
        Ok(Answer::To(format!("team/{id}")))
    })
    .await
}

pub(super) async fn join(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    site.form(headers, fields, move |view, _| {
        let me = view.must()?;
        view.site.web.engine.act(move |desk| {
            desk.book.teams.load(desk.database, [id])?;
            if !desk.book.teams.get(id).is_some_and(|team| team.joinable || team.founder_id == me.id) {
                return Err(DeskError::Refused("this team takes nobody in now".to_owned()));
            }
            desk.load_users([me.id])?;
            if let Some(user) = desk.book.users.edit(me.id) {
                user.team_id = Some(id);
            }
            Ok(())
        })?;
        Ok(Answer::To(format!("team/{id}")))
    })
    .await
}

pub(super) async fn leave(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, _| {
        let me = view.must()?;
        view.site.web.engine.act(move |desk| {
            desk.load_users([me.id])?;
            if let Some(user) = desk.book.users.edit(me.id) {
                user.team_id = None;
            }
            Ok(())
        })?;
        Ok(Answer::To("account".to_owned()))
    })
    .await
}
