//! Who asks, and how much that counts.

use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;

use super::address::Network;
use super::moment::de_moment;
use super::quantity::de_list;

/// How important a request is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It goes first.
    High = 0,
    /// As most do.
    #[default]
    Medium = 1,
    /// It goes when there is room.
    Low = 2,
}

impl Level {
    /// All, from the highest.
    pub const ALL: [Self; 3] = [Self::High, Self::Medium, Self::Low];

    /// How it is written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let level = Self::ALL.into_iter().find(|level| level.name() == text);
        level.ok_or_else(|| format!("\"{text}\" is not a level; write high, medium or low"))
    }
}

/// A row of the member table: `[[class]]`. All conditions that it names have to hold; of a list one suffices.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    /// How logs and metrics call it.
    pub name: String,
    /// How important its requests are.
    #[serde(default)]
    pub level: Level,
    /// Share of its members by those of others of the level.
    #[serde(default = "one")]
    pub weight: f64,
    /// Networks or addresses of clients.
    #[serde(default, deserialize_with = "de_list")]
    pub network: Vec<Network>,
    /// Secret words that clients send as `Authorization: Bearer WORD` or `X-Api-Key: WORD`; `sha256:` and 64 hexadecimal digits
    /// stand for a word whose hash that is.
    #[serde(default, deserialize_with = "de_list")]
    pub token: Vec<String>,
    /// A cookie, as `NAME=VALUE`, or `NAME` with any value.
    pub cookie: Option<String>,
    /// What the path begins with up to a slash.
    #[serde(default, deserialize_with = "de_list")]
    pub path: Vec<String>,
    /// Methods.
    #[serde(default, deserialize_with = "de_list")]
    pub methods: Vec<String>,
    /// Hosts as routes have them.
    #[serde(default, deserialize_with = "de_list")]
    pub host: Vec<String>,
}

fn one() -> f64 {
    1.0
}

/// Who a client is: `[members]`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Members {
    /// What tells clients apart for fair shares, the first that a request has: `token`, `address`, or a cookie as `cookie:NAME`. A
    /// client of a signed token is always known by it.
    #[serde(deserialize_with = "de_list")]
    pub by: Vec<Identity>,
    /// File of the key that priority tokens are signed with; without it none is believed.
    pub key_file: Option<PathBuf>,
    /// Keys that tokens were signed with before, and that count for a while still.
    pub former_keys: Vec<FormerKey>,
    /// Cookie that may hold such a token; a field `Pogson-Priority` and `Authorization: Bearer` may too.
    pub cookie: String,
    /// Level of those who are in no class.
    pub level: Level,
}

impl Default for Members {
    fn default() -> Self {
        Self {
            by: vec![Identity::Address],
            key_file: None,
            former_keys: Vec::new(),
            cookie: "pogson_priority".to_string(),
            level: Level::default(),
        }
    }
}

/// A key that tokens are not signed with any more.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FormerKey {
    /// Its file.
    pub file: PathBuf,
    /// Until when tokens that it signed are believed: seconds of Unix time.
    #[serde(rename = "until", deserialize_with = "de_moment")]
    pub until_s: u64,
}

/// What tells clients apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Identity {
    /// The address; of version 6 the first 64 bits.
    Address,
    /// The word of `Authorization: Bearer` or `X-Api-Key` if a class names it.
    Token,
    /// The cookie of that name.
    Cookie(String),
}

impl TryFrom<String> for Identity {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "address" => Ok(Self::Address),
            "token" => Ok(Self::Token),
            other => match other.strip_prefix("cookie:") {
                Some(name) if !name.is_empty() => Ok(Self::Cookie(name.to_string())),
                _ => Err(format!("\"{text}\" tells nobody apart; write \"address\", \"token\" or \"cookie:NAME\"")),
            },
        }
    }
}
