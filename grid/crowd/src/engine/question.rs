//! What the engine is asked.

use super::desk::{Desk, DeskError};
use super::finish::Judgement;
use crate::role::Fact;
use crate::store::StoreError;
use crate::upload::Place;
use crate::wire::{Reply, Request};

/// Takes an answer, after the commit.
pub type Answer<T> = Box<dyn FnOnce(Result<T, StoreError>) + Send>;

/// Something that is done at the desk.
pub type Act = Box<dyn FnMut(&mut Desk<'_>) -> Result<(), DeskError> + Send>;

/// A scheduler RPC.
pub struct RpcQuestion {
    /// What the client sent.
    pub request: Request,
    /// Its address, as the server sees it.
    pub address: String,
    /// Takes the reply.
    pub answer: Answer<Reply>,
}

/// An upload that is whole and safe.
pub struct UploadQuestion {
    /// The output's name.
    pub name: String,
    /// The host of its certificate.
    pub host: i64,
    /// Bytes.
    pub bytes: i64,
    /// MD5, hexadecimal.
    pub md5: String,
    /// Where it lies.
    pub segment: String,
    /// Where it begins there.
    pub place: i64,
    /// Takes what the output was before: if it was wanted, it is recorded now.
    pub answer: Answer<Place>,
}

/// A question.
pub enum Question {
    /// A scheduler RPC.
    Rpc(Box<RpcQuestion>),
    /// An upload that is here.
    Upload(UploadQuestion),
    /// What is known of an output, by its name and the certificate's host, where one was shown.
    Known {
        /// Its name.
        name: String,
        /// The host.
        host: Option<i64>,
        /// Takes the answer.
        answer: Answer<Place>,
    },
    /// A unit's results were compared.
    Judged(Judgement),
    /// A unit's outcome was handed on: what its assimilator wants to remember.
    Assimilated {
        /// The unit.
        unit: i64,
        /// Facts.
        facts: Vec<Fact>,
    },
    /// A unit's input files are gone.
    Deleted {
        /// The unit.
        unit: i64,
    },
    /// A stage failed for now.
    Postponed {
        /// The unit.
        unit: i64,
        /// Why.
        why: String,
    },
    /// The engine ends, after what was asked before.
    End,
    /// Anything else: done at the desk, perhaps twice if the first transaction is taken back, and told its end after the commit.
    Act {
        /// What is done.
        act: Act,
        /// Takes how it ended.
        answer: Box<dyn FnOnce(Result<(), DeskError>) + Send>,
    },
}
