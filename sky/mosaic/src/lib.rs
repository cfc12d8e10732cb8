//! Mosaics: reprojection, background matching, co-addition.

pub mod adaptive;
pub mod area;
pub mod background;
pub mod cache;
pub mod coadd;
pub mod compare;
pub mod drizzle;
pub mod error;
pub mod exact;
pub mod flux_fit;
pub mod flux_scale;
pub mod interpolated;
pub mod kernel;
pub mod mapping;
pub mod method;
pub mod output;
pub mod patch;
pub mod pipeline;
pub mod place;
pub mod provenance;
pub mod report;
pub mod simulate;
pub mod source;
mod spare;
pub mod tile;
pub mod work;
