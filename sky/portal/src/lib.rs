//! The portal's first room: mosaics served as HiPS tiles and as cut-outs, from storage blocks that a bounded cache keeps.
//!
//! The way of a request: [`request`] reads the address, [`context`] says what has to be at hand, a worker of the desk takes the blocks
//! off the shelf and the mosaicker resamples them onto the grid of the tile or cut-out.
//!
//! ```no_run
//! use pogson_portal::serve::{Server, Settings};
//! let settings = Settings {
//!     dir: "mosaics".into(),
//!     scratch: std::env::temp_dir(),
//!     listen: "127.0.0.1:8080".into(),
//!     unix: None,
//!     cache_bytes: 64 << 20,
//!     store_delay: std::time::Duration::ZERO,
//!     workers: 2,
//!     queue: 1024,
//!     block_order: None,
//!     publisher: Default::default(),
//!     reporting: None,
//!     limits: Default::default(),
//! };
//! Server::start(&settings)?.run()?;
//! # Ok::<(), pogson_portal::error::PortalError>(())
//! ```

mod answer;
pub mod cache;
pub mod collection;
pub mod connection;
pub mod context;
pub mod coverage;
pub mod cutout;
mod desk;
pub mod error;
mod fits_bytes;
mod grid;
mod jpeg;
mod level;
mod local;
mod page;
mod picture;
pub mod properties;
mod query;
mod render;
mod reply;
pub mod reporting;
pub mod request;
pub mod serve;
pub mod set;
mod shelf;
mod status;
