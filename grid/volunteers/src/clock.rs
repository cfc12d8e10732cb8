//! What time it is: the machine's for load, a pretended one for simulations.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970 that hosts live by.
pub trait Clock {
    /// The time now.
    fn now(&self) -> f64;

    /// How long to wait for the network, given when something is next due; `busy` while requests are on their way.
    ///
    /// # Errors
    /// When those who share the clock cannot be told.
    fn wait(&mut self, next: Option<f64>, busy: bool) -> io::Result<Duration>;
}

/// The longest wait: ends and interruptions are looked for in between.
const LONGEST: Duration = Duration::from_millis(50);

/// The machine's clock.
#[derive(Debug)]
pub struct Wall {
    start: f64,
    since: Instant,
}

impl Wall {
    /// From now on; later changes of the machine's time are not followed.
    pub fn new() -> Wall {
        let start = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        Wall { start, since: Instant::now() }
    }
}

impl Default for Wall {
    fn default() -> Wall {
        Wall::new()
    }
}

impl Clock for Wall {
    fn now(&self) -> f64 {
        self.start + self.since.elapsed().as_secs_f64()
    }

    fn wait(&mut self, next: Option<f64>, _busy: bool) -> io::Result<Duration> {
        let until = next.map_or(f64::INFINITY, |next| next - self.now());
        Ok(Duration::from_secs_f64(until.clamp(0.0, LONGEST.as_secs_f64())))
    }
}

/// A clock that stands still while requests are on their way, and else goes to the next thing that is due.
#[derive(Debug)]
pub struct Pretended {
    now: f64,
    tick: f64,
    file: Option<PathBuf>,
}

impl Pretended {
    /// - `start`: seconds since 1970; `tick`: seconds that the clock goes at least, so that what falls into one tick happens at once;
    /// - `file`: where whole seconds are written for a server that lives by the same clock.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(start: f64, tick: f64, file: Option<PathBuf>) -> io::Result<Pretended> {
        let clock = Pretended { now: start, tick: tick.max(1e-6), file };
        clock.tell()?;
        Ok(clock)
    }

    fn tell(&self) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let beside = file.with_extension("new");
        std::fs::write(&beside, format!("{}\n", self.now.floor()))?;
        std::fs::rename(&beside, file)
    }
}

impl Clock for Pretended {
    fn now(&self) -> f64 {
        self.now
    }

    fn wait(&mut self, next: Option<f64>, busy: bool) -> io::Result<Duration> {
        if busy {
            return Ok(LONGEST);
        }
        if let Some(next) = next.filter(|next| *next > self.now) {
            self.now = (next / self.tick).ceil() * self.tick;
            self.tell()?;
        }
        Ok(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pretended_clock_stands_while_requests_are_on_their_way() {
        let mut clock = Pretended::new(100.0, 5.0, None).unwrap();
        clock.wait(Some(1000.0), true).unwrap();
        assert_eq!(clock.now(), 100.0);
        clock.wait(Some(1001.0), false).unwrap();
        assert_eq!(clock.now(), 1005.0);
        clock.wait(Some(50.0), false).unwrap();
        assert_eq!(clock.now(), 1005.0, "time does not go back");
    }

    #[test]
    fn the_file_shows_whole_seconds() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clock");
        let mut clock = Pretended::new(7.5, 1.0, Some(file.clone())).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "7\n");
        clock.wait(Some(9.2), false).unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "10\n");
    }
}
