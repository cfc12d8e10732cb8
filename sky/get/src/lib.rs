//! Image lists and tiles from archives by Simple Image Access.
//!
//! [`Query`] asks a service (SIA version 1 or 2) which images it has of a place; [`Download`] brings them, several
//! at once, each under a temporary name until it is whole and proved to be FITS.
//!
//! ```no_run
//! use pogson_get::{Archive, Client, Download, Query};
//! let client = Client::new(Default::default());
//! let archive = Archive::registered("2mass").expect("2MASS is registered");
//! let query = Query { ra_deg: 275.196, dec_deg: -16.172, size_deg: 0.3, band: Some("K".into()), ..Query::default() };
//! let list = client.search(&archive, &query)?;
//! let outcomes = Download::new("tiles".as_ref()).run(&client, &list.images);
//! # Ok::<(), pogson_get::GetError>(())
//! ```

mod archive;
mod band;
mod client;
mod download;
mod error;
mod name;
mod sia;
mod transfer;
pub mod votable;

pub use archive::{ARCHIVES, Archive, Version};
pub use client::{Client, Patience};
pub use download::{Download, Outcome};
pub use error::GetError;
pub use name::file_names;
pub use sia::{ImageList, ImageRecord, Query};
