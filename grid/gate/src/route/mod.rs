//! Which request goes to which pool.
//!
//! Rules are tried from the most exact to the widest: by host (a name, then what it is below, then any); within a host by path (the whole
//! path, then what begins longest as the path does: prefixes count by their length, globs and expressions by what stands before their first
//! sign); of equal ones those that name methods first; then by their order in the file. The first whose conditions all hold is taken.

mod host;
mod path;
mod pattern;
mod prefixes;
mod rewrite;
#[cfg(test)]
mod tests;

pub(crate) use host::HostName;
pub(crate) use path::unescape;
pub use path::{NormalPath, PathRefused};
pub use prefixes::PrefixMap;

use std::collections::HashMap;

use regex::bytes::Regex;

use crate::config::{Config, Fields, Problem, Redirect, Respond, Step};
use crate::head::Head;
use host::HostMap;

/// Where a request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// To a pool, by its place in the configuration.
    Pool(usize),
    /// Nowhere: the client is told where it is.
    Redirect(Redirect),
    /// Nowhere: the gate answers.
    Respond(Respond),
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Route {
    /// Where requests go.
    pub target: Target,
    /// Fields of requests that are set or removed.
    pub request: Fields,
    /// Fields of answers that are set or removed.
    pub response: Fields,
    /// Bytes of a request's body.
    pub body_limit: u64,
    /// What is put in place of the prefix, of this length.
    replace: Option<(usize, String)>,
    /// Methods; none: any.
    methods: Vec<String>,
    test: Test,
}

/// What more than its beginning a path has to have.
#[derive(Clone, Debug)]
enum Test {
    /// Nothing but the end or a slash behind the prefix of this length.
    Boundary(usize),
    /// The expression.
    Matches(Regex),
    /// Nothing.
    None,
}

/// Rules of one host, by place.
#[derive(Clone, Debug, Default)]
struct Table {
    exact: HashMap<Box<[u8]>, Vec<usize>>,
    begins: PrefixMap<Vec<usize>>,
    /// What `begins` is made of.
    heads: Vec<(Vec<u8>, usize)>,
}

/// All rules, ready for use.
#[derive(Clone, Debug)]
pub struct Routes {
    all: Vec<Route>,
    hosts: HostMap<Table>,
    merge: bool,
}

