//! The gate at work: threads that accept connections and serve them, and what can be done to it meanwhile.

use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};

use crate::books;
use crate::config::{Config, ListenAddress, Problem};
use crate::control;
use crate::descriptors;
use crate::front::{self, crowd::Crowd};
use crate::keeper;
use crate::listener::{Accepting, Listener};
use crate::log::{self, Log};
use crate::running::Running;
use crate::seen::Watch;
use crate::stream::Stream;
use crate::worker::Worker;

/// How often connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(1);
/// How often those who wait for the end look for it.
const LOOK: Duration = Duration::from_millis(20);

/// A gate at work.
pub struct Gate {
    hub: Arc<Hub>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

/// Lines of the access log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lines {
    /// Those that were written.
    pub written: u64,
    /// Those that were not, because they came faster than they could be, or the disk is full.
    pub lost: u64,
}

/// Sockets by their places; those that are not listened on any more leave theirs empty.
type Sockets = Vec<Option<Arc<Socket>>>;

/// A socket with its address, and who came by it.
pub(crate) type Socket = (ListenAddress, Listener, Arc<Crowd>);

/// What is served, and by which sockets.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) running: Arc<Running>,
    pub(crate) sockets: Arc<Sockets>,
    /// Where operators and reports come in.
    pub(crate) admin: Option<Arc<Socket>>,
}

/// What all threads of a gate share.
pub(crate) struct Hub {
    plan: watch::Sender<Plan>,
    drain: watch::Sender<bool>,
    /// Held while the plan changes.
    changes: Mutex<()>,
    /// Threads that serve.
    serving: AtomicUsize,
    /// Of each thread.
    pub(crate) books: Vec<books::Shared>,
    pub(crate) log: Log,
    pub(crate) watch: Watch,
}

impl Gate {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// An address that cannot be listened on, a policy that there is not.
    pub fn start(config: Config) -> io::Result<Self> {
        Self::begin(config, None)
    }

    /// Takes over from the gate at whose control socket the configuration's `admin.socket` is: it listens on the same sockets, serves,
    /// and then tells the other one to drain, so that no connection is refused in between.
    ///
    /// # Errors
    /// As those of [`Gate::start`]; no gate that answers at the control socket.
    pub fn take_over(config: Config) -> io::Result<Self> {
        let Some(path) = config.admin.socket.clone() else {
            return Err(io::Error::other("admin.socket is not set; a gate is taken over by its control socket"));
        };
        let handed = control::listeners(&path)?;
        Self::begin(config, Some(handed))
    }

    fn begin(config: Config, handed: Option<Vec<(ListenAddress, OwnedFd)>>) -> io::Result<Self> {
        descriptors::for_clients();
        let takes_over = handed.is_some();
        let handed = handed
            .unwrap_or_default()
            .into_iter()
            .map(|(address, socket)| Listener::of(socket).map(|listener| Some(opened(address, listener))));
        let handed: Sockets = handed.collect::<io::Result<_>>()?;
        let sockets = sockets(&config, &handed)?;
        let admin = admin_socket(&config, handed.iter().flatten())?;
        let orders = config.admin.socket.clone();
        let addresses = addresses(&sockets);
        let running = Running::new(config, addresses, 1, None).map_err(|problems| told(&problems))?;
        let count = running.threads();
        let (log, writer) = log::new();
        log.goes_on_as(&running.config.log)?;
        let plan = Plan { running: Arc::new(running), sockets: Arc::new(sockets), admin };
        let hub = Arc::new(Hub {
            plan: watch::Sender::new(plan),
            drain: watch::Sender::new(false),
            changes: Mutex::new(()),
            serving: AtomicUsize::new(count),
            books: (0..count).map(|_| books::Shared::default()).collect(),
            log,
            watch: Watch::default(),
        });
        let mut threads = Vec::new();
        let writing = hub.clone();
        let thread = thread::Builder::new().name("gate-log".into());
        threads.push(thread.spawn(move || {
            writer.run(|| !writing.serves());
            Ok(())
        })?);
        for number in 0..count {
            let hub = hub.clone();
            let thread = thread::Builder::new().name(format!("gate-{number}"));
            threads.push(thread.spawn(move || {
                let result = run(number as u64, &hub);
                hub.serving.fetch_sub(1, Ordering::Release);
                result
            })?);
        }
        let gate = Self { hub: hub.clone(), threads };
        // Who fails from here on ends the threads that have begun.
        gate.kept(orders.as_deref(), takes_over).inspect_err(|_| hub.drain())
    }

