//! Outputs on their way to the upload handler.

use std::io::Write as _;

use super::{Crowd, Flight, Kind, What};
use crate::habits::Fate;
use crate::host::Stage;
use crate::http;
use crate::net::{Cut, Trouble};
use crate::output::{Author, md5_text, output};
use crate::plan::EmulateError;
use crate::upload::{ASK_FROM, Answer, Upload, answer, size_query};

impl Crowd<'_> {
    /// The bytes of a task's output.
    fn bytes(&mut self, at: usize, task: u32, which: usize) -> Option<Vec<u8>> {
        let (form, count, draw) = (self.plan.form, self.plan.output_bytes, self.seats[at].host.draw);
        let task = self.seats[at].host.task(task)?;
        let author = match task.fate {
            Fate::Wrong => Author::Wrong(draw.of("digit").of(&task.name).bits()),
            Fate::Colluding => Author::Colluding,
            _ => Author::Honest,
        };
        let bytes = output(&task.unit, which, count, form, author);
        let one = task.outputs.get_mut(which)?;
        let bytes = if one.gzip {
            let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            // Writing to memory cannot fail.
            gzip.write_all(&bytes).and_then(|()| gzip.finish()).unwrap_or_default()
        } else {
            bytes
        };
        if one.made.is_none() {
            one.made = Some((bytes.len() as u64, md5_text(&bytes)));
        }
        Some(bytes)
    }

    /// An output is due to be sent.
    pub(super) fn send(&mut self, at: usize, task: u32, which: usize, due: f64) -> Result<(), EmulateError> {
        let Some(bytes) = self.bytes(at, task, which) else { return Ok(()) };
        let Some(one) = self.seats[at].host.task(task).filter(|one| one.stage == Stage::Sending) else { return Ok(()) };
        let Some(to_send) = one.outputs.get_mut(which).filter(|output| output.settled.is_none()) else { return Ok(()) };
        if bytes.len() as u64 > to_send.most {
            // As a real client reports an output that is too large.
            (one.fate, one.stage) = (Fate::Failed(3, 0), Stage::Ready);
            self.tally.error("task", "the output is larger than the work unit allows");
            self.is_ready(at, due);
            return Ok(());
        }
        to_send.tries += 1;
        if (bytes.len() as u64) < ASK_FROM {
            return self.post(at, task, which, due, 0, &bytes);
        }
        let (name, url) = (to_send.name.clone(), to_send.url.clone());
        let (place, to) = self.place(&url)?;
        let request = http::post(&place, &size_query(&name));
        self.fly(Flight { host: at, due, kind: Kind::Size(task, which) }, to, request, None);
        Ok(())
    }

    fn post(
        &mut self,
        at: usize,
        task: u32,
        which: usize,
        due: f64,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), EmulateError> {
        let habits = self.plan.habits.clone();
        let draw = self.seats[at].host.draw;
        let Some(output) = self.seats[at].host.task(task).and_then(|one| one.outputs.get(which)) else { return Ok(()) };
        let draw = draw.of("upload").of(&output.name).at(u64::from(output.tries));
        let md5 = output.made.as_ref().map_or("", |(_, md5)| md5);
        let upload =
            Upload { name: &output.name, certificate: &output.certificate, most: output.most, md5, offset, bytes };
        let (body, url) = (upload.body(), output.url.clone());
        let (place, to) = self.place(&url)?;
        let request = http::post(&place, &body);
        let cut = if draw.unit() < habits.cut_upload {
            let from = request.len() - (bytes.len() - offset as usize).min(request.len());
            Some(Cut::Sending(from + draw.at(1).below((request.len() - from) as u64 + 1) as usize))
        } else if draw.at(2).unit() < habits.lost_upload {
            Some(if draw.at(3).below(2) == 0 { Cut::Reply } else { Cut::Sending(usize::MAX) })
        } else {
            None
        };
        self.fly(Flight { host: at, due, kind: Kind::Upload(task, which) }, to, request, cut);
        Ok(())
    }

    /// The handler said how much of an output is there.
    pub(super) fn sized(
        &mut self,
        flight: &Flight,
        task: u32,
        which: usize,
        outcome: Result<(u16, String), Trouble>,
    ) -> Result<(), EmulateError> {
        let size = match &outcome {
            Ok((200, text)) => match answer(text) {
                Answer::Done(size) => size.unwrap_or(0),
                other => {
                    self.refused(flight, task, which, other);
                    return Ok(());
                }
            },
            Ok((status, _)) => {
                self.failed(flight, task, which, &format!("HTTP status {status}"));
                return Ok(());
            }
            Err(trouble) => {
                self.failed(flight, task, which, &trouble.to_string());
                return Ok(());
            }
        };
        self.tally.count("size_queries");
        let Some(bytes) = self.bytes(flight.host, task, which) else { return Ok(()) };
        if size >= bytes.len() as u64 {
            // A client takes that for done.
            self.tally.count("uploads_found_whole");
            self.accepted(flight, task, which);
            return Ok(());
        }
        if size > 0 {
            self.tally.count("uploads_resumed");
        }
        self.post(flight.host, task, which, flight.due, size, &bytes)
    }

    /// The handler answered an upload.
    pub(super) fn sent(&mut self, flight: &Flight, task: u32, which: usize, outcome: Result<(u16, String), Trouble>) {
        match outcome {
            Ok((200, text)) => match answer(&text) {
                Answer::Done(_) => {
                    let now = self.clock.now();
                    if self.measures(flight.due) {
                        self.tally.upload.add(now - flight.due);
                    }
                    self.accepted(flight, task, which);
                }
                other => self.refused(flight, task, which, other),
            },
            Ok((status, _)) => self.failed(flight, task, which, &format!("HTTP status {status}")),
            Err(trouble) => self.failed(flight, task, which, &trouble.to_string()),
        }
    }

    fn accepted(&mut self, flight: &Flight, task: u32, which: usize) {
        self.tally.count("uploads");
        let Some(one) = self.seats[flight.host].host.task(task) else { return };
        let Some(output) = one.outputs.get_mut(which) else { return };
        output.settled = Some(true);
        if let Some((bytes, md5)) = &output.made {
            self.record.upload(&output.name, *bytes, md5);
        }
        self.settled(flight.host, task);
    }

    fn refused(&mut self, flight: &Flight, task: u32, which: usize, answer: Answer) {
        if answer != Answer::Permanent {
            self.failed(flight, task, which, "transient error");
            return;
        }
        self.tally.error("upload", "refused for good");
        if let Some(output) = self.seats[flight.host].host.task(task).and_then(|one| one.outputs.get_mut(which)) {
            output.settled = Some(false);
        }
        self.settled(flight.host, task);
    }

    /// Once all outputs are settled, the task can be reported.
    fn settled(&mut self, at: usize, task: u32) {
        let now = self.clock.now();
        let Some(one) = self.seats[at].host.task(task) else { return };
        if one.stage == Stage::Sending && one.outputs.iter().all(|output| output.settled.is_some()) {
            one.stage = Stage::Ready;
            self.is_ready(at, now);
        }
    }

    fn failed(&mut self, flight: &Flight, task: u32, which: usize, what: &str) {
        self.tally.error("upload", what);
        let (now, draw) = (self.clock.now(), self.seats[flight.host].host.draw);
        let Some(output) = self.seats[flight.host].host.task(task).and_then(|one| one.outputs.get(which)) else {
            return;
        };
        let (tries, draw) = (output.tries, draw.of("upload pause").of(&output.name));
        let pause = self.pause(draw.at(u64::from(tries)), tries);
        self.later(now + pause, flight.host, What::Send(task, which));
    }
}
