//! The agent: follows logs, and pushes what they say.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pogson_report::{Key, Name, PushError, Report, Reporter, Sender, Target, get};

use crate::follow::Follower;
use crate::format::LineFormat;
use crate::load::{Load, Source};
use crate::rules::Rules;
use crate::status;
use crate::tally::Tally;

/// Longest time between two looks at the logs.
const LOOK_EACH: Duration = Duration::from_millis(100);
/// How long a status page and a push may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// Lines that could not be read, of which some are told.
const TOLD: u64 = 1;

/// What the agent does.
#[derive(Debug)]
pub struct Settings {
    /// The logs.
    pub logs: Vec<PathBuf>,
    /// How their lines are written.
    pub format: LineFormat,
    /// Whether what they hold already is read, too.
    pub from_start: bool,
    /// Where reports go.
    pub report_to: Vec<String>,
    /// As whom.
    pub name: Name,
    /// Signed with which key.
    pub key: Key,
    /// How often.
    pub every: Duration,
    /// The server's status page.
    pub status: Option<String>,
    /// Its processes.
    pub source: Source,
    /// Classes of paths.
    pub classes: Rules,
    /// Products of paths.
    pub products: Rules,
}

/// Why the agent does not begin or go on.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// A log cannot be read.
    #[error("{path}: {error}")]
    Log {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// An address is none.
    #[error(transparent)]
    Address(#[from] PushError),
    /// No thread can be begun.
    #[error("a thread for reports cannot be begun: {0}")]
    Thread(std::io::Error),
}

/// What the agent's user is told while it runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Reports arrive (again) there.
    Arrives(String),
    /// They do not, and why.
    Fails(PushError),
    /// The first line that is not written in the format.
    Unread(String),
    /// A log or a status page cannot be read for now.
    Trouble(String),
}

/// Runs until `over` is set. `tell` hears what happens.
///
/// # Errors
/// [`AgentError`] where it cannot begin.
pub fn run(
    settings: Settings,
    over: &AtomicBool,
    tell: impl Fn(Event) + Clone + Send + 'static,
) -> Result<(), AgentError> {
    let mut observer = Observer::open(&settings)?;
    let reports = observer.reports.clone();
    let mut reporters = Vec::new();
    for url in &settings.report_to {
        let target = Target::new(url, PATIENCE.max(settings.every))?;
        let (reports, tell, url) = (reports.clone(), tell.clone(), url.clone());
        // Each gate counts the sequence of what comes to it, so each has a sender of its own.
        let sender = Sender::new(settings.name.clone(), settings.key.clone());
        let telling = tell.clone();
        let read = move || reports.report(&telling);
        let told = move |error: Option<&PushError>| {
            tell(error.map_or_else(|| Event::Arrives(url.clone()), |error| Event::Fails(error.clone())));
        };
        let reporter = Reporter::start(sender, target, settings.every, read, told).map_err(AgentError::Thread)?;
        reporters.push(reporter);
    }
    let pause = LOOK_EACH.min(settings.every / 2);
    while !over.load(Ordering::Relaxed) {
        if !observer.look(&tell) {
            std::thread::sleep(pause);
        }
    }
    drop(reporters);
    Ok(())
}

/// Reads what the logs hold now, and says what would be reported.
///
/// # Errors
/// [`AgentError`] where a log cannot be read.
pub fn once(settings: &Settings, tell: impl Fn(Event)) -> Result<Report, AgentError> {
    let mut observer = Observer::open(settings)?;
    while observer.look(&tell) {}
    Ok(observer.reports.report(&tell))
}

/// Logs that are read into a tally.
struct Observer {
    followers: Vec<(PathBuf, Follower)>,
    format: LineFormat,
    reports: Reports,
    troubles: Vec<bool>,
}

/// Where reports are made of the tally and all else that is known.
#[derive(Clone)]
struct Reports {
    tally: Arc<Mutex<Tally>>,
    load: Arc<Mutex<Load>>,
    status: Option<String>,
    /// Whether the status page was of no use when it was asked for last.
    no_status: Arc<AtomicBool>,
}

impl Reports {
    fn report(&self, tell: &impl Fn(Event)) -> Report {
        // Asked for before the tally is locked, for it may take long.
        let status = self.status.as_deref().and_then(|url| {
            let page = get(url, PATIENCE).map_err(|error| error.to_string());
            let none = || format!("{url}: the page is neither nginx's stub_status nor Apache's server-status?auto");
            let status = page.and_then(|page| status::parse(&page).ok_or_else(none));
            if self.no_status.swap(status.is_err(), Ordering::Relaxed) != status.is_err() {
                let told = |why: &String| format!("{why}; reports go on without it");
                let again = || format!("{url}: is read again");
                tell(Event::Trouble(status.as_ref().err().map_or_else(again, told)));
            }
            status.ok()
        });
        let now = Instant::now();
        let usage = self.load.lock().unwrap_or_else(PoisonError::into_inner).usage(now);
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).report(now, status, usage)
    }
}

impl Observer {
    fn open(settings: &Settings) -> Result<Self, AgentError> {
        let mut followers = Vec::new();
        for path in &settings.logs {
            let follower = Follower::open(path, settings.from_start);
            let follower = follower.map_err(|error| AgentError::Log { path: path.clone(), error })?;
            followers.push((path.clone(), follower));
        }
        let tally = Tally::new(settings.classes.clone(), settings.products.clone(), Instant::now());
        let reports = Reports {
            tally: Arc::new(Mutex::new(tally)),
            load: Arc::new(Mutex::new(Load::new(settings.source.clone()))),
            status: settings.status.clone(),
            no_status: Arc::default(),
        };
        let troubles = vec![false; followers.len()];
        Ok(Self { followers, format: settings.format.clone(), reports, troubles })
    }

    /// Reads what came. Says whether there is more at once.
    fn look(&mut self, tell: &impl Fn(Event)) -> bool {
        let (now, mut more) = (Instant::now(), false);
        let tally = self.reports.tally.clone();
        for ((path, follower), trouble) in self.followers.iter_mut().zip(&mut self.troubles) {
            let looked = follower.look(now, |text| {
                let line = self.format.read(text);
                let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
                tally.note(line.as_ref(), now);
                let unread = tally.lines().1;
                drop(tally);
                if line.is_none() && unread == TOLD {
                    tell(Event::Unread(text[..text.len().min(200)].escape_ascii().to_string()));
                }
            });
            match looked {
                Ok(again) => (more, *trouble) = (more | again, false),
                Err(error) if !*trouble => {
                    *trouble = true;
                    tell(Event::Trouble(format!("{}: {error}; it is tried again", path.display())));
                }
                Err(_) => {}
            }
        }
        more
    }
}