    /// With a thread that looks after it.
    fn kept(mut self, orders: Option<&Path>, takes_over: bool) -> io::Result<Self> {
        let orders = match orders {
            Some(path) => {
                if takes_over {
                    control::tell(path, &control::Order::Drain)?;
                }
                Some(control::listen(path, takes_over)?)
            }
            None => None,
        };
        let hub = self.hub.clone();
        let thread = thread::Builder::new().name("gate-keeper".into());
        self.threads.push(thread.spawn(move || keeper::run(&hub, orders))?);
        Ok(self)
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let plan = self.hub.plan.borrow();
        plan.sockets.iter().flatten().filter_map(|socket| socket.1.address()).collect()
    }

    /// Where reports, metrics and the live page are, if that is an address of the network.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.hub.plan.borrow().admin.as_ref().and_then(|socket| socket.1.address())
    }

    /// Opens the access log anew, because its file has been moved away.
    ///
    /// # Errors
    /// A file that cannot be opened; lines go where they went until now.
    pub fn reopen_log(&self) -> io::Result<()> {
        self.hub.log.reopen()
    }

    /// Lines of the access log so far.
    #[must_use]
    pub fn lines(&self) -> Lines {
        let (written, lost) = self.hub.log.counts();
        Lines { written, lost }
    }

    /// Serves another configuration from now on: what is under way goes on, connections stay, and each uses it from its next request on.
    /// The number of threads stays.
    ///
    /// # Errors
    /// An address that cannot be listened on, a policy that there is not; what was served until now is served on.
    pub fn reload(&self, config: Config) -> io::Result<()> {
        self.hub.reload(config)
    }

    /// Accepts nothing more from now on, and ends what is under way.
    pub fn drain(&self) {
        self.hub.drain();
    }

    /// Whether it drains: because it was told so, also by the gate that took over.
    #[must_use]
    pub fn drains(&self) -> bool {
        *self.hub.drain.borrow()
    }

    /// Whether all threads have ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        !self.hub.serves()
    }

    /// Accepts nothing more, and waits until all that is under way has ended, or the time for that is over. Returns the lines of the
    /// access log in all.
    ///
    /// # Errors
    /// That of a thread that could not serve.
    pub fn finish(self) -> io::Result<Lines> {
        self.drain();
        self.wait()
    }

    /// Waits until all threads have ended. Returns the lines of the access log in all.
    ///
    /// # Errors
    /// That of a thread that could not serve.
    pub fn wait(mut self) -> io::Result<Lines> {
        for thread in std::mem::take(&mut self.threads) {
            thread.join().map_err(|_| io::Error::other("a thread of the gate panicked"))??;
        }
        Ok(self.lines())
    }
}

impl Hub {
    /// What is served now.
    pub(crate) fn plan(&self) -> Plan {
        self.plan.borrow().clone()
    }

    pub(crate) fn drain(&self) {
        self.drain.send_replace(true);
    }

    /// Whether any thread serves.
    pub(crate) fn serves(&self) -> bool {
        self.serving.load(Ordering::Acquire) > 0
    }

    /// Whether nothing more is accepted.
    pub(crate) fn drains(&self) -> bool {
        *self.drain.borrow()
    }

    fn reload(&self, config: Config) -> io::Result<()> {
        let _one = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let old = self.plan();
        let sockets = sockets(&config, &old.sockets)?;
        let admin = admin_socket(&config, old.admin.iter())?;
        let running = Running::new(config, addresses(&sockets), 1, Some(&old.running));
        let running = running.map_err(|problems| told(&problems))?;
        self.log.goes_on_as(&running.config.log)?;
        self.plan.send_replace(Plan { running: Arc::new(running), sockets: Arc::new(sockets), admin });
        Ok(())
    }
}

fn told(problems: &[Problem]) -> io::Error {
    io::Error::other(problems.iter().map(|problem| problem.sentence.as_str()).collect::<Vec<_>>().join("; "))
}

