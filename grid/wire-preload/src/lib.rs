//! Lets unmodified programs talk through shared memory: the calls of the C library that concern sockets, in front of its own.
//!
//! The program's descriptor stays the TCP or vsock socket that it made. Once a connection proves busy, the daemon is asked whether its
//! other end is on this node too (`session`); if so, each direction goes over to a ring at a byte of its own choice
//! (`upgrade`, [`pogson_ring::switch`]). From then on `send` and `receive` move the bytes, and `poll` and `set` say what
//! a descriptor is ready for. What cannot leave TCP stays there.

// Where it is built to be loaded (the profile `preload`) it holds nothing of std, which would ask more of a C library than it does.
#![cfg_attr(panic = "abort", no_std)]
#![allow(clippy::unnecessary_cast, reason = "lengths have other types with other C libraries")]

mod alone;
mod answer;
mod back;
mod block;
mod caller;
mod cancel;
mod connection;
mod critical;
mod descriptors;
mod ending;
mod gather;
mod guard;
mod heads;
mod heels;
mod hooks;
mod kernel;
mod leave;
mod liveness;
mod lock;
mod next;
mod party;
mod patience;
mod poll;
mod pool;
mod process;
mod readiness;
mod receive;
mod send;
mod session;
mod set;
mod signal;
mod slab;
mod sleep;
mod straight;
mod sys;
mod tcp;
mod thread;
mod upgrade;
mod vsock;
mod waiter;

#[cfg(panic = "abort")]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::abort() }
}

/// Makes everything ready, before the program begins.
extern "C" fn open() {
    hooks::prepare();
    block::BLOCKS.open();
    connection::CONNECTIONS.open();
    party::PARTIES.open();
    slab::SLABS.open();
    set::SETS.open();
    set::ENTRIES.open();
    patience::open();
    alone::open();
    session::open();
    descriptors::open();
}

/// Tells a program that knows of rings itself (the crate `pogson-wire-stream`) that it need not.
#[unsafe(no_mangle)]
pub extern "C" fn pogson_wire_preload() {}

#[used]
#[unsafe(link_section = ".init_array")]
static OPEN: extern "C" fn() = open;

#[used]
#[unsafe(link_section = ".fini_array")]
static ENDS: extern "C" fn() = hooks::program::ends;
