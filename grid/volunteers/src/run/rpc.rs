//! Turns to the scheduler, and what replies set going.

use super::{Crowd, Flight, Kind, What};
use crate::habits::Fate;
use crate::host::{Stage, Want};
use crate::http;
use crate::net::{Cut, Trouble};
use crate::plan::Pace;
use crate::reply::Reply;

/// Seconds after an automatic request without work before the next; doubled each time, up to a day (`work_fetch.cpp`).
const NO_WORK: f64 = 600.0;
const NO_WORK_MOST: f64 = 86_400.0;

impl Crowd<'_> {
    /// A host's turn, due at a time.
    pub(super) fn turn(&mut self, at: usize, due: f64) {
        let now = self.clock.now();
        let seat = &mut self.seats[at];
        if seat.gone {
            return;
        }
        if seat.busy {
            self.tally.count("turns_queued");
            seat.waiting = Some(seat.waiting.map_or(due, |waiting| waiting.min(due)));
            return;
        }
        if now < seat.host.not_before {
            if !seat.held {
                seat.held = true;
                let until = seat.host.not_before;
                self.tally.count("turns_held_back");
                self.later(until, at, What::Turn);
            }
            return;
        }
        let want = self.want(at, now);
        let seat = &self.seats[at];
        let reports = seat.host.tasks.iter().any(|task| task.stage == Stage::Ready);
        let wants = !want.none && (want.cpu.0 > 0.0 || want.gpu.0 > 0.0);
        let forced = seat.asked_for.is_some_and(|time| time <= now);
        let open_loop = matches!(self.plan.pace, Pace::Rate { .. }) && !self.draining;
        if reports || wants || forced || open_loop {
            self.ask(at, due, want);
        }
    }

    /// What a host wants.
    fn want(&self, at: usize, now: f64) -> Want {
        let seat = &self.seats[at];
        let (host, has_gpu, gpu_only) = (&seat.host, seat.host.profile.graphics.is_some(), seat.host.profile.gpu_only);
        let processors = |cpu: (f64, f64)| if gpu_only { (0.0, 0.0) } else { cpu };
        if self.draining {
            return Want { cpu: (0.0, 0.0), gpu: (0.0, 0.0), none: true };
        }
        if host.id == 0 {
            // A client's first request is for one second of work and no processor.
            let gpu = if has_gpu { (1.0, 0.0) } else { (0.0, 0.0) };
            return Want { cpu: processors((1.0, 0.0)), gpu, none: false };
        }
        let alive =
            host.tasks.iter().filter(|task| task.stage != Stage::Ready && task.fate != Fate::Silent).count() as f64;
        match self.plan.pace {
            Pace::Rate { tasks, .. } => {
                let missing = (f64::from(tasks) - alive).max(0.0);
                // One second for each: so the count of idle processors, not the length of tasks, says how many come.
                Want {
                    cpu: processors((missing, missing)),
                    gpu: if has_gpu { (missing, missing.min(1.0)) } else { (0.0, 0.0) },
                    none: false,
                }
            }
            Pace::Natural { buffer, .. } => {
                let full = f64::from(host.profile.processors) * buffer;
                let ahead: f64 = seat.free_at.iter().map(|free| (free - now).clamp(0.0, buffer)).sum();
                let missing = full - ahead;
                let idle = seat.free_at.iter().filter(|free| **free <= now).count() as f64;
                let pauses = now < seat.no_fetch_before;
                let cpu = if pauses || missing < 0.1 * full { (0.0, 0.0) } else { (missing, idle) };
                let missing = buffer - (seat.graphics_free - now).clamp(0.0, buffer);
                let gpu = if has_gpu && !pauses && missing >= 0.1 * buffer {
                    (missing, f64::from(u8::from(seat.graphics_free <= now)))
                } else {
                    (0.0, 0.0)
                };
                Want { cpu: processors(cpu), gpu, none: false }
            }
        }
    }

    fn ask(&mut self, at: usize, due: f64, want: Want) {
        let now = self.clock.now();
        let seat = &mut self.seats[at];
        let draw = seat.host.draw.of("lost_reply").at(seat.host.requests);
        let cut = (draw.unit() < self.plan.habits.lost_reply)
            .then(|| if draw.at(1).below(2) == 0 { Cut::Reply } else { Cut::Sending(usize::MAX) });
        let text = seat.host.request(now, want, true, &self.plan.habits);
        seat.busy = true;
        seat.asked_for = None;
        let (place, to) = &self.scheduler;
        let (bytes, to) = (http::post(place, text.as_bytes()), *to);
        self.fly(Flight { host: at, due, kind: Kind::Rpc }, to, bytes, cut);
    }

    /// A scheduler request has come to its end.
    pub(super) fn answered(&mut self, flight: &Flight, outcome: Result<(u16, String), Trouble>) {
        let (now, at) = (self.clock.now(), flight.host);
        self.seats[at].busy = false;
        let taken = match &outcome {
            Ok((200, text)) => match Reply::parse(text) {
                Ok(reply) if reply.down => Err("project is down".to_owned()),
                Ok(reply) => {
                    if self.measures(flight.due) {
                        self.tally.rpc.add(now - flight.due);
                    }
                    self.tally.count("rpcs");
                    self.replied(at, now, &reply);
                    Ok(())
                }
                Err(error) => Err(error.to_string()),
            },
            Ok((status, _)) => Err(format!("HTTP status {status}")),
            Err(trouble) => Err(trouble.to_string()),
        };
        if let Err(what) = taken {
            self.tally.error("rpc", what);
            self.seats[at].failures += 1;
            let pause = self.pause(self.seats[at].host.draw.of("pause").at(self.requests), self.seats[at].failures);
            self.seats[at].host.not_before = now + pause;
            if matches!(self.plan.pace, Pace::Natural { .. }) || self.draining {
                self.later(now + pause, at, What::Turn);
            }
        } else {
            self.seats[at].failures = 0;
        }
        if let Some(due) = self.seats[at].waiting.take() {
            self.turn(at, due);
        }
    }

    fn replied(&mut self, at: usize, now: f64, reply: &Reply<'_>) {
        let wanted = self.want(at, now);
        let seat = &mut self.seats[at];
        let known_key = seat.host.key.clone();
        let taken = seat.host.take(now, reply, &self.plan.habits, self.plan.downloads);
        seat.asked_for = reply.next.map(|seconds| now + seconds);
        self.tally.add("tasks", taken.tasks.len() as u64);
        self.tally.add("tasks_again", taken.again);
        self.tally.add("aborted", taken.aborted);
        self.tally.add("files_deleted", taken.deleted);
        self.tally.add("message_acks", u64::from(reply.message_ack));
        reply.messages.iter().for_each(|text| self.tally.message(text));
        if let (Some(known), Some(key)) = (known_key, reply.key)
            && (reply.key_signature.is_none() || *known != *key)
        {
            // The client's log: "Missing code sign key signature".
            self.tally.error("rpc", "code sign key without signature");
        }
        let id = self.seats[at].host.id;
        for (name, ended) in &taken.acks {
            match ended {
                Some((state, exit)) => {
                    self.tally.count(if *state == 5 { "reports" } else { "reports_of_errors" });
                    self.record.report(name, *state, *exit, id);
                }
                None => self.tally.count("acks_of_duplicates"),
            }
        }
        self.check_kind(at, &taken.tasks);
        let leaves = self.seats[at].host.profile.leaves && !taken.tasks.is_empty();
        if leaves {
            self.tally.count("hosts_left");
            self.seats[at].gone = true;
            return;
        }
        if self.plan.downloads {
            self.wish_for(at, now, reply);
        }
        for task in &taken.tasks {
            self.begins(at, *task, now);
        }
        self.settle(at, now, !taken.tasks.is_empty(), wanted);
    }

    /// Counts tasks for graphics processors, and those that the host cannot run or never asks for.
    fn check_kind(&mut self, at: usize, tasks: &[u32]) {
        let host = &self.seats[at].host;
        let own = host.profile.graphics.map(|one| one.kind());
        for task in host.tasks.iter().filter(|task| tasks.contains(&task.number)) {
            match &host.version_of(task).coprocessor {
                Some((kind, _)) if Some(kind.as_str()) == own => self.tally.count("tasks_for_graphics"),
                Some(_) => self.tally.error("rpc", "a task for a graphics processor that the host has not"),
                None if host.profile.gpu_only => self.tally.error("rpc", "a task for processors that were to get none"),
                None => {}
            }
        }
    }

    /// When a client that lives by itself turns to the scheduler again.
    fn settle(&mut self, at: usize, now: f64, got: bool, wanted: Want) {
        let draining = self.draining;
        let Pace::Natural { .. } = self.plan.pace else { return };
        let seat = &mut self.seats[at];
        if got {
            seat.host.empty_handed = 0;
        } else if (wanted.cpu.0 > 0.0 || wanted.gpu.0 > 0.0) && !draining {
            seat.host.empty_handed += 1;
            let spread = 0.5 + seat.host.draw.of("no_work").at(seat.host.requests).unit();
            let doubled = f64::from(1_u32 << (seat.host.empty_handed - 1).min(8));
            seat.no_fetch_before = now + (NO_WORK * spread * doubled).min(NO_WORK_MOST);
        }
        let next = if got { seat.host.not_before } else { seat.no_fetch_before.max(seat.host.not_before) };
        if let Some(time) = seat.asked_for {
            self.later(time.max(now), at, What::Turn);
        }
        self.later(next.max(now + 1.0), at, What::Turn);
    }

    /// A task's files are here, or it failed for want of them; its time runs.
    pub(super) fn begins(&mut self, at: usize, task: u32, now: f64) {
        let seat = &mut self.seats[at];
        let (draw, mut speed) = (seat.host.draw, seat.host.profile.flops);
        let graphics = seat.host.profile.graphics;
        let accelerated =
            seat.host.tasks.iter().any(|one| one.number == task && seat.host.version_of(one).coprocessor.is_some());
        if let Some(graphics) = graphics.filter(|_| accelerated) {
            // What programs reach of the peak.
            speed = 0.1 * graphics.peak;
        }
        let Some(one) = seat.host.task(task) else { return };
        if one.stage == Stage::Fetching {
            return;
        }
        let draw = draw.of("time").of(&one.name);
        let (fate, deadline, flops) = (one.fate, one.deadline, one.flops);
        let end = match (fate, self.plan.pace) {
            (Fate::Silent, _) => {
                self.tally.count("silent");
                self.later(deadline + 1.0, at, What::Forget(task));
                return;
            }
            (Fate::Late, _) => deadline.max(now) + 1.0 + 0.2 * (deadline - now).max(0.0) * draw.unit(),
            (_, Pace::Rate { per_second, .. }) => {
                now + 0.8 * self.seats.len() as f64 / per_second.max(1e-9) * draw.unit()
            }
            (_, Pace::Natural { .. }) => {
                let seconds = flops / speed.max(1.0) * libm::exp(0.1 * draw.normal());
                let free = if accelerated {
                    Some(&mut seat.graphics_free)
                } else {
                    seat.free_at.iter_mut().min_by(|a, b| a.total_cmp(b))
                };
                let end = free.as_ref().map_or(now, |free| free.max(now)) + seconds;
                if let Some(free) = free {
                    *free = end;
                }
                end
            }
        };
        if let Some(one) = self.seats[at].host.task(task) {
            one.seconds = end - now;
        }
        self.later(end, at, What::End(task));
    }

    /// A task has run.
    pub(super) fn ends(&mut self, at: usize, task: u32, due: f64) {
        let Some(one) = self.seats[at].host.task(task).filter(|one| one.stage == Stage::Running) else { return };
        let outputs = one.outputs.len();
        if matches!(one.fate, Fate::Failed(..)) || outputs == 0 {
            one.stage = Stage::Ready;
            self.is_ready(at, due);
            return;
        }
        match one.fate {
            Fate::Wrong => self.tally.count("wrong"),
            Fate::Colluding => self.tally.count("colluding"),
            Fate::Late => self.tally.count("late"),
            _ => {}
        }
        if let Some(one) = self.seats[at].host.task(task) {
            one.stage = Stage::Sending;
        }
        for output in 0..outputs {
            self.later(due, at, What::Send(task, output));
        }
    }

    /// A task can be reported: a client that lives by itself, or is about to end, does so soon.
    pub(super) fn is_ready(&mut self, at: usize, now: f64) {
        if self.draining || matches!(self.plan.pace, Pace::Natural { .. }) {
            self.later(now + 1.0, at, What::Turn);
        }
    }
}
