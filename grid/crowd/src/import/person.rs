//! Users, teams and computers of a BOINC project, as rows of its database or elements of its statistics tell of them.

use serde::{Deserialize, Serialize};

use super::text::{Columns, country, credit, decoded, name, page, words};
use crate::account::{former_password, is_cpid, key_hash};
use crate::sign::md5_hex;
use crate::wire::{Node, preference_values};

/// A user. Keys and passwords are in the form that is stored, which tells neither.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FormerUser {
    /// Number.
    pub id: i64,
    /// Address; empty where it is not told.
    pub email: String,
    /// Name; empty where it cannot be one.
    pub name: String,
    /// SHA-256 of the account key; empty for none.
    pub key_hash: String,
    /// SHA-256 of the weak account key; empty for none.
    pub weak_hash: String,
    /// What is stored of the password; empty for none.
    pub password: String,
    /// Name across projects that external ones are made of; empty for none.
    pub cpid: String,
    /// Country.
    pub country: String,
    /// Web page.
    pub url: String,
    /// Number of the team; 0 for none.
    pub team: i64,
    /// When the account was made.
    pub created: i64,
    /// Millionths of a cobblestone.
    pub credit: i64,
    /// Cobblestones a day, decaying.
    pub average: f64,
    /// When the average was last brought up to date.
    pub average_time: i64,
    /// Global preferences, as the database has them.
    pub preferences: String,
    /// When they were changed.
    pub preferences_time: f64,
    /// Venue of new computers.
    pub venue: String,
    /// Whether name and credit may be exported.
    pub consent: bool,
    /// What could not be taken as it was.
    pub notes: Vec<String>,
}

/// A team.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FormerTeam {
    /// Number.
    pub id: i64,
    /// Name; empty where it cannot be one.
    pub name: String,
    /// Number of its kind.
    pub kind: i64,
    /// Web page.
    pub url: String,
    /// What it says of itself.
    pub description: String,
    /// Country.
    pub country: String,
    /// Founder, by the number that the user has here.
    pub founder: i64,
    /// Whether anyone may join.
    pub joinable: bool,
    /// When it was made.
    pub created: i64,
    /// Millionths of a cobblestone.
    pub credit: i64,
    /// Cobblestones a day, decaying.
    pub average: f64,
    /// When the average was last brought up to date.
    pub average_time: i64,
    /// What could not be taken as it was.
    pub notes: Vec<String>,
}

/// A computer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FormerHost {
    /// Number.
    pub id: i64,
    /// User, by the number that it has here.
    pub user: i64,
    /// When it was first seen.
    pub created: i64,
    /// Number of the last request.
    pub sequence: i64,
    /// When it was last heard of.
    pub seen: i64,
    /// Name across projects.
    pub cpid: String,
    /// Its name in its network.
    pub domain_name: String,
    /// Its address.
    pub address: String,
    /// Seconds east of Greenwich.
    pub timezone: i64,
    /// Client version: major * 10000 + minor * 100 + release; 0 where it is not told.
    pub client: i64,
    /// Processors.
    pub processors: i64,
    /// Their maker.
    pub vendor: String,
    /// Their model.
    pub model: String,
    /// Operations a second of one, of floating point and whole numbers.
    pub flops: f64,
    /// See `flops`.
    pub iops: f64,
    /// Bytes of memory, disk, and free disk.
    pub memory: f64,
    /// See `memory`.
    pub disk: f64,
    /// See `memory`.
    pub disk_free: f64,
    /// Operating system.
    pub os_name: String,
    /// Its version.
    pub os_version: String,
    /// Share of time that it computes.
    pub available: f64,
    /// Venue.
    pub venue: String,
    /// Millionths of a cobblestone.
    pub credit: i64,
    /// Cobblestones a day, decaying.
    pub average: f64,
    /// When the average was last brought up to date.
    pub average_time: i64,
    /// What could not be taken as it was.
    pub notes: Vec<String>,
}

fn venue(text: &str) -> String {
    if ["home", "work", "school"].contains(&text) { text.to_owned() } else { String::new() }
}

fn credit_of(of: &impl Columns, notes: &mut Vec<String>) -> i64 {
    credit(of.number("total_credit")).unwrap_or_else(|| {
        notes.push(format!("credit {:?} is no amount", of.text("total_credit")));
        0
    })
}

fn name_of(of: &impl Columns, notes: &mut Vec<String>) -> String {
    let text = of.text("name");
    let taken = name(&text).unwrap_or_default();
    if taken != text.trim() {
        notes.push(format!("name {text:?} became {taken:?}"));
    }
    taken
}

/// A decaying average; 0 where it is none.
fn average_of(of: &impl Columns) -> f64 {
    let average = of.number("expavg_credit");
    if (0.0..=1e12).contains(&average) { average } else { 0.0 }
}