/// The sockets of a configuration: those that are open keep their places, new ones come behind.
fn sockets(config: &Config, open: &Sockets) -> io::Result<Sockets> {
    let wanted = |address: &ListenAddress| config.listen.iter().any(|listen| listen.address == *address);
    let mut sockets: Sockets = open.iter().map(|socket| socket.clone().filter(|socket| wanted(&socket.0))).collect();
    for listen in &config.listen {
        if !sockets.iter().flatten().any(|socket| socket.0 == listen.address) {
            sockets.push(Some(opened(listen.address.clone(), Listener::open(&listen.address)?)));
        }
    }
    Ok(sockets)
}

fn opened(address: ListenAddress, listener: Listener) -> Arc<Socket> {
    Arc::new((address, listener, Arc::default()))
}

/// The socket of the admin address: an open one, if there is one of that address.
fn admin_socket<'a>(
    config: &Config,
    mut open: impl Iterator<Item = &'a Arc<Socket>>,
) -> io::Result<Option<Arc<Socket>>> {
    let Some(address) = &config.admin.address else { return Ok(None) };
    if let Some(socket) = open.find(|socket| socket.0 == *address) {
        return Ok(Some(socket.clone()));
    }
    Ok(Some(opened(address.clone(), Listener::open(address)?)))
}

fn addresses(sockets: &Sockets) -> Vec<Option<ListenAddress>> {
    sockets.iter().map(|socket| socket.as_ref().map(|socket| socket.0.clone())).collect()
}

fn run(number: u64, hub: &Hub) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let mut plans = hub.plan.subscribe();
    let first = plans.borrow_and_update().clone();
    // Keys of the standard library's hash are at random: ids differ between threads, and from those before a restart.
    let id = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), number);
    let books = hub.books.get(number as usize).cloned().unwrap_or_default();
    let worker = Rc::new(Worker::new(id, first.running.clone(), hub.drain.subscribe(), books, hub.log.clone()));
    let here = worker.clone();
    tasks.block_on(&runtime, async move {
        spawn_local(here.clock.clone().run());
        let sweeper = here.clone();
        spawn_local(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                sweeper.backs.sweep();
            }
        });
        let mut open = Vec::new();
        let mut plan = first;
        loop {
            here.goes_on_with(plan.running.clone());
            accept_all(&here, &plan, &mut open)?;
            if drained_before(&here, &mut plans).await {
                break;
            }
            plan = plans.borrow_and_update().clone();
        }
        open.iter().flatten().for_each(tokio::task::JoinHandle::abort);
        let until = Instant::now() + here.running().config.times.drain;
        while here.visits() > 0 && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    })
}

/// Waits until the plan changes, or the gate is about to end: which of them.
async fn drained_before(worker: &Worker, plans: &mut watch::Receiver<Plan>) -> bool {
    let mut drain = pin!(worker.drain());
    let mut changed = pin!(plans.changed());
    poll_fn(|context| {
        if drain.as_mut().poll(context).is_ready() {
            return Poll::Ready(true);
        }
        changed.as_mut().poll(context).map(|changed| changed.is_err())
    })
    .await
}

/// Accepts from the sockets of a plan, and from no others.
///
/// - `open`: tasks that accept, by the places of the sockets.
fn accept_all(worker: &Rc<Worker>, plan: &Plan, open: &mut Vec<Option<tokio::task::JoinHandle<()>>>) -> io::Result<()> {
    open.resize_with(plan.sockets.len(), || None);
    for (at, (socket, task)) in plan.sockets.iter().zip(open).enumerate() {
        match (socket, &task) {
            (Some(socket), None) => {
                *task = Some(spawn_local(accept(worker.clone(), at, socket.2.clone(), socket.1.accepting()?)));
            }
            (None, Some(old)) => {
                old.abort();
                *task = None;
            }
            _ => {}
        }
    }
    Ok(())
}

async fn accept(worker: Rc<Worker>, at: usize, crowd: Arc<Crowd>, listener: Accepting) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                spawn_local(visit(worker.clone(), at, crowd.clone(), stream, peer));
            }
            // Too many files: those under way end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn visit(worker: Rc<Worker>, at: usize, crowd: Arc<Crowd>, stream: Stream, peer: Option<IpAddr>) {
    let _here = worker.enters();
    front::serve(worker, at, &crowd, stream, peer).await;
}
