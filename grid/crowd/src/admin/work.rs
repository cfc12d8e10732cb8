//! Applications, versions, platforms, units and results.

use serde_json::{Value as Json, json};

use super::command::{NewApp, NewVersion, WhoseWork};
use super::run::{AdminError, Place};
use crate::engine::{Desk, DeskError, PlacedFile};
use crate::life::{Outcome, Trouble, Validity};
use crate::role::{Fact, MICRO, NewUnit, Supply};
use crate::sign::PublicKey;
use crate::store::{AppRow, Counter, Place as By, PlatformRow, ResultRow, UnitRow, Value, VersionRow};

fn no(text: impl Into<String>) -> DeskError {
    DeskError::Refused(text.into())
}

fn app_of(desk: &Desk<'_>, name: &str) -> Result<AppRow, DeskError> {
    desk.catalogue
        .app(name)
        .cloned()
        .ok_or_else(|| no(format!("there is no application {name:?}; pogson crowd app add makes one")))
}

/// Units by name or batch, with their results.
fn units_of(desk: &mut Desk<'_>, which: &WhoseWork) -> Result<Vec<i64>, DeskError> {
    match which {
        WhoseWork::Units(names) => {
            desk.load_units_named(names.iter().map(String::as_str))?;
            let find = |name: &String| desk.unit_named(name).ok_or_else(|| no(format!("there is no unit {name:?}")));
            names.iter().map(find).collect()
        }
        WhoseWork::Batch(name) => {
            desk.book.batches.load_by(desk.database, By::of("name"), &[Value::Text(name.clone())])?;
            let batch = desk.book.batches.all().find(|batch| batch.name == *name).map(|batch| batch.id);
            let batch = batch.ok_or_else(|| no(format!("there is no batch {name:?}")))?;
            let ids = desk.book.units.scan(desk.database, "batch_id = $1", &[Value::Int(batch)])?;
            desk.load_units(ids.iter().copied())?;
            Ok(ids)
        }
    }
}

impl Place {
    pub(super) fn app_add(&self, app: NewApp) -> Result<Json, AdminError> {
        let what = format!("app add {}", app.name);
        let id = self.act(what, move |desk| {
            let fine = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
            if app.name.is_empty() || app.name.len() > 64 || !app.name.chars().all(fine) {
                return Err(no("an application's name has 1 to 64 letters, digits, _ or -"));
            }
            let old = desk.catalogue.app(&app.name).cloned();
            if let Some(old) = &old {
                desk.book.apps.load(desk.database, [old.id])?;
            }
            let id = old.as_ref().map_or_else(|| desk.book.next(Counter::App), |old| old.id);
            let title = if app.title.is_empty() { app.name.clone() } else { app.title.clone() };
            desk.book.apps.insert(AppRow {
                id,
                name: app.name.clone(),
                title,
                redundancy_class: app.redundancy_class,
                one_version: app.one_version,
                trust_after: app.trust_after,
                in_progress: app.in_progress,
                paused: old.is_some_and(|old| old.paused),
            });
            desk.book.count(Counter::Catalogue, 1);
            Ok(id)
        })?;
        Ok(json!({ "id": id }))
    }

    pub(super) fn app_pause(&self, name: String, paused: bool) -> Result<Json, AdminError> {
        self.act(format!("app {name} paused: {paused}"), move |desk| {
            let id = app_of(desk, &name)?.id;
            desk.book.apps.load(desk.database, [id])?;
            if let Some(app) = desk.book.apps.edit(id) {
                app.paused = paused;
            }
            desk.book.count(Counter::Catalogue, 1);
            Ok(())
        })?;
        Ok(json!({ "paused": paused }))
    }

    pub(super) fn app_list(&self) -> Result<Json, AdminError> {
        let (apps, versions) = self.engine.act(|desk| {
            let mut apps: Vec<AppRow> = desk.catalogue.apps.values().cloned().collect();
            let mut versions: Vec<VersionRow> = desk.catalogue.versions.values().cloned().collect();
            apps.sort_by_key(|app| app.id);
            versions.sort_by_key(|version| version.id);
            Ok((apps, versions))
        })?;
        let of = |app: &AppRow| {
            let versions = versions.iter().filter(|version| version.app_id == app.id).map(|version| {
                json!({ "number": version.number, "platform": version.platform, "plan_class": version.plan_class,
                        "deprecated": version.deprecated })
            });
            json!({ "name": app.name, "title": app.title, "paused": app.paused, "versions": versions.collect::<Vec<_>>() })
        };
        Ok(json!({ "apps": apps.iter().map(of).collect::<Vec<_>>() }))
    }

