//! Images as they come: what the user says of each, what their headers say, their pixels in Jy.

mod load;
mod open;
mod spec;
mod table;
#[cfg(test)]
mod tests;

pub use load::{Loaded, Window};
pub use open::{Input, open};
pub use spec::{ImageSpec, PsfChoice, SkyModel, Uncertainty};
pub use table::{TableError, read_table};