/// What the rules say of a request.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// It is this rule's, which stands at that place in the configuration.
    Route(&'a Route, usize),
    /// Rules for its path are for these methods: the answer is 405.
    NotMethod(Vec<&'a str>),
    /// No rule is for its host and path: the answer is 404.
    Nothing,
}

impl Routes {
    /// The rules of a configuration.
    ///
    /// # Errors
    /// Globs and expressions that cannot be compiled.
    pub fn compile(config: &Config) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut hosts: HostMap<Table> = HostMap::default();
        let mut all = Vec::new();
        let everything = crate::config::Route {
            pool: config.pool.first().map(|pool| pool.name.clone()),
            ..crate::config::Route::default()
        };
        let rules = if config.route.is_empty() { std::slice::from_ref(&everything) } else { &config.route[..] };
        for (i, rule) in rules.iter().enumerate() {
            let pattern = |key: &str, built: Result<Regex, String>, problems: &mut Vec<Problem>| match built {
                Ok(regex) => Test::Matches(regex),
                Err(sentence) => {
                    problems.push(Problem { place: vec![Step::from("route"), i.into(), key.into()], sentence });
                    Test::None
                }
            };
            let (mut head, mut is_exact, mut test) = (Vec::new(), false, Test::None);
            if let Some(path) = &rule.path {
                (head, is_exact) = (unescape(path), true);
            } else if let Some(prefix) = &rule.prefix {
                head = unescape(prefix.trim_end_matches('/'));
                test = Test::Boundary(head.len());
            } else if let Some(glob) = &rule.glob {
                head = pattern::head_of_glob(glob).as_bytes().to_vec();
                test = pattern("glob", pattern::glob(glob), &mut problems);
            } else if let Some(regex) = &rule.regex {
                head = pattern::head_of_regex(regex).as_bytes().to_vec();
                test = pattern("regex", pattern::regex(regex), &mut problems);
            }
            let with = if rule.strip_prefix { Some("") } else { rule.replace_prefix.as_deref() };
            let replace = with.map(|with| (head.len(), with.trim_end_matches('/').to_string()));
            for host in rule.host.iter().map(|host| Some(host.as_str())).chain(rule.host.is_empty().then_some(None)) {
                let table = hosts.entry(host);
                if is_exact {
                    table.exact.entry(head.clone().into()).or_default().push(i);
                } else {
                    table.heads.push((head.clone(), i));
                }
            }
            all.push(Route {
                target: target(rule, config),
                request: rule.request.clone(),
                response: rule.response.clone(),
                body_limit: rule.body_limit.unwrap_or(config.body_limit),
                replace,
                methods: rule.methods.clone(),
                test,
            });
        }
        let in_order = |places: &mut Vec<usize>| places.sort_by_key(|&i| (all[i].methods.is_empty(), i));
        hosts.each(|table| {
            table.exact.values_mut().for_each(in_order);
            let mut heads = std::mem::take(&mut table.heads);
            heads.sort_by_key(|&(_, i)| (all[i].methods.is_empty(), i));
            table.begins = PrefixMap::new(heads, Vec::push);
        });
        if problems.is_empty() { Ok(Self { all, hosts, merge: config.merge_slashes }) } else { Err(problems) }
    }

    /// The rule at a place in the configuration.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Route> {
        self.all.get(place)
    }

    /// The path of a request as rules and back ends see it.
    ///
    /// # Errors
    /// [`PathRefused`]: the answer is 400.
    pub fn path<'a>(&self, head: &'a Head) -> Result<NormalPath<'a>, PathRefused> {
        NormalPath::of(head.path(), self.merge)
    }

    /// The rule for a request.
    ///
    /// - `path`: from [`Routes::path`].
    #[must_use]
    pub fn find(&self, head: &Head, path: &NormalPath<'_>) -> Found<'_> {
        let host = HostName::of(head.host());
        let (text, method) = (&*path.matched, head.method());
        let mut allowed: Vec<&str> = Vec::new();
        for table in self.hosts.of(&host) {
            let exact = if table.exact.is_empty() { None } else { table.exact.get(text) };
            let begins = table.begins.of(text).flat_map(|(_, places)| places);
            for &place in exact.into_iter().flatten().chain(begins) {
                let route = &self.all[place];
                if !route.test.holds(text) {
                    continue;
                }
                if route.takes(method) {
                    return Found::Route(route, place);
                }
                allowed.extend(route.methods.iter().map(String::as_str));
            }
        }
        if allowed.is_empty() {
            return Found::Nothing;
        }
        if allowed.contains(&"GET") {
            allowed.push("HEAD");
        }
        allowed.sort_unstable();
        allowed.dedup();
        Found::NotMethod(allowed)
    }
}

impl Test {
    fn holds(&self, path: &[u8]) -> bool {
        match self {
            Self::Boundary(length) => path.get(*length).is_none_or(|&next| next == b'/'),
            Self::Matches(regex) => regex.is_match(path),
            Self::None => true,
        }
    }
}

impl Route {
    fn takes(&self, method: &str) -> bool {
        let takes = |one: &String| one == method || one == "GET" && method == "HEAD";
        self.methods.is_empty() || self.methods.iter().any(takes)
    }
}

fn target(rule: &crate::config::Route, config: &Config) -> Target {
    if let Some(redirect) = &rule.redirect {
        Target::Redirect(redirect.clone())
    } else if let Some(respond) = &rule.respond {
        Target::Respond(respond.clone())
    } else {
        // The configuration was checked: there is a pool of that name.
        let place = config.pool.iter().position(|pool| Some(&pool.name) == rule.pool.as_ref());
        Target::Pool(place.unwrap_or(0))
    }
}
