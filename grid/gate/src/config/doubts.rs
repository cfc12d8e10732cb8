//! What is not wrong but hardly meant.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{Config, Problem, Route, Step};
use crate::certificates::validity;

/// All of it.
pub(super) fn all(config: &Config) -> Vec<Problem> {
    let mut found = Vec::new();
    for (later, route) in config.route.iter().enumerate() {
        if let Some(earlier) = config.route[..later].iter().position(|earlier| takes_all_of(earlier, route)) {
            let sentence =
                format!("no request takes this route: the {} [[route]] of the file takes them all", nth(earlier + 1));
            found.push(Problem { place: vec!["route".into(), later.into()], sentence });
        }
    }
    for (at, pool) in config.pool.iter().enumerate() {
        let is_reached =
            config.route.is_empty() || config.route.iter().any(|route| route.pool.as_ref() == Some(&pool.name));
        if !is_reached {
            let place: Vec<Step> = vec!["pool".into(), at.into(), "name".into()];
            found.push(Problem { place, sentence: format!("no route leads to the pool \"{}\"", pool.name) });
        }
    }
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    for (at, _) in config.members.former_keys.iter().enumerate().filter(|(_, former)| former.until_s <= now_s) {
        let place = vec!["members".into(), "former_keys".into(), at.into(), "until".into()];
        let sentence = "the time of this key is over; its tokens are refused, and it may be left out".to_string();
        found.push(Problem { place, sentence });
    }
    found.extend(times(config, now_s as i64));
    found
}

/// Certificates that do not count now. A gate serves with them all the same: to end would help nobody.
fn times(config: &Config, now_s: i64) -> Vec<Problem> {
    let mut files: Vec<(&std::path::Path, Vec<Step>)> = Vec::new();
    for (at, listen) in config.listen.iter().enumerate() {
        let Some(tls) = &listen.tls else { continue };
        files.push((&tls.cert, vec!["listen".into(), at.into(), "tls".into(), "cert".into()]));
        for (which, pair) in tls.also.iter().enumerate() {
            let place = ["listen".into(), at.into(), "tls".into(), "also".into(), which.into(), "cert".into()];
            files.push((&pair.cert, place.to_vec()));
        }
    }
    for (at, pool) in config.pool.iter().enumerate() {
        if let Some(cert) = &pool.tls.cert {
            files.push((cert, vec!["pool".into(), at.into(), "tls".into(), "cert".into()]));
        }
    }
    let doubt = |(path, place)| validity::doubt(path, now_s).map(|sentence| Problem { place, sentence });
    files.into_iter().filter_map(doubt).collect()
}

/// Whether `earlier` takes all requests that fit `later`, which stands behind it and is as exact.
fn takes_all_of(earlier: &Route, later: &Route) -> bool {
    let paths = |route: &Route| [&route.path, &route.prefix, &route.glob, &route.regex].map(Clone::clone);
    let has = |host: &String| earlier.host.iter().any(|other| other.eq_ignore_ascii_case(host));
    let same_hosts = if later.host.is_empty() { earlier.host.is_empty() } else { later.host.iter().all(has) };
    // Of rules that are equal otherwise those that name methods go first.
    let methods = earlier.methods.is_empty() == later.methods.is_empty()
        && later.methods.iter().all(|method| earlier.methods.contains(method));
    paths(earlier) == paths(later) && same_hosts && methods
}

fn nth(number: usize) -> String {
    let end = match (number % 10, number % 100) {
        (1, not) if not != 11 => "st",
        (2, not) if not != 12 => "nd",
        (3, not) if not != 13 => "rd",
        _ => "th",
    };
    format!("{number}{end}")
}
