//! Which of several servers a request is sent to: policies over what a dispatcher knows, without any input or output, so that a proxy
//! and a simulation of it decide alike.
//!
//! [`dispatcher`] what a proxy asks and tells; [`policy`] who decides; [`servers`] what is known; [`shadow`] what each server probably has
//! cached; [`costs`] what answers take; [`paper`] the front end of the paper; [`waiting`] who goes first; [`limit`] how many go at once; [`trace`] what a dispatcher was told,
//! as lines; [`simulate`] a world to try them in.

mod ages;
pub mod costs;
pub mod dispatcher;
pub mod limit;
pub mod paper;
pub mod policy;
pub mod servers;
pub mod shadow;
pub mod simulate;
pub mod trace;
pub mod waiting;

/// What a dispatcher asks of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Hash of what it needs cached: requests of one context are served from one cached thing.
    pub context: u64,
    /// Kind of work, by which costs are learned.
    pub product: u32,
}
