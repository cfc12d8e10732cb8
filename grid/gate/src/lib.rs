//! The gate: a front end of HTTP that sends each request where its data is and where there is room.
//!
//! [`head`] what a request says of itself; [`config`] what operators want.

pub mod config;
pub mod field;
pub mod head;
