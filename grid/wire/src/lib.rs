//! Joins the two ends of TCP and vsock connections within a node by shared memory: the daemon that pairs them.
//!
//! A process that wants its connections joined connects to the daemon's Unix socket and speaks [`pogson_ring::protocol`]. It passes
//! each socket that proved busy; the daemon reads from the kernel what the socket is, closes it, and pairs the two ends of one
//! connection. Both get the memory for it. The bytes themselves never pass the daemon.
//!
//! ```text
//!  record + socket ──records──▶ identify ──▶ ends ── mirror found ──▶ slabs ──▶ records to both
//!                                              │
//!                                              └── not yet: it waits, and the process goes on by TCP
//! ```
//!
//! What keeps the daemon safe from those that it serves:
//! - What a socket is, and who speaks, it asks the kernel; it believes nothing else.
//! - It makes all shared memory itself, sealed against a change of size, and passes the other side's only for reading.
//! - It waits for nobody: sends that do not fit end the session, and descriptors whose closing may take time are closed by others.
//! - What each user can make it hold is bounded ([`policy::Bounds`]).
//!
//! ```no_run
//! use pogson_wire::{policy::Policy, serve::Daemon};
//!
//! let daemon = Daemon::bind(&pogson_wire::address::own_path(), Policy::default())?;
//! let stopper = daemon.stopper();
//! std::thread::spawn(move || stopper.stop());
//! daemon.run()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod address;
mod closing;
mod desk;
mod ends;
pub mod error;
pub mod guest;
mod identify;
mod listen;
mod lookup;
mod mapping;
mod memfd;
mod numbers;
mod options;
mod pair;
pub mod policy;
pub mod program;
mod records;
mod remains;
pub mod report;
pub mod serve;
mod session;
mod slab;
mod users;
mod vsock;
mod watch;
