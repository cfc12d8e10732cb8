//! Which request goes to which pool.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::quantity::{de_list, de_some_bytes};

/// A rule for requests: `[[route]]`. All conditions that it names have to hold; at most one of `path`, `prefix`, `glob` and `regex`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Route {
    /// Hosts, without port: `a.example.org`, or `*.example.org` for all below it; none: any.
    #[serde(deserialize_with = "de_list")]
    pub host: Vec<String>,
    /// The path.
    pub path: Option<String>,
    /// The path, or what it begins with up to a slash.
    pub prefix: Option<String>,
    /// The path, where `*` stands for anything but a slash, `**` for anything, `?` for one character.
    pub glob: Option<String>,
    /// A regular expression for the whole path.
    pub regex: Option<String>,
    /// Methods; none: any. `GET` stands for `HEAD` too.
    #[serde(deserialize_with = "de_list")]
    pub methods: Vec<String>,
    /// The pool that answers.
    pub pool: Option<String>,
    /// The answer is that it is elsewhere.
    pub redirect: Option<Redirect>,
    /// The gate answers itself.
    pub respond: Option<Respond>,
    /// Whether the back end gets the path without `prefix`.
    pub strip_prefix: bool,
    /// What the back end gets in place of `prefix`.
    pub replace_prefix: Option<String>,
    /// Fields of the request that are set or removed.
    pub request: Fields,
    /// Fields of the answer that are set or removed.
    pub response: Fields,
    /// Bytes of a request's body; without it those of the file's first lines, `body_limit`.
    #[serde(deserialize_with = "de_some_bytes")]
    pub body_limit: Option<u64>,
}

/// An answer that it is elsewhere: `redirect`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redirect {
    /// Where: `{host}`, `{path}`, `{rest}` (the path after `prefix`) and `{query}` (with its question mark) are filled in.
    pub to: String,
    /// 301, 302, 303, 307 or 308.
    #[serde(default = "moved")]
    pub status: u16,
}

fn moved() -> u16 {
    308
}

/// An answer of the gate itself: `respond`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Respond {
    /// Its status.
    pub status: u16,
    /// Its body.
    #[serde(default)]
    pub body: String,
    /// What the body is.
    #[serde(default = "plain_text", rename = "type")]
    pub kind: String,
}

fn plain_text() -> String {
    "text/plain; charset=utf-8".to_string()
}

/// Fields that are set or removed: `[route.request]`, `[route.response]`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Fields {
    /// Fields and their values, in place of those that were there.
    pub set: BTreeMap<String, String>,
    /// Fields that go.
    #[serde(deserialize_with = "de_list")]
    pub remove: Vec<String>,
}
