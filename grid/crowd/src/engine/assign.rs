//! Work for the hosts that asked for it in this transaction.

use std::collections::{HashMap, HashSet};

use super::credit::host_version_key;
use super::desk::Desk;
use super::identify::Identity;
use super::question::RpcQuestion;
use super::rpc::{Begun, low, notice};
use super::supply::{inputs, outputs};
use crate::life::{Outcome, ServerState};
use crate::schedule::{Asker, Catalogue, Estimate, Pick, Reason, Reasons, Resource, VersionFile, choose};
use crate::sign::Certificate;
use crate::store::{HostVersionRow, ResultRow, StoreError, UnitRow};
use crate::wire::{App, AppVersion, FileInfo, FileRef, Job, Output, Reply, WorkUnitInfo};

/// Waiting results that are kept at hand, and those that are fetched at once where there are fewer.
const ENOUGH: usize = 2000;
const MORE: usize = 4000;
/// The same where other processes give out the same work: what is at hand is read again with nearly each transaction.
const ENOUGH_SHARED: (usize, usize) = (64, 512);

impl Desk<'_> {
    /// Chooses for all, loads what was chosen at once, and writes it into the replies.
    ///
    /// # Errors
    /// [`StoreError`].
    pub(super) fn assign(&mut self, rpcs: &[&RpcQuestion], begun: &mut [Begun]) -> Result<(), StoreError> {
        let mut picked = Vec::new();
        let (enough, more) = if self.shared { ENOUGH_SHARED } else { (ENOUGH, MORE) };
        if self.queue.len() < enough && begun.iter().any(|begun| begun.work) {
            self.fill(more)?;
        }
        for (rpc, begun) in rpcs.iter().zip(begun.iter_mut()) {
            let Some(who) = begun.who.filter(|_| begun.work) else {
                picked.push(Vec::new());
                continue;
            };
            self.resend(rpc, who, &mut begun.reply)?;
            let (mut picks, mut reasons) = self.pick(rpc, who)?;
            if picks.is_empty() && !*self.queue_is_whole {
                // What is in memory does not suit: perhaps what is not.
                self.fill(MORE)?;
                (picks, reasons) = self.pick(rpc, who)?;
            }
            if picks.is_empty() && begun.reply.jobs.is_empty() {
                self.explain(who, &reasons, &mut begun.reply);
            }
            // What is chosen waits no more, for those that are served next.
            for pick in &picks {
                if let Some(unit) = self.queue.unit_mut(pick.waiting.unit) {
                    unit.others.push((who.user, who.host, rpc.address.clone()));
                    unit.class = unit.class.or(pick.class);
                    if self.catalogue.apps.get(&unit.app).is_some_and(|app| app.one_version) {
                        unit.version = unit.version.or(Some(pick.estimate.version));
                    }
                }
                self.queue.take(pick.waiting.result, pick.waiting.unit);
            }
            picked.push(picks);
        }
        self.load_units(picked.iter().flatten().map(|pick| pick.waiting.unit))?;
        for (picks, begun) in picked.into_iter().zip(begun.iter_mut()) {
            let Some(who) = begun.who else { continue };
            for pick in picks {
                self.give(&pick, who, &mut begun.reply)?;
            }
        }
        Ok(())
    }

    fn pick(&mut self, rpc: &RpcQuestion, who: Identity) -> Result<(Vec<Pick>, Reasons), StoreError> {
        let range = (host_version_key(who.host, 0), host_version_key(who.host, 0xFFFF));
        self.book.host_versions.load_ranges(self.database, [range])?;
        let today = self.now.div_euclid(86_400);
        let known: HashMap<i64, HostVersionRow> = self
            .book
            .host_versions
            .within(range)
            .map(|row| {
                (row.id & 0xFFFF, HostVersionRow { sent: if row.day == today { row.sent } else { 0 }, ..row.clone() })
            })
            .collect();
        let mut in_progress: HashMap<i64, usize> = HashMap::new();
        for row in self.book.results.all().filter(|row| row.host_id == who.host && row.is_in_progress()) {
            if let Some(unit) = self.book.units.get(row.unit()) {
                *in_progress.entry(unit.app_id).or_insert(0) += 1;
            }
        }
        let Some(host) = self.book.hosts.get(who.host) else { return Ok(Default::default()) };
        let asker = Asker {
            request: &rpc.request,
            host,
            known: &known,
            in_progress: &in_progress,
            address: &rpc.address,
            quota: self.settings.daily_quota,
        };
        Ok(choose(self.queue, self.catalogue, &asker, &self.settings.rules))
    }

    /// Why there is no work: the reasons that were met most.
    fn explain(&self, who: Identity, reasons: &Reasons, reply: &mut Reply) {
        reply.messages.push(low("No tasks sent"));
        if self.book.hosts.get(who.host).is_some_and(|host| host.quarantined) {
            reply.messages.push(notice(Reason::Quarantined.sentence()));
        }
        let mut met: Vec<_> = reasons.iter().collect();
        met.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        reply.messages.extend(met.into_iter().take(3).map(|(reason, _)| low(reason.sentence())));
    }

    /// Tasks that the host should have and does not list: a reply that was lost, or a disk.
    fn resend(&mut self, rpc: &RpcQuestion, who: Identity, reply: &mut Reply) -> Result<(), StoreError> {
        let request = &rpc.request;
        if !request.lists_others || !self.settings.resend_lost {
            return Ok(());
        }
        let has: HashSet<&str> = request.others.iter().map(String::as_str).collect();
        let mine = |row: &&ResultRow| row.host_id == who.host && row.is_in_progress() && row.sent < self.now;
        let lost: Vec<ResultRow> = self
            .book
            .results
            .all()
            .filter(mine)
            .filter(|row| {
                self.book.units.get(row.unit()).is_some_and(|unit| !has.contains(row.name(&unit.name).as_str()))
            })
            .cloned()
            .collect();
        for row in lost {
            let Some(unit) = self.book.units.get(row.unit()).cloned() else { continue };
            // A host that loses its tasks again and again does not keep one for ever: it goes to another after its deadline.
            let deadline = row.deadline.max(self.now + unit.delay / 2);
            if deadline > row.sent.saturating_add(unit.delay.saturating_mul(2)) {
                continue;
            }
            let estimate = self.estimate_of(&row, rpc, who);
            let Some(estimate) = estimate.filter(|_| !unit.is_decided()) else {
                if let Some(row) = self.book.results.edit(row.id) {
                    (row.state, row.outcome) = (ServerState::Over.number(), Outcome::ClientDetached.number());
                    row.reason = "the computer lost it, and it is not needed any more".to_owned();
                }
                self.touched.insert(unit.id);
                continue;
            };
            if let Some(row) = self.book.results.edit(row.id) {
                row.deadline = deadline;
            }
            self.touched.insert(unit.id);
            let name = row.name(&unit.name);
            self.describe(&unit, &name, deadline, &estimate, who, reply);
            reply.messages.push(low(format!("Resent lost task {name}")));
        }
        Ok(())
    }

    fn estimate_of(&self, row: &ResultRow, rpc: &RpcQuestion, who: Identity) -> Option<Estimate> {
        let unit = self.book.units.get(row.unit())?;
        let host = self.book.hosts.get(who.host)?;
        let found = crate::schedule::best_version(unit.app_id, self.catalogue, &rpc.request, host, &HashMap::new());
        found.into_iter().find(|estimate| estimate.version == row.version_id)
    }

    /// Gives a chosen result to a host, unless another process was faster.
    fn give(&mut self, pick: &Pick, who: Identity, reply: &mut Reply) -> Result<(), StoreError> {
        let Some(unit) = self.book.units.get(pick.waiting.unit).cloned().filter(|unit| !unit.is_decided()) else {
            return Ok(());
        };
        let team = self.book.users.get(who.user).and_then(|user| user.team_id);
        let (now, version) = (self.now, pick.estimate.version);
        let deadline = now + unit.delay;
        let Some(row) =
            self.book.results.edit(pick.waiting.result).filter(|row| row.state == ServerState::Unsent.number())
        else {
            return Ok(());
        };
        row.state = ServerState::InProgress.number();
        (row.host_id, row.user_id, row.team_id, row.version_id) = (who.host, who.user, team, version);
        (row.sent, row.deadline) = (now, deadline);
        let name = row.name(&unit.name);
        let app = self.catalogue.apps.get(&unit.app_id).cloned().unwrap_or_default();
        let known = self.host_version(who.host, version)?;
        known.sent += 1;
        let valid = known.consecutive_valid;
        let alone = unit.replicate > 0 && unit.quorum == 1 && unit.target == 1;
        // The longer a host's record, the more rarely it is looked after.
        let trusted = alone && valid >= app.trust_after.max(1) && self.random.unit() > 1.0 / valid as f64;
        if trusted && let Some(row) = self.book.results.edit(pick.waiting.result) {
            row.trusted = true;
        }
        if let Some(unit) = self.book.units.edit(unit.id) {
            unit.redundancy_class = unit.redundancy_class.or(pick.class);
            if app.one_version {
                unit.version_id = unit.version_id.or(Some(version));
            }
            if alone && !trusted {
                (unit.quorum, unit.target) = (unit.replicate, unit.replicate);
            }
        }
        self.touched.insert(unit.id);
        self.describe(&unit, &name, deadline, &pick.estimate, who, reply);
        Ok(())
    }

    /// Writes a task into a reply, with application, version and files, each once.
    fn describe(
        &self,
        unit: &UnitRow,
        name: &str,
        deadline: i64,
        estimate: &Estimate,
        who: Identity,
        reply: &mut Reply,
    ) {
        let app = self.catalogue.apps.get(&unit.app_id).cloned().unwrap_or_default();
        if !reply.apps.iter().any(|known| known.name == app.name) {
            reply.apps.push(App { name: app.name.clone(), title: app.title.clone() });
        }
        self.describe_version(&app.name, estimate, reply);
        let inputs = inputs(unit);
        for input in &inputs {
            add_file(reply, || FileInfo {
                name: input.file.clone(),
                urls: vec![self.download(&input.file)],
                bytes: input.bytes.unsigned_abs(),
                md5: input.md5.clone(),
                sticky: input.sticky,
                ..FileInfo::default()
            });
        }
        if !reply.work_units.iter().any(|known| known.name == unit.name) {
            reply.work_units.push(WorkUnitInfo {
                name: unit.name.clone(),
                app: app.name.clone(),
                flops: unit.flops,
                flops_bound: unit.flops_bound,
                memory: unit.memory,
                disk: unit.disk,
                command_line: unit.command_line.clone(),
                files: inputs
                    .into_iter()
                    .map(|input| FileRef {
                        file: input.file,
                        open_name: input.open_name,
                        copy: input.copy,
                        main_program: false,
                    })
                    .collect(),
            });
        }
        let expires = deadline.saturating_add(self.settings.upload_grace);
        let output = |(place, output): (usize, super::supply::Output)| {
            let name = format!("{name}_{place}");
            let certificate = Certificate { name: name.clone(), most: output.most, host: who.host, expires };
            Output {
                certificate: self.settings.secret.sign(&certificate),
                name,
                open_name: output.open_name,
                most: output.most,
                url: self.settings.upload_url.clone(),
                gzip: output.gzip,
            }
        };
        reply.jobs.push(Job {
            name: name.to_owned(),
            work_unit: unit.name.clone(),
            platform: estimate.platform.clone(),
            version: estimate.number,
            plan_class: estimate.plan_class.clone(),
            deadline,
            report_immediately: self.settings.report_immediately,
            outputs: outputs(unit).into_iter().enumerate().map(output).collect(),
        });
    }

    fn describe_version(&self, app: &str, estimate: &Estimate, reply: &mut Reply) {
        let Some(row) = self.catalogue.versions.get(&estimate.version) else { return };
        let same = |known: &AppVersion| {
            known.app == app
                && known.number == row.number
                && known.platform == row.platform
                && known.plan_class == row.plan_class
        };
        if reply.versions.iter().any(same) {
            return;
        }
        let files = Catalogue::files_of(row);
        self.describe_files(&files, reply);
        reply.versions.push(AppVersion {
            app: app.to_owned(),
            number: row.number,
            platform: row.platform.clone(),
            plan_class: row.plan_class.clone(),
            api_version: row.api_version.clone(),
            processors: row.processors,
            coprocessor: match &estimate.resource {
                Resource::Processors => None,
                Resource::Accelerator(kind) => Some((kind.clone(), row.coprocessors)),
            },
            flops: estimate.flops / estimate.slowness,
            command_line: row.command_line.clone(),
            files: files
                .into_iter()
                .map(|file| FileRef {
                    file: file.file,
                    open_name: file.open_name,
                    copy: file.copy,
                    main_program: file.main_program,
                })
                .collect(),
        });
    }

    /// Writes a version's files into a reply.
    pub(super) fn describe_files(&self, files: &[VersionFile], reply: &mut Reply) {
        for file in files.iter().filter_map(|file| self.catalogue.files.get(&file.file)) {
            add_file(reply, || FileInfo {
                name: file.name.clone(),
                urls: vec![self.download(&file.name)],
                bytes: file.bytes.unsigned_abs(),
                executable: file.executable,
                signature: file.signature.clone(),
                ..FileInfo::default()
            });
        }
    }

    fn download(&self, file: &str) -> String {
        format!("{}{file}", self.settings.download_url)
    }
}

fn add_file(reply: &mut Reply, file: impl FnOnce() -> FileInfo) {
    let file = file();
    if !reply.files.iter().any(|known| known.name == file.name) {
        reply.files.push(file);
    }
}
