//! What the system says of a server's processes.

use std::path::{Path, PathBuf};
use std::time::Instant;

use pogson_report::process::{Process, Usage};

/// Whose use of the processor and of memory is told.
#[derive(Clone, Debug)]
pub enum Source {
    /// Nobody's.
    Nothing,
    /// That of a process and its children.
    Pid(u32),
    /// The same, the process being named by a file that is read each time, for servers that begin anew.
    PidFile(PathBuf),
    /// That of a unit of systemd.
    Unit(String),
}

/// A source, and what it used when it was looked at last.
#[derive(Debug)]
pub struct Load {
    source: Source,
    processors: f64,
    before: Option<(Instant, f64)>,
    usage: Usage,
}

/// Seconds between two looks at least.
const LEAST_S: f64 = 0.2;
/// Processes whose children are looked at, at most.
const PROCESSES: usize = 1024;

impl Load {
    /// Of a source.
    #[must_use]
    pub fn new(source: Source) -> Self {
        let processors = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        Self { source, processors, before: None, usage: Usage::default() }
    }

    /// What it uses: of the processor since the last look, of memory now.
    pub fn usage(&mut self, now: Instant) -> Usage {
        let before = self.before;
        if before.is_some_and(|(at, _)| now.duration_since(at).as_secs_f64() < LEAST_S) {
            return self.usage;
        }
        let (cpu_s, memory) = match &self.source {
            Source::Nothing => (None, None),
            Source::Pid(pid) => (family_s(*pid), None),
            Source::PidFile(path) => (pid_of(path).and_then(family_s), None),
            Source::Unit(unit) => unit_uses(unit),
        };
        self.before = cpu_s.map(|used| (now, used));
        let cpu = cpu_s.zip(before).map(|(used, (at, before))| {
            // A child that ended takes what it used with it.
            ((used - before) / now.duration_since(at).as_secs_f64() / self.processors).max(0.0)
        });
        self.usage = Usage { cpu, memory };
        self.usage
    }
}

fn pid_of(path: &Path) -> Option<u32> {
    std::fs::read_to_string(path).ok()?.trim().parse().ok()
}

/// Seconds of the processor that a process and its descendants have used.
fn family_s(pid: u32) -> Option<f64> {
    let mut sum = Process::of(pid).cpu_s()?;
    let mut family = vec![pid];
    let mut next = 0;
    while next < family.len().min(PROCESSES) {
        let pid = family[next];
        next += 1;
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")) else { continue };
        for child in text.split_ascii_whitespace().filter_map(|word| word.parse().ok()) {
            sum += Process::of(child).cpu_s().unwrap_or(0.0);
            family.push(child);
        }
    }
    Some(sum)
}

/// Seconds of the processor that a unit has used, and its share of memory, by its control group (version 2).
fn unit_uses(unit: &str) -> (Option<f64>, Option<f64>) {
    let name = if unit.contains('.') { unit.to_owned() } else { format!("{unit}.service") };
    let folder = Path::new("/sys/fs/cgroup/system.slice").join(name);
    let read = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    let number = |text: String| text.trim().parse::<f64>().ok();
    let cpu_s = read("cpu.stat").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("usage_usec "))?;
        Some(line.trim().parse::<f64>().ok()? / 1e6)
    });
    let limit = read("memory.max").and_then(number).or_else(pogson_report::process::memory_bytes);
    let memory = read("memory.current").and_then(number).zip(limit).map(|(used, limit)| (used / limit).clamp(0.0, 1.0));
    (cpu_s, memory)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn what_children_use_counts() {
        let mut shell = std::process::Command::new("sh")
            .args(["-c", "sh -c 'while :; do :; done'; true"])
            .spawn()
            .expect("a shell begins");
        let child = loop {
            let pid = shell.id();
            let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            if let Some(child) = children.split_ascii_whitespace().next().and_then(|word| word.parse::<u32>().ok()) {
                break child;
            }
            if shell.try_wait().expect("it can be asked").is_some() || !Path::new("/proc/1/task/1/children").exists() {
                return;
            }
        };
        while Process::of(child).cpu_s().is_some_and(|used| used < 0.05) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(family_s(shell.id()).unwrap() >= 0.05);
        assert!(Process::of(shell.id()).cpu_s().unwrap() < 0.05);
        let _ = std::process::Command::new("kill").arg(child.to_string()).status();
        let _ = shell.wait();
        assert!(family_s(u32::MAX).is_none());
    }

    #[test]
    fn a_source_that_says_nothing_is_not_known() {
        let began = Instant::now();
        for source in [Source::Nothing, Source::PidFile("/none".into()), Source::Unit("no-such-unit".into())] {
            let mut load = Load::new(source);
            load.usage(began);
            assert_eq!(load.usage(began + Duration::from_secs(1)).cpu, None);
        }
    }
}
