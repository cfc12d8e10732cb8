//! Who asks: the account by its key, the host by its number, or by its name across projects.

use super::account::Opens;
use super::desk::Desk;
use crate::account::is_cpid;
use crate::life::{Outcome, ServerState};
use crate::store::{Counter, HostRow, Place, StoreError, Value};
use crate::wire::Request;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    /// The user.
    pub(super) user: i64,
    /// The host.
    pub(super) host: i64,
    /// Whether the client has to be told its host's number.
    pub(super) told: bool,
    /// When the host was heard of before.
    pub(super) seen: i64,
}

impl Desk<'_> {
    /// Finds the user and the host of a request, or makes the host; none where the key is no account's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn identify(&mut self, request: &Request, address: &str) -> Result<Option<Identity>, StoreError> {
        let Some((user, opens)) = self.user_of_key(&request.authenticator) else { return Ok(None) };
        let known = self.book.hosts.get(request.host).filter(|host| host.user_id == user && host.merged_into.is_none());
        // A count that went back is a copy of a client's folder: two computers with one number.
        let known = known.filter(|host| request.sequence >= host.sequence).map(|host| host.id);
        let found = match known {
            Some(id) => Some((id, false)),
            None => self.host_by_name(user, request)?.map(|id| (id, true)),
        };
        let now = self.now;
        let (id, told) = match found {
            Some(found) => found,
            None => {
                let id = self.book.next(Counter::Host);
                let venue = self.book.users.get(user).map_or(String::new(), |user| user.venue.clone());
                let host = HostRow {
                    id,
                    user_id: user,
                    created: now,
                    average_time: now,
                    coprocessors: "[]".to_owned(),
                    venue,
                    ..HostRow::default()
                };
                self.book.hosts.insert(host);
                (id, true)
            }
        };
        let seen = self.book.hosts.get(id).map_or(0, |host| host.seen);
        if let Some(host) = self.book.hosts.edit(id) {
            describe(host, request, address, now);
            // A client that is told its number begins to count anew.
            host.sequence = if told { 0 } else { request.sequence };
        }
        self.take_cpid(user, opens, request);
        // Once an hour is enough to tell who is about.
        let stale = self.book.users.get(user).is_some_and(|row| now - row.seen >= 3600);
        if let Some(row) = stale.then(|| self.book.users.edit(user)).flatten() {
            row.seen = now;
        }
        Ok(Some(Identity { user, host: id, told, seen }))
    }

    /// A user has one name across projects: clients tell each project the one of the account that was made first.
    fn take_cpid(&mut self, user: i64, opens: Opens, request: &Request) {
        let told = &request.cross_project_id;
        let other = self.book.users.get(user).is_some_and(|row| row.cpid != *told);
        if other
            && opens == Opens::All
            && is_cpid(told)
            && let Some(row) = self.book.users.edit(user)
        {
            row.cpid.clone_from(told);
        }
    }

    /// A host of the user by the name that its client made: one that attached again, or whose first reply was lost.
    fn host_by_name(&mut self, user: i64, request: &Request) -> Result<Option<i64>, StoreError> {
        if request.info.cpid.is_empty() || request.host != 0 {
            return Ok(None);
        }
        self.book.hosts.load_by(self.database, Place::of("cpid"), &[Value::Text(request.info.cpid.clone())])?;
        let same =
            |host: &&HostRow| host.user_id == user && host.cpid == request.info.cpid && host.merged_into.is_none();
        let Some(id) = self.book.hosts.all().find(same).map(|host| host.id) else { return Ok(None) };
        if request.others.is_empty() && request.results.is_empty() {
            self.detached(id)?;
        }
        Ok(Some(id))
    }

    /// A host began anew: what it had is lost.
    fn detached(&mut self, host: i64) -> Result<(), StoreError> {
        self.book.results.load_by(self.database, IN_PROGRESS, &[Value::Int(host)])?;
        let lost: Vec<(i64, i64)> = self
            .book
            .results
            .all()
            .filter(|row| row.host_id == host && row.is_in_progress())
            .map(|row| (row.id, row.unit()))
            .collect();
        self.load_units(lost.iter().map(|(_, unit)| *unit))?;
        for (id, unit) in lost {
            if let Some(row) = self.book.results.edit(id) {
                (row.state, row.outcome) = (ServerState::Over.number(), Outcome::ClientDetached.number());
                row.reason = "the computer attached anew".to_owned();
            }
            self.touched.insert(unit);
        }
        Ok(())
    }
}

/// Results in progress, by host.
pub(super) const IN_PROGRESS: Place = Place { column: "host_id", and: "state = 4" };

fn describe(host: &mut HostRow, request: &Request, address: &str, now: i64) {
    let info = &request.info;
    host.seen = now;
    host.cpid.clone_from(&info.cpid);
    host.domain_name.clone_from(&info.domain_name);
    address.clone_into(&mut host.address);
    host.timezone = info.timezone;
    host.platform = request.platforms.first().cloned().unwrap_or_default();
    host.client = i64::from(request.client_version);
    host.processors = i64::from(info.processors);
    host.vendor.clone_from(&info.vendor);
    host.model.clone_from(&info.model);
    (host.flops, host.iops, host.memory) = (info.flops, info.iops, info.memory);
    (host.disk, host.disk_free, host.available) = (info.disk, info.disk_free, info.available);
    host.os_name.clone_from(&info.os_name);
    host.os_version.clone_from(&info.os_version);
    let kinds: Vec<(&str, f64)> = request.coprocessors.iter().map(|one| (one.kind.as_str(), one.asked.count)).collect();
    host.coprocessors = serde_json::to_string(&kinds).unwrap_or_else(|_| "[]".to_owned());
}
