//! The way of a command: through the socket of the process that serves, or straight to the database.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::command::Command;
use super::run::{AdminError, Place, run};
use crate::engine::{Engine, Stages, SystemClock};
use crate::project::Project;
use crate::serve::Web;

/// Bytes of a command at most.
const MOST: u64 = 256 << 20;

/// Hears commands at the project's socket, which its owner alone may write to.
///
/// # Errors
/// The socket cannot be made.
pub fn listen(web: &Web, ending: Arc<AtomicBool>) -> io::Result<JoinHandle<()>> {
    let path = web.project.socket_path();
    // One that nobody hears at is left from a process that was killed.
    if UnixStream::connect(&path).is_err() {
        let _ = std::fs::remove_file(&path);
    }
    let listener = UnixListener::bind(&path)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    let place = Arc::new(Place {
        engine: web.engine.clone(),
        project: Arc::clone(&web.project),
        stages: Some(Arc::clone(&web.stages)),
        who: "local".to_owned(),
    });
    std::thread::Builder::new().name("commands".to_owned()).spawn(move || {
        while !ending.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, _)) => {
                    let place = Arc::clone(&place);
                    let heard =
                        std::thread::Builder::new().name("command".to_owned()).spawn(move || hear(&place, stream));
                    if let Err(error) = heard {
                        tracing::warn!(%error, "a command was not heard");
                    }
                }
                Err(_) => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    })
}

fn hear(place: &Place, mut stream: UnixStream) {
    let mut answer = || -> io::Result<()> {
        stream.set_nonblocking(false)?;
        let mut line = String::new();
        BufReader::new((&stream).take(MOST)).read_line(&mut line)?;
        let said = match serde_json::from_str::<Command>(&line) {
            Ok(command) => run(place, command),
            Err(error) => Err(AdminError::Said(format!("this is no command: {error}"))),
        };
        let reply = match said {
            Ok(said) => json!({ "ok": said }),
            Err(error) => json!({ "error": error.to_string() }),
        };
        writeln!(stream, "{reply}")
    };
    if let Err(error) = answer() {
        tracing::warn!(%error, "a command's answer was not taken");
    }
}

/// Where commands go.
pub enum Way {
    /// To the process that serves.
    Served(UnixStream),
    /// To an engine of one's own.
    Alone(Place),
}

impl Way {
    /// To the process that serves the project, or, where none does, to the database.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn open(project: Project) -> Result<Way, AdminError> {
        match project.socket_paths().iter().find_map(|path| UnixStream::connect(path).ok()) {
            Some(stream) => Ok(Way::Served(stream)),
            None => {
                let stages = Arc::new(Stages::default());
                for stage in [&stages.validate, &stages.assimilate, &stages.delete, &stages.purge] {
                    stage.store(false, Ordering::Relaxed);
                }
                let (engine, ..) =
                    Engine::start(project.database()?, project.settings(), Arc::new(SystemClock), stages, 0)?;
                Ok(Way::Alone(Place { engine, project: Arc::new(project), stages: None, who: "local".to_owned() }))
            }
        }
    }

    /// Runs a command; of a served project one on each way.
    ///
    /// # Errors
    /// [`AdminError`].
    pub fn run(&mut self, command: Command) -> Result<Json, AdminError> {
        let stream = match self {
            Way::Alone(place) => return run(place, command),
            Way::Served(stream) => stream,
        };
        tell(stream, &command)
    }
}

/// Tells a process that serves the project a command; what it says.
pub(super) fn tell(mut stream: impl Read + Write, command: &Command) -> Result<Json, AdminError> {
    let failed = |error: io::Error| AdminError::Socket(format!("the process that serves the project: {error}"));
    let text = serde_json::to_string(command).map_err(|error| AdminError::Said(error.to_string()))?;
    writeln!(stream, "{text}").map_err(failed)?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).map_err(failed)?;
    let mut said: Json = serde_json::from_str(&line).map_err(|error| AdminError::Said(error.to_string()))?;
    match said.get_mut("ok") {
        Some(ok) => Ok(ok.take()),
        None => Err(AdminError::Said(said["error"].as_str().unwrap_or("no answer").to_owned())),
    }
}
