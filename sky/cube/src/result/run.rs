//! Fitting the pixels of a cube one after the other: what is done already stays, what is done now is kept at once.

use std::collections::BTreeSet;

use pogson_sed::observation::Observation;
use pogson_sed::posterior::PixelFit;
use rayon::prelude::*;

use super::journal::{Entry, Journal};
use super::{Draws, PixelRecord, ResultError, ResultFile};

/// Pixels that are fitted between two looks at progress, for each thread.
const STRIDE: usize = 8;

/// A pixel that is to be fitted.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Column from 0.
    pub x: u32,
    /// Row from 0.
    pub y: u32,
    /// What was measured.
    pub observation: Observation,
}

/// What the fit of a pixel gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Fitted {
    /// The fit.
    pub fit: PixelFit,
    /// Draws, where they were asked for.
    pub draws: Option<Draws>,
}

/// Fits pixels by all threads of the current pool and adds them to `result`; those that it holds are left as they are.
/// Results are recorded in the order of `tasks`, whatever the number of threads.
///
/// - `journal`: where each is kept as soon as its turn has come;
/// - `fit`: of one pixel; `Ok(None)` leaves it out, an error ends the run with what was recorded before it kept;
/// - `go_on`: called with the number of tasks done since the last call; its error ends the run in the same way.
///
/// # Errors
/// What `fit` and `go_on` say; what the journal says.
pub fn run<E: From<ResultError> + Send>(
    result: &mut ResultFile,
    mut journal: Option<&mut Journal>,
    tasks: Vec<Task>,
    fit: impl Fn(&Task) -> Result<Option<Fitted>, E> + Sync,
    mut go_on: impl FnMut(usize) -> Result<(), E>,
) -> Result<(), E> {
    let done: BTreeSet<(u32, u32)> = result.pixels.iter().map(|r| (r.x, r.y)).collect();
    let (known, left): (Vec<Task>, Vec<Task>) = tasks.into_iter().partition(|t| done.contains(&(t.x, t.y)));
    go_on(known.len())?;
    let stride = STRIDE * rayon::current_num_threads().max(1);
    for tasks in left.chunks(stride) {
        let fits: Vec<Result<Option<Fitted>, E>> = tasks.par_iter().map(&fit).collect();
        for (task, fitted) in tasks.iter().zip(fits) {
            let Some(Fitted { fit, draws }) = fitted? else { continue };
            let record = PixelRecord { x: task.x, y: task.y, observation: task.observation.clone(), fit, draws };
            if let Some(journal) = &mut journal {
                journal.append(Entry::Pixel, &record)?;
            }
            result.push(record);
        }
        go_on(tasks.len())?;
    }
    if let Some(journal) = journal {
        journal.sync()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::super::made_up::{facts, record};
    use super::*;

    #[derive(Debug)]
    enum Stop {
        Asked,
        #[allow(dead_code, reason = "for its text")]
        Failed(ResultError),
    }

    impl From<ResultError> for Stop {
        fn from(error: ResultError) -> Stop {
            Stop::Failed(error)
        }
    }

    #[test]
    fn a_run_that_is_stopped_goes_on_and_fits_no_pixel_twice() {
        let folder = tempfile::tempdir().unwrap();
        let name = |n: &str| folder.path().join(n);
        let facts = facts(40, 10, false);
        let of = |x: u32, y: u32| record(&facts, x, y, 6, 0);
        let tasks: Vec<Task> =
            (0..400).map(|k| Task { x: k % 40, y: k / 40, observation: of(k % 40, k / 40).observation }).collect();
        let count = AtomicUsize::new(0);
        let fit = |t: &Task| -> Result<Option<Fitted>, Stop> {
            count.fetch_add(1, Ordering::Relaxed);
            // Every ninth pixel cannot be fitted.
            Ok((!t.x.is_multiple_of(9)).then(|| Fitted { fit: of(t.x, t.y).fit, draws: None }))
        };
        let mut whole = ResultFile::new(facts.clone());
        run(&mut whole, None, tasks.clone(), fit, |_| Ok::<(), Stop>(())).unwrap();
        whole.write(&name("whole.h5"), false).unwrap();
        assert_eq!(count.swap(0, Ordering::Relaxed), 400);

        let every = Duration::from_secs(60);
        let (mut journal, mut held) = Journal::open(&name("j"), &facts, every).unwrap();
        let mut seen = 0;
        let stopped = run(&mut held.result, Some(&mut journal), tasks.clone(), fit, |n| {
            seen += n;
            if seen >= 120 { Err(Stop::Asked) } else { Ok(()) }
        });
        assert!(matches!(stopped, Err(Stop::Asked)));
        drop(journal);
        let first = count.swap(0, Ordering::Relaxed);
        let (mut journal, mut held) = Journal::open(&name("j"), &facts, every).unwrap();
        let kept = held.result.pixels.len();
        assert!(kept > 0 && kept < first);
        let mut seen = 0;
        run(&mut held.result, Some(&mut journal), tasks, fit, |n| {
            seen += n;
            Ok::<(), Stop>(())
        })
        .unwrap();
        assert_eq!((seen, count.load(Ordering::Relaxed)), (400, 400 - kept));
        held.result.write(&name("parts.h5"), false).unwrap();
        assert_eq!(std::fs::read(name("whole.h5")).unwrap(), std::fs::read(name("parts.h5")).unwrap());
    }

    #[test]
    fn an_error_of_one_pixel_keeps_those_before_it() {
        let facts = facts(40, 10, false);
        let tasks: Vec<Task> =
            (0..40).map(|x| Task { x, y: 0, observation: record(&facts, x, 0, 6, 0).observation }).collect();
        let mut result = ResultFile::new(facts.clone());
        let fit = |t: &Task| {
            if t.x == 5 {
                Err(Stop::Asked)
            } else {
                Ok(Some(Fitted { fit: record(&facts, t.x, 0, 6, 0).fit, draws: None }))
            }
        };
        assert!(run(&mut result, None, tasks, fit, |_| Ok(())).is_err());
        assert_eq!(result.pixels.iter().map(|r| r.x).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
