//! The choice.

use std::collections::{HashMap, HashSet};

use super::catalogue::Catalogue;
use super::class::redundancy_class;
use super::estimate::{Estimate, Resource, asked, best_version};
use super::queue::{Queue, Unit, Waiting};
use super::{Reason, Reasons};
use crate::store::{HostRow, HostVersionRow};
use crate::wire::Request;

/// What a project allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Tasks in one reply.
    pub most_at_once: usize,
    /// Whether a user gets one result of a unit only.
    pub one_per_user: bool,
    /// Whether hosts at one address get one result of a unit only.
    pub one_per_address: bool,
    /// Waiting results that are looked at for one request.
    pub most_looked_at: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { most_at_once: 64, one_per_user: true, one_per_address: false, most_looked_at: 10_000 }
    }
}

/// A host that asks for work.
#[derive(Debug)]
pub struct Asker<'a> {
    /// What it sent.
    pub request: &'a Request,
    /// The host.
    pub host: &'a HostRow,
    /// What is known of versions on it, by version; quotas already hold for today.
    pub known: &'a HashMap<i64, HostVersionRow>,
    /// Tasks in progress on it, by application.
    pub in_progress: &'a HashMap<i64, usize>,
    /// Its address as the server sees it.
    pub address: &'a str,
    /// Tasks a day for each processor, where nothing is known yet.
    pub quota: i64,
}

/// A result for a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Pick {
    /// Which.
    pub waiting: Waiting,
    /// With which version.
    pub estimate: Estimate,
    /// The host's class, where the application asks for one.
    pub class: Option<i64>,
}

/// What is still wanted of a resource.
struct Want {
    seconds: f64,
    instances: f64,
}

impl Want {
    fn more(&self) -> bool {
        self.seconds > 0.0 || self.instances > 0.0
    }
}

/// Results for a host, at most as much as it asked for, and why it got no more.
pub fn choose(queue: &Queue, catalogue: &Catalogue, asker: &Asker<'_>, rules: &Rules) -> (Vec<Pick>, Reasons) {
    let mut choice = Choice::new(catalogue, asker, rules);
    if queue.is_empty() {
        choice.no(Reason::NoneWaiting);
    }
    let held: HashSet<&str> = asker.request.files.iter().map(String::as_str).collect();
    let holds = |unit: &Unit| unit.sticky.iter().any(|file| held.contains(file.as_str()));
    // What the host has the files for, then the rest.
    let passes: &[bool] = if held.is_empty() { &[false] } else { &[true, false] };
    for &local in passes {
        for (waiting, unit) in queue.iter().take(rules.most_looked_at) {
            if choice.is_done() {
                break;
            }
            if !held.is_empty() && holds(unit) != local {
                continue;
            }
            if let Err(reason) = choice.consider(waiting, unit) {
                choice.no(reason);
            }
        }
    }
    (choice.picks, choice.reasons)
}

struct Choice<'a> {
    catalogue: &'a Catalogue,
    asker: &'a Asker<'a>,
    rules: &'a Rules,
    wants: HashMap<Resource, Want>,
    versions: HashMap<i64, Vec<Estimate>>,
    sent: HashMap<i64, i64>,
    in_progress: HashMap<i64, usize>,
    units: HashSet<i64>,
    picks: Vec<Pick>,
    reasons: Reasons,
}

