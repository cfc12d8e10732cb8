//! Units and results: none is stuck, none has two truths, nothing is paid twice.

use std::collections::{HashMap, HashSet};

use super::{How, Report};
use crate::life::{Change, Outcome, ServerState, Validity, transition};
use crate::store::{BatchRow, Book, Counter, Database, ResultRow, StoreError, UnitRow, Value};

/// What other rules need of units and results.
#[derive(Default)]
pub(super) struct Found {
    /// Credit of results, by host.
    pub(super) granted: HashMap<i64, i64>,
    /// Results whose outputs have to be here, and how many each may have.
    pub(super) with_files: HashMap<i64, usize>,
    /// How often units that still need their inputs name each file.
    pub(super) inputs: HashMap<String, i64>,
}

/// Seconds that a deadline may be past before somebody should have seen it.
const PATIENCE: i64 = 120;

pub(super) fn check(database: &mut dyn Database, report: &mut Report, how: How) -> Result<Found, StoreError> {
    let mut found = Found::default();
    let mut batches: HashMap<i64, (i64, i64)> = HashMap::new();
    let mut seen = HashSet::new();
    let mut after = 0;
    loop {
        let mut book = Book::default();
        let values = [Value::Int(after), Value::Int(5000)];
        let ids = book.units.scan(database, "id > $1 order by id limit $2", &values)?;
        let (Some(first), Some(last)) = (ids.first().copied(), ids.last().copied()) else { break };
        let from = UnitRow { id: first, ..UnitRow::default() }.results().0;
        let to = UnitRow { id: last, ..UnitRow::default() }.results().1;
        book.results.load_ranges(database, [(from, to)])?;
        for unit in book.units.all() {
            report.units += 1;
            let results: Vec<&ResultRow> = book.results.within(unit.results()).collect();
            report.results += results.len();
            seen.extend(results.iter().map(|row| row.id));
            check_unit(unit, &results, report, how);
            collect(unit, &results, &mut found);
            if let Some(batch) = unit.batch_id {
                let counts = batches.entry(batch).or_insert((0, 0));
                counts.0 += 1;
                counts.1 += i64::from(unit.assimilation == 2);
            }
        }
        after = last;
    }
    let total = match database.ask("select count(*) from results", &[])?.first().and_then(|row| row.first()) {
        Some(Value::Int(total)) => *total,
        _ => 0,
    };
    if total != seen.len() as i64 {
        report.problem("results have units", format!("{} results have none", total - seen.len() as i64));
    }
    kept_counts(database, report)?;
    super::each(database, |batch: BatchRow| {
        let (units, assimilated) = batches.get(&batch.id).copied().unwrap_or((0, 0));
        // Units whose rows are gone were counted, too.
        if batch.units < units || batch.assimilated < assimilated {
            report.problem(
                "batches count their units",
                format!("batch {} has {units} units and counts {}", batch.name, batch.units),
            );
        }
    })?;
    Ok(found)
}

/// Counts that are kept so that nobody has to go through a table.
fn kept_counts(database: &mut dyn Database, report: &mut Report) -> Result<(), StoreError> {
    let number = |rows: Vec<Vec<Value>>| match rows.first().and_then(|row| row.first()) {
        Some(Value::Int(number)) => Some(*number),
        _ => None,
    };
    for (what, counter, statement) in [
        ("results that wait", Counter::Unsent, "select count(*) from results where state = 2"),
        ("results with hosts", Counter::InProgress, "select count(*) from results where state = 4"),
        ("units to be done again", Counter::Refits, "select count(*) from units where refit = 1"),
    ] {
        let kept = database.ask("select value from counters where id = $1", &[Value::Int(counter as i64)])?;
        let (kept, there) = (number(kept), number(database.ask(statement, &[])?).unwrap_or(0));
        if let Some(kept) = kept.filter(|kept| *kept != there) {
            report.problem("counts are kept", format!("{there} {what}, and {kept} are counted"));
        }
    }
    Ok(())
}

fn collect(unit: &UnitRow, results: &[&ResultRow], found: &mut Found) {
    for row in results {
        if row.granted != 0 {
            *found.granted.entry(row.host_id).or_insert(0) += row.granted;
        }
        if row.has_files {
            found.with_files.insert(row.id, crate::engine::outputs_asked(unit));
        }
    }
    if unit.deletion == 0 {
        for name in crate::engine::input_names(unit) {
            *found.inputs.entry(name).or_insert(0) += 1;
        }
    }
}

fn check_unit(unit: &UnitRow, results: &[&ResultRow], report: &mut Report, how: How) {
    let name = &unit.name;
    if let Some(canonical) = unit.canonical {
        let row = results.iter().find(|row| row.id == canonical);
        let valid =
            row.is_some_and(|row| row.validity == Validity::Valid.number() && row.outcome == Outcome::Success.number());
        if !valid {
            report.problem("the canonical result is valid", format!("unit {name}: result {canonical} is not"));
        }
    }
    for row in results {
        let result = row.name(name);
        let state = row.server_state();
        if ServerState::of(row.state).is_none()
            || Outcome::of(row.outcome).is_none()
            || Validity::of(row.validity).is_none()
        {
            report.problem(
                "states are known",
                format!("result {result}: {} {} {}", row.state, row.outcome, row.validity),
            );
        }
        if (state == ServerState::Unsent) != (row.host_id == 0) && state != ServerState::Over {
            report
                .problem("what is sent has a host", format!("result {result} is {state:?} with host {}", row.host_id));
        }
        let valid = row.validity == Validity::Valid.number();
        if valid && unit.canonical.is_none() {
            report.problem("one canonical result", format!("result {result} is valid, and its unit has none"));
        }
        let due = if valid { unit.credit } else { 0 };
        if row.granted != due {
            report.problem(
                "credit once",
                format!("result {result} was granted {} and not {due} (millionths)", row.granted),
            );
        }
    }
    stuck(unit, results, report, how);
}

/// A unit that has something to do which nobody would begin.
fn stuck(unit: &UnitRow, results: &[&ResultRow], report: &mut Report, how: How) {
    let standings: Vec<_> = results.iter().map(|row| row.standing()).collect();
    let (changes, next) = transition(&unit.life(), &standings, how.now - PATIENCE);
    for change in changes {
        let under_way = match change {
            Change::Validate => unit.validate,
            Change::DeleteInputs => unit.deletion > 0,
            _ => false,
        };
        if !under_way {
            report.problem("no unit is stuck", format!("unit {} waits for {change:?}", unit.name));
        }
    }
    if next.is_some() && unit.next.is_none() {
        report.problem("no unit is stuck", format!("unit {} has a deadline that nobody looks at", unit.name));
    }
}
