//! A host: what its client keeps between requests, what it asks, and what it makes of the answers. No clock and no network.

use std::sync::Arc;

use crate::draw::Draw;
use crate::habits::{Fate, Habits};
use crate::profile::Profile;
use crate::reply::{File, Reply};
use crate::request::{Report, Request, Sent, Version};

/// A host.
#[derive(Debug)]
pub struct Host {
    /// Its number in the emulation.
    pub number: u64,
    /// What it is.
    pub profile: Profile,
    /// Its account's key.
    pub authenticator: Arc<str>,
    /// The server's number for it; 0 before it has one.
    pub id: i64,
    /// Its own draws.
    pub draw: Draw,
    /// Before this time it does not ask the scheduler.
    pub not_before: f64,
    /// Automatic requests without work, one after the other.
    pub empty_handed: u32,
    /// Tasks on it.
    pub tasks: Vec<Task>,
    /// Files that are here: name, bytes, and whether they are kept.
    pub files: Vec<(String, u64, bool)>,
    /// The code signing key that it took from the server's first reply.
    pub key: Option<Arc<str>>,
    /// Requests made.
    pub requests: u64,
    sequence: i64,
    cross_project_id: String,
    versions: Vec<Version>,
    echoes: Vec<Task>,
    started: f64,
    next_task: u32,
}

/// A task.
#[derive(Debug, Clone)]
pub struct Task {
    /// Its number on this host.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Its work unit's name.
    pub unit: String,
    /// Floating point operations that it takes.
    pub flops: f64,
    /// When it is due.
    pub deadline: f64,
    /// What befalls it.
    pub fate: Fate,
    /// How far it is.
    pub stage: Stage,
    /// Files that it needs.
    pub needs: Vec<String>,
    /// Its outputs.
    pub outputs: Vec<Output>,
    /// Seconds that it ran.
    pub seconds: f64,
    version: usize,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Its files are not all here.
    Fetching,
    /// It waits or runs.
    Running,
    /// Its outputs are on their way.
    Sending,
    /// It can be reported.
    Ready,
}

/// An output.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Bytes that it may have.
    pub most: u64,
    /// Where it is sent.
    pub url: Arc<str>,
    /// Certificate that goes with it.
    pub certificate: String,
    /// Whether it is sent compressed.
    pub gzip: bool,
    /// Bytes and MD5, once it is made.
    pub made: Option<(u64, String)>,
    /// Whether it was taken, or refused for good.
    pub settled: Option<bool>,
    /// Attempts to send it.
    pub tries: u32,
}

/// What a host asks for in a request.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Want {
    /// Seconds over all processors, and idle processors.
    pub cpu: (f64, f64),
    /// The same of the graphics processor.
    pub gpu: (f64, f64),
    /// Whether it wants no tasks at all.
    pub none: bool,
}

/// What a reply brought.
#[derive(Debug, Default, PartialEq)]
pub struct Taken {
    /// Numbers of new tasks.
    pub tasks: Vec<u32>,
    /// Reports that were acknowledged, with state and exit status as they were reported, in order; none for what is acknowledged
    /// though this host has no such task.
    pub acks: Vec<(String, Option<(i64, i64)>)>,
    /// Tasks that the server ended.
    pub aborted: u64,
    /// Sticky files that were dropped.
    pub deleted: u64,
    /// Tasks that came once more.
    pub again: u64,
}

impl Host {
    /// A host that has never asked.
    pub fn new(number: u64, profile: Profile, authenticator: Arc<str>, seed: Draw, now: f64) -> Host {
        Host {
            number,
            profile,
            authenticator,
            id: 0,
            draw: seed.of("habits").at(number),
            not_before: 0.0,
            empty_handed: 0,
            tasks: Vec::new(),
            files: Vec::new(),
            key: None,
            requests: 0,
            sequence: 0,
            cross_project_id: String::new(),
            versions: Vec::new(),
            echoes: Vec::new(),
            started: now,
            next_task: 0,
        }
    }

