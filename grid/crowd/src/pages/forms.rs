//! Preferences: what BOINC may take of a computer, and what others may know.

use axum::Form;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::account::{edit, said};
use super::frame::form;
use super::site::{Answer, Failure, Fields, Site, View, field};
use crate::account::{is_country, url};

/// Numbers among the global preferences: element, what it is, least and most, BOINC's own value (`lib/prefs.cpp`).
const NUMBERS: [(&str, &str, f64, f64, f64); 12] = [
    ("max_ncpus_pct", "Processors to use, %", 1.0, 100.0, 100.0),
    ("cpu_usage_limit", "Processor time to use, %", 1.0, 100.0, 100.0),
    ("suspend_cpu_usage", "Pause while other programs use more than, % (0: never)", 0.0, 100.0, 25.0),
    ("idle_time_to_run", "Minutes without input until a computer counts as idle", 0.0, 1e4, 3.0),
    ("work_buf_min_days", "Days of work to keep", 0.0, 10.0, 0.1),
    ("work_buf_additional_days", "Days of work to keep besides", 0.0, 10.0, 0.5),
    ("disk_max_used_gb", "Disk at most, GB (0: as the shares below say)", 0.0, 1e6, 0.0),
    ("disk_max_used_pct", "Disk at most, %", 0.0, 100.0, 90.0),
    ("ram_max_used_busy_pct", "Memory while the computer is used, %", 1.0, 100.0, 50.0),
    ("ram_max_used_idle_pct", "Memory while it is idle, %", 1.0, 100.0, 90.0),
    ("max_bytes_sec_down", "Download, bytes a second at most (0: any)", 0.0, 1e12, 0.0),
    ("max_bytes_sec_up", "Upload, bytes a second at most (0: any)", 0.0, 1e12, 0.0),
];
/// Yes or no among them.
const FLAGS: [(&str, &str, bool); 4] = [
    ("run_on_batteries", "Compute on batteries", false),
    ("run_if_user_active", "Compute while the computer is used", true),
    ("run_gpu_if_user_active", "Compute on accelerators while the computer is used", false),
    ("leave_apps_in_memory", "Keep paused tasks in memory", false),
];

/// Venues that computers can be put to.
pub(crate) const VENUES: [&str; 4] = ["", "home", "work", "school"];

fn known(json: &str) -> Vec<(String, String)> {
    serde_json::from_str(json).unwrap_or_default()
}

fn value<'a>(values: &'a [(String, String)], name: &str) -> Option<&'a str> {
    values.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

pub(super) async fn preferences_form(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, page).await
}

fn page(view: &mut View<'_>) -> Result<Answer, Failure> {
    let me = view.must()?;
    let values = known(&me.preferences);
    let flag = |name: &str, usual: bool| value(&values, name).map_or(usual, |value| value.trim() != "0");
    let inputs = html! {
        h2 { "Computing" }
        @for (name, about, usual) in FLAGS {
            label { input type="checkbox" name=(name) value="1" checked[flag(name, usual)]; " " (about) }
        }
        @for (name, about, _, _, usual) in NUMBERS {
            label { (about) br; input type="text" inputmode="decimal" name=(name) value=(value(&values, name).map_or(usual.to_string(), str::to_owned)); }
        }
        h2 { "You" }
        label { "Venue of new computers" br; select name="venue" { @for venue in VENUES {
            option value=(venue) selected[venue == me.venue] { (if venue.is_empty() { "none" } else { venue }) }
        } } }
        label { "Country" br; input type="text" name="country" maxlength="60" value=(me.country); }
        label { "Page" br; input type="text" name="url" maxlength="250" value=(me.url); }
        label { input type="checkbox" name="consent" value="1" checked[me.consent]; " Name and credit may be exported to sites that show many projects" }
        button { "Save" }
    };
    let body = html! {
        p { "Computers get these when they next speak with the project." }
        (form(view.site, "account/preferences", &view.token, inputs))
    };
    Ok(Answer::Page("Preferences".to_owned(), body))
}

pub(super) async fn preferences(State(site): State<Site>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    site.form(headers, fields, |view, fields| {
        let me = view.must()?;
        let mut values = known(&me.preferences);
        let mut set = |name: &str, text: String| match values.iter_mut().find(|(key, _)| key == name) {
            Some((_, value)) => *value = text,
            None => values.push((name.to_owned(), text)),
        };
        for (name, ..) in FLAGS {
            set(name, u8::from(fields.contains_key(name)).to_string());
        }
        for (name, about, least, most, _) in NUMBERS {
            let number = field(fields, name).replace(',', ".").parse::<f64>().ok();
            let number = number.filter(|number| (least..=most).contains(number));
            let number = number.ok_or_else(|| Failure::Said(format!("\"{about}\" lies between {least} and {most}")))?;
            set(name, number.to_string());
        }
        let (venue, country) = (field(fields, "venue").to_owned(), field(fields, "country").to_owned());
        if !VENUES.contains(&venue.as_str()) || !is_country(&country) {
            return Err(said("the country has other signs than letters, spaces and -.,'()"));
        }
        let page =
            url(field(fields, "url")).ok_or_else(|| said("the page's address begins with http:// or https://"))?;
        let consent = fields.contains_key("consent");
        let text = serde_json::to_string(&values).map_err(|error| Failure::Broken(error.to_string()))?;
        edit(view, me.id, move |user, now| {
            if user.preferences != text {
                user.preferences.clone_from(&text);
                user.preferences_time = now as f64;
            }
            user.venue.clone_from(&venue);
            user.country.clone_from(&country);
            user.url.clone_from(&page);
            user.consent = consent;
        })?;
        Ok(Answer::To("account".to_owned()))
    })
    .await
}
