//! Who asks, and how much that counts: the member table.
//!
//! A request belongs to the first of: the level of a token that is signed with the gate's key; classes that name secret words; classes
//! that name a cookie; classes that name networks, the narrowest first; the other classes. Within each they are tried in their order in the
//! file, and the other conditions that a class names have to hold too. What clients say of their level without a signature counts nothing.

mod client;
mod keys;
mod networks;
#[cfg(test)]
mod tests;
mod token;

pub use client::Trusted;
pub use networks::NetworkMap;
pub use token::{KEY_BYTES, Token, TokenError, TokenKey, TokenRefused};

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::config::{self, Config, Identity, Level, Problem};
use crate::head::Head;
use crate::route::{HostName, NormalPath};
use keys::Keys;

/// The field that may hold a signed token.
pub const TOKEN_FIELD: &str = "Pogson-Priority";

/// What the member table says of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    /// Place of its class in [`Classes::names`].
    pub index: usize,
    /// Its level.
    pub level: Level,
    /// Who asks: the same number for the same member as long as this table lives, and nothing else.
    pub member: u64,
    /// Share of the member by those of others of the level.
    pub weight: f64,
    /// What was wrong with a token that it brought, which was not believed.
    pub refused: Option<TokenRefused>,
}

/// Conditions of a class beside word, cookie and network.
#[derive(Clone, Debug)]
struct Row {
    level: Level,
    weight: f64,
    networks: Option<NetworkMap<()>>,
    words: Vec<[u8; 32]>,
    cookie: Option<(String, Option<String>)>,
    paths: Vec<Vec<u8>>,
    methods: Vec<String>,
    hosts: Vec<String>,
}

/// The member table, ready for use.
#[derive(Clone, Debug)]
pub struct Classes {
    names: Vec<String>,
    rows: Vec<Row>,
    by_word: HashMap<[u8; 32], Vec<usize>>,
    by_cookie: Vec<usize>,
    by_network: NetworkMap<Vec<usize>>,
    rest: Vec<usize>,
    identities: Vec<Identity>,
    keys: Option<Keys>,
    cookie: String,
    level: Level,
    hash: RandomState,
}

/// What a request is classified by.
#[derive(Clone, Copy)]
pub struct Asker<'a> {
    /// Its head.
    pub head: &'a Head,
    /// Its path.
    pub path: &'a NormalPath<'a>,
    /// Address of the client, from [`Trusted::client`].
    pub client: IpAddr,
    /// Seconds of Unix time.
    pub now_s: u64,
}

impl Classes {
    /// The member table of a configuration; reads the files of the keys.
    ///
    /// # Errors
    /// Keys that cannot be read or are too short.
    pub fn compile(config: &Config) -> Result<Self, Vec<Problem>> {
        Ok(Self { keys: Keys::read(&config.members)?, ..Self::with_key(config, None) })
    }

    /// The same with one key, which was read before.
    #[must_use]
    pub fn with_key(config: &Config, key: Option<TokenKey>) -> Self {
        let rows: Vec<Row> = config.class.iter().map(row).collect();
        let mut by_word: HashMap<[u8; 32], Vec<usize>> = HashMap::new();
        let (mut by_cookie, mut networks, mut rest) = (Vec::new(), Vec::new(), Vec::new());
        for (i, (row, class)) in rows.iter().zip(&config.class).enumerate() {
            if !row.words.is_empty() {
                row.words.iter().for_each(|&word| by_word.entry(word).or_default().push(i));
            } else if row.cookie.is_some() {
                by_cookie.push(i);
            } else if row.networks.is_some() {
                networks.extend(class.network.iter().map(|&network| (network, i)));
            } else {
                rest.push(i);
            }
        }
        let named = config.class.iter().map(|class| class.name.clone());
        Self {
            names: named.chain(["other".to_string(), "token".to_string()]).collect(),
            rows,
            by_word,
            by_cookie,
            by_network: NetworkMap::new(networks, Vec::push),
            rest,
            identities: config.members.by.clone(),
            keys: key.map(Keys::of),
            cookie: config.members.cookie.clone(),
            level: config.members.level,
            hash: RandomState::new(),
        }
    }

