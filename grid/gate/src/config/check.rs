//! What parts of a configuration have to do with each other.

use std::collections::HashMap;
use std::hash::Hash;

use pogson_dispatch::policy::NAMES;

use super::near::nearest;
use super::{Admission, Class, Config, ListenAddress, Pool, Problem, Protocol, Route, ServerAddress, Step};

/// Collects what is wrong.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    fn add(&mut self, place: &[Step], sentence: impl Into<String>) {
        self.0.push(Problem { place: place.to_vec(), sentence: sentence.into() });
    }

    /// Says so where `is_wrong`.
    fn when(&mut self, is_wrong: bool, place: &[Step], sentence: &str) {
        if is_wrong {
            self.add(place, sentence);
        }
    }

    /// Says of each that is there twice that it is.
    fn twice<K: Hash + Eq>(&mut self, keys: impl Iterator<Item = (K, Vec<Step>, String)>) {
        let mut seen = HashMap::new();
        for (key, place, sentence) in keys {
            if seen.insert(key, ()).is_some() {
                self.add(&place, sentence);
            }
        }
    }
}

/// All that is wrong with a configuration that can be read.
pub(super) fn problems(config: &Config) -> Vec<Problem> {
    let mut found = Problems::default();
    listeners(config, &mut found);
    times(config, &mut found);
    if config.pool.is_empty() && !config.route.iter().any(|route| route.redirect.is_some() || route.respond.is_some()) {
        found.add(&[], "there is no pool; add [[pool]] with [[pool.server]] below it");
    }
    found.twice(config.pool.iter().enumerate().map(|(i, pool)| {
        let sentence = format!("there are two pools of the name \"{}\"; give each its own", pool.name);
        (&pool.name, vec!["pool".into(), i.into(), "name".into()], sentence)
    }));
    for (i, one) in config.pool.iter().enumerate() {
        pool(one, i, &mut found);
    }
    for (i, one) in config.route.iter().enumerate() {
        route(one, i, config, &mut found);
    }
    if config.route.is_empty() && config.pool.len() > 1 {
        found.add(
            &["pool".into(), 1.into(), "name".into()],
            "there are several pools and no [[route]] says which request goes where; add routes",
        );
    }
    found.twice(config.class.iter().enumerate().map(|(i, class)| {
        let sentence = format!("there are two classes of the name \"{}\"; give each its own", class.name);
        (&class.name, vec!["class".into(), i.into(), "name".into()], sentence)
    }));
    let alone = config.members.key_file.is_none() && !config.members.former_keys.is_empty();
    let sentence = "former keys count beside a present one; set members.key_file";
    found.when(alone, &["members".into(), "former_keys".into()], sentence);
    for (i, one) in config.class.iter().enumerate() {
        class(one, i, &mut found);
    }
    found.0
}

fn times(config: &Config, found: &mut Problems) {
    let times = &config.times;
    for (key, time) in [("head", times.head), ("body_idle", times.body_idle), ("write_idle", times.write_idle)] {
        found.when(time.is_zero(), &["times".into(), key.into()], "nobody is that quick; a time-out is more than 0");
    }
}

fn listeners(config: &Config, found: &mut Problems) {
    if config.listen.is_empty() {
        found.add(&[], "nothing listens; add [[listen]] with address = \"127.0.0.1:8080\"");
    }
    let admin = config.admin.address.iter().map(|address| (address, vec!["admin".into(), "address".into()]));
    let listen = config.listen.iter().enumerate();
    let listen = listen.map(|(i, listen)| (&listen.address, vec!["listen".into(), i.into(), "address".into()]));
    // Port 0 is a new one each time.
    let fixed = |address: &&ListenAddress| !matches!(address, ListenAddress::Tcp(address) if address.port() == 0);
    found.twice(listen.chain(admin).filter(|(address, _)| fixed(address)).map(|(address, place)| {
        (address, place, format!("two listeners have the address {address}; give each its own"))
    }));
    for (i, listen) in config.listen.iter().enumerate() {
        let limits = |key: &str| [Step::from("listen"), i.into(), "limits".into(), key.into()];
        found.when(listen.limits.head < 256, &limits("head"), "a head has 256 bytes at least; write more");
        found.when(listen.limits.head > 1 << 20, &limits("head"), "a head has 1MiB at most; write less");
        found.when(
            listen.limits.connections == 0,
            &limits("connections"),
            "no connection could be made; write 1 or more",
        );
        let alpn = listen.tls.as_ref().map_or(&[][..], |tls| &tls.alpn);
        for (j, name) in alpn.iter().enumerate().filter(|(_, name)| !["h2", "http/1.1"].contains(&name.as_str())) {
            let place = ["listen".into(), i.into(), "tls".into(), "alpn".into(), j.into()];
            found.add(&place, format!("\"{name}\" is not served; there is \"h2\" and \"http/1.1\""));
        }
        found.when(listen.limits.streams == 0, &limits("streams"), "no request could be made; write 1 or more");
    }
}