    /// The task of a number.
    pub fn task(&mut self, number: u32) -> Option<&mut Task> {
        self.tasks.iter_mut().find(|task| task.number == number)
    }

    /// The version that a task is computed with.
    pub fn version_of(&self, task: &Task) -> &Version {
        &self.versions[task.version]
    }

    /// The request that the host makes now.
    pub fn request(&mut self, now: f64, want: Want, several: bool, habits: &Habits) -> String {
        let ready = |task: &&Task| task.stage == Stage::Ready;
        let running = self.tasks.iter().find(|task| task.stage == Stage::Running);
        let chatty = self.draw.of("trickle").at(self.requests).unit() < habits.trickle;
        let trickle =
            running.filter(|_| chatty).map(|task| (task.name.as_str(), "progress", format!("<done>{now:.0}</done>")));
        let request = Request {
            authenticator: &self.authenticator,
            host: self.id,
            sequence: self.sequence,
            profile: &self.profile,
            several,
            no_work: want.none,
            work: want.cpu,
            gpu_work: want.gpu,
            key: self.key.as_deref(),
            cross_project_id: &self.cross_project_id,
            times: (self.started, now),
            reports: self.tasks.iter().filter(ready).chain(&self.echoes).map(|task| self.report(task)).collect(),
            trickles: trickle.into_iter().collect(),
            files: self.files.iter().filter(|file| file.2).map(|file| (file.0.as_str(), file.1)).collect(),
            versions: &self.versions,
            others: self
                .tasks
                .iter()
                .filter(|task| !ready(task))
                .map(|task| (task.name.as_str(), task.version))
                .collect(),
        };
        let text = request.text();
        self.sequence += 1;
        self.requests += 1;
        text
    }