    pub(super) fn version_add(&self, version: NewVersion) -> Result<Json, AdminError> {
        let what = format!("app version {} {} {}", version.app, version.platform, version.number);
        let id = self.act(what, move |desk| {
            let app = app_of(desk, &version.app)?;
            let key = PublicKey::parse(desk.present_key()).map_err(|error| no(error.to_string()))?;
            for file in &version.files {
                if !file.signature.as_ref().is_some_and(|signature| key.verifies_md5(&file.md5, signature)) {
                    return Err(no(format!(
                        "{} is not signed by the project's present key; clients would refuse it",
                        file.name
                    )));
                }
            }
            desk.add_files(&version.files)?;
            let same = |row: &&VersionRow| {
                row.app_id == app.id
                    && row.number == version.number
                    && row.platform == version.platform
                    && row.plan_class == version.plan_class
            };
            if let Some(row) = desk.catalogue.versions.values().find(same) {
                return Err(no(format!(
                    "{} has version {} for {} already; clients would not fetch another one of that number",
                    version.app, row.number, row.platform
                )));
            }
            let id = desk.book.next(Counter::Version);
            desk.book.versions.insert(VersionRow {
                id,
                app_id: app.id,
                number: version.number,
                platform: version.platform.clone(),
                plan_class: version.plan_class.clone(),
                api_version: version.api_version.clone(),
                processors: if version.processors > 0.0 { version.processors } else { 1.0 },
                coprocessor: version.coprocessor.clone(),
                coprocessors: version.coprocessors,
                speed: if version.speed > 0.0 { version.speed } else { 1.0 },
                command_line: version.command_line.clone(),
                files: serde_json::to_string(&version.refs).map_err(|error| no(error.to_string()))?,
                least_client: version.least_client,
                deprecated: false,
                created: desk.now,
                peak_share: version.peak_share.clamp(0.0, 1.0),
                least_driver: version.least_driver,
                least_capability: version.least_capability,
                least_opencl: version.least_opencl,
                least_memory: version.least_memory.max(0.0),
            });
            desk.book.count(Counter::Catalogue, 1);
            Ok(id)
        })?;
        Ok(json!({ "id": id }))
    }

    pub(super) fn version_deprecate(
        &self,
        app: String,
        number: i64,
        platform: String,
        deprecated: bool,
    ) -> Result<Json, AdminError> {
        let count = self.act(format!("app {app} {number} {platform} deprecated: {deprecated}"), move |desk| {
            let app = app_of(desk, &app)?.id;
            let mine = |row: &&VersionRow| {
                row.app_id == app && row.number == number && (platform.is_empty() || row.platform == platform)
            };
            let ids: Vec<i64> = desk.catalogue.versions.values().filter(mine).map(|row| row.id).collect();
            desk.book.versions.load(desk.database, ids.iter().copied())?;
            for id in &ids {
                if let Some(row) = desk.book.versions.edit(*id) {
                    row.deprecated = deprecated;
                }
            }
            if ids.is_empty() {
                return Err(no(format!("there is no version {number}")));
            }
            desk.book.count(Counter::Catalogue, 1);
            Ok(ids.len())
        })?;
        Ok(json!({ "versions": count }))
    }

    pub(super) fn platform_pause(&self, name: String, paused: bool) -> Result<Json, AdminError> {
        self.act(format!("platform {name} paused: {paused}"), move |desk| {
            desk.book.platforms.load_by(desk.database, By::of("name"), &[Value::Text(name.clone())])?;
            let known = desk.book.platforms.all().find(|row| row.name == name).map(|row| row.id);
            let id = known.unwrap_or_else(|| desk.book.next(Counter::Platform));
            desk.book.platforms.insert(PlatformRow { id, name: name.clone(), paused });
            desk.book.count(Counter::Catalogue, 1);
            Ok(())
        })?;
        Ok(json!({ "paused": paused }))
    }

