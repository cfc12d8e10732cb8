//! The client at the other end of the shared memory: what it wants, and what it is told.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::channel::{Channel, Shared};
use crate::fault::ABORTED;

/// How often the client's messages are looked for.
const POLL: Duration = Duration::from_millis(100);
/// How often the client is told of progress.
const TELL: Duration = Duration::from_secs(1);
/// How long a place may take to its end once the task is to quit.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That work goes on.
    Work,
    /// That it ends now, to go on later.
    Quit,
}

/// What the task's threads share.
#[derive(Default)]
struct State {
    quit: AtomicBool,
    suspended: AtomicBool,
    /// Share that is done, as bits.
    fraction: AtomicU64,
    /// CPU seconds of earlier runs, as bits.
    earlier: AtomicU64,
    /// CPU seconds at the last checkpoint, as bits.
    kept: AtomicU64,
}

/// The client, or nobody where there is none.
pub(crate) struct Client {
    shared: Option<Arc<Shared>>,
    state: Arc<State>,
}

impl Client {
    /// Listens to the client that made the file, if there is one; ends with it.
    ///
    /// - `silence`: a client that says nothing for so long is gone.
    pub(crate) fn listen(path: &Path, silence: Duration) -> Client {
        let state = Arc::new(State::default());
        let shared = Shared::open(path).map(Arc::new);
        if let Some(shared) = shared.clone() {
            end_with_parent();
            let state = state.clone();
            // Where no thread is to be had the task is deaf, but works.
            let _ =
                std::thread::Builder::new().name("client".to_owned()).spawn(move || attend(&shared, &state, silence));
        }
        Client { shared, state }
    }

    /// What the client wants; waits while it wants work to rest.
    pub(crate) fn wish(&self) -> Wish {
        loop {
            if self.state.quit.load(Ordering::Acquire) {
                return Wish::Quit;
            }
            if !self.state.suspended.load(Ordering::Acquire) {
                return Wish::Work;
            }
            std::thread::sleep(POLL);
        }
    }

    /// Takes note of progress.
    ///
    /// - `fraction`: of all work, 0 to 1.
    pub(crate) fn done(&self, fraction: f64) {
        self.state.fraction.store(fraction.to_bits(), Ordering::Relaxed);
    }

    /// Takes note of CPU seconds of earlier runs.
    pub(crate) fn earlier(&self, seconds: f64) {
        self.state.earlier.store(seconds.to_bits(), Ordering::Relaxed);
        self.state.kept.store(seconds.to_bits(), Ordering::Relaxed);
    }

    /// CPU seconds of this run and those before.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        self.state.cpu_seconds()
    }

    /// Takes note of a checkpoint.
    pub(crate) fn kept(&self) {
        self.state.kept.store(self.cpu_seconds().to_bits(), Ordering::Relaxed);
    }

    /// Tells the client the last times, and gives it a moment to read them.
    pub(crate) fn last_words(&self) {
        let Some(shared) = &self.shared else { return };
        let began = Instant::now();
        let wait = |until: Duration| {
            while shared.waits(Channel::Status) && began.elapsed() < until {
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        wait(2 * TELL);
        self.done(1.0);
        if shared.leave(Channel::Status, &self.state.status()) {
            wait(4 * TELL);
        }
    }
}

impl State {
    fn cpu_seconds(&self) -> f64 {
        f64::from_bits(self.earlier.load(Ordering::Relaxed)) + cpu_seconds()
    }

    fn status(&self) -> String {
        let of = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        format!(
            "<current_cpu_time>{:e}</current_cpu_time>\n<checkpoint_cpu_time>{:e}</checkpoint_cpu_time>\n\
             <fraction_done>{:e}</fraction_done>\n",
            self.cpu_seconds(),
            of(&self.kept),
            of(&self.fraction)
        )
    }
}

/// Looks after the channels as long as the task lives.
fn attend(shared: &Shared, state: &State, silence: Duration) {
    let mut heard = Instant::now();
    let mut told = None::<Instant>;
    let mut leaving = None::<Instant>;
    loop {
        if shared.take(Channel::Heartbeat).is_some() {
            heard = Instant::now();
        }
        if let Some(message) = shared.take(Channel::Control) {
            heard = Instant::now();
            if message.contains("<abort/>") {
                eprintln!("pogson-worker: aborted by the client");
                std::process::exit(i32::from(ABORTED));
            }
            if message.contains("<suspend/>") {
                state.suspended.store(true, Ordering::Release);
            }
            if message.contains("<resume/>") {
                state.suspended.store(false, Ordering::Release);
            }
            if message.contains("<quit/>") {
                leaving.get_or_insert_with(Instant::now);
            }
        }
        if heard.elapsed() > silence && leaving.is_none() {
            eprintln!("pogson-worker: no sign of the client for {:.0} s; ends", silence.as_secs_f64());
            leaving = Some(Instant::now());
        }
        if let Some(since) = leaving {
            state.quit.store(true, Ordering::Release);
            if since.elapsed() > PATIENCE {
                // The checkpoint holds all but what is under way.
                std::process::exit(0);
            }
        }
        if told.is_none_or(|told| told.elapsed() >= TELL) && shared.leave(Channel::Status, &state.status()) {
            told = Some(Instant::now());
        }
        std::thread::sleep(POLL);
    }
}

/// CPU seconds of this process.
#[cfg(unix)]
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// Seconds since the process began, for want of better.
#[cfg(not(unix))]
fn cpu_seconds() -> f64 {
    static BEGAN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_secs_f64()
}

/// Has the system end this process with its parent.
fn end_with_parent() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // Where that cannot be had the missing heartbeat ends it.
        let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    }
}
