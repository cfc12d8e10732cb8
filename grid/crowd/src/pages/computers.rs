//! One's own computers: venue, hidden or not, and two rows that are one computer.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::account::said;
use super::forms::VENUES;
use super::frame::{credit, form, link, table, text, time};
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::engine::DeskError;
use crate::store::{HostRow, Place, Value};

pub(super) async fn mine(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, page).await
}

fn page(view: &mut View<'_>) -> Result<Answer, Failure> {
    let me = view.must()?;
    let condition = "user_id = $1 and merged_into is null order by id desc limit 500";
    let hosts: Vec<HostRow> = view.scan(condition, &[Value::Int(me.id)])?;
    let (site, token) = (view.site, view.token.as_str());
    let rows = hosts.iter().map(|host| {
        let settings = html! {
            select name="venue" { @for venue in VENUES {
                option value=(venue) selected[venue == host.venue] { (if venue.is_empty() { "no venue" } else { venue }) }
            } }
            label { input type="checkbox" name="hidden" value="1" checked[host.hidden]; " hide" }
            button { "Save" }
        };
        vec![
            link(site, &format!("host/{}", host.id), &host.id.to_string()),
            text(&host.domain_name),
            text(&host.model),
            text(credit(host.credit)),
            text(time(host.seen)),
            form(site, &format!("account/computers/{}", host.id), token, settings),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let choice = |name: &str| html! { select name=(name) { @for host in &hosts { option value=(host.id) { (host.id) " " (host.domain_name) } } } };
    let body = html! {
        (table(&["Number", "Name", "Processors", "Credit", "Last heard of", "Settings"], &[3], rows))
        @if hosts.len() > 1 {
            h2 { "Merge" }
            p { "Where one computer is here twice, the one that is not heard of any more can go into the other, with its credit and tasks." }
            (form(site, "account/computers/merge", token, html! {
                label { "Former" br; (choice("from")) }
                label { "goes into" br; (choice("into")) }
                button { "Merge" }
            }))
        }
    };
    Ok(Answer::Page("Computers".to_owned(), body))
}

pub(super) async fn change(
    State(site): State<Site>,
    headers: HeaderMap,
    Path(id): Path<i64>,
    Form(fields): Form<Fields>,
) -> Response {
    site.form(headers, fields, move |view, fields| {
        let me = view.must()?;
        let (venue, hidden) = (field(fields, "venue").to_owned(), fields.contains_key("hidden"));
        if !VENUES.contains(&venue.as_str()) {
            return Err(said("there is no such venue"));
        }
        view.site.web.engine.act(move |desk| {
            desk.book.hosts.load(desk.database, [id])?;
            let host = desk.book.hosts.edit(id).filter(|host| host.user_id == me.id);
            let host = host.ok_or_else(|| DeskError::Refused("this computer is not yours".to_owned()))?;
            host.venue.clone_from(&venue);
            host.hidden = hidden;
            Ok(())
        })?;
        Ok(Answer::To("account/computers".to_owned()))
    })
    .await
}

pub(super) async fn merge(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = view.must()?;
        let number = |name: &str| field(fields, name).parse::<i64>().unwrap_or(0);
        let (from, into) = (number("from"), number("into"));
        view.site.web.engine.act(move |desk| {
            desk.book.hosts.load(desk.database, [from, into])?;
            let mine = |id: i64| desk.book.hosts.get(id).filter(|host| host.user_id == me.id).cloned();
            let (Some(old), Some(new)) = (mine(from), mine(into)) else {
                return Err(DeskError::Refused("these computers are not yours".to_owned()));
            };
            if let Some(why) = apart(&old, &new) {
                return Err(DeskError::Refused(why.to_owned()));
            }
            for and in ["state = 4", "state = 5"] {
                desk.book.results.load_by(desk.database, Place { column: "host_id", and }, &[Value::Int(from)])?;
            }
            let results: Vec<i64> =
                desk.book.results.all().filter(|row| row.host_id == from).map(|row| row.id).collect();
            for id in results {
                if let Some(row) = desk.book.results.edit(id) {
                    row.host_id = into;
                }
            }
            if let Some(host) = desk.book.hosts.edit(into) {
                let average = |host: &HostRow| {
                    crate::engine::average_after(host.average, 0.0, (desk.now - host.average_time) as f64)
                };
                host.average = average(host) + average(&old);
                host.average_time = desk.now;
                host.credit += old.credit;
                host.purged_credit += old.purged_credit;
                host.imported += old.imported;
                host.valid += old.valid;
                host.invalid += old.invalid;
                host.errors += old.errors;
                host.created = host.created.min(old.created);
            }
            if let Some(host) = desk.book.hosts.edit(from) {
                (host.credit, host.purged_credit, host.imported, host.average) = (0, 0, 0, 0.0);
                host.merged_into = Some(into);
            }
            Ok(())
        })?;
        Ok(Answer::To("account/computers".to_owned()))
    })
    .await
}

/// Why two rows are not one computer, as BOINC has it (`html/inc/host.inc`, `hosts_coexisted`, `host_update`): they were heard of in
/// turns, or are of other kinds.
fn apart(old: &HostRow, new: &HostRow) -> Option<&'static str> {
    if old.id == new.id {
        return Some("these are one already");
    }
    if old.merged_into.is_some() || new.merged_into.is_some() {
        return Some("one of them was merged already");
    }
    if old.seen >= new.created && new.seen >= old.created {
        return Some("both were heard of at one time, so that they are two computers");
    }
    if old.seen > new.seen {
        return Some("the former was heard of after the other; merge them the other way");
    }
    if old.os_name != new.os_name && old.model != new.model {
        return Some("they have other processors and another system");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_one_computer_is_merged() {
        let host = |id, created, seen| HostRow { id, created, seen, ..HostRow::default() };
        assert_eq!(apart(&host(1, 100, 200), &host(2, 201, 300)), None);
        assert!(apart(&host(1, 100, 250), &host(2, 201, 300)).is_some());
        assert!(apart(&host(2, 201, 300), &host(1, 100, 200)).is_some());
        assert!(apart(&host(1, 100, 200), &host(1, 100, 200)).is_some());
        let other = HostRow { os_name: "BeOS".to_owned(), model: "PPC".to_owned(), ..host(2, 201, 300) };
        assert!(apart(&host(1, 100, 200), &other).is_some());
    }
}