    pub(super) fn supply(
        &self,
        files: Vec<PlacedFile>,
        units: Vec<NewUnit>,
        facts: Vec<Fact>,
    ) -> Result<Json, AdminError> {
        let what = format!("{} new units, {} files", units.len(), files.len());
        let supply = Supply { files: Vec::new(), units, facts };
        let made = self.act(what, move |desk| desk.supply(&supply, &files))?;
        Ok(json!({ "units": made.len() }))
    }

    pub(super) fn unit_show(&self, name: &str) -> Result<Json, AdminError> {
        let which = WhoseWork::Units(vec![name.to_owned()]);
        let (unit, results) = self.engine.act(move |desk| {
            let id = units_of(desk, &which)?.first().copied().unwrap_or(0);
            let unit = desk.book.units.get(id).cloned().unwrap_or_default();
            let results: Vec<ResultRow> = desk.book.results.within(unit.results()).cloned().collect();
            Ok((unit, results))
        })?;
        let results: Vec<Json> = results.iter().map(|row| result_json(row, &unit)).collect();
        Ok(json!({
            "id": unit.id, "name": unit.name, "created": unit.created, "priority": unit.priority,
            "quorum": unit.quorum, "target": unit.target, "canonical": unit.canonical.map(|id| id % 64),
            "trouble": unit.trouble().map(|trouble| format!("{trouble:?}")), "assimilated": unit.assimilation == 2,
            "files_deleted": unit.deletion == 2, "results": results,
        }))
    }

    pub(super) fn result_show(&self, name: &str) -> Result<Json, AdminError> {
        let (unit, _) =
            name.rsplit_once('_').ok_or_else(|| AdminError::Said(format!("{name:?} is no result's name")))?;
        let shown = self.unit_show(unit)?;
        let found = shown["results"].as_array().into_iter().flatten().find(|result| result["name"] == name).cloned();
        found.ok_or_else(|| AdminError::Said(format!("there is no result {name:?}")))
    }

    pub(super) fn cancel(&self, which: WhoseWork) -> Result<Json, AdminError> {
        let count = self.act(format!("cancel {which:?}"), move |desk| {
            let ids = units_of(desk, &which)?;
            let mut count = 0;
            for id in ids {
                if let Some(unit) = desk.book.units.edit(id).filter(|unit| !unit.is_decided()) {
                    unit.trouble |= Trouble::Cancelled.bit();
                    unit.validate = false;
                    count += 1;
                }
                desk.touched.insert(id);
            }
            Ok(count)
        })?;
        Ok(json!({ "units": count }))
    }

    pub(super) fn revalidate(&self, which: WhoseWork) -> Result<Json, AdminError> {
        let count = self.act(format!("revalidate {which:?}"), move |desk| {
            let mut count = 0;
            for id in units_of(desk, &which)? {
                let Some(unit) = desk.book.units.get(id).cloned() else { continue };
                let again: Vec<i64> = desk
                    .book
                    .results
                    .within(unit.results())
                    .filter(|row| {
                        let seen =
                            [Validity::Inconclusive, Validity::Invalid].map(Validity::number).contains(&row.validity);
                        row.outcome == Outcome::Success.number() && row.has_files && seen
                    })
                    .map(|row| row.id)
                    .collect();
                for id in &again {
                    if let Some(row) = desk.book.results.edit(*id) {
                        row.validity = Validity::Unknown.number();
                        row.reason.clear();
                    }
                }
                count += again.len();
                desk.touched.insert(id);
            }
            Ok(count)
        })?;
        Ok(json!({ "results": count }))
    }
}

fn result_json(row: &ResultRow, unit: &UnitRow) -> Json {
    json!({
        "name": row.name(&unit.name),
        "state": format!("{:?}", row.server_state()),
        "outcome": Outcome::of(row.outcome).map(|outcome| format!("{outcome:?}")),
        "validity": Validity::of(row.validity).map(|validity| format!("{validity:?}")),
        "host": row.host_id, "user": row.user_id, "sent": row.sent, "deadline": row.deadline, "received": row.received,
        "client_state": row.client_state, "exit_status": row.exit_status, "cpu_seconds": row.cpu,
        "elapsed_seconds": row.elapsed, "credit": row.granted as f64 / MICRO as f64,
        "reason": row.reason, "stderr": row.stderr,
    })
}