fn pool(pool: &Pool, i: usize, found: &mut Problems) {
    let at = |rest: &[Step]| [&["pool".into(), i.into()], rest].concat();
    if !NAMES.contains(&pool.policy.as_str()) {
        let near = nearest(&pool.policy, NAMES.into_iter()).map(|name| format!("did you mean \"{name}\"? "));
        let sentence =
            format!("\"{}\" is no policy; {}There is: {}", pool.policy, near.unwrap_or_default(), NAMES.join(", "));
        found.add(&at(&["policy".into()]), sentence);
    }
    if pool.server.is_empty() && !pool.allow_empty {
        let sentence = format!(
            "the pool \"{}\" has no back end; add [[pool.server]], or allow_empty = true if some come at run time",
            pool.name
        );
        found.add(&at(&["name".into()]), sentence);
    }
    found.twice(pool.server.iter().enumerate().filter(|(_, server)| !server.name.is_empty()).map(|(j, server)| {
        let sentence = format!("two back ends of the pool have the name \"{}\"; give each its own", server.name);
        (&server.name, at(&["server".into(), j.into(), "name".into()]), sentence)
    }));
    found.twice(pool.server.iter().enumerate().map(|(j, server)| {
        let sentence = format!("two back ends of the pool have the address {}; leave one out", server.address);
        (&server.address, at(&["server".into(), j.into(), "address".into()]), sentence)
    }));
    for (j, server) in pool.server.iter().enumerate() {
        let wrong = !(server.weight >= 0.0 && server.weight <= 1e6);
        found.when(wrong, &at(&["server".into(), j.into(), "weight".into()]), "a weight is from 0 to 1000000");
        let lends = matches!(server.address, ServerAddress::Unix(_)) && server.protocol == Protocol::Http1;
        let sentence = "connections can only be lent to a server of HTTP/1.1 at \"unix:/path\"";
        found.when(server.direct && !lends, &at(&["server".into(), j.into(), "direct".into()]), sentence);
    }
    for (one, other, key) in [(&pool.tls.cert, &pool.tls.key, "cert"), (&pool.tls.key, &pool.tls.cert, "key")] {
        let place = at(&["tls".into(), key.into()]);
        found.when(
            one.is_some() && other.is_none(),
            &place,
            "a certificate and its key go together; name both cert and key",
        );
    }
    let set = &pool.settings;
    let setting = |key: &str| at(&["settings".into(), key.into()]);
    found.when(!(set.bound >= 1.0 && set.bound.is_finite()), &setting("bound"), "bound is 1 or more, such as 2.0");
    found.when(!(set.beta >= 0.0 && set.beta.is_finite()), &setting("beta"), "beta is 0 or more, such as 0.5");
    found.when(!(set.price >= 0.0 && set.price.is_finite()), &setting("price"), "price is 0 or more, such as 2.0");
    found.when(set.t_low >= set.t_high, &setting("t_low"), "t_low has to be below t_high");
    found.when(set.classes == 0, &setting("classes"), "a bind table has 1 class at least");
    if let Admission::Fixed { t_high, t_low } = pool.admission {
        let wrong = t_low == 0 || t_low > t_high;
        found.when(wrong, &at(&["admission".into()]), "t_low is from 1 to t_high");
    }
    let shares = &pool.queue.shares;
    let wrong = shares.iter().any(|share| !(0.0..=1.0).contains(share)) || shares.iter().sum::<f64>() > 1.0;
    let sentence = "shares are from 0 to 1, for high, medium and low, and 1 in all at most, such as [0.0, 0.1, 0.08]";
    found.when(wrong, &at(&["queue".into(), "shares".into()]), sentence);
    health(pool, &at, found);
    let times = &pool.times;
    let named =
        [("connect", times.connect), ("response_head", times.response_head), ("response_idle", times.response_idle)];
    for (key, time) in named {
        let sentence = "no back end is that quick; a time-out is more than 0";
        found.when(time.is_zero(), &at(&["times".into(), key.into()]), sentence);
    }
    let percent = |value: f64| !(0.0..=100.0).contains(&value);
    found.when(percent(pool.retries.budget), &at(&["retries".into(), "budget".into()]), "a budget is 0 to 100 percent");
    if let Some(hedge) = &pool.hedge {
        let wrong = hedge.after.is_some() == hedge.percentile.is_some();
        found.when(wrong, &at(&["hedge".into()]), "name one of after and percentile, such as percentile = 95");
        let wrong = hedge.percentile.is_some_and(|p| !(50.0..100.0).contains(&p));
        found.when(wrong, &at(&["hedge".into(), "percentile".into()]), "a percentile is from 50 to below 100");
        found.when(percent(hedge.budget), &at(&["hedge".into(), "budget".into()]), "a budget is 0 to 100 percent");
    }
}

