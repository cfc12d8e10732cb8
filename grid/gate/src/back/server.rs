//! A server in the middle of an exchange, whatever version of HTTP it speaks.

use crate::clock::Timer;
use crate::flow::{FromLink, Source};
use crate::framing::{self, Framing, Unframed};
use crate::link::{Link, NoHead};
use crate::reply::Reply;

/// Most bytes of a reply's head.
pub(crate) const REPLY_HEAD: usize = 64 << 10;

/// Why a server's reply has no head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoReply {
    /// Nothing came back.
    Silent,
    /// The server says that it did nothing with the request.
    Refused,
    /// What came is not HTTP.
    Nonsense,
}

/// A server that has a request.
pub(crate) trait Server {
    /// Where a reply's body comes from.
    type Body<'a>: Source
    where
        Self: 'a;
    /// Limit of time of its own.
    fn timer(&self) -> &Timer;
    /// The next head of a reply.
    async fn head(&self) -> Result<Reply, NoReply>;
    /// How the body of the last reply ends.
    ///
    /// - `to_head`: the request was HEAD.
    fn framing(&self, reply: &Reply, to_head: bool) -> Result<Framing, Unframed>;
    /// The body of the last reply.
    fn body(&self, framing: Framing) -> Self::Body<'_>;
    /// Its connection, if that is one that can become a tunnel.
    fn link(&self) -> Option<&Link>;
}

impl Server for Link {
    type Body<'a> = FromLink<'a>;

    fn timer(&self) -> &Timer {
        &self.timer
    }

    async fn head(&self) -> Result<Reply, NoReply> {
        match Self::head(self, REPLY_HEAD, Reply::parse).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) | Err(NoHead::Broken) => Err(NoReply::Silent),
            Err(_) => Err(NoReply::Nonsense),
        }
    }

    fn framing(&self, reply: &Reply, to_head: bool) -> Result<Framing, Unframed> {
        framing::of_reply(reply, to_head)
    }

    fn body(&self, framing: Framing) -> FromLink<'_> {
        FromLink::new(self, framing)
    }

    fn link(&self) -> Option<&Link> {
        Some(self)
    }
}
