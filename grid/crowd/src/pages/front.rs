//! The front page.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::{Markup, PreEscaped, html};

use super::frame::{credit, link, number, time};
use super::site::{Answer, Failure, Site, View};
use crate::store::{Counter, NoticeRow, UserRow, Value};

pub(super) async fn front(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| Ok(Answer::Page(String::new(), body(view)?))).await
}

fn body(view: &mut View<'_>) -> Result<Markup, Failure> {
    let about = view.kept("front", |view| Ok(figures(view)?.into_string()))?;
    let config = &view.site.web.project.config.project;
    let url = view.site.web.project.address.to_string();
    Ok(html! {
        h1 { (config.name) }
        p { "Computers of volunteers work on this project. To take part, get "
            a href="https://boinc.berkeley.edu/download.php" { "BOINC" }
            ", choose " i { "Tools, Add project" } ", and give this address:" }
        p { code { (url) } }
        @if config.closed { p { "No new accounts are made now." } }
        @if !config.terms_of_use.is_empty() {
            details { summary { "Terms of use" } pre { (config.terms_of_use) } }
        }
        (PreEscaped(about))
    })
}

fn figures(view: &mut View<'_>) -> Result<Markup, Failure> {
    let users = view.count("select count(*) from users where credit > 0", &[])?;
    let hosts = view.count("select count(*) from hosts where credit > 0 and merged_into is null", &[])?;
    let done = view.count("select value from counters where id = $1", &[Value::Int(Counter::Assimilated as i64)])?;
    let news: Vec<NoticeRow> = view.scan("user_id is null order by id desc limit 5", &[])?;
    let chosen = user_of_the_day(view)?;
    let site = view.site;
    Ok(html! {
        p { (number(users as f64, 0)) " volunteers with " (number(hosts as f64, 0)) " computers have credit here; "
            (number(done as f64, 0)) " work units are done (" (link(site, "milestones", "milestones")) ")." }
        @if let Some(user) = chosen {
            h2 { "User of the day" }
            p { (link(site, &format!("user/{}", user.id), &user.name)) ", with " (credit(user.credit)) " cobblestones" }
        }
        @if !news.is_empty() {
            h2 { "News" }
            @for notice in &news {
                p { b { (notice.title) } " " span .small { (time(notice.moment)) } br; (notice.body) }
            }
        }
    })
}

/// One of those with recent credit, another each day, the same for all.
fn user_of_the_day(view: &mut View<'_>) -> Result<Option<UserRow>, Failure> {
    let active = view.count("select count(*) from users where average > 0 and consent = 1", &[])?;
    if active == 0 {
        return Ok(None);
    }
    let day = view.now.div_euclid(86_400).unsigned_abs();
    // Days in a row land far from each other (Knuth, TAOCP 3, 6.4: multiplication by the golden ratio).
    let place = (day.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 33) % active.unsigned_abs();
    let condition = "average > 0 and consent = 1 order by id limit 1 offset $1";
    Ok(view.scan::<UserRow>(condition, &[Value::Int(place as i64)])?.pop())
}
