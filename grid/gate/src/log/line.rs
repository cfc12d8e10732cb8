//! A line of the access log.

use std::fmt::Write;
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::calendar::Moment;
use crate::config::LogFormat;
use crate::head::Head;

/// What a line says.
#[derive(Serialize)]
pub(crate) struct Line<'a> {
    /// When the request came, seconds since 1970 UTC.
    pub(crate) time_s: f64,
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: &'a str,
    pub(crate) host: &'a str,
    pub(crate) target: &'a str,
    pub(crate) protocol: &'static str,
    /// 499: the client left before there was any.
    pub(crate) status: u16,
    /// Bytes of the reply's body.
    pub(crate) bytes: u64,
    /// Bytes of the request's body.
    pub(crate) bytes_in: u64,
    pub(crate) referer: Option<String>,
    pub(crate) agent: Option<String>,
    pub(crate) pool: &'a str,
    pub(crate) server: &'a str,
    pub(crate) context: String,
    pub(crate) class: &'a str,
    /// Why it went there, or why nowhere.
    pub(crate) reason: &'a str,
    pub(crate) hit: Option<bool>,
    pub(crate) waited_ms: f64,
    pub(crate) first_ms: Option<f64>,
    pub(crate) whole_ms: f64,
    pub(crate) tries: u64,
    /// Whether the second of two servers won, where two were asked at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hedge: Option<&'static str>,
    pub(crate) is_cut: bool,
    pub(crate) id: &'a str,
}

impl Line<'_> {
    /// Text of a field of the request.
    pub(crate) fn field(head: &Head, name: &str) -> Option<String> {
        head.get(name).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    /// The line, with its end.
    pub(crate) fn text(&self, format: LogFormat) -> String {
        match format {
            LogFormat::Json => {
                let mut text = serde_json::to_string(self).unwrap_or_default();
                text.push('\n');
                text
            }
            LogFormat::Combined => self.combined(),
        }
    }

    fn combined(&self) -> String {
        let mut text = String::with_capacity(320);
        match self.client {
            // Text has always room.
            Some(client) => drop(write!(text, "{client}")),
            None => text.push('-'),
        }
        text.push_str(" - - [");
        date(&mut text, self.time_s as i64);
        text.push_str("] \"");
        safe(&mut text, self.method);
        text.push(' ');
        safe(&mut text, self.target);
        let _ = write!(text, " {}\" {} {} \"", self.protocol, self.status, self.bytes);
        safe(&mut text, self.referer.as_deref().unwrap_or("-"));
        text.push_str("\" \"");
        safe(&mut text, self.agent.as_deref().unwrap_or("-"));
        text.push('"');
        for word in [self.pool, self.server, &self.context, self.class, self.reason] {
            text.push(' ');
            word.chars().for_each(|one| text.push(if one.is_whitespace() || one.is_control() { '_' } else { one }));
            if word.is_empty() {
                text.push('-');
            }
        }
        let _ = write!(text, " {:.3}", self.waited_ms);
        match self.first_ms {
            Some(first_ms) => drop(write!(text, " {first_ms:.3}")),
            None => text.push_str(" -"),
        }
        let _ = writeln!(text, " {:.3} {} {}", self.whole_ms, self.tries, self.id);
        text
    }
}

/// What could be taken for the end of a field or of a line is written as `\xNN`.
fn safe(to: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' | 0..=31 | 127.. => drop(write!(to, "\\x{byte:02X}")),
            plain => to.push(char::from(plain)),
        }
    }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A date as web servers write it: `22/Nov/2026:18:33:01 +0000`.
fn date(to: &mut String, time_s: i64) {
    let Moment { year, month, day, hour, minute, second } = Moment::of(time_s);
    let name = MONTHS[(month - 1) as usize];
    let _ = write!(to, "{day:02}/{name}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000");
}

/// Seconds since 1970 UTC.
pub(crate) fn now_s() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dated(time_s: i64) -> String {
        let mut text = String::new();
        date(&mut text, time_s);
        text
    }

    /// By `date -u -d @N +%d/%b/%Y:%T`.
    #[test]
    fn dates_are_those_of_another_program() {
        for (time_s, text) in [
            (0, "01/Jan/1970:00:00:00"),
            (951_782_399, "28/Feb/2000:23:59:59"),
            (951_782_400, "29/Feb/2000:00:00:00"),
            (1_709_251_199, "29/Feb/2024:23:59:59"),
            (1_709_251_200, "01/Mar/2024:00:00:00"),
            (1_798_761_600, "01/Jan/2027:00:00:00"),
            (4_107_542_399, "28/Feb/2100:23:59:59"),
            (4_107_542_400, "01/Mar/2100:00:00:00"),
        ] {
            assert_eq!(dated(time_s), format!("{text} +0000"));
        }
    }

    #[test]
    fn nobody_writes_lines_of_their_own_into_the_log() {
        let mut text = String::new();
        safe(&mut text, "a\"b\\c\nd\u{e9}");
        assert_eq!(text, "a\\x22b\\x5Cc\\x0Ad\\xC3\\xA9");
    }
}
