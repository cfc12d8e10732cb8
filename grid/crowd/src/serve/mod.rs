//! A project being served: the engine, the threads of its stages, and HTTP.

pub(crate) mod accounts;
mod download;
mod housekeeping;
mod http;
mod listening;
mod managers;
mod refit;
mod roles;
mod scheduler;
mod server;
mod stages;
mod upload;
mod watch;
mod web;

pub use roles::{FactReader, KeepOutputs, Roles, SameBytes};
pub use server::{ServeError, Server};
pub use web::Web;
