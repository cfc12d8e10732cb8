//! Lets unmodified programs talk through shared memory: the calls of the C library that concern sockets, in front of its own.

#![allow(dead_code, reason = "hooks of sockets use these")]

mod critical;
mod next;
mod process;
mod signal;
mod sys;
mod thread;
