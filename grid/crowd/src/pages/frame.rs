//! What all pages have about them, and how numbers and times are written.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::site::Site;
use crate::role::MICRO;
use crate::store::UserRow;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:0 1rem;color:#1c2430;background:#fff}\
nav{display:flex;flex-wrap:wrap;gap:.2rem 1rem;padding:.6rem 0;border-bottom:1px solid #ccd3dc}nav form{display:inline}\
h1{font-size:1.6rem;margin:1rem 0 .5rem}h2{font-size:1.2rem;margin:1.5rem 0 .4rem}a{color:#0b57a4}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem .25rem 0;border-bottom:1px solid #e3e8ee;vertical-align:top}\
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.wide{overflow-x:auto}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f6f8;padding:.6rem}\
label{display:block;margin:.5rem 0}input,select,textarea,button{font:inherit}input[type=text],input[type=email],input[type=password],input[type=number],textarea{width:100%;max-width:26rem}\
.small{color:#556;font-size:.9rem}button{padding:.2rem .8rem}footer{margin:2rem 0 1rem;border-top:1px solid #ccd3dc;padding-top:.5rem}\
@media(prefers-color-scheme:dark){body{color:#dfe5ec;background:#14181d}a{color:#8ab8ea}pre{background:#1e242b}nav,footer,th,td{border-color:#38424d}.small{color:#9aa7b4}}";

fn navigation(site: &Site, known: Option<&(UserRow, String)>) -> Markup {
    let path = site.path();
    html! {
        nav {
            a href=(path) { (site.title()) }
            @for section in site.sections() { a href=(format!("{path}{}", section.name())) { (section.title()) } }
            a href=(format!("{path}top/users")) { "Users" }
            a href=(format!("{path}top/teams")) { "Teams" }
            a href=(format!("{path}top/hosts")) { "Computers" }
            a href=(format!("{path}apps")) { "Applications" }
            a href=(format!("{path}status")) { "Server" }
            a href=(format!("{path}news")) { "News" }
            @if let Some((me, token)) = known {
                a href=(format!("{path}account")) { (me.name) }
                a href=(format!("{path}user/{}/tasks", me.id)) { "My tasks" }
                @if !me.role.is_empty() { a href=(format!("{path}admin")) { "Administration" } }
                form method="post" action=(format!("{path}logout")) {
                    input type="hidden" name="token" value=(token);
                    button { "Log out" }
                }
            } @else {
                a href=(format!("{path}login")) { "Log in" }
                a href=(format!("{path}join")) { "Join" }
            }
        }
    }
}

/// A page.
pub(super) fn page(site: &Site, known: Option<&(UserRow, String)>, title: &str, body: Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " - " (site.title()) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (navigation(site, known))
                main { h1 { (title) } (body) }
                footer .small { "Served by Pogson. Works with the BOINC client." }
            }
        }
    }
    .into_string()
}

/// The front page. Clients look in it for the scheduler's address, line by line.
pub(super) fn front(site: &Site, known: Option<&(UserRow, String)>, body: Markup) -> String {
    let inner = html! {
        style { (PreEscaped(STYLE)) }
        (navigation(site, known))
        main { (body) }
        footer .small { "Served by Pogson. Works with the BOINC client." }
    };
    let scheduler = format!("{}cgi", site.web.project.address);
    crate::wire::master_page(site.title(), &scheduler, &inner.into_string())
}

/// A table; `numbers` says which columns are to the right.
pub(super) fn table(heads: &[&str], numbers: &[usize], rows: Vec<Vec<Markup>>) -> Markup {
    let class = |at: usize| numbers.contains(&at).then_some("n");
    html! {
        div .wide { table {
            tr { @for (at, head) in heads.iter().enumerate() { th class=[class(at)] { (head) } } }
            @for row in &rows { tr { @for (at, cell) in row.iter().enumerate() { td class=[class(at)] { (cell) } } } }
        } }
    }
}

/// Names and values, one below the other.
pub(super) fn facts(rows: &[(&str, Markup)]) -> Markup {
    html! { table { @for (name, value) in rows { tr { th { (name) } td { (value) } } } } }
}

/// A form's beginning, with what shows that it is ours.
pub(super) fn form(site: &Site, action: &str, token: &str, body: Markup) -> Markup {
    html! {
        form method="post" action=(format!("{}{action}", site.path())) {
            @if !token.is_empty() { input type="hidden" name="token" value=(token); }
            (body)
        }
    }
}

/// A link below the project's path.
pub(super) fn link(site: &Site, to: &str, text: &str) -> Markup {
    html! { a href=(format!("{}{to}", site.path())) { (text) } }
}

/// Text.
pub(super) fn text(text: impl std::fmt::Display) -> Markup {
    html! { (text.to_string()) }
}

/// Credit: cobblestones to two places, thousands apart.
pub(super) fn credit(millionths: i64) -> String {
    number(millionths as f64 / MICRO as f64, 2)
}

/// A number with places after the point, thousands apart.
pub(super) fn number(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
    let mut out = String::from(sign);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    if let Some(rest) = rest {
        out.push('.');
        out.push_str(rest);
    }
    out
}

/// A time in UTC: `2026-11-21 19:30`; a dash for none.
pub(super) fn time(seconds: i64) -> String {
    if seconds <= 0 {
        return "-".to_owned();
    }
    let (year, month, day) = date(seconds);
    let rest = seconds.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", rest / 3600, rest / 60 % 60)
}

/// Year, month and day in UTC (days to civil dates, after H. Hinnant's chrono-compatible algorithms).
pub(super) fn date(seconds: i64) -> (i64, i64, i64) {
    let days = seconds.div_euclid(86_400) + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// A duration as people read it.
pub(super) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    match seconds {
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7200.0 => format!("{:.1} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.1} h", s / 3600.0),
        s => format!("{:.1} days", s / 86_400.0),
    }
}

/// A text as a sentence: with a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first: String = letters.next().map(|letter| letter.to_uppercase().collect()).unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_in_utc() {
        // date -u -d @1795288200, and leap days about century years.
        for (seconds, shown) in [
            (1_795_288_200, "2026-11-21 19:10"),
            (951_782_400, "2000-02-29 00:00"),
            (4_107_542_399, "2100-02-28 23:59"),
            (4_107_542_400, "2100-03-01 00:00"),
            (1, "1970-01-01 00:00"),
            (0, "-"),
        ] {
            assert_eq!(time(seconds), shown);
        }
    }

    #[test]
    fn numbers_have_their_thousands_apart() {
        assert_eq!(number(1_234_567.891, 2), "1,234,567.89");
        assert_eq!(
            (number(-1234.0, 0), number(999.0, 0), number(0.0, 1)),
            ("-1,234".into(), "999".into(), "0.0".into())
        );
        assert_eq!(credit(8_850_000), "8.85");
    }
}
