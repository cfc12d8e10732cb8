//! How fast a host runs a version, and which version suits it.

use std::collections::HashMap;

use super::accelerator;
use super::catalogue::Catalogue;
use crate::store::{HostRow, HostVersionRow, VersionRow};
use crate::wire::{AnonymousVersion, Coprocessor, Request, ResourceRequest};

/// What a host computes with: processors, or one kind of accelerator.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// Processors.
    Processors,
    /// Accelerators, by BOINC's name of their kind.
    Accelerator(String),
}

/// A version on a host.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// Number of the version; 0 for one that the host brought itself.
    pub version: i64,
    /// What the client knows it by: platform, number, plan class.
    pub platform: String,
    /// See `platform`.
    pub number: i64,
    /// See `platform`.
    pub plan_class: String,
    /// What it computes with.
    pub resource: Resource,
    /// Instances of that which a task takes.
    pub instances: f64,
    /// Instances of that which the host has.
    pub count: f64,
    /// Operations a second, as the client is told.
    pub flops: f64,
    /// Seconds that a task took here over those that its operations ask for; 1 where nothing is known.
    pub slowness: f64,
}

impl Estimate {
    /// Seconds that operations take.
    pub fn seconds(&self, flops: f64) -> f64 {
        flops / self.flops * self.slowness
    }
}

/// Operations a second of a processor whose client made no benchmark, and the least that is believed.
const USUAL_FLOPS: f64 = 1e9;
const LEAST_FLOPS: f64 = 1e7;
const MOST_FLOPS: f64 = 1e12;
/// Reports after which a host's own times are believed.
const ENOUGH: i64 = 3;

/// The fastest version of an application for each thing that a host computes with, newer ones before older.
///
/// - `known`: what is known of versions on this host, by the version's number.
pub fn best_version(
    app: i64,
    catalogue: &Catalogue,
    request: &Request,
    host: &HostRow,
    known: &HashMap<i64, HostVersionRow>,
) -> Vec<Estimate> {
    let speed = processor_flops(host.flops);
    let name = catalogue.apps.get(&app).map_or("", |app| app.name.as_str());
    if request.platforms.first().is_some_and(|platform| platform == "anonymous") {
        let own = request.versions.iter().filter(|version| version.app == name);
        return own
            .max_by_key(|version| version.version)
            .map(|version| anonymous(version, speed, host))
            .into_iter()
            .collect();
    }
    let runs = |version: &&VersionRow| {
        version.app_id == app
            && !version.deprecated
            && request.platforms.contains(&version.platform)
            && !catalogue.paused.contains(&version.platform)
            && i64::from(request.client_version) >= version.least_client
    };
    let mut best: HashMap<Resource, (i64, Estimate)> = HashMap::new();
    for version in catalogue.versions.values().filter(runs) {
        let accelerator = accelerator::suited(version, request);
        if !version.coprocessor.is_empty() && accelerator.is_none() {
            continue;
        }
        let one = estimate(version, accelerator, host, speed, known.get(&version.id));
        // Of versions with one number the faster, and of equals the client's foremost platform.
        let foremost = |platform: &str| request.platforms.iter().position(|name| name == platform);
        let better = best.get(&one.resource).is_none_or(|(number, other)| {
            let order = version.number.cmp(number).then(one.flops.total_cmp(&other.flops));
            order
                .then(foremost(&other.platform).cmp(&foremost(&one.platform)))
                .then(other.version.cmp(&one.version))
                .is_gt()
        });
        if better {
            best.insert(one.resource.clone(), (version.number, one));
        }
    }
    let mut found: Vec<Estimate> = best.into_values().map(|(_, one)| one).collect();
    // Accelerators first: what they leave is the processors'.
    found.sort_by(|a, b| b.resource.cmp(&a.resource));
    found
}

/// Operations a second of a processor, as far as they are believed.
fn processor_flops(said: f64) -> f64 {
    if said > 0.0 { said.clamp(LEAST_FLOPS, MOST_FLOPS) } else { USUAL_FLOPS }
}

/// Operations a second that a version should reach on the host that a request describes; none where it has no such accelerators.
pub fn usual_flops(version: &VersionRow, request: &Request) -> Option<f64> {
    let speed = processor_flops(request.info.flops);
    if version.coprocessor.is_empty() {
        return Some(on_processors(version, speed));
    }
    accelerator::suited(version, request).map(|one| accelerator::flops(version, one, speed).max(1.0))
}

fn on_processors(version: &VersionRow, speed: f64) -> f64 {
    (speed * version.processors.max(1.0) * if version.speed > 0.0 { version.speed } else { 1.0 }).max(1.0)
}

fn estimate(
    version: &VersionRow,
    accelerator: Option<&Coprocessor>,
    host: &HostRow,
    speed: f64,
    known: Option<&HostVersionRow>,
) -> Estimate {
    let accelerator = accelerator.filter(|_| !version.coprocessor.is_empty());
    let accelerated = accelerator.is_some();
    Estimate {
        version: version.id,
        platform: version.platform.clone(),
        number: version.number,
        plan_class: version.plan_class.clone(),
        resource: if accelerated { Resource::Accelerator(version.coprocessor.clone()) } else { Resource::Processors },
        instances: if accelerated { version.coprocessors.max(0.01) } else { version.processors.max(0.01) },
        count: accelerator.map_or(host.processors.clamp(1, 4096) as f64, |one| one.asked.count.clamp(1.0, 64.0)),
        flops: accelerator
            .map_or_else(|| on_processors(version, speed), |one| accelerator::flops(version, one, speed).max(1.0)),
        slowness: known
            .filter(|known| known.count >= ENOUGH && known.slowness.is_finite())
            .map_or(1.0, |known| known.slowness.clamp(0.02, 50.0)),
    }
}

fn anonymous(version: &AnonymousVersion, speed: f64, host: &HostRow) -> Estimate {
    Estimate {
        version: 0,
        platform: version.platform.clone(),
        number: version.version,
        plan_class: version.plan_class.clone(),
        resource: Resource::Processors,
        instances: 1.0,
        count: host.processors.clamp(1, 4096) as f64,
        flops: if version.flops > 0.0 { version.flops } else { speed },
        slowness: 1.0,
    }
}

/// What a request asks of a resource. Old clients only say seconds, for processors.
pub(super) fn asked(request: &Request, resource: &Resource) -> ResourceRequest {
    match resource {
        Resource::Processors => {
            let seconds = if request.coprocessors.is_empty() {
                request.cpu.seconds.max(request.seconds)
            } else {
                request.cpu.seconds
            };
            ResourceRequest { seconds, ..request.cpu }
        }
        Resource::Accelerator(kind) => {
            request.coprocessors.iter().find(|one| one.kind == *kind).map(|one| one.asked).unwrap_or_default()
        }
    }
}