impl FormerUser {
    /// Of a row or an element; times are not after `now`.
    pub(super) fn of(row: &impl Columns, now: i64) -> FormerUser {
        let mut notes = Vec::new();
        let (id, key, password) = (row.whole("id"), row.text("authenticator"), row.text("passwd_hash"));
        let cpid = row.text("cross_project_id");
        let (preferences, preferences_time) = preferences(&row.text("global_prefs"));
        let key = key.trim();
        let told = !key.is_empty() && !key.starts_with("deleted");
        if told && !is_cpid(key) {
            notes.push("the account key is not 32 hexadecimal digits".to_owned());
        }
        FormerUser {
            id,
            email: row.text("email_addr"),
            name: name_of(row, &mut notes),
            key_hash: if told { key_hash(key) } else { String::new() },
            // html/inc/util.inc, weak_auth(): number, and MD5 of key and password's hash.
            weak_hash: if told {
                key_hash(&format!("{id}_{}", md5_hex(format!("{key}{password}").as_bytes())))
            } else {
                String::new()
            },
            password: former_password(&password).unwrap_or_default(),
            cpid: if is_cpid(&cpid) { cpid } else { String::new() },
            country: country(&row.text("country")),
            url: page(&row.text("url")),
            team: row.whole("teamid"),
            created: row.time("create_time", now),
            credit: credit_of(row, &mut notes),
            average: average_of(row),
            average_time: row.time("expavg_time", now),
            preferences,
            preferences_time,
            venue: venue(&row.text("venue")),
            consent: false,
            notes,
        }
    }
}

impl FormerTeam {
    /// Of a row or an element; the founder's number is the one of the row.
    pub(super) fn of(row: &impl Columns, now: i64) -> FormerTeam {
        let mut notes = Vec::new();
        let joinable = row.text("joinable");
        FormerTeam {
            id: row.whole("id"),
            name: name_of(row, &mut notes),
            kind: row.whole("type").clamp(0, 8),
            url: page(&row.text("url")),
            description: crate::account::clean_text(&row.text("description"), 4000),
            country: country(&row.text("country")),
            founder: row.whole("userid"),
            joinable: joinable.trim() != "0",
            created: row.time("create_time", now),
            credit: credit_of(row, &mut notes),
            average: average_of(row),
            average_time: row.time("expavg_time", now),
            notes,
        }
    }
}

impl FormerHost {
    /// Of a row or an element; the user's number is the one of the row.
    pub(super) fn of(row: &impl Columns, now: i64) -> FormerHost {
        let mut notes = Vec::new();
        let size = |name: &str| row.number(name).max(0.0);
        let share = |name: &str| Some(row.number(name)).filter(|share| *share > 0.0 && *share <= 1.0).unwrap_or(1.0);
        let either = |one: &str, other: &str| if row.text(one).is_empty() { row.whole(other) } else { row.whole(one) };
        let cpid = row.text("host_cpid");
        let told = row.text("boinc_version");
        let serial = row.text("serialnum");
        let client = if told.is_empty() { serial.split("[BOINC|").nth(1).unwrap_or("") } else { &told };
        FormerHost {
            id: row.whole("id"),
            user: row.whole("userid"),
            created: row.time("create_time", now),
            sequence: row.whole("rpc_seqno").max(0),
            seen: row.time("rpc_time", now),
            cpid: if is_cpid(&cpid) { cpid } else { String::new() },
            domain_name: words(&row.text("domain_name")),
            address: words(&row.text("external_ip_addr")),
            timezone: row.whole("timezone").clamp(-86_400, 86_400),
            client: version(client),
            processors: either("p_ncpus", "ncpus").clamp(1, 4096),
            vendor: words(&row.text("p_vendor")),
            model: words(&row.text("p_model")),
            flops: size("p_fpops"),
            iops: size("p_iops"),
            memory: size("m_nbytes"),
            disk: size("d_total"),
            disk_free: size("d_free"),
            os_name: words(&row.text("os_name")),
            os_version: words(&row.text("os_version")),
            available: share("on_frac") * share("active_frac"),
            venue: venue(&row.text("venue")),
            credit: credit_of(row, &mut notes),
            average: average_of(row),
            average_time: row.time("expavg_time", now),
            notes,
        }
    }
}

/// A client's version, `7.20.5` and what follows, as one number.
fn version(text: &str) -> i64 {
    let mut parts = text.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<i64>().unwrap_or(0).min(99));
    let mut part = || parts.next().unwrap_or(0);
    part() * 10_000 + part() * 100 + part()
}

/// Global preferences as JSON of names and values, and when they were changed. Those of venues stay behind.
fn preferences(xml: &str) -> (String, f64) {
    let Ok(node) = Node::parse(xml.as_bytes(), "global_preferences") else { return (String::new(), 0.0) };
    let values = preference_values(&node);
    if values.is_empty() {
        return (String::new(), 0.0);
    }
    (serde_json::to_string(&values).unwrap_or_default(), node.number("mod_time").unwrap_or(0.0).max(0.0))
}

/// Users who agreed that name and credit are exported, of tables `consent_type` and `consent`.
pub(super) fn consent_of(row: &super::dump::Cells<'_>, kind: i64) -> Option<(i64, bool)> {
    let flag = row.bytes("consent_flag").map(decoded).unwrap_or_default();
    (row.whole("consent_type_id") == kind).then(|| (row.whole("userid"), flag.trim() == "1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_without_a_value_are_a_yes() {
        let xml = "<global_preferences>\n<mod_time>1500000000</mod_time>\n<run_on_batteries/>\n<max_ncpus_pct>50</max_ncpus_pct>\n\
                   <venue name=\"home\">\n<max_ncpus_pct>1</max_ncpus_pct>\n</venue>\n</global_preferences>";
        let (json, time) = preferences(xml);
        assert_eq!((json.as_str(), time), (r#"[["run_on_batteries","1"],["max_ncpus_pct","50"]]"#, 1.5e9));
        assert_eq!(preferences("<global_preferences>"), (String::new(), 0.0));
    }

    #[test]
    fn clients_versions_are_read_as_two_sources_have_them() {
        assert_eq!((version("7.20.5"), version("7.16.6][CUDA|x|1]"), version("")), (72_005, 71_606, 0));
    }
}
