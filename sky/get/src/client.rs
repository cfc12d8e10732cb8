//! HTTP with patience: time limits, several attempts, growing pauses.

use crate::error::GetError;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long and how often to try.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Patience {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Pause after the first failure; each further pause is twice as long, a server's Retry-After counts instead.
    pub first_pause: Duration,
    /// Longest pause.
    pub longest_pause: Duration,
    /// Time for a connection, for the answer's first byte, and for each block after it.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience {
            attempts: 5,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(60),
            silence: Duration::from_secs(60),
        }
    }
}

/// An HTTP client; may be used from several threads.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) agent: ureq::Agent,
    patience: Patience,
    stop: Arc<AtomicBool>,
}

/// A failed attempt, and the pause that the server asked for.
pub(crate) struct Failed {
    pub(crate) error: GetError,
    pub(crate) pause: Option<Duration>,
}

impl From<GetError> for Failed {
    fn from(error: GetError) -> Self {
        Failed { error, pause: None }
    }
}

/// Longest list that is read; a service without limits would fill the memory.
const LONGEST_LIST: u64 = 256 << 20;

impl Client {
    /// A client with this patience.
    pub fn new(patience: Patience) -> Client {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(patience.silence))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence))
            .user_agent(concat!("pogson/", env!("CARGO_PKG_VERSION")))
            .build();
        Client { agent: config.new_agent(), patience, stop: Arc::default() }
    }

    /// The same client, which stops between blocks once the flag is true.
    pub fn stopping_at(mut self, flag: Arc<AtomicBool>) -> Client {
        self.stop = flag;
        self
    }

    /// True once asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// The text at an address.
    ///
    /// # Errors
    /// The last attempt's [`GetError`].
    pub fn text(&self, url: &str) -> Result<String, GetError> {
        self.persist(url, |_| {
            let answer = self.agent.get(url).call().map_err(|error| connection(url, &error))?;
            let status = answer.status().as_u16();
            let pause = retry_after(&answer);
            let mut bytes = Vec::new();
            let read = answer.into_body().into_reader().take(LONGEST_LIST).read_to_end(&mut bytes);
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // SIA services may answer a bad query with 400 and a VOTable that says why.
            let explained = status == 400 && text.contains("VOTABLE");
            if !explained && !(200..300).contains(&status) {
                return Err(Failed { error: GetError::Status { url: url.to_owned(), status }, pause });
            }
            read.map_err(|error| GetError::Connection { url: url.to_owned(), reason: error.to_string() })?;
            Ok(text)
        })
    }

    /// Repeats an attempt while its error is a passing one and patience lasts.
    pub(crate) fn persist<T>(
        &self,
        url: &str,
        mut attempt: impl FnMut(u32) -> Result<T, Failed>,
    ) -> Result<T, GetError> {
        let mut pause = self.patience.first_pause;
        let mut number = 1;
        loop {
            match attempt(number) {
                Ok(result) => return Ok(result),
                Err(failed) if !failed.error.is_passing() || number >= self.patience.attempts => {
                    return Err(failed.error);
                }
                Err(failed) => self.wait(url, failed.pause.unwrap_or(pause).min(self.patience.longest_pause))?,
            }
            pause *= 2;
            number += 1;
        }
    }

    fn wait(&self, url: &str, pause: Duration) -> Result<(), GetError> {
        let end = Instant::now() + pause;
        loop {
            if self.is_stopped() {
                return Err(GetError::Stopped { url: url.to_owned() });
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }
}

/// The failure of a connection, or of an address that is none.
pub(crate) fn connection(url: &str, error: &ureq::Error) -> GetError {
    GetError::Connection { url: url.to_owned(), reason: error.to_string() }
}

/// The pause in seconds that an answer asks for.
pub(crate) fn retry_after(answer: &ureq::http::Response<ureq::Body>) -> Option<Duration> {
    let seconds = header(answer, "retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// An answer's header as text.
pub(crate) fn header(answer: &ureq::http::Response<ureq::Body>, name: &str) -> Option<String> {
    answer.headers().get(name)?.to_str().ok().map(str::to_owned)
}
