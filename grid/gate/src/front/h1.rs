//! A client's connection of HTTP/1: one request after the other.

use std::io;
use std::task::{Context, Poll};

use crate::clock::Timer;
use crate::exchange::{Client, Failure, Outcome};
use crate::field::Known;
use crate::flow::{FromLink, ToLink};
use crate::forward;
use crate::framing::{self, Framing, Unframed};
use crate::head::{Head, Refused, Version};
use crate::link::{Link, NoHead};
use crate::reply::{Reply, says};
use crate::visit::{Visit, Visitor};

/// Bytes of a request that are still taken after its reply, so that the client reads that.
const LINGER: usize = 1 << 20;

/// The client of one exchange.
struct OnLink<'a> {
    link: &'a Link,
    version: Version,
    keep: bool,
    begun: bool,
    timer: Timer,
}

impl<'a> Client for OnLink<'a> {
    type Body = ToLink<'a>;
    type Tunnel = FromLink<'a>;

    fn begin(&mut self, reply: &Reply, framing: Framing, length: Option<&[u8]>) -> io::Result<ToLink<'a>> {
        self.begun = true;
        if reply.status() == 101 {
            self.link.write(|output| forward::switching(output, reply));
            return Ok(ToLink::new(self.link, framing));
        }
        let framing = match (framing, self.version) {
            (Framing::Chunked | Framing::UntilClose, Version::Http10) => Framing::UntilClose,
            (Framing::UntilClose, _) => Framing::Chunked,
            (framing, _) => framing,
        };
        self.keep &= framing != Framing::UntilClose;
        self.link.write(|output| forward::reply(output, reply, self.version, framing, self.keep, length));
        Ok(ToLink::new(self.link, framing))
    }

    fn interim(&mut self, reply: &Reply) {
        self.link.write(|output| forward::interim(output, reply));
    }

    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.link.poll_gone(context)
    }

    fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_flush(context)
    }

    fn lends(&self) -> bool {
        // Under the library that takes connections into shared memory the socket is not where the client reads.
        self.version == Version::Http11 && !wire::is_begun_by_run() && self.link.with_tcp(|_| ()).is_some()
    }

    fn can_change(&self) -> bool {
        true
    }

    fn tunnel(&mut self) -> Option<FromLink<'a>> {
        Some(FromLink::new(self.link, Framing::UntilClose))
    }

    fn timer(&self) -> &Timer {
        &self.timer
    }
}

/// Serves a connection until it ends.
pub(crate) async fn serve(link: Link, visitor: Visitor) {
    let limits = visitor.limits();
    loop {
        // Between requests a connection waits for long, in the middle of one it does not.
        if !link.has_input() {
            let idle = if visitor.requests() == 0 { limits.head_time } else { limits.idle_time };
            let came = link.timer.within(idle, visitor.unless_draining(link.comes())).await;
            if !matches!(came, Ok(Some(Ok(true)))) {
                return;
            }
        }
        let head = link.timer.within(limits.head_time, link.head(limits.head_bytes, Head::parse)).await;
        let head = match head {
            Ok(Ok(Some(head))) => head,
            Ok(Ok(None) | Err(NoHead::Cut | NoHead::Broken)) => return,
            Ok(Err(NoHead::TooLong)) => {
                return refuse(&link, &visitor, 431, "The head of the request is too long.").await;
            }
            Ok(Err(NoHead::Bad(Refused::Connect))) => {
                return refuse(&link, &visitor, 405, &Refused::Connect.to_string()).await;
            }
            Ok(Err(NoHead::Bad(Refused::Version))) => {
                return refuse(&link, &visitor, 505, &Refused::Version.to_string()).await;
            }
            Ok(Err(NoHead::Bad(Refused::TooManyFields))) => {
                return refuse(&link, &visitor, 431, &Refused::TooManyFields.to_string()).await;
            }
            Ok(Err(NoHead::Bad(why))) => return refuse(&link, &visitor, 400, &why.to_string()).await,
            Err(_) => return refuse(&link, &visitor, 408, "The request did not come in time.").await,
        };
        let framing = match framing::of_request(&head, false) {
            Ok(framing) => framing,
            Err(why @ Unframed::Coding) => return refuse(&link, &visitor, 501, &why.to_string()).await,
            Err(why) => return refuse(&link, &visitor, 400, &why.to_string()).await,
        };
        let keep = !visitor.drains()
            && match head.version() {
                Version::Http10 => says(head.all(Known::Connection), "keep-alive"),
                _ => !says(head.all(Known::Connection), "close"),
            };
        let mut source = FromLink::new(&link, framing);
        let mut client =
            OnLink { link: &link, version: head.version(), keep, begun: false, timer: visitor.worker().clock.timer() };
        let visit = Visit::new(&visitor, &head, framing);
        let outcome = visit.run(&mut source, &mut client).await;
        let keep = client.keep;
        match outcome {
            Outcome::Replied { taken, .. } if keep && taken => {}
            Outcome::Replied { .. } => {
                visit.ends();
                return linger(&link, &visitor).await;
            }
            Outcome::Failed(_) if client.begun => return,
            Outcome::Failed(why) => {
                // A body that was not taken would be read as the next request.
                let keep = keep && framing == Framing::None && why != Failure::BadBody;
                let reply = visit.failure(why);
                own(&link, &reply, head.version(), keep, head.method() == "HEAD");
                if link.flush().await.is_err() {
                    return;
                }
                visit.ends();
                if !keep {
                    return linger(&link, &visitor).await;
                }
            }
            Outcome::Broken | Outcome::Tunnel => return,
        }
    }
}

/// Writes a reply of the gate's own.
fn own(link: &Link, (reply, body): &(Reply, String), version: Version, keep: bool, to_head: bool) {
    let is_bare = matches!(reply.status(), 204 | 304);
    let framing = if is_bare { Framing::None } else { Framing::Length(body.len() as u64) };
    link.write(|output| {
        forward::reply(output, reply, version, framing, keep, None);
        if !to_head && !is_bare {
            output.extend_from_slice(body.as_bytes());
        }
    });
}

async fn refuse(link: &Link, visitor: &Visitor, status: u16, why: &str) {
    let reply = visitor.refused(status, why);
    own(link, &reply, Version::Http11, false, false);
    linger(link, visitor).await;
}

async fn linger(link: &Link, visitor: &Visitor) {
    // Whoever reads slowly has as much time as for any body.
    let _ = link.timer.within(visitor.limits().linger_time, link.close(LINGER)).await;
}
