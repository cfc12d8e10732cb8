//! A scheduler RPC: who asks, what is reported, what the client has to know, and then work.

use super::desk::Desk;
use super::identify::{IN_PROGRESS, Identity};
use super::question::RpcQuestion;
use crate::account::email_hash;
use crate::store::{StoreError, UserRow, Value};
use crate::wire::{Message, Priority, Reply, Request, UserFacts};

/// An RPC that was begun in this transaction.
pub(super) struct Begun {
    /// The reply so far.
    pub(super) reply: Reply,
    /// Who asks; none where nothing more is to be done.
    pub(super) who: Option<Identity>,
    /// Whether work may be sent.
    pub(super) work: bool,
}

/// A message in the client's log.
pub(super) fn low(text: impl Into<String>) -> Message {
    Message { priority: Priority::Low, text: text.into() }
}

/// A message that the client shows.
pub(super) fn notice(text: impl Into<String>) -> Message {
    Message { priority: Priority::Notice, text: text.into() }
}

impl Desk<'_> {
    /// Loads what the RPCs of this transaction need, for all at once.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn load_for(&mut self, rpcs: &[&RpcQuestion]) -> Result<(), StoreError> {
        let keys: Vec<&str> = rpcs.iter().map(|rpc| rpc.request.authenticator.as_str()).collect();
        self.load_keys(&keys)?;
        let teams: Vec<i64> = self.book.users.all().filter_map(|user| user.team_id).collect();
        self.book.teams.load(self.database, teams)?;
        let hosts: Vec<i64> = rpcs.iter().map(|rpc| rpc.request.host).filter(|&host| host > 0).collect();
        self.book.hosts.load(self.database, hosts.iter().copied())?;
        let each = |host: &i64| (host << 16, host << 16 | 0xFFFF);
        self.book.host_versions.load_ranges(self.database, hosts.iter().map(each))?;
        let keys: Vec<Value> = hosts.iter().copied().map(Value::Int).collect();
        self.book.results.load_by(self.database, IN_PROGRESS, &keys)?;
        let units: Vec<i64> =
            self.book.results.all().filter(|row| row.is_in_progress()).map(|row| row.unit()).collect();
        self.load_units(units)?;
        // Tasks that the hosts speak of and that are not in progress there: late ones, cancelled ones, ones of nobody.
        let said = rpcs.iter().flat_map(|rpc| {
            let reported = rpc.request.results.iter().map(|result| result.name.as_str());
            reported.chain(rpc.request.others.iter().map(String::as_str))
        });
        let at_hand: std::collections::HashSet<String> = self.book.units.all().map(|unit| unit.name.clone()).collect();
        let names: Vec<&str> = said
            .filter_map(super::desk::split_name)
            .map(|(unit, _)| unit)
            .filter(|unit| !at_hand.contains(*unit))
            .collect();
        self.load_units_named(names)
    }

    /// All of an RPC but the work.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn begin_rpc(&mut self, rpc: &RpcQuestion) -> Result<Begun, StoreError> {
        let request = &rpc.request;
        let mut reply = Reply {
            master_url: self.settings.url.clone(),
            project_name: self.settings.name.clone(),
            request_delay: self.settings.request_delay,
            next_rpc_delay: self.settings.next_rpc_delay,
            ..Reply::default()
        };
        let Some(who) = self.identify(request, &rpc.address)? else {
            reply.request_delay = 3600.0;
            reply.next_rpc_delay = None;
            reply.messages.push(notice("Invalid or missing account key. Remove this project and add it again."));
            return Ok(Begun { reply, who: None, work: false });
        };
        let signed = self.tell_key(request, who.host, &mut reply);
        reply.acknowledged = self.report(request, who)?;
        self.take_trickles(request, who, &mut reply);
        self.tell_trickles(who.host, &mut reply)?;
        self.exchange_preferences(request, who, &mut reply);
        self.tell_aborts(request, who, &mut reply);
        self.tell_files(request, &mut reply);
        self.tell_accelerators(request, &mut reply);
        let work = signed && self.may_have_work(request, who, &mut reply);
        Ok(Begun { reply, who: Some(who), work })
    }

    /// What the client is told of its user; after reports and grants.
    pub(super) fn tell_user(&mut self, who: Identity, reply: &mut Reply) -> Result<(), StoreError> {
        self.load_users([who.user])?;
        let (Some(user), Some(host)) = (self.book.users.get(who.user), self.book.hosts.get(who.host)) else {
            return Ok(());
        };
        let micro = crate::role::MICRO as f64;
        reply.user = Some(UserFacts {
            id: user.id,
            name: user.name.clone(),
            total_credit: user.credit as f64 / micro,
            average_credit: user.average,
            created: user.created,
            email_hash: email_hash(&user.email),
            cross_project_id: user.cpid.clone(),
            team: user.team_id.and_then(|id| self.book.teams.get(id)).map_or(String::new(), |team| team.name.clone()),
            host_total_credit: host.credit as f64 / micro,
            host_average_credit: host.average,
            venue: host.venue.clone(),
            host_created: host.created,
        });
        reply.new_host = who.told.then_some(who.host);
        let fill = |url: &String| url.replace("{user}", &user.id.to_string()).replace("{host}", &host.id.to_string());
        let links = self.settings.gui_urls.iter();
        reply.gui_urls = links.map(|(name, about, url)| (name.clone(), about.clone(), fill(url))).collect();
        Ok(())
    }

    /// The newer of the client's preferences and the account's goes to the other.
    fn exchange_preferences(&mut self, request: &Request, who: Identity, reply: &mut Reply) {
        let Some(user) = self.book.users.get(who.user) else { return };
        let theirs = request.preferences.as_ref().map_or(0.0, |preferences| preferences.modified);
        if let Some(preferences) = request.preferences.as_ref().filter(|_| theirs > user.preferences_time) {
            let text = serde_json::to_string(&preferences.values).unwrap_or_default();
            if let Some(user) = self.book.users.edit(who.user) {
                set_preferences(user, text, theirs);
            }
        } else if user.preferences_time > theirs
            && let Ok(values) = serde_json::from_str(&user.preferences)
        {
            reply.preferences = Some((user.preferences_time, values));
        }
    }

    /// Tasks on the host that nobody needs any more.
    fn tell_aborts(&mut self, request: &Request, who: Identity, reply: &mut Reply) {
        for name in &request.others {
            if reply.acknowledged.contains(name) {
                continue;
            }
            let Some(row) = self.result_named(name).and_then(|id| self.book.results.get(id)) else {
                reply.aborted.push(name.clone());
                continue;
            };
            let Some(unit) = self.book.units.get(row.unit()) else { continue };
            if row.host_id != who.host || unit.trouble & crate::life::Trouble::Cancelled.bit() != 0 {
                reply.aborted.push(name.clone());
            } else if unit.is_decided() || (!row.is_in_progress() && row.received > 0) {
                reply.aborted_if_not_started.push(name.clone());
            }
        }
    }

    /// Sticky files that the project does not have any more.
    fn tell_files(&self, request: &Request, reply: &mut Reply) {
        let gone = request.files.iter().filter(|name| !self.catalogue.files.contains_key(*name));
        reply.deleted_files = gone.cloned().collect();
    }

    /// Accelerators that nothing computes with: clients ask no work for them.
    fn tell_accelerators(&self, request: &Request, reply: &mut Reply) {
        let used = |kind: &str| {
            self.catalogue.versions.values().any(|version| !version.deprecated && version.coprocessor == kind)
        };
        let kinds = request.coprocessors.iter().map(|one| &one.kind);
        reply.no_apps_for = kinds.filter(|kind| !used(kind)).cloned().collect();
    }

    fn may_have_work(&mut self, request: &Request, who: Identity, reply: &mut Reply) -> bool {
        let asks = request.seconds > 0.0
            || request.cpu.seconds > 0.0
            || request.cpu.instances > 0.0
            || request.coprocessors.iter().any(|one| one.asked.seconds > 0.0 || one.asked.instances > 0.0);
        if !asks || request.no_work {
            return false;
        }
        if !self.sending {
            reply.messages.push(low("The project sends no new tasks now"));
            return false;
        }
        let banned = |row: Option<i64>| row.is_some_and(|until| until > self.now);
        if banned(self.book.users.get(who.user).map(|user| user.banned_until)) {
            reply.messages.push(notice("This account gets no tasks now; ask the project why."));
            return false;
        }
        if banned(self.book.hosts.get(who.host).map(|host| host.banned_until)) {
            reply.messages.push(notice("This computer gets no tasks now; ask the project why."));
            return false;
        }
        let since = self.now - who.seen;
        if (since as f64) < (self.settings.request_delay - 2.0) && who.seen > 0 && since >= 0 {
            reply.messages.push(low(format!("Not sending work - last request too recent: {since} sec")));
            return false;
        }
        true
    }
}

fn set_preferences(user: &mut UserRow, text: String, modified: f64) {
    (user.preferences, user.preferences_time) = (text, modified);
}
