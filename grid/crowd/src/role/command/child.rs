//! A program that runs: lines to it and from it, with limits of time and size.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Post;
use crate::role::RoleError;

/// Bytes of the program's complaints that are kept: the last.
const COMPLAINT: usize = 2000;
/// What of the server's environment the program sees.
const INHERITED: [&str; 5] = ["PATH", "HOME", "LANG", "TZ", "TMPDIR"];
/// How long a program that was told to end may take.
const GRACE: Duration = Duration::from_secs(2);

/// What came from the program.
enum Heard {
    Line(String),
    TooLong,
    End,
}

/// A program that runs.
pub(super) struct Running {
    post: Post,
    child: Child,
    to: Option<Sender<String>>,
    from: Receiver<Heard>,
    complaint: Arc<Mutex<Vec<u8>>>,
    /// Disconnected when standard error is at its end.
    complained: Receiver<()>,
}

impl Running {
    /// Starts it, with further arguments.
    pub(super) fn start(post: &Post, arguments: &[String]) -> Result<Running, RoleError> {
        use std::os::unix::process::CommandExt;
        let (program, words) = post.program.command.split_first().ok_or_else(|| post.trouble("no command"))?;
        let mut command = Command::new(program);
        command.args(words).args(arguments).current_dir(&post.folder).env_clear();
        for name in INHERITED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&post.program.environment).env("POGSON_ROLE", post.role);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own, so that what it starts ends with it.
        command.process_group(0);
        let mut child = command.spawn().map_err(|error| post.trouble(format!("cannot be started: {error}")))?;
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(post.trouble("has no pipes"));
        };
        let (to, lines) = channel::<String>();
        let (heard, from) = sync_channel(64);
        let complaint = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&complaint);
        let (complaining, complained) = channel::<()>();
        let most = post.program.most_bytes;
        let threads = [
            thread(move || write_lines(stdin, &lines)),
            thread(move || read_lines(stdout, most, |line| heard.send(line).is_ok())),
            thread(move || {
                keep_last(stderr, &kept);
                drop(complaining);
            }),
        ];
        let running = Running { post: post.clone(), child, to: Some(to), from, complaint, complained };
        for thread in threads {
            thread.map_err(|error| post.trouble(format!("cannot be served: {error}")))?;
        }
        Ok(running)
    }

    /// Sends a line.
    pub(super) fn tell(&self, line: String) -> Result<(), RoleError> {
        let sent = self.to.as_ref().is_some_and(|to| to.send(line).is_ok());
        if sent { Ok(()) } else { Err(self.trouble("does not read")) }
    }

    /// No more lines come.
    pub(super) fn hang_up(&mut self) {
        self.to = None;
    }

    /// The next line; none at the end.
    pub(super) fn hear(&self, deadline: Instant) -> Result<Option<String>, RoleError> {
        match self.from.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Heard::Line(line)) => Ok(Some(line)),
            Ok(Heard::TooLong) => {
                Err(self.trouble(format!("answered more than {} bytes in a line", self.post.program.most_bytes)))
            }
            Ok(Heard::End) | Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(self.late()),
        }
    }

    /// How it ended.
    pub(super) fn wait(&mut self, deadline: Instant) -> Result<ExitStatus, RoleError> {
        let mut pause = Duration::from_micros(200);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() >= deadline => return Err(self.late()),
                Ok(None) => std::thread::sleep(pause),
                Err(error) => return Err(self.trouble(error)),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Whether it ended by itself.
    pub(super) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it wrote to standard error last. Of one that has ended all is waited for, but for a second at most: what it started may
    /// still hold the pipe.
    pub(super) fn complaint(&self) -> String {
        let _ = self.complained.recv_timeout(Duration::from_secs(1));
        self.said()
    }

    fn said(&self) -> String {
        let kept = self.complaint.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&kept).trim().to_owned()
    }

    fn late(&self) -> RoleError {
        self.trouble(format!("took longer than {} seconds and was ended", self.post.program.seconds))
    }

    /// What went wrong, with what the program wrote to standard error.
    pub(super) fn trouble(&self, what: impl std::fmt::Display) -> RoleError {
        // What it wrote last may still be on its way.
        let _ = self.complained.recv_timeout(Duration::from_millis(50));
        match self.said() {
            said if said.is_empty() => self.post.trouble(what),
            said => self.post.trouble(format!("{what}; it wrote: {said}")),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Programs end when no more lines can come; those that do not are ended.
        let idle = self.to.take().is_some();
        let until = Instant::now() + if idle { GRACE } else { Duration::ZERO };
        while !self.has_ended() {
            if Instant::now() >= until {
                end_group(&self.child);
                // It has been killed, so that this takes no time.
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        end_group(&self.child);
    }
}

/// Ends the program, and with it what it started.
fn end_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        // It may have ended meanwhile.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

fn thread(body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name("role".to_owned()).spawn(body).map(|_| ())
}

fn write_lines(mut stdin: impl Write, lines: &Receiver<String>) {
    for line in lines {
        // A program that does not read any more is found out when it is listened to.
        if stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush()).is_err()
        {
            return;
        }
    }
}

fn read_lines(stdout: impl Read, most: usize, mut hear: impl FnMut(Heard) -> bool) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        let read = (&mut reader).take(most as u64 + 1).read_until(b'\n', &mut line);
        let heard = match read {
            Ok(0) | Err(_) => Heard::End,
            Ok(_) if line.last() != Some(&b'\n') && line.len() > most => Heard::TooLong,
            Ok(_) => Heard::Line(String::from_utf8_lossy(&line).trim().to_owned()),
        };
        let last = !matches!(heard, Heard::Line(_));
        if !hear(heard) || last {
            return;
        }
    }
}

fn keep_last(mut stderr: impl Read, kept: &Mutex<Vec<u8>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer) {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..read]);
        let spare = kept.len().saturating_sub(COMPLAINT);
        kept.drain(..spare);
    }
}
