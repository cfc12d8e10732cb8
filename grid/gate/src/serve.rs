//! The gate at work: threads that accept connections and serve them.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{LocalSet, spawn_local};

use crate::config::{Config, ListenAddress};
use crate::front;
use crate::link::Link;
use crate::running::Running;
use crate::stream::Stream;
use crate::visit::Visitor;
use crate::worker::Worker;

/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 4096;
/// How often connections to servers are looked through.
const SWEEP: Duration = Duration::from_secs(1);

/// A gate at work.
pub struct Gate {
    addresses: Vec<SocketAddr>,
    drain: watch::Sender<bool>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Gate {
    /// Listens, and serves from then on.
    ///
    /// # Errors
    /// An address that cannot be listened on, a policy that there is not.
    pub fn start(config: Config) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for listen in &config.listen {
            if let ListenAddress::Tcp(address) = listen.address {
                listeners
                    .push(listen_on(address).map_err(|why| io::Error::new(why.kind(), format!("{address}: {why}")))?);
            }
        }
        let addresses = listeners.iter().map(StdListener::local_addr).collect::<io::Result<_>>()?;
        let count =
            if config.workers == 0 { thread::available_parallelism().map_or(1, usize::from) } else { config.workers };
        let running = Running::new(config, 1).map_err(|problems| {
            io::Error::other(problems.iter().map(|problem| problem.sentence.as_str()).collect::<Vec<_>>().join("; "))
        })?;
        let running = Arc::new(running);
        let (drain, drained) = watch::channel(false);
        let mut threads = Vec::new();
        for number in 0..count {
            let listeners = listeners.iter().map(StdListener::try_clone).collect::<io::Result<Vec<_>>>()?;
            let (running, drained) = (running.clone(), drained.clone());
            let thread = thread::Builder::new().name(format!("gate-{number}"));
            threads.push(thread.spawn(move || run(number as u64, listeners, running, drained))?);
        }
        Ok(Self { addresses, drain, threads })
    }

    /// Where it listens.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Accepts nothing more, and waits until all that is under way has ended.
    ///
    /// # Errors
    /// That of a thread that could not serve.
    pub fn finish(self) -> io::Result<()> {
        // All threads may have ended.
        let _ = self.drain.send(true);
        self.wait()
    }

    /// Waits until all threads have ended.
    ///
    /// # Errors
    /// That of a thread that could not serve.
    pub fn wait(self) -> io::Result<()> {
        for thread in self.threads {
            thread.join().map_err(|_| io::Error::other("a thread of the gate panicked"))??;
        }
        Ok(())
    }
}

fn listen_on(address: SocketAddr) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn run(
    number: u64,
    listeners: Vec<StdListener>,
    running: Arc<Running>,
    drain: watch::Receiver<bool>,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let tasks = LocalSet::new();
    let worker = Rc::new(Worker::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), running, drain));
    let here = worker.clone();
    tasks.block_on(&runtime, async move {
        spawn_local(here.clock.clone().run());
        let sweeper = here.clone();
        spawn_local(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                sweeper.backs.sweep(Duration::from_secs(60));
            }
        });
        let mut open = Vec::new();
        for (at, listener) in listeners.into_iter().enumerate() {
            open.push(spawn_local(accept(here.clone(), at, TcpListener::from_std(listener)?)));
        }
        here.drain().await;
        open.iter().for_each(tokio::task::JoinHandle::abort);
        while here.visits() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    })
}

async fn accept(worker: Rc<Worker>, at: usize, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Without it replies would wait for more to send.
                let _ = stream.set_nodelay(true);
                spawn_local(visit(worker.clone(), at, Stream::Tcp(stream), Some(peer.ip())));
            }
            // Too many files: those under way end first.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn visit(worker: Rc<Worker>, at: usize, stream: Stream, peer: Option<IpAddr>) {
    let _here = worker.enters();
    let link = Link::new(stream, worker.clock.timer());
    let visitor = Visitor::new(worker.clone(), at, peer.map(|peer| peer.to_canonical()), "http");
    front::h1::serve(link, visitor).await;
}
