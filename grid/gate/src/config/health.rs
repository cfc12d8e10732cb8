//! How back ends are looked after.

use std::time::Duration;

use serde::Deserialize;

use super::quantity::{de_list, de_time};

/// How back ends are looked after: `[pool.health]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Health {
    /// Path that is asked for; without it nobody asks.
    pub path: Option<String>,
    /// Value of `Host` of those questions; without it the address.
    pub host: Option<String>,
    /// Time between two questions.
    #[serde(deserialize_with = "de_time")]
    pub interval: Duration,
    /// Time that an answer may take.
    #[serde(deserialize_with = "de_time")]
    pub timeout: Duration,
    /// Good answers in a row that bring a back end up.
    pub rise: u32,
    /// Bad ones that take it down.
    pub fall: u32,
    /// Statuses that are good, such as `200` and `200-399`.
    #[serde(deserialize_with = "de_list")]
    pub expect: Vec<Statuses>,
    /// What clients' own requests say of a back end.
    pub passive: Passive,
}

impl Default for Health {
    fn default() -> Self {
        Self {
            path: None,
            host: None,
            interval: Duration::from_secs(2),
            timeout: Duration::from_secs(1),
            rise: 2,
            fall: 3,
            expect: vec![Statuses { first: 200, last: 399 }],
            passive: Passive::default(),
        }
    }
}

/// A range of statuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Statuses {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Statuses {
    /// Whether `status` is one of them.
    #[must_use]
    pub fn has(self, status: u16) -> bool {
        (self.first..=self.last).contains(&status)
    }
}

impl TryFrom<String> for Statuses {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (first.trim().parse(), last.trim().parse()) {
            (Ok(first @ 100..=599), Ok(last @ 100..=599)) if first <= last => Ok(Self { first, last }),
            _ => Err(format!("\"{text}\" is not a status or a range of them; write \"200\" or \"200-399\"")),
        }
    }
}

/// What clients' own requests say of a back end: `[pool.health.passive]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Passive {
    /// Failures in a row after which a back end gets no requests for a while; 0: never.
    pub failures: u32,
    /// That while, the first time; it doubles each time up to 16 times.
    #[serde(deserialize_with = "de_time")]
    pub ejection: Duration,
    /// Most of a pool's back ends that get none so, percent.
    pub max_ejected: f64,
}

impl Default for Passive {
    fn default() -> Self {
        Self { failures: 5, ejection: Duration::from_secs(10), max_ejected: 50.0 }
    }
}
