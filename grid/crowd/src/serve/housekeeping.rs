//! What is done once an hour: pieces of uploads that nobody goes on with are removed, segments in which little is wanted are emptied, those of
//! processes that do not run any more are looked after, and the project does what it has to.

use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::roles::FactReader;
use super::stages::{Workshop, location};
use crate::engine::DeskError;
use crate::metrics::Role;
use crate::role::{Keeper, RoleError};
use crate::spool::{Location, Moved};
use crate::store::StoreError;

/// Seconds of the project's clock between two rounds.
const HOUR: i64 = 3600;
/// Time that passes between two rounds however fast that clock goes: who reads a file that was moved is done with it then.
const LEAST: Duration = Duration::from_secs(2);
/// Seconds after which an unfinished upload is given up; clients try for 90 days, but begin again as well.
const UNFINISHED: i64 = 14 * 86_400;
/// Segments of which less than this is wanted are emptied.
const WANTED: f64 = 0.25;

/// Starts the thread; it ends with the server.
///
/// # Errors
/// No thread.
pub(super) fn start(
    workshop: Workshop,
    mut keepers: Vec<Box<dyn Keeper>>,
    now: impl Fn() -> i64 + Send + 'static,
) -> Result<JoinHandle<()>, StoreError> {
    let facts = if keepers.is_empty() { None } else { Some(FactReader::new(workshop.project.database_to_read()?)) };
    let thread = std::thread::Builder::new().name("housekeeping".to_owned()).spawn(move || {
        let mut keep = |now: i64| {
            // Of several processes one does it.
            if !workshop.stages.leads.load(Ordering::Relaxed) {
                return;
            }
            for keeper in &mut keepers {
                if let Some(facts) = &facts {
                    workshop.project_keeps(keeper.as_mut(), facts, now);
                }
            }
        };
        keep(now());
        let (mut last, mut at, mut old) = (Instant::now(), now(), Vec::new());
        while !workshop.ending.load(Ordering::Relaxed) {
            let moment = now();
            if last.elapsed() >= LEAST && moment - at >= HOUR {
                workshop.keep_house(moment, &mut old);
                keep(moment);
                (last, at) = (Instant::now(), moment);
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    thread.map_err(|error| StoreError::Database { place: "housekeeping".to_owned(), cause: error.to_string() })
}

impl Workshop {
    /// What a project does now and then.
    fn project_keeps(&self, keeper: &mut dyn Keeper, facts: &FactReader, now: i64) {
        let kept = keeper.keep(facts, now).and_then(|told| {
            if told.is_empty() {
                return Ok(());
            }
            let stored = self.engine.act(move |desk| Ok(desk.remember(&told)?));
            stored.map_err(|error| RoleError::Transient(error.to_string()))
        });
        if let Err(error) = kept {
            self.engine.meters().role_failed(Role::Keeper);
            tracing::warn!(%error, "the project's housekeeping was not done");
        }
    }

    /// `old`: places that were moved away from an hour ago: who had one of them at hand is done with it.
    fn keep_house(&self, now: i64, old: &mut Vec<Location>) {
        for place in old.drain(..) {
            if let Err(error) = self.spool.delete(&place) {
                tracing::warn!(%error, "a place that is not used any more stays until the next start");
            }
        }
        if let Err(error) = self.spool.sweep_partials(now - UNFINISHED) {
            tracing::warn!(%error, "unfinished uploads were not removed");
        }
        match self.spool.adopt_left() {
            Ok(names) if names.is_empty() => {}
            Ok(names) => tracing::info!(?names, "uploads of processes that do not run any more are looked after"),
            Err(error) => tracing::warn!(%error, "uploads of other processes were not looked after"),
        }
        match self.spool.compact(WANTED) {
            Ok(moved) => self.moved(&moved, old),
            Err(error) => tracing::warn!(%error, "segments were not emptied"),
        }
    }

    /// Tells the database where files lie now; then the old places may go, or the new ones where the files are not wanted any more.
    fn moved(&self, moved: &[Moved], old: &mut Vec<Location>) {
        for piece in moved.chunks(200) {
            let places = piece.to_vec();
            let known = self.engine.act(move |desk| {
                let mut kept = Vec::with_capacity(places.len());
                for one in &places {
                    let found = desk
                        .output_named(&one.name)?
                        .filter(|id| desk.book.outputs.get(*id).is_some_and(|row| location(row) == one.from));
                    kept.push(found.is_some());
                    if let Some(row) = found.and_then(|id| desk.book.outputs.edit(id)) {
                        row.segment.clone_from(&one.to.segment);
                        row.place = i64::try_from(one.to.offset).unwrap_or(i64::MAX);
                    }
                }
                Ok::<_, DeskError>(kept)
            });
            let Ok(known) = known else { return };
            old.extend(
                piece.iter().zip(known).map(|(one, known)| if known { one.from.clone() } else { one.to.clone() }),
            );
        }
    }
}
