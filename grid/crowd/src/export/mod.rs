//! Tables out of a project, for people and scripts: lines of CSV or JSON, as of one moment, while it is served or not.
//!
//! Account keys, passwords, preferences and secrets are in none of them. What is for the public has besides no addresses, no names of
//! computers and no error output, and names those users alone who agreed to it; what others did is there without their numbers.

mod columns;
mod write;

pub use columns::Which;
pub use write::{ExportError, Format, agreed, export};