    /// Names of classes by [`Class::index`]: those of the configuration, then `other`, then `token` for bearers of signed tokens.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The class of a request.
    #[must_use]
    pub fn of(&self, asker: Asker<'_>) -> Class {
        let mut refused = None;
        match self.signed(asker) {
            Some(Ok(token)) => {
                let member = self.hash.hash_one(("token", token.member));
                return Class { index: self.rows.len() + 1, level: token.level, member, weight: 1.0, refused: None };
            }
            Some(Err(why)) => refused = Some(why),
            None => {}
        }
        let looks_at_words = !self.by_word.is_empty();
        let word = if looks_at_words { word(asker.head).map(|word| Sha256::digest(word).into()) } else { None };
        let of_word = word.as_ref().and_then(|word| self.by_word.get(word));
        let known = of_word.is_some();
        let mut order = of_word
            .into_iter()
            .flatten()
            .chain(&self.by_cookie)
            .chain(self.by_network.of(asker.client).flatten())
            .chain(&self.rest);
        let index = order.find(|&&i| self.rows[i].holds(asker)).copied();
        let (level, weight) = index.map_or((self.level, 1.0), |i| (self.rows[i].level, self.rows[i].weight));
        let member = self.member(asker, word.filter(|_| known));
        Class { index: index.unwrap_or(self.rows.len()), level, member, weight, refused }
    }

    /// The signed token that a request brings, if it brings any: the first that is good, else why the last is not.
    fn signed<'a>(&self, asker: Asker<'a>) -> Option<Result<Token<'a>, TokenRefused>> {
        let keys = self.keys.as_ref()?;
        let head = asker.head;
        let field = head.get(TOKEN_FIELD).and_then(|value| std::str::from_utf8(value).ok());
        let bearer = word(head).and_then(|word| std::str::from_utf8(word).ok()).filter(|word| token::may_be(word));
        let mut last = None;
        for word in [field, head.cookie(&self.cookie), bearer].into_iter().flatten() {
            let read = keys.believe(word.trim(), asker.now_s);
            if read.is_ok() {
                return Some(read);
            }
            last = Some(read);
        }
        last
    }

    fn member(&self, asker: Asker<'_>, word: Option<[u8; 32]>) -> u64 {
        for identity in &self.identities {
            match identity {
                Identity::Address => break,
                Identity::Token => {
                    if let Some(word) = word {
                        return self.hash.hash_one(("word", word));
                    }
                }
                Identity::Cookie(name) => {
                    if let Some(value) = asker.head.cookie(name).filter(|value| !value.is_empty()) {
                        return self.hash.hash_one(("cookie", name, value));
                    }
                }
            }
        }
        self.hash.hash_one(("address", place(asker.client)))
    }
}

/// What an address stands for: itself, of version 6 the network that one client has.
#[must_use]
pub fn place(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(v4) => networks::number(IpAddr::V4(v4)),
        IpAddr::V6(v6) => v6.to_bits() & !u128::from(u64::MAX),
    }
}

fn row(class: &config::Class) -> Row {
    let networks = NetworkMap::new(class.network.iter().map(|&network| (network, ())), |(), ()| {});
    let cookie = class.cookie.as_ref().map(|cookie| match cookie.split_once('=') {
        Some((name, value)) => (name.to_string(), Some(value.to_string())),
        None => (cookie.clone(), None),
    });
    Row {
        level: class.level,
        weight: class.weight,
        networks: (!class.network.is_empty()).then_some(networks),
        words: class.token.iter().map(|word| digest_of(word)).collect(),
        cookie,
        paths: class.path.iter().map(|path| crate::route::unescape(path.trim_end_matches('/'))).collect(),
        methods: class.methods.clone(),
        hosts: class.host.iter().map(|host| host.to_ascii_lowercase()).collect(),
    }
}

/// The hash of a word of the configuration, which may be written as that.
fn digest_of(word: &str) -> [u8; 32] {
    let Some(digits) = word.strip_prefix("sha256:") else { return Sha256::digest(word.as_bytes()).into() };
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks(2)) {
        // The configuration was checked: these are digits.
        *byte = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()).unwrap_or(0);
    }
    out
}

/// The word of `Authorization: Bearer`, else of `X-Api-Key`.
fn word(head: &Head) -> Option<&[u8]> {
    let bearer = head.get("authorization").and_then(|value| {
        let (scheme, word) = value.split_at_checked(7)?;
        scheme.eq_ignore_ascii_case(b"bearer ").then(|| word.trim_ascii())
    });
    bearer.or_else(|| head.get("x-api-key"))
}

impl Row {
    fn holds(&self, asker: Asker<'_>) -> bool {
        let Asker { head, path, client, .. } = asker;
        let path = &*path.matched;
        let below =
            |prefix: &Vec<u8>| path.starts_with(prefix) && path.get(prefix.len()).is_none_or(|&next| next == b'/');
        (self.methods.is_empty() || self.methods.iter().any(|method| method == head.method()))
            && (self.paths.is_empty() || self.paths.iter().any(below))
            && self.networks.as_ref().is_none_or(|networks| networks.has(client))
            && self.cookie.as_ref().is_none_or(|(name, value)| {
                head.cookie(name).is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            })
            && (self.hosts.is_empty() || {
                let host = HostName::of(head.host());
                self.hosts.iter().any(|pattern| host.is(pattern))
            })
    }
}
