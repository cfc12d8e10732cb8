//! What becomes of one request, from its head to the end of its reply.

use std::cell::{Cell, OnceCell, RefCell};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::classify::TokenRefused;
use crate::context::Context;
use crate::desk::{Choice, Refusal, Ticket};
use crate::pool::Endpoint;

/// What became of asking a second server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hedged {
    /// It replied.
    Won,
    /// The first one did, or nobody.
    Lost,
}

impl Hedged {
    /// In a word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// A request's story.
pub(crate) struct Story {
    pub(crate) began: Instant,
    pub(crate) client: Cell<Option<IpAddr>>,
    /// Place of its class.
    pub(crate) class: Cell<Option<usize>>,
    pub(crate) level: Cell<usize>,
    pub(crate) token: Cell<Option<TokenRefused>>,
    pub(crate) context: OnceCell<Context>,
    /// Where it went last.
    pub(crate) server: RefCell<Option<Arc<Endpoint>>>,
    pub(crate) choice: Cell<Option<Choice>>,
    pub(crate) expected_hit: Cell<bool>,
    pub(crate) hit: Cell<Option<bool>>,
    /// In the gate, seconds, in all tries.
    pub(crate) waited_s: Cell<f64>,
    pub(crate) tries: Cell<u64>,
    /// If a second server was asked beside the first.
    pub(crate) hedged: Cell<Option<Hedged>>,
    /// When the head of the reply came.
    pub(crate) first: Cell<Option<Instant>>,
    /// 0: none.
    pub(crate) status: Cell<u16>,
    pub(crate) is_cut: Cell<bool>,
    pub(crate) refused: Cell<Option<Refusal>>,
    /// Bytes of bodies from and to the client.
    pub(crate) bytes: [Cell<u64>; 2],
    is_over: Cell<bool>,
}

impl Story {
    /// It begins now.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            client: Cell::default(),
            class: Cell::default(),
            level: Cell::default(),
            token: Cell::default(),
            context: OnceCell::new(),
            server: RefCell::default(),
            choice: Cell::default(),
            expected_hit: Cell::default(),
            hit: Cell::default(),
            waited_s: Cell::default(),
            tries: Cell::default(),
            hedged: Cell::default(),
            first: Cell::default(),
            status: Cell::default(),
            is_cut: Cell::default(),
            refused: Cell::default(),
            bytes: [Cell::new(0), Cell::new(0)],
            is_over: Cell::default(),
        }
    }

    /// It goes to a server.
    pub(crate) fn goes(&self, ticket: &Ticket) {
        self.tries.set(self.tries.get() + 1);
        self.waited_s.set(self.waited_s.get() + ticket.waited_s);
        self.goes_by(ticket);
    }

    /// The server of this ticket has it.
    pub(crate) fn goes_by(&self, ticket: &Ticket) {
        self.choice.set(Some(ticket.choice));
        self.expected_hit.set(ticket.expected_hit());
        self.server.replace(Some(ticket.endpoint.clone()));
    }

    /// The head of its reply is here.
    pub(crate) fn replies(&self, status: u16, hit: Option<bool>) {
        self.status.set(status);
        self.first.set(Some(Instant::now()));
        self.hit.set(hit);
    }

    /// Bytes of its body have come, and of its reply have gone.
    pub(crate) fn took(&self, length: usize) {
        self.bytes[0].set(self.bytes[0].get() + length as u64);
    }

    pub(crate) fn gave(&self, length: usize) {
        self.bytes[1].set(self.bytes[1].get() + length as u64);
    }

    /// Whether it ends now; only once.
    pub(crate) fn ends(&self) -> bool {
        !self.is_over.replace(true)
    }
}
