//! Files that hosts download: resumed where they broke off, checked by MD5 or signature.

use super::{Crowd, Flight, Kind, What};
use crate::habits::Fate;
use crate::host::Stage;
use crate::http;
use crate::net::Trouble;
use crate::output::md5_text;
use crate::plan::EmulateError;
use crate::reply::Reply;
use crate::verify::is_signed;

/// A file that a host wants.
#[derive(Debug)]
pub(super) struct Wanted {
    name: String,
    url: String,
    bytes: u64,
    md5: String,
    signature: String,
    sticky: bool,
    tries: u32,
}

/// State and exit status of a task whose file is not as it should be, as a real client reported them.
const BAD_FILE: (i64, i64) = (1, -186);

impl Crowd<'_> {
    /// Files that a reply named and the host lacks are fetched; tasks that need none begin.
    pub(super) fn wish_for(&mut self, at: usize, now: f64, reply: &Reply<'_>) {
        for file in reply.files.iter().filter(|file| !file.made_here) {
            let seat = &mut self.seats[at];
            let known = seat.host.files.iter().any(|(name, ..)| name == file.name)
                || seat.wanted.iter().any(|wanted| wanted.name == file.name);
            if !known {
                seat.wanted.push(Wanted {
                    name: file.name.to_owned(),
                    url: file.url.to_owned(),
                    bytes: file.bytes,
                    md5: file.md5.to_owned(),
                    signature: file.signature.to_owned(),
                    sticky: file.sticky,
                    tries: 0,
                });
                self.later(now, at, What::Fetch(file.name.to_owned()));
            }
        }
        self.all_here(at);
    }

    /// Marks tasks whose files are all here as running; `begins` sets their time.
    fn all_here(&mut self, at: usize) -> Vec<u32> {
        let host = &mut self.seats[at].host;
        let files = &host.files;
        let complete = host.tasks.iter_mut().filter(|task| {
            task.stage == Stage::Fetching && task.needs.iter().all(|need| files.iter().any(|(name, ..)| name == need))
        });
        complete
            .map(|task| {
                task.stage = Stage::Running;
                task.number
            })
            .collect()
    }

    /// A file is due to be fetched.
    pub(super) fn fetch(&mut self, at: usize, name: &str, due: f64) -> Result<(), EmulateError> {
        let Some(wanted) = self.seats[at].wanted.iter_mut().find(|wanted| wanted.name == name) else { return Ok(()) };
        wanted.tries += 1;
        let url = wanted.url.clone();
        let (place, to) = self.place(&url)?;
        self.fly(Flight { host: at, due, kind: Kind::Fetch(name.to_owned()) }, to, http::get(&place, 0), None);
        Ok(())
    }

    /// A file has come, or not.
    pub(super) fn fetched(&mut self, flight: &Flight, name: &str, outcome: Result<(u16, Vec<u8>), Trouble>) {
        let (now, at) = (self.clock.now(), flight.host);
        let key = self.seats[at].host.key.clone().unwrap_or_default();
        let Some(place) = self.seats[at].wanted.iter().position(|wanted| wanted.name == name) else { return };
        let wanted = &self.seats[at].wanted[place];
        let fault = match outcome {
            Ok((200 | 206, body)) => {
                self.tally.count("downloads");
                let md5 = md5_text(&body);
                if wanted.bytes > 0 && wanted.bytes != body.len() as u64 {
                    Some("wrong size")
                } else if !wanted.signature.is_empty() {
                    (!is_signed(&key, &md5, &wanted.signature)).then_some("wrong signature")
                } else if wanted.md5.is_empty() {
                    Some("neither MD5 nor signature")
                } else {
                    (wanted.md5 != md5).then_some("wrong MD5")
                }
            }
            Ok((status, _)) => {
                self.tally.error("download", format!("HTTP status {status}"));
                return self.fetch_again(at, place, now);
            }
            Err(trouble) => {
                self.tally.error("download", trouble);
                return self.fetch_again(at, place, now);
            }
        };
        let wanted = self.seats[at].wanted.swap_remove(place);
        if let Some(fault) = fault {
            self.tally.error("download", fault);
            for task in &mut self.seats[at].host.tasks {
                if task.stage == Stage::Fetching && task.needs.contains(&wanted.name) {
                    (task.fate, task.stage) = (Fate::Failed(BAD_FILE.0, BAD_FILE.1), Stage::Ready);
                }
            }
            self.is_ready(at, now);
            return;
        }
        // Programs are kept as long as their version is.
        let kept = wanted.sticky;
        self.seats[at].host.files.push((wanted.name, wanted.bytes, kept));
        for task in self.all_here(at) {
            self.begins(at, task, now);
        }
    }

    fn fetch_again(&mut self, at: usize, place: usize, now: f64) {
        let wanted = &self.seats[at].wanted[place];
        let (name, tries) = (wanted.name.clone(), wanted.tries);
        let pause = self.pause(self.seats[at].host.draw.of("fetch pause").of(&name).at(u64::from(tries)), tries);
        self.later(now + pause, at, What::Fetch(name));
    }
}
