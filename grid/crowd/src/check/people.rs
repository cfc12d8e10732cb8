//! Users, hosts and teams.

use std::collections::{HashMap, HashSet};

use super::{Report, each};
use crate::store::{CounterRow, Database, HostRow, StoreError, TeamRow, UserRow};

/// What other rules need of users and hosts.
pub(super) struct People {
    /// Credit of users, and what of it was brought from another project.
    pub(super) users: HashMap<i64, (i64, i64)>,
    /// User, credit, and what of it is of results whose rows are gone or that were never here.
    pub(super) hosts: HashMap<i64, (i64, i64, i64)>,
}

pub(super) fn check(database: &mut dyn Database, report: &mut Report) -> Result<People, StoreError> {
    let mut teams = HashSet::new();
    each(database, |team: TeamRow| {
        teams.insert(team.id);
    })?;
    let mut people = People { users: HashMap::new(), hosts: HashMap::new() };
    let mut last = [0; 2];
    each(database, |user: UserRow| {
        report.users += 1;
        last[0] = user.id;
        if user.credit < 0 || !user.average.is_finite() {
            report.problem("credit is a number", format!("user {} has credit {}", user.id, user.credit));
        }
        if user.team_id.is_some_and(|team| !teams.contains(&team)) {
            report.problem("teams exist", format!("user {} is in a team that does not", user.id));
        }
        people.users.insert(user.id, (user.credit, user.imported));
    })?;
    each(database, |host: HostRow| {
        report.hosts += 1;
        last[1] = host.id;
        if !people.users.contains_key(&host.user_id) {
            report.problem("hosts have users", format!("host {} belongs to user {}", host.id, host.user_id));
        }
        people.hosts.insert(host.id, (host.user_id, host.credit, host.purged_credit + host.imported));
    })?;
    each(database, |counter: CounterRow| {
        let used = match counter.id {
            1 => last[0],
            2 => last[1],
            _ => 0,
        };
        if counter.value < used {
            report.problem(
                "numbers are new",
                format!("counter {} stands at {}, and {used} is used", counter.id, counter.value),
            );
        }
    })?;
    Ok(people)
}
