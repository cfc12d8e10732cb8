//! Bands of the surveys: what is known of each, and which one an image is of.

mod recognise;
mod table;

pub use recognise::{Found, recognise};
pub use table::{KNOWN, SurveyBand, named};
