//! The daemon's life.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::EventfdFlags;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit};

use crate::desk::Desk;
use crate::error::ServeError;
use crate::guest;
use crate::listen::Listener;
use crate::numbers;
use crate::policy::Policy;
use crate::watch::{Happened, Watch};

/// Connections that are accepted before others are heard again.
const AT_ONCE: usize = 64;

/// A daemon that listens.
pub struct Daemon {
    desk: Desk,
    listener: Listener,
    stop: Arc<OwnedFd>,
    /// A descriptor to let go of when there are no others, so that who connects can be sent away.
    spare: Option<OwnedFd>,
}

/// Ends a daemon, from any thread.
#[derive(Clone)]
pub struct Stopper(Arc<OwnedFd>);

impl Stopper {
    /// Ends it. Live connections go on without it.
    pub fn stop(&self) {
        // It can fail only when it was called before, as often as a 64-bit number can count.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }
}

impl Daemon {
    /// Listens at `path`, in place of a socket that nobody serves any more. All users may connect where the policy joins several,
    /// or where this is root's daemon.
    ///
    /// # Errors
    /// Another daemon serves there, the place cannot be used, or the system has no descriptors left.
    pub fn bind(path: &Path, policy: Policy) -> Result<Self, ServeError> {
        let everyone = rustix::process::geteuid().is_root() || !policy.users.is_empty();
        let listener = Listener::bind(path, everyone)?;
        let stop = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(ServeError::system("no eventfd for the daemon"))?;
        let watch = Watch::new(&listener, &stop).map_err(ServeError::system("no epoll set for the daemon"))?;
        Ok(Self { desk: Desk::new(policy, watch), listener, stop: Arc::new(stop), spare: spare() })
    }

    /// Joins connections with other guests of the host, too.
    ///
    /// # Errors
    /// The system has no descriptors or threads left.
    pub fn join_guests(&mut self, settings: guest::Settings) -> Result<(), ServeError> {
        self.desk.begin_guests(settings)
    }

    /// What ends it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.stop))
    }

    /// Serves until [`Stopper::stop`], and removes the socket.
    ///
    /// # Errors
    /// The system does not let it wait any more.
    pub fn run(mut self) -> Result<(), ServeError> {
        numbers::prepare();
        loop {
            let happened = self.desk.watch.look(self.desk.rests());
            for happened in happened.map_err(ServeError::system("the daemon cannot wait"))? {
                match happened {
                    Happened::Stops => return Ok(()),
                    Happened::Connects => self.accept(),
                    Happened::Guests => self.desk.hear_guests(),
                    Happened::Ended(session) => self.desk.end(session),
                    Happened::Said { session, room, data } => {
                        if room {
                            self.desk.go_on_reporting(session);
                        }
                        if data {
                            self.desk.hear(session);
                        }
                    }
                }
            }
            self.desk.go_on();
        }
    }

    fn accept(&mut self) {
        for _ in 0..AT_ONCE {
            match self.listener.accept() {
                Ok(socket) => self.desk.greet(socket),
                Err(Errno::MFILE | Errno::NFILE) => return self.send_away(),
                Err(Errno::INTR | Errno::CONNABORTED) => {}
                Err(_) => return,
            }
        }
    }

    /// There is no descriptor for who connects: it is closed at once, so that it goes on by TCP and does not wait.
    fn send_away(&mut self) {
        if self.spare.take().is_some() {
            drop(self.listener.accept());
            self.spare = spare();
        } else {
            // Without this the loop would turn until somebody else lets a descriptor go.
            std::thread::sleep(Duration::from_millis(10));
            self.spare = spare();
        }
    }
}

fn spare() -> Option<OwnedFd> {
    rustix::fs::open("/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()
}

/// Lets this process have as many descriptors as it may: a daemon needs four for each process that it serves.
pub fn raise_limit() {
    let Rlimit { maximum, .. } = rustix::process::getrlimit(Resource::Nofile);
    // With what it has it serves fewer.
    let _ = rustix::process::setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
