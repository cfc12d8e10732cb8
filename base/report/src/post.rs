//! A POST over HTTP/1.1 that ends in time, on a connection that is kept.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::sender::Signed;
use crate::{MARK_HEADER, url::Url};

/// Bytes of an answer's head at most.
const LARGEST_HEAD: usize = 16_384;
/// Bytes of an answer's body that are shown.
const SHOWN: usize = 200;

/// Why a report did not arrive.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// The address is none.
    #[error("'{url}' is no address for reports: it is http://HOST[:PORT][/PATH]")]
    Url {
        /// What it was.
        url: String,
    },
    /// This program was built without it.
    #[error("'{url}': this program was built without https; use http, or the wire's or a tunnel's protection")]
    Https {
        /// What it was.
        url: String,
    },
    /// Nobody is there, or nobody answers.
    #[error("{url}: {reason}")]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// It was refused.
    #[error("{url}: answered with status {status}{said}")]
    Refused {
        /// Where.
        url: String,
        /// The status of the answer.
        status: u16,
        /// What the answer said, after a colon, or nothing.
        said: String,
    },
}

/// Where reports go.
#[derive(Debug)]
pub struct Target {
    url: Url,
    limit: Duration,
    kept: Option<TcpStream>,
    #[cfg(feature = "https")]
    agent: Option<ureq::Agent>,
}

/// What came back.
struct Answer {
    status: u16,
    said: String,
    keep: bool,
}

impl Target {
    /// The address `url`; what takes longer than `limit` in all has failed.
    ///
    /// # Errors
    /// [`PushError::Url`] where it is no address, [`PushError::Https`] where that was not built in.
    pub fn new(url: &str, limit: Duration) -> Result<Self, PushError> {
        let parsed = Url::parse(url).ok_or_else(|| PushError::Url { url: url.into() })?;
        #[cfg(not(feature = "https"))]
        if parsed.secure {
            return Err(PushError::Https { url: url.into() });
        }
        Ok(Self {
            #[cfg(feature = "https")]
            agent: parsed.secure.then(|| {
                let config = ureq::Agent::config_builder().timeout_global(Some(limit)).http_status_as_error(false);
                config.max_redirects(0).build().into()
            }),
            url: parsed,
            limit,
            kept: None,
        })
    }

    /// Sends a report, and waits for the answer.
    ///
    /// # Errors
    /// [`PushError::Unreachable`] or [`PushError::Refused`].
    pub fn push(&mut self, report: &Signed) -> Result<(), PushError> {
        let unreachable = |url: &Url, reason: String| PushError::Unreachable { url: url.text.clone(), reason };
        #[cfg(feature = "https")]
        if let Some(agent) = &self.agent {
            let request =
                agent.post(&self.url.text).header(MARK_HEADER, &report.mark).header("content-type", "application/json");
            let mut answer =
                request.send(&report.payload).map_err(|error| unreachable(&self.url, error.to_string()))?;
            let said = answer.body_mut().with_config().limit(LARGEST_HEAD as u64).read_to_string().unwrap_or_default();
            return verdict(&self.url, answer.status().as_u16(), said.as_bytes());
        }
        let deadline = Instant::now() + self.limit;
        let answer = match self.kept.take() {
            // The other side may have ended a kept connection meanwhile: then a new one is tried. Had the report arrived after all, it
            // would be known as a replay.
            Some(stream) => self.exchange(stream, report, deadline).or_else(|_| self.anew(report, deadline)),
            None => self.anew(report, deadline),
        };
        let answer = answer.map_err(|error| unreachable(&self.url, error.to_string()))?;
        verdict(&self.url, answer.status, answer.said.as_bytes())
    }

    fn anew(&mut self, report: &Signed, deadline: Instant) -> std::io::Result<Answer> {
        let stream = connect(&self.url, deadline)?;
        self.exchange(stream, report, deadline)
    }

    fn exchange(&mut self, mut stream: TcpStream, report: &Signed, deadline: Instant) -> std::io::Result<Answer> {
        let (url, Signed { mark, payload }) = (&self.url, report);
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n{MARK_HEADER}: {mark}\r\nContent-Length: {}\r\n\r\n{payload}",
            url.path,
            url.authority,
            payload.len(),
        );
        stream.set_write_timeout(Some(left(deadline)?))?;
        stream.write_all(request.as_bytes())?;
        let answer = answer(&mut stream, deadline)?;
        if answer.keep {
            self.kept = Some(stream);
        }
        Ok(answer)
    }
}

/// Fetches a small page, for example a server's status, by plain HTTP.
///
/// # Errors
/// [`PushError`]; https is not read here.
pub fn get(url: &str, limit: Duration) -> Result<String, PushError> {
    get_as(url, None, limit)
}

