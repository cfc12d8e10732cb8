//! How a project stands.

use serde_json::{Value as Json, json};

use super::run::{AdminError, Place};
use crate::alert::ALERT;
use crate::role::MICRO;
use crate::store::{Counter, Database, FactRow, Row, StoreError, Value};

fn number(database: &mut dyn Database, statement: &'static str, values: &[Value]) -> Result<i64, StoreError> {
    let rows = database.ask(statement, values)?;
    Ok(match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => *number,
        _ => 0,
    })
}

impl Place {
    pub(super) fn status(&self) -> Result<Json, AdminError> {
        let mut database = self.read()?;
        let database = database.as_mut();
        let count = |database: &mut dyn Database, counter: Counter| {
            number(database, "select value from counters where id = $1", &[Value::Int(counter as i64)])
        };
        let state = |database: &mut dyn Database, state: i64| {
            number(database, "select count(*) from results where state = $1", &[Value::Int(state)])
        };
        let purged = count(database, Counter::PurgedUnits)?;
        let units = number(database, "select count(*) from units", &[])? + purged;
        let credit = number(database, "select cast(coalesce(sum(credit), 0) as bigint) from users", &[])?;
        let on = database.scan(
            FactRow::TABLE,
            "name >= $1 and name < $2 order by name",
            &[Value::Text(ALERT.to_owned()), Value::Text(format!("{ALERT}\u{10FFFF}"))],
        )?;
        let on = on.into_iter().map(FactRow::of).collect::<Result<Vec<FactRow>, StoreError>>()?;
        let alerts: Vec<&str> = on.iter().filter_map(|row| row.name.strip_prefix(ALERT)).collect();
        Ok(json!({
            "name": self.project.config.project.name,
            "url": self.project.address.to_string(),
            "serving": self.stages.is_some(),
            "work_units": units,
            "results_unsent": number(database, "select count(*) from results where state = 2", &[])?,
            "results_in_progress": number(database, "select count(*) from results where state = 4", &[])?,
            "results_over": state(database, 5)?,
            "valid": count(database, Counter::Valid)?,
            "assimilated": count(database, Counter::Assimilated)?,
            "given_up": number(database, "select count(*) from units where trouble <> 0", &[])?,
            "to_validate": number(database, "select count(*) from units where validate = 1", &[])?,
            "to_assimilate": number(database, "select count(*) from units where assimilation = 1", &[])?,
            "refits_waiting": count(database, Counter::Refits)?,
            "refits": count(database, Counter::Refitted)?,
            "refits_that_differ": count(database, Counter::RefitsDiffer)?,
            "alerts": alerts,
            "users": number(database, "select count(*) from users", &[])?,
            "hosts": number(database, "select count(*) from hosts", &[])?,
            "credit": credit as f64 / MICRO as f64,
        }))
    }
}
