//! The gate: a front end of HTTP that sends each request where its data is and where there is room.
//!
//! [`config`] what operators want; [`head`] what a request says of itself, [`reply`] a reply; [`framing`] where bodies end, [`chunk`]
//! those in chunks.
//!
//! Decided before a back end is chosen: [`route`] to which pool a request goes, [`classify`] who asks, [`context`] what it needs cached.
//! [`reports`] whose word about itself is taken.
//!
//! [`serve`] has a gate at work; by its [`control`] socket it is told things, and hands itself over; [`served`] how its servers are, [`seen`] all that can be
//! seen of it.

mod admin;
mod ahead;
mod back;
mod books;
mod calendar;
mod certificates;
pub mod chunk;
pub mod classify;
mod clock;
pub mod config;
pub mod context;
pub mod control;
mod descriptors;
mod desk;
mod exchange;
pub mod field;
mod flow;
mod forward;
mod frames;
pub mod framing;
mod front;
pub mod head;
mod hedge;
mod keeper;
mod kept;
mod learned;
mod link;
mod listener;
mod log;
mod pipe;
mod pool;
pub mod reply;
pub mod reports;
pub mod route;
mod running;
pub mod seen;
pub mod serve;
pub mod served;
mod story;
mod stream;
mod visit;
mod websocket;
mod worker;

pub use front::proxy_protocol;
