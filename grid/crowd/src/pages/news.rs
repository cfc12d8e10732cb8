//! News: a page, and the feed that BOINC clients show as notices.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use maud::html;

use super::frame::{date, time};
use super::site::{Answer, Site};
use crate::store::NoticeRow;
use crate::wire::escaped;

pub(super) async fn news(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let news: Vec<NoticeRow> = view.scan("user_id is null order by id desc limit 100", &[])?;
        let body = html! {
            @for notice in &news { h2 { (notice.title) } p .small { (time(notice.moment)) } p { (notice.body) } }
            @if news.is_empty() { p { "None yet." } }
        };
        Ok(Answer::Page("News".to_owned(), body))
    })
    .await
}

/// `notices.php`: RSS as clients read it (`client/cs_notice.cpp`).
pub(super) async fn feed(State(site): State<Site>, headers: HeaderMap) -> Response {
    site.page(headers, |view| {
        let news: Vec<NoticeRow> = view.scan("user_id is null order by id desc limit 20", &[])?;
        let url = view.site.web.project.address.to_string();
        let mut out = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\" ?>\n<rss version=\"2.0\">\n<channel>\n<title>{}</title>\n<link>{}</link>\n",
            escaped(view.site.title()),
            escaped(&url)
        );
        for notice in &news {
            out.push_str(&format!(
                "<item>\n<title>{}</title>\n<guid isPermaLink=\"false\">{}notice/{}</guid>\n<pubDate>{}</pubDate>\n<description>{}</description>\n</item>\n",
                escaped(&notice.title),
                escaped(&url),
                notice.id,
                mail_date(notice.moment),
                escaped(&notice.body),
            ));
        }
        out.push_str("</channel>\n</rss>\n");
        Ok(Answer::Text("application/rss+xml; charset=utf-8", out))
    })
    .await
}

/// A time as letters and feeds have it (RFC 5322, 3.3).
pub(super) fn mail_date(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = date(seconds);
    let weekday = DAYS[seconds.div_euclid(86_400).rem_euclid(7) as usize];
    let month = MONTHS[(month - 1).rem_euclid(12) as usize];
    let rest = seconds.rem_euclid(86_400);
    format!("{weekday}, {day:02} {month} {year} {:02}:{:02}:{:02} +0000", rest / 3600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn feeds_have_the_dates_of_letters() {
        // date -u -R -d @1795288200
        assert_eq!(super::mail_date(1_795_288_200), "Sat, 21 Nov 2026 19:10:00 +0000");
    }
}