    fn report<'a>(&'a self, task: &'a Task) -> Report<'a> {
        let (state, exit_status) = ended(task.fate);
        let sent = |output: &'a Output| match &output.made {
            // A client says nothing of outputs that it gave up.
            Some((bytes, md5)) if output.settled == Some(true) => {
                Some(Sent { name: &output.name, bytes: *bytes, most: output.most, md5, url: &output.url })
            }
            _ => None,
        };
        Report {
            name: &task.name,
            version: &self.versions[task.version],
            state,
            exit_status,
            seconds: task.seconds,
            words: if state == 5 { "done" } else { "<message>failed</message>" },
            files: task.outputs.iter().filter_map(sent).collect(),
        }
    }

    /// Takes in a reply.
    ///
    /// - `downloads`: whether files are fetched before tasks run; else they are taken for here.
    pub fn take(&mut self, now: f64, reply: &Reply<'_>, habits: &Habits, downloads: bool) -> Taken {
        let mut taken = Taken::default();
        self.not_before = now + reply.delay.max(0.0);
        if let Some(id) = reply.host.filter(|id| *id > 0) {
            (self.id, self.sequence) = (id, 0);
        }
        if let (Some(key), None) = (reply.key, &self.key) {
            self.key = Some(key.into());
        }
        if let Some(id) = reply.cross_project_id.filter(|id| *id != self.cross_project_id) {
            self.cross_project_id = id.to_owned();
        }
        self.acknowledged(reply, habits, &mut taken);
        self.ended_by_server(reply, &mut taken);
        self.provided(now, reply, habits, downloads, &mut taken);
        taken
    }

    fn acknowledged(&mut self, reply: &Reply<'_>, habits: &Habits, taken: &mut Taken) {
        self.echoes.clear();
        for name in &reply.acks {
            let place = self.tasks.iter().position(|task| task.stage == Stage::Ready && task.name == **name);
            let task = place.map(|at| self.tasks.swap_remove(at));
            taken.acks.push(((*name).to_owned(), task.as_ref().map(|task| ended(task.fate))));
            if let Some(task) = task {
                self.files.retain(|(name, _, kept)| *kept || !task.needs.contains(name));
                if self.draw.of("duplicate").of(name).unit() < habits.duplicate {
                    self.echoes.push(task);
                }
            }
        }
    }

    fn ended_by_server(&mut self, reply: &Reply<'_>, taken: &mut Taken) {
        for task in &mut self.tasks {
            let unstarted = task.stage == Stage::Fetching;
            let ended = reply.aborts.contains(&task.name.as_str())
                || unstarted && reply.aborts_if_new.contains(&task.name.as_str());
            if ended && task.stage != Stage::Ready {
                // As a real client reported it.
                (task.fate, task.stage) = (Fate::Failed(6, 202), Stage::Ready);
                taken.aborted += 1;
            }
        }
        let before = self.files.len();
        self.files.retain(|(name, ..)| !reply.deletes.contains(&name.as_str()));
        taken.deleted = (before - self.files.len()) as u64;
    }

    fn provided(&mut self, now: f64, reply: &Reply<'_>, habits: &Habits, downloads: bool, taken: &mut Taken) {
        for (version, _) in &reply.versions {
            match self.versions.iter_mut().find(|known| same(known, version)) {
                Some(known) => known.clone_from(version),
                None => self.versions.push(version.clone()),
            }
        }
        for given in &reply.tasks {
            if let Some(known) = self.tasks.iter_mut().find(|task| task.name == given.name) {
                known.deadline = given.deadline;
                taken.again += 1;
                continue;
            }
            let unit = reply.units.iter().find(|unit| unit.name == given.unit);
            let app = unit.map_or("", |unit| unit.app);
            let version = self.versions.iter().position(|version| {
                version.app == app && version.number == given.version && version.plan_class == given.plan_class
            });
            // A client drops a task whose unit or version it does not know.
            let (Some(unit), Some(version)) = (unit, version) else { continue };
            let programs = reply.versions.iter().find(|(one, _)| same(one, &self.versions[version]));
            let needs =
                unit.inputs.iter().chain(programs.iter().flat_map(|(_, files)| files)).map(|name| (*name).to_owned());
            let file = |name: &str| reply.files.iter().find(|file| file.name == name);
            let number = self.next_task;
            self.next_task += 1;
            let mut task = Task {
                number,
                name: given.name.to_owned(),
                unit: given.unit.to_owned(),
                flops: unit.flops,
                deadline: given.deadline,
                fate: habits.fate(self.draw, given.name, self.profile.colludes),
                stage: Stage::Fetching,
                needs: needs.collect(),
                outputs: given.outputs.iter().filter_map(|name| file(name)).map(output).collect(),
                seconds: 0.0,
                version,
            };
            if !downloads {
                task.stage = Stage::Running;
                let kept =
                    reply.files.iter().filter(|file| file.sticky && task.needs.iter().any(|name| name == file.name));
                for file in kept {
                    if !self.files.iter().any(|(name, ..)| name == file.name) {
                        self.files.push((file.name.to_owned(), file.bytes, true));
                    }
                }
            }
            // What goes wrong with the work goes wrong at once: there is nothing to wait for.
            if now >= task.deadline && task.fate == Fate::Good {
                task.fate = Fate::Late;
            }
            self.tasks.push(task);
            taken.tasks.push(number);
        }
    }
}

/// State and exit status that a task of this fate is reported with.
fn ended(fate: Fate) -> (i64, i64) {
    match fate {
        Fate::Failed(state, exit) => (state, exit),
        _ => (5, 0),
    }
}

fn same(one: &Version, other: &Version) -> bool {
    one.app == other.app
        && one.number == other.number
        && one.plan_class == other.plan_class
        && one.platform == other.platform
}

fn output(file: &File<'_>) -> Output {
    Output {
        name: file.name.to_owned(),
        most: file.most,
        url: file.url.into(),
        certificate: file.certificate.to_owned(),
        gzip: file.gzip,
        made: None,
        settled: None,
        tries: 0,
    }
}
