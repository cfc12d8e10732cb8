//! Reports for servers that send none: what nginx, Apache and others write into their access logs, what their status pages and the
//! system say of them.
//!
//! [`mod@format`] how lines are written, [`mod@line`] what one says, [`rules`] which class its path has, [`tally`] what many say, [`status`] what
//! a status page says: all pure. [`follow`] reads a log through its rotations, [`load`] asks the system, [`run`] does it all.

pub mod follow;
pub mod format;
pub mod line;
pub mod load;
pub mod rules;
pub mod run;
pub mod status;
pub mod tally;