/// As [`get`], for those who know a secret word.
///
/// - `word`: goes as a bearer token; without line ends, or it is left out.
///
/// # Errors
/// As those of [`get`].
pub fn get_as(url: &str, word: Option<&str>, limit: Duration) -> Result<String, PushError> {
    let parsed = Url::parse(url).ok_or_else(|| PushError::Url { url: url.into() })?;
    if parsed.secure {
        return Err(PushError::Https { url: url.into() });
    }
    let deadline = Instant::now() + limit;
    let fetch = || {
        let mut stream = connect(&parsed, deadline)?;
        let Url { path, authority, .. } = &parsed;
        stream.set_write_timeout(Some(left(deadline)?))?;
        // By HTTP/1.0 bodies do not come in chunks.
        let word = word.filter(|word| !word.contains(['\r', '\n']));
        let word = word.map(|word| format!("Authorization: Bearer {word}\r\n")).unwrap_or_default();
        let request = format!("GET {path} HTTP/1.0\r\nHost: {authority}\r\n{word}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        let end = read_more(&mut stream, &mut bytes, deadline, |_| None);
        // Its end is the end of the connection; what came before is whole then.
        end.map(|_| ()).or_else(|error| if error.kind() == ErrorKind::UnexpectedEof { Ok(()) } else { Err(error) })?;
        Ok(bytes)
    };
    let unreachable = |error: std::io::Error| PushError::Unreachable { url: url.into(), reason: error.to_string() };
    let bytes = fetch().map_err(unreachable)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5)).and_then(|digits| digits.parse().ok());
    match status {
        Some(200) => Ok(body.to_owned()),
        Some(status) => {
            let line = body.lines().next().unwrap_or_default();
            let said: String = line.chars().filter(|letter| !letter.is_control()).take(SHOWN).collect();
            let said = if said.is_empty() { said } else { format!(": {said}") };
            Err(PushError::Refused { url: url.into(), status, said })
        }
        None => Err(unreachable(std::io::Error::other("the answer is not HTTP"))),
    }
}

fn connect(url: &Url, deadline: Instant) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::other("the name has no address");
    for address in (url.host.as_str(), url.port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, left(deadline)?) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn verdict(url: &Url, status: u16, said: &[u8]) -> Result<(), PushError> {
    if (200..300).contains(&status) {
        return Ok(());
    }
    let first = said.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii();
    let said = first[..first.len().min(SHOWN)].escape_ascii().to_string();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    Err(PushError::Refused { url: url.text.clone(), status, said })
}

fn left(deadline: Instant) -> std::io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(late()) } else { Ok(left) }
}

fn late() -> std::io::Error {
    std::io::Error::new(ErrorKind::TimedOut, "no answer in time")
}

fn answer(stream: &mut TcpStream, deadline: Instant) -> std::io::Result<Answer> {
    let mut bytes = Vec::new();
    loop {
        let head = read_more(stream, &mut bytes, deadline, |bytes| find(bytes, b"\r\n\r\n").map(|end| end + 4))?;
        let wrong = || std::io::Error::other("the answer is not HTTP/1.1");
        let text = std::str::from_utf8(&bytes[..head]).map_err(|_| wrong())?;
        let status =
            text.strip_prefix("HTTP/1.").and_then(|line| line.get(2..5)).and_then(|digits| digits.parse().ok());
        let status: u16 = status.ok_or_else(wrong)?;
        // Answers that come before the answer proper.
        if (100..200).contains(&status) {
            bytes.drain(..head);
            continue;
        }
        let field = |wanted: &str| {
            let mut fields = text.lines().skip(1).filter_map(|line| line.split_once(':'));
            fields
                .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
                .map(|(_, value)| value.trim().to_ascii_lowercase())
        };
        let length = if status == 204 { Some(0) } else { field("content-length").and_then(|text| text.parse().ok()) };
        let closes = text.starts_with("HTTP/1.0") || field("connection").is_some_and(|value| value.contains("close"));
        let whole = length.filter(|length| *length <= LARGEST_HEAD && field("transfer-encoding").is_none());
        let Some(length) = whole else {
            // Of a body without a plain length only what is here already is shown; the connection is not used again.
            return Ok(Answer { status, said: String::from_utf8_lossy(&bytes[head..]).into_owned(), keep: false });
        };
        let end =
            read_more(stream, &mut bytes, deadline, |bytes| (bytes.len() >= head + length).then_some(head + length))?;
        let said = String::from_utf8_lossy(&bytes[head..end]).into_owned();
        return Ok(Answer { status, said, keep: !closes && bytes.len() == end });
    }
}

/// Reads until `done` says where what is sought ends.
fn read_more(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    deadline: Instant,
    done: impl Fn(&[u8]) -> Option<usize>,
) -> std::io::Result<usize> {
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = done(bytes) {
            return Ok(end);
        }
        if bytes.len() > 2 * LARGEST_HEAD {
            return Err(std::io::Error::other("the answer's head is too long"));
        }
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut buffer) {
            Ok(0) => {
                return Err(std::io::Error::new(ErrorKind::UnexpectedEof, "the connection ended without an answer"));
            }
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(late()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