fn health(pool: &Pool, at: &impl Fn(&[Step]) -> Vec<Step>, found: &mut Problems) {
    let key = |key: &str| at(&["health".into(), key.into()]);
    let health = &pool.health;
    let is_path = |path: &String| path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic());
    let wrong = health.path.as_ref().is_some_and(|path| !is_path(path));
    found.when(wrong, &key("path"), "a path begins with / and has no spaces, such as \"/health\"");
    found.when(health.rise == 0, &key("rise"), "rise is 1 or more");
    found.when(health.fall == 0, &key("fall"), "fall is 1 or more");
    found.when(health.interval.is_zero(), &key("interval"), "an interval is more than 0");
    found.when(health.timeout.is_zero(), &key("timeout"), "a time-out is more than 0");
    let place = at(&["health".into(), "passive".into(), "max_ejected".into()]);
    found.when(!(0.0..=100.0).contains(&health.passive.max_ejected), &place, "max_ejected is 0 to 100 percent");
}

fn route(route: &Route, i: usize, config: &Config, found: &mut Problems) {
    let at = |key: &str| [Step::from("route"), i.into(), key.into()];
    let targets = [route.pool.is_some(), route.redirect.is_some(), route.respond.is_some()];
    if targets.iter().filter(|is| **is).count() != 1 {
        found.add(&at(""), "a route leads to one place; name one of pool, redirect and respond");
    }
    if let Some(name) = &route.pool
        && !config.pool.iter().any(|pool| pool.name == *name)
    {
        let near = nearest(name, config.pool.iter().map(|pool| pool.name.as_str()));
        let mend = near.map_or("add [[pool]] of that name".to_string(), |near| format!("did you mean \"{near}\"?"));
        found.add(&at("pool"), format!("there is no pool \"{name}\"; {mend}"));
    }
    let kinds = [&route.path, &route.prefix, &route.glob, &route.regex];
    if kinds.iter().filter(|kind| kind.is_some()).count() > 1 {
        found.add(&at(""), "a route has one of path, prefix, glob and regex; leave the others out");
    }
    for (key, path) in ["path", "prefix", "glob"].into_iter().zip(kinds) {
        let wrong =
            path.as_ref().is_some_and(|path| !(path.starts_with('/') || key == "glob" && path.starts_with('*')));
        found.when(wrong, &at(key), "a path begins with /");
    }
    if (route.strip_prefix || route.replace_prefix.is_some()) && route.prefix.is_none() {
        let key = if route.strip_prefix { "strip_prefix" } else { "replace_prefix" };
        found.add(&at(key), "there is no prefix to take away; name it as prefix = \"/...\"");
    }
    if route.strip_prefix && route.replace_prefix.is_some() {
        found.add(&at("strip_prefix"), "strip_prefix and replace_prefix contradict each other; leave one out");
    }
    let wrong = route.replace_prefix.as_ref().is_some_and(|path| !is_target(path));
    found.when(wrong, &at("replace_prefix"), "a path begins with / and has only characters of URLs");
    methods(&route.methods, &at("methods"), found);
    hosts(&route.host, &at("host"), found);
    if let Some(redirect) = &route.redirect {
        let place = [&at("redirect")[..], &["status".into()]].concat();
        let wrong = ![301, 302, 303, 307, 308].contains(&redirect.status);
        found.when(wrong, &place, "a redirect has the status 301, 302, 303, 307 or 308");
        let place = [&at("redirect")[..], &["to".into()]].concat();
        let wrong = redirect.to.is_empty() || !redirect.to.bytes().all(|byte| byte.is_ascii_graphic());
        found.when(wrong, &place, "a redirect leads to a URL without spaces, such as \"https://{host}{path}{query}\"");
    }
    if let Some(respond) = &route.respond {
        let place = [&at("respond")[..], &["status".into()]].concat();
        found.when(!(200..=599).contains(&respond.status), &place, "an answer has a status from 200 to 599");
        let place = [&at("respond")[..], &["type".into()]].concat();
        found.when(!is_value(&respond.kind), &place, "a type has no line ends, such as \"text/plain\"");
    }
    for (key, fields) in [("request", &route.request), ("response", &route.response)] {
        for (name, value) in &fields.set {
            let place = [&at(key)[..], &["set".into(), name.as_str().into()]].concat();
            found.when(!is_token(name), &place, "a field's name has only letters, digits and hyphens");
            found.when(!is_value(value), &place, "a field's value has no line ends");
            found.when(
                is_framing(name),
                &place,
                "this field says how long a message is or where it ends; leave it to the gate",
            );
        }
        for (j, name) in fields.remove.iter().enumerate() {
            let place = [&at(key)[..], &["remove".into(), j.into()]].concat();
            found.when(!is_token(name), &place, "a field's name has only letters, digits and hyphens");
            found.when(
                is_framing(name),
                &place,
                "this field says how long a message is or where it ends; leave it to the gate",
            );
        }
    }
}

