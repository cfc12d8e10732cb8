//! Credit: what results were granted is what their hosts have, and what hosts have is what their users have, but for what was imported.

use std::collections::HashMap;

use super::Report;
use super::people::People;
use super::units::Found;

pub(super) fn check(people: &People, found: &Found, report: &mut Report) {
    let mut of_users: HashMap<i64, i64> = HashMap::new();
    for (id, (user, credit, purged)) in &people.hosts {
        let granted = found.granted.get(id).copied().unwrap_or(0);
        if granted + purged != *credit {
            let what = format!(
                "host {id} has {credit}, and its results were granted {granted} and {purged} before (millionths)"
            );
            report.problem("credit of results is credit of hosts", what);
        }
        *of_users.entry(*user).or_insert(0) += credit;
    }
    for (id, (credit, imported)) in &people.users {
        let hosts = of_users.get(id).copied().unwrap_or(0);
        if hosts + imported != *credit {
            report.problem(
                "credit of hosts is credit of users",
                format!("user {id} has {credit}, and the hosts have {hosts}, {imported} were imported (millionths)"),
            );
        }
    }
    for (host, granted) in &found.granted {
        if !people.hosts.contains_key(host) {
            report.problem("results have hosts", format!("host {host} is not known, and was granted {granted}"));
        }
    }
}
