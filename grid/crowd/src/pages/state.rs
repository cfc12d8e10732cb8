//! The server's state, and the applications.

use std::sync::atomic::Ordering;

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{PreEscaped, html};

use super::frame::{duration, facts, number, table, text, time};
use super::site::{Answer, Fields, Site};
use crate::stats::{Program, Status};
use crate::store::{AppRow, PlatformRow, VersionRow};

pub(super) async fn status(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let programs = programs(view.site);
        let body = view.kept("status", |view| {
            let status = Status::look(view.database, view.now)?;
            Ok(shown(&status, &programs).into_string())
        })?;
        Ok(Answer::Page("Server".to_owned(), PreEscaped(body)))
    })
    .await
}

/// `server_status.php?xml=1`, for sites that watch many projects.
pub(super) async fn server_status(State(site): State<Site>, headers: HeaderMap, fields: Query<Fields>) -> Response {
    let machine = fields.contains_key("xml");
    site.page(headers, move |view| {
        if !machine {
            return Ok(Answer::To("status".to_owned()));
        }
        let programs = programs(view.site);
        let host = view.site.web.project.address.host.clone();
        let text = view.kept("status xml", |view| Ok(Status::look(view.database, view.now)?.xml(&host, &programs)))?;
        Ok(Answer::Text("text/xml; charset=utf-8", text))
    })
    .await
}

fn programs(site: &Site) -> Vec<Program> {
    let stages = &site.web.stages;
    let parts = [
        ("scheduler", &stages.send),
        ("validator", &stages.validate),
        ("assimilator", &stages.assimilate),
        ("file deleter", &stages.delete),
        ("purger", &stages.purge),
        ("work generator", &stages.generate),
        ("refitter", &stages.refit),
    ];
    parts.map(|(name, on)| Program { name: name.to_owned(), runs: on.load(Ordering::Relaxed) }).to_vec()
}

fn shown(status: &Status, programs: &[Program]) -> maud::Markup {
    let count = |count: i64| text(number(count as f64, 0));
    let parts = programs.iter().map(|part| vec![text(&part.name), text(if part.runs { "runs" } else { "stopped" })]);
    let apps = status.apps.iter().map(|app| {
        let (mean, least, most) = app.hours;
        vec![
            text(&app.title),
            count(app.unsent),
            count(app.in_progress),
            text(format!("{mean:.2} ({least:.2} - {most:.2})")),
            count(app.users),
        ]
    });
    html! {
        p .small { "As of " (time(status.time)) " UTC" }
        (table(&["Part", "State"], &[], parts.collect()))
        h2 { "Work" }
        (facts(&[
            ("Tasks ready to send", count(status.unsent)),
            ("Tasks in progress", count(status.in_progress)),
            ("Work units to be validated", count(status.to_validate)),
            ("Work units to be assimilated", count(status.to_assimilate)),
            ("Work units whose files go", count(status.to_delete)),
            ("Work units in the database", count(status.units)),
            ("Backlog", text(duration(status.backlog as f64))),
        ]))
        h2 { "Volunteers" }
        (table(&["", "With credit of late", "With credit", "New in a day"], &[1, 2, 3], vec![
            vec![text("Users"), count(status.users.0), count(status.users.1), count(status.users.2)],
            vec![text("Computers"), count(status.hosts.0), count(status.hosts.1), count(status.hosts.2)],
        ]))
        p { "Speed: " (number(status.gigaflops, 1)) " GFLOPS" }
        h2 { "Applications" }
        (table(&["Application", "Ready to send", "In progress", "Hours of late, mean (least - most)", "Users in a day"], &[1, 2, 3, 4], apps.collect()))
    }
}

pub(super) async fn apps(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let apps: Vec<AppRow> = view.scan("id > 0 order by id", &[])?;
        let versions: Vec<VersionRow> = view.scan("deprecated = 0 order by platform, number desc", &[])?;
        let paused: Vec<PlatformRow> = view.scan("paused = 1", &[])?;
        let is_paused = |platform: &str| paused.iter().any(|row| row.name == platform);
        let body = html! {
            @for app in &apps {
                h2 { (app.title) @if app.paused { " (paused)" } }
                (table(&["Platform", "Version", "Class", "Since"], &[1], versions.iter().filter(|version| version.app_id == app.id).map(|version| vec![
                    html! { (version.platform) @if is_paused(&version.platform) { " (paused)" } },
                    text(format!("{}.{:02}", version.number / 100, version.number % 100)),
                    text(&version.plan_class),
                    text(time(version.created)),
                ]).collect()))
            }
            @if apps.is_empty() { p { "None yet." } }
        };
        Ok(Answer::Page("Applications".to_owned(), body))
    })
    .await
}