impl<'a> Choice<'a> {
    fn new(catalogue: &'a Catalogue, asker: &'a Asker<'a>, rules: &'a Rules) -> Choice<'a> {
        Choice {
            catalogue,
            asker,
            rules,
            wants: HashMap::new(),
            versions: HashMap::new(),
            sent: HashMap::new(),
            in_progress: asker.in_progress.clone(),
            units: HashSet::new(),
            picks: Vec::new(),
            reasons: Reasons::new(),
        }
    }

    fn no(&mut self, reason: Reason) {
        *self.reasons.entry(reason).or_insert(0) += 1;
    }

    fn is_done(&self) -> bool {
        let limit = if self.asker.host.quarantined { 1 } else { self.rules.most_at_once };
        self.picks.len() >= limit
            || (self.asker.host.quarantined && self.in_progress.values().any(|&count| count > 0))
            || (!self.wants.is_empty() && self.all_satisfied())
    }

    fn all_satisfied(&self) -> bool {
        let request = self.asker.request;
        let accelerators = request.coprocessors.iter().map(|one| Resource::Accelerator(one.kind.clone()));
        accelerators.chain([Resource::Processors]).all(|resource| match self.wants.get(&resource) {
            Some(want) => !want.more(),
            None => {
                let asked = asked(request, &resource);
                asked.seconds <= 0.0 && asked.instances <= 0.0
            }
        })
    }

    fn want(&mut self, resource: &Resource) -> &mut Want {
        let request = self.asker.request;
        self.wants.entry(resource.clone()).or_insert_with(|| {
            let asked = asked(request, resource);
            Want { seconds: asked.seconds, instances: asked.instances }
        })
    }

    fn consider(&mut self, waiting: Waiting, unit: &Unit) -> Result<(), Reason> {
        let (asker, host) = (self.asker, self.asker.host);
        let app = self.catalogue.apps.get(&unit.app).ok_or(Reason::NoVersion)?;
        if app.paused {
            return Err(Reason::Paused);
        }
        if unit.host.is_some_and(|id| id != host.id) || unit.user.is_some_and(|id| id != host.user_id) {
            return Err(Reason::Targeted);
        }
        let same =
            |(user, id, _): &(i64, i64, String)| *id == host.id || (self.rules.one_per_user && *user == host.user_id);
        if self.units.contains(&unit.id) || unit.others.iter().any(same) {
            return Err(Reason::SameUser);
        }
        if self.rules.one_per_address && unit.others.iter().any(|(_, _, address)| address == asker.address) {
            return Err(Reason::SameAddress);
        }
        if host.memory > 0.0 && unit.memory > host.memory {
            return Err(Reason::Memory);
        }
        if host.disk_free > 0.0 && unit.disk > host.disk_free {
            return Err(Reason::Disk);
        }
        let class = match app.redundancy_class {
            0 => None,
            kind => Some(redundancy_class(kind, &host.os_name, &host.vendor).ok_or(Reason::Class)?),
        };
        if unit.class.is_some() && unit.class != class {
            return Err(Reason::Class);
        }
        let limit = usize::try_from(app.in_progress).unwrap_or(0).saturating_mul(host.processors.max(1) as usize);
        if limit > 0 && self.in_progress.get(&app.id).is_some_and(|&count| count >= limit) {
            return Err(Reason::InProgress);
        }
        let (catalogue, known) = (self.catalogue, asker.known);
        let versions = self
            .versions
            .entry(unit.app)
            .or_insert_with(|| best_version(unit.app, catalogue, asker.request, host, known))
            .clone();
        if versions.is_empty() {
            let paused = asker.request.platforms.iter().all(|platform| catalogue.paused.contains(platform));
            return Err(if paused { Reason::Paused } else { Reason::NoVersion });
        }
        let mut why = None;
        let asked_for = |estimate: &Estimate| {
            let asked = asked(asker.request, &estimate.resource);
            asked.seconds > 0.0 || asked.instances > 0.0
        };
        if !versions.iter().any(asked_for) {
            return Err(Reason::OtherResource);
        }
        for estimate in versions {
            if !self.want(&estimate.resource).more() {
                continue;
            }
            if app.one_version && unit.version.is_some_and(|version| version != estimate.version) {
                why = why.or(Some(Reason::OtherVersion));
                continue;
            }
            // The host computes part of the time only.
            if estimate.seconds(unit.flops) / host.available.clamp(0.01, 1.0) > unit.delay as f64 {
                why = why.or(Some(Reason::Deadline));
                continue;
            }
            let sent = self.sent.get(&estimate.version).copied().unwrap_or(0);
            if self.sent_before(&estimate) + sent >= self.quota(&estimate) {
                why = why.or(Some(Reason::Quota));
                continue;
            }
            self.pick(waiting, unit, estimate, class);
            return Ok(());
        }
        why.map_or(Ok(()), Err)
    }

    fn sent_before(&self, estimate: &Estimate) -> i64 {
        self.asker.known.get(&estimate.version).map_or(0, |known| known.sent)
    }

    fn quota(&self, estimate: &Estimate) -> i64 {
        let each = self.asker.known.get(&estimate.version).map_or(self.asker.quota, |known| known.quota);
        each.saturating_mul(estimate.count as i64)
    }

    fn pick(&mut self, waiting: Waiting, unit: &Unit, estimate: Estimate, class: Option<i64>) {
        let seconds = estimate.seconds(unit.flops) * estimate.instances;
        let want = self.want(&estimate.resource);
        want.seconds -= seconds.max(1.0);
        want.instances -= estimate.instances;
        *self.sent.entry(estimate.version).or_insert(0) += 1;
        *self.in_progress.entry(unit.app).or_insert(0) += 1;
        self.units.insert(unit.id);
        self.picks.push(Pick { waiting, estimate, class });
    }
}
