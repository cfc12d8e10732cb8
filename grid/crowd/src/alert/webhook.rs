//! Messages on their way: a thread posts them one after another, again and again where nobody takes them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use serde_json::{Value as Json, json};

use super::Notice;
use crate::metrics::Meters;

/// Messages that wait at most; more are dropped, and counted.
const MOST: usize = 1000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is looked whether the server ends.
const STEP: Duration = Duration::from_millis(100);

/// Where messages go.
pub struct Webhook {
    messages: Sender<String>,
    project: (String, String),
    meters: Arc<Meters>,
}

/// How tries follow each other.
#[derive(Debug, Clone, Copy)]
struct Pace {
    first: Duration,
    longest: Duration,
    give_up: Duration,
}

/// The first after a second, then twice as long each time, up to five minutes, for a day.
const PACE: Pace =
    Pace { first: Duration::from_secs(1), longest: Duration::from_secs(300), give_up: Duration::from_secs(86_400) };

impl Webhook {
    /// Starts the thread that posts to `url`; it ends with the server, whatever still waits. `project` is name and address.
    ///
    /// # Errors
    /// No thread.
    pub fn start(
        url: String,
        project: (String, String),
        meters: Arc<Meters>,
        ending: Arc<AtomicBool>,
    ) -> std::io::Result<(Webhook, JoinHandle<()>)> {
        let (messages, waiting) = bounded(MOST);
        let counted = Arc::clone(&meters);
        let run = move || run(&url, &waiting, &counted, &ending, PACE);
        let thread = std::thread::Builder::new().name("alerts".to_owned()).spawn(run)?;
        Ok((Webhook { messages, project, meters }, thread))
    }

    /// Sends a message in time; waits for nothing.
    pub fn send(&self, notice: &Notice) {
        let mut message = json!(notice);
        message["project"] = Json::from(self.project.0.as_str());
        message["project_url"] = Json::from(self.project.1.as_str());
        if self.messages.try_send(message.to_string()).is_err() {
            self.meters.alert("dropped");
            tracing::error!(alert = notice.alert, "too many alerts wait; this one is not sent");
        }
    }
}

/// What an address said.
enum Said {
    Taken,
    /// Not with these words, ever.
    Refused(String),
    /// Perhaps later.
    Later(String),
}

fn run(url: &str, waiting: &Receiver<String>, meters: &Meters, ending: &AtomicBool, pace: Pace) {
    let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).http_status_as_error(false);
    let agent: ureq::Agent = config.max_redirects(0).max_redirects_will_error(false).build().into();
    loop {
        let message = match waiting.recv_timeout(STEP) {
            Ok(message) => message,
            Err(RecvTimeoutError::Timeout) if ending.load(Ordering::Relaxed) => return,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let (began, mut pause) = (Instant::now(), pace.first);
        loop {
            // The address may hold a secret: it is in no log.
            match post(&agent, url, &message) {
                Said::Taken => {
                    meters.alert("taken");
                    break;
                }
                Said::Refused(why) => {
                    meters.alert("refused");
                    tracing::error!(why, "an alert was refused by the address in pogson.toml");
                    break;
                }
                Said::Later(why) if began.elapsed() + pause > pace.give_up => {
                    meters.alert("given_up");
                    tracing::error!(why, "an alert was not taken, and is given up");
                    break;
                }
                Said::Later(why) => {
                    meters.alert("again");
                    tracing::warn!(why, seconds = pause.as_secs(), "an alert was not taken; it is sent again");
                }
            }
            let wake = Instant::now() + pause;
            while Instant::now() < wake {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::sleep(STEP.min(wake.saturating_duration_since(Instant::now())));
            }
            pause = (pause * 2).min(pace.longest);
        }
    }
}

fn post(agent: &ureq::Agent, url: &str, message: &str) -> Said {
    let sent = agent.post(url).header("content-type", "application/json").send(message);
    match sent.map(|answer| answer.status().as_u16()) {
        Ok(200..=299) => Said::Taken,
        Ok(status @ (408 | 425 | 429 | 500..=599)) => Said::Later(format!("status {status}")),
        Ok(status) => Said::Refused(format!("status {status}")),
        Err(ureq::Error::BadUri(_)) => Said::Refused("it is no address".to_owned()),
        Err(error) => Said::Later(kind(&error)),
    }
}

/// What went wrong, without the address.
fn kind(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Io(error) => error.kind().to_string(),
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::HostNotFound => "its host is not known".to_owned(),
        ureq::Error::ConnectionFailed => "no connection".to_owned(),
        _ => "no connection, or no answer of HTTP".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use crossbeam_channel::bounded;

    use super::{Pace, run};
    use crate::metrics::Meters;

    /// Answers one request with a status, and hands over its body.
    fn take(listener: &TcpListener, status: &str) -> String {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let mut text = String::new();
        let mut piece = [0; 4096];
        loop {
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| {
                    let (name, value) = line.split_once(':')?;
                    if name.eq_ignore_ascii_case("content-length") { value.trim().parse::<usize>().ok() } else { None }
                });
                if body.len() >= length.unwrap() {
                    let body = body.to_owned();
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
                    return body;
                }
            }
            let count = stream.read(&mut piece).unwrap();
            assert!(count > 0, "the request broke off");
            text.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
    }

    #[test]
    fn a_message_is_sent_again_until_it_is_taken_and_the_next_after_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook?token=secret", listener.local_addr().unwrap());
        let (messages, waiting) = bounded(10);
        let (meters, ending) = (Arc::new(Meters::default()), Arc::new(AtomicBool::new(false)));
        let (counted, end) = (Arc::clone(&meters), Arc::clone(&ending));
        let short = Duration::from_millis(20);
        let pace = Pace { first: short, longest: short, give_up: Duration::from_secs(60) };
        let thread = std::thread::spawn(move || run(&url, &waiting, &counted, &end, pace));
        for message in ["one", "two", "three"] {
            messages.send(message.to_owned()).unwrap();
        }
        assert_eq!(take(&listener, "503 Service Unavailable"), "one");
        assert_eq!(take(&listener, "429 Too Many Requests"), "one");
        assert_eq!(take(&listener, "204 No Content"), "one");
        // What is refused for good is not tried again.
        assert_eq!(take(&listener, "404 Not Found"), "two");
        assert_eq!(take(&listener, "200 OK"), "three");
        let text = || meters.text();
        for _ in 0..200 {
            if text().contains("pogson_alerts_sent_total{answer=\"taken\"} 2") {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        assert!(text().contains("pogson_alerts_sent_total{answer=\"taken\"} 2"), "{}", text());
        assert!(text().contains("pogson_alerts_sent_total{answer=\"again\"} 2"));
        assert!(text().contains("pogson_alerts_sent_total{answer=\"refused\"} 1"));
        ending.store(true, Ordering::Relaxed);
        thread.join().unwrap();
    }
}
