//! The one thread that changes the database.
//!
//! Questions come from everywhere: clients' RPCs, uploads that are here, verdicts, outcomes that were handed on, operators. All that
//! came while the last transaction was made durable are answered in the next one: rows are loaded for all of them at once, plain logic
//! changes them in memory, what changed is written, and after the commit each is told its answer. A unit moves on within the
//! transaction that gave it reason to; nothing is polled but deadlines.

mod account;
mod assign;
mod batch;
mod credit;
mod desk;
mod due;
mod effect;
mod finish;
mod identify;
mod keys;
mod question;
mod refit;
mod report;
mod rpc;
mod settings;
mod settle;
mod supply;
mod thread;
mod trickle;

pub use account::Opens;
pub use credit::{average_after, cobblestones};
pub use desk::{Desk, DeskError};
pub use effect::{AssimilateJob, Effect, ValidateJob};
pub use finish::{Judgement, MILESTONE};
pub use question::{Act, Answer, Question, RpcQuestion, UploadQuestion};
pub use refit::{DIFFERS, Found, RefitJob, Refits};
pub use settings::{Clock, Settings, Stages, SystemClock};
pub use supply::PlacedFile;
pub(crate) use supply::{input_names, outputs_asked};
pub use thread::{Engine, EngineError};
