//! How much of the processor and of memory a process uses, as Linux says under /proc.

use std::time::Instant;

/// What a process uses, as fractions of what the machine has; `None` where that is not known (yet).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of all processors that may be used.
    pub cpu: Option<f64>,
    /// Of memory.
    pub memory: Option<f64>,
}

/// A process, and what it used when it was looked at last.
#[derive(Clone, Debug)]
pub struct Process {
    folder: String,
    processors: f64,
    before: Option<(Instant, f64)>,
    /// What was said last: looks that follow each other at once say nothing of the processor.
    cpu: Option<f64>,
}

/// Seconds between two looks at least: the kernel counts in hundredths of a second.
const LEAST_S: f64 = 0.2;

impl Process {
    /// This one.
    #[must_use]
    pub fn own() -> Self {
        Self::at("/proc/self".into())
    }

    /// Another one.
    #[must_use]
    pub fn of(pid: u32) -> Self {
        Self::at(format!("/proc/{pid}"))
    }

    fn at(folder: String) -> Self {
        let processors = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        Self { folder, processors, before: None, cpu: None }
    }

    /// What it uses: of the processor since it was looked at before, of memory now.
    pub fn usage(&mut self, now: Instant) -> Usage {
        Usage { cpu: self.cpu(now), memory: memory(&self.folder) }
    }

    /// Seconds of the processor that it has used so far.
    #[must_use]
    pub fn cpu_s(&self) -> Option<f64> {
        let stat = std::fs::read_to_string(format!("{}/stat", self.folder)).ok()?;
        Some(ticks(&stat)? as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    fn cpu(&mut self, now: Instant) -> Option<f64> {
        let Some((at, before)) = self.before else {
            self.before = self.cpu_s().map(|used| (now, used));
            return None;
        };
        let seconds = now.duration_since(at).as_secs_f64();
        if seconds >= LEAST_S {
            let used = self.cpu_s();
            self.cpu = used.map(|used| ((used - before) / seconds / self.processors).max(0.0));
            self.before = used.map(|used| (now, used));
        }
        self.cpu
    }
}

/// Ticks in user and kernel mode. The program's name stands in brackets and may hold anything, so fields count from the last bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()?.saturating_add(next()?))
}

fn memory(folder: &str) -> Option<f64> {
    let pages: u64 =
        std::fs::read_to_string(format!("{folder}/statm")).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()?;
    let used = pages as f64 * rustix::param::page_size() as f64;
    memory_bytes().map(|all| (used / all).min(1.0))
}

/// Memory of the machine, bytes.
#[must_use]
pub fn memory_bytes() -> Option<f64> {
    let all = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = all.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.split_ascii_whitespace().next()?.parse().ok()?;
    (kib > 0).then_some(kib as f64 * 1024.0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn ticks_are_counted_from_the_last_bracket() {
        let stat = "123 (a) b) c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!((ticks(""), ticks("1 (a) S 1")), (None, None));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_works_uses_the_processor_and_one_that_is_gone_nothing_known() {
        let (mut own, began) = (Process::own(), Instant::now());
        assert!(own.usage(began).cpu.is_none());
        let used = own.cpu_s().unwrap();
        let mut sum = 0_u64;
        while own.cpu_s().is_some_and(|now| now < used + 0.05) {
            sum = std::hint::black_box(sum + 1);
        }
        // Read as if half a second had passed: 0.05 s of it at least.
        let usage = own.usage(began + Duration::from_millis(500));
        assert!(usage.cpu.unwrap() >= 0.04 / 0.5 / own.processors && usage.memory.unwrap() > 0.0);
        assert_eq!(Process::of(u32::MAX).usage(began), Usage::default());
    }
}
