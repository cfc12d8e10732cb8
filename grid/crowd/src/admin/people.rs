//! Users, hosts and teams.

use serde_json::{Value as Json, json};

use super::run::{AdminError, Place};
use crate::account::{Cost, email, password_hash, team_name, user_name};
use crate::engine::{Desk, DeskError};
use crate::role::MICRO;
use crate::serve::accounts::{add_user, refused, user_by_email};
use crate::store::{Counter, NoticeRow, TeamRow, TrickleRow, UserRow, Value};

fn no(text: impl Into<String>) -> DeskError {
    DeskError::Refused(text.into())
}

/// A user by number or address.
fn user_of(desk: &mut Desk<'_>, who: &str) -> Result<UserRow, DeskError> {
    let found = match who.parse::<i64>() {
        Ok(id) => {
            desk.load_users([id])?;
            desk.book.users.get(id).cloned()
        }
        Err(_) => user_by_email(desk, &who.trim().to_lowercase())?,
    };
    found.ok_or_else(|| no(format!("there is no user {who:?}")))
}

impl Place {
    pub(super) fn user_add(&self, address: &str, name: &str, password: Option<String>) -> Result<Json, AdminError> {
        let said = |error: crate::wire::AccountError| AdminError::Said(error.to_string());
        let address = email(address).map_err(said)?;
        let name = user_name(name).map_err(said)?;
        let hash = match password {
            Some(password) => {
                let salt = crate::account::random().map_err(|error| AdminError::Said(error.to_string()))?;
                let sent = password_hash(&password, &address);
                Cost::default().hash(&sent, &salt).map_err(|error| AdminError::Said(error.to_string()))?
            }
            None => String::new(),
        };
        let project = self.project.clone();
        let (for_act, for_reply) = ((address.clone(), name.clone()), (address.clone(), name));
        let (id, key) = self.act(format!("user add {address}"), move |desk| {
            let (address, name) = &for_act;
            if user_by_email(desk, address)?.is_some() {
                return Err(refused(crate::wire::AccountError::NotUnique));
            }
            let key = add_user(desk, &project, address, name, &hash, false);
            Ok((desk.book.count(Counter::User, 0), key))
        })?;
        Ok(json!({ "id": id, "email": for_reply.0, "name": for_reply.1, "authenticator": key }))
    }

    pub(super) fn user_show(&self, who: &str) -> Result<Json, AdminError> {
        let who = who.to_owned();
        let user = self.engine.act(move |desk| user_of(desk, &who))?;
        Ok(json!({
            "id": user.id, "email": user.email, "name": user.name, "created": user.created,
            "credit": user.credit as f64 / MICRO as f64, "average": user.average, "team": user.team_id,
            "banned_until": user.banned_until, "role": user.role,
            "authenticator": self.project.account_secret().authenticator(user.id, user.key_epoch),
        }))
    }

    pub(super) fn host_show(&self, id: i64) -> Result<Json, AdminError> {
        let host = self.engine.act(move |desk| {
            desk.load_hosts([id])?;
            desk.book.hosts.get(id).cloned().ok_or_else(|| no(format!("there is no host {id}")))
        })?;
        Ok(json!({
            "id": host.id, "user": host.user_id, "created": host.created, "seen": host.seen, "name": host.domain_name,
            "platform": host.platform, "processors": host.processors, "model": host.model, "system": host.os_name,
            "credit": host.credit as f64 / MICRO as f64, "average": host.average, "valid": host.valid,
            "invalid": host.invalid, "errors": host.errors, "failures": host.failures,
            "quarantined": host.quarantined, "banned_until": host.banned_until,
        }))
    }

    pub(super) fn team_add(&self, name: String, founder: String) -> Result<Json, AdminError> {
        let name = team_name(&name).map_err(|error| AdminError::Said(error.to_string()))?;
        let said = name.clone();
        let id = self.act(format!("team add {name}"), move |desk| {
            let founder = user_of(desk, &founder)?;
            let id = desk.book.next(Counter::Team);
            desk.book.teams.insert(TeamRow {
                id,
                name: name.clone(),
                kind: 1,
                founder_id: founder.id,
                joinable: true,
                created: desk.now,
                average_time: desk.now,
                ..TeamRow::default()
            });
            if let Some(user) = desk.book.users.edit(founder.id) {
                user.team_id = Some(id);
            }
            Ok(id)
        })?;
        Ok(json!({ "id": id, "name": said }))
    }

    pub(super) fn ban(&self, user: Option<String>, host: Option<i64>, until: i64) -> Result<Json, AdminError> {
        let what = format!("ban {user:?} {host:?} until {until}");
        self.act(what, move |desk| {
            if let Some(who) = &user {
                let id = user_of(desk, who)?.id;
                if let Some(user) = desk.book.users.edit(id) {
                    user.banned_until = until;
                }
            }
            if let Some(id) = host {
                desk.load_hosts([id])?;
                desk.book.hosts.edit(id).ok_or_else(|| no(format!("there is no host {id}")))?.banned_until = until;
            }
            Ok(())
        })?;
        Ok(json!({ "until": until }))
    }

    pub(super) fn pardon(&self, id: i64) -> Result<Json, AdminError> {
        self.act(format!("pardon {id}"), move |desk| {
            desk.load_hosts([id])?;
            let host = desk.book.hosts.edit(id).ok_or_else(|| no(format!("there is no host {id}")))?;
            (host.failures, host.quarantined, host.banned_until) = (0, false, 0);
            let range = (id << 16, id << 16 | 0xFFFF);
            desk.book.host_versions.load_ranges(desk.database, [range])?;
            let quota = desk.settings.daily_quota;
            let versions: Vec<i64> = desk.book.host_versions.within(range).map(|row| row.id).collect();
            for version in versions {
                if let Some(row) = desk.book.host_versions.edit(version) {
                    row.quota = quota;
                }
            }
            Ok(())
        })?;
        Ok(json!({ "host": id }))
    }

    pub(super) fn trickle(&self, result: String, text: String) -> Result<Json, AdminError> {
        let id = self.act(format!("message to {result}"), move |desk| desk.send_trickle(&result, &text))?;
        Ok(json!({ "id": id }))
    }

    pub(super) fn trickles(&self, count: i64) -> Result<Json, AdminError> {
        let rows = self.engine.act(move |desk| {
            desk.book.trickles.scan(desk.database, "id > 0 order by id desc limit $1", &[Value::Int(count)])?;
            Ok(desk.book.trickles.all().cloned().collect::<Vec<_>>())
        })?;
        let of = |row: &TrickleRow| {
            json!({ "id": row.id, "down": row.down, "host": row.host_id, "result": row.result_name, "variety": row.variety,
                    "text": row.body, "time": row.moment, "handled": row.handled })
        };
        Ok(json!({ "messages": rows.iter().map(of).collect::<Vec<_>>() }))
    }

    pub(super) fn notice(&self, title: String, body: String, user: Option<String>) -> Result<Json, AdminError> {
        let id = self.act(format!("notice {title}"), move |desk| {
            let user_id = user.as_deref().map(|who| user_of(desk, who)).transpose()?.map(|user| user.id);
            let id = desk.book.next(Counter::Notice);
            let row = NoticeRow { id, moment: desk.now, user_id, title: title.clone(), body: body.clone() };
            desk.book.notices.insert(row);
            Ok(id)
        })?;
        Ok(json!({ "id": id }))
    }
}