fn class(class: &Class, i: usize, found: &mut Problems) {
    let at = |key: &str| [Step::from("class"), i.into(), key.into()];
    let wrong = !(class.weight > 0.0 && class.weight <= 1e6);
    found.when(wrong, &at("weight"), "a weight is more than 0 and at most 1000000");
    for (j, path) in class.path.iter().enumerate() {
        found.when(!path.starts_with('/'), &[&at("path")[..], &[j.into()]].concat(), "a path begins with /");
    }
    for (j, token) in class.token.iter().enumerate() {
        let place = [&at("token")[..], &[j.into()]].concat();
        let wrong = match token.strip_prefix("sha256:") {
            Some(digits) => digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
            None => token.len() < 8,
        };
        found.when(
            wrong,
            &place,
            "a secret word has 8 characters at least, a hash is \"sha256:\" with 64 hexadecimal digits",
        );
    }
    methods(&class.methods, &at("methods"), found);
    hosts(&class.host, &at("host"), found);
}

fn methods(methods: &[String], place: &[Step], found: &mut Problems) {
    for (j, method) in methods.iter().enumerate() {
        let wrong = !is_token(method) || method.bytes().any(|byte| byte.is_ascii_lowercase()) || method == "CONNECT";
        let sentence = "a method is written in capitals, such as \"GET\", and CONNECT is not served";
        found.when(wrong, &[place, &[j.into()]].concat(), sentence);
    }
}

fn hosts(hosts: &[String], place: &[Step], found: &mut Problems) {
    for (j, host) in hosts.iter().enumerate() {
        let name = host.strip_prefix("*.").unwrap_or(host);
        let is_address = name.starts_with('[') && name.ends_with(']');
        let wrong =
            name.is_empty() || !is_address && !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
        let sentence = "a host is a name without a port, such as \"sky.example.org\" or \"*.example.org\"";
        found.when(wrong, &[place, &[j.into()]].concat(), sentence);
    }
}

fn is_target(path: &str) -> bool {
    path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#".contains(&byte))
}

fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || byte >= 32 && byte != 127)
}

fn is_framing(name: &str) -> bool {
    ["content-length", "transfer-encoding", "connection", "trailer", "te", "upgrade"]
        .iter()
        .any(|other| name.eq_ignore_ascii_case(other))
}
