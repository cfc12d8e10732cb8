//! TCP streams that go through shared memory where both ends are on one node.
//!
//! A [`Stream`] and a [`Listener`] are used as those of [`std::net`]; with the feature `tokio` those of [`tokio`] as that crate's.
//! Each is a TCP connection, with any program at its other end. If that is on the same node, and uses this crate or is begun by
//! `pogson wire run`, the daemon that `pogson wire serve` runs joins the two as soon as the connection is busy, and its bytes go
//! through memory. In all other cases, and without a daemon, they go by TCP.
//!
//! ```
//! use std::io::{Read, Write};
//!
//! let listener = wire::Listener::bind("127.0.0.1:0")?;
//! let address = listener.local_addr()?;
//! let answers = std::thread::spawn(move || {
//!     let (mut stream, _) = listener.accept()?;
//!     let mut question = [0; 4];
//!     while stream.read_exact(&mut question).is_ok() {
//!         stream.write_all(b"pong")?;
//!     }
//!     std::io::Result::Ok(())
//! });
//!
//! let mut stream = wire::Stream::connect(address)?;
//! let mut answer = [0; 4];
//! for _ in 0..1000 {
//!     stream.write_all(b"ping")?;
//!     stream.read_exact(&mut answer)?;
//!     assert_eq!(&answer, b"pong");
//! }
//! drop(stream);
//! answers.join().expect("the thread ends")?;
//! # std::io::Result::Ok(())
//! ```
//!
//! Reading, writing, half-closing, timeouts and the errors of connections that end are as with TCP. What differs:
//! - The socket belongs to the stream. It may be asked and have its options set through [`std::os::fd::AsFd`], but not be read,
//!   written, polled, duplicated or made blocking or not past the stream.
//! - A process that forks without a new program uses its streams in one of the two only.
//!
//! In a program that `pogson wire run` began, that command's library does the work, and streams are plain sockets to it.

mod address;
mod back;
mod connection;
mod gate;
mod hand_on;
mod home;
mod listener;
mod memory;
mod preload;
mod receive;
mod record;
mod send;
mod session;
mod slab;
mod stream;
mod tcp;
#[cfg(feature = "tokio")]
pub mod tokio;
mod upgrade;
mod wait;

pub use listener::{Incoming, Listener};
pub use stream::Stream;

/// Whether `pogson wire run` began this process, so that its library stands before all of the C library's calls. Bytes of sockets must
/// then not be moved past it, by calls of the system itself.
#[must_use]
pub fn is_begun_by_run() -> bool {
    preload::is_loaded()
}

/// Names the socket of the daemon to ask. Without this it is the one that POGSON_WIRE_SOCKET names, else
/// `$XDG_RUNTIME_DIR/pogson/wire.sock`, else `/run/pogson/wire.sock`. To be called before the first connection; name only daemons
/// whose user you trust, for they are passed the sockets.
pub fn set_daemon(socket: impl Into<std::path::PathBuf>) {
    session::set_place(socket.into());
}
