//! What BOINC clients send and what they read: XML of a kind of its own, over HTTP.
//!
//! Clients parse replies in places line by line, so that each element stands on lines of its own; they know the entities `<`,
//! `>` and `&` alone, and no attributes but a message's priority.

mod account;
mod coprocessor;
mod manager;
mod node;
mod reply;
mod request;
mod trickle;
mod upload;
mod work;
mod write;

pub use account::{AccountError, ProjectConfig, account_out, error_reply, master_page, success};
pub use coprocessor::Coprocessor;
pub use manager::{AccountFacts, account_facts, manager_success, preference_values};
pub use node::{Node, WireError};
pub use reply::{Message, Priority, Reply, UserFacts};
pub use request::{
    AnonymousVersion, ClientState, HostInfo, Preferences, ReportedFile, ReportedResult, Request, ResourceRequest,
};
pub use trickle::{Trickle, TrickleDown, is_sendable};
pub use upload::{UploadHeader, UploadRequest, UploadStatus};
pub use work::{App, AppVersion, FileInfo, FileRef, Job, Output, WorkUnitInfo};
pub(crate) use write::escaped;
