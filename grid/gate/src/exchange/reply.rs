//! A reply's way from a server to the client, beside a request's body that may still be on its way.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Instant;

use pogson_dispatch::servers::Answer;

use super::attempt::Attempt;
use super::reading::Reading;
use super::{Client, Errand, Failure, Outcome};
use crate::back::server::{NoReply, Server};
use crate::config::{Fields, RetryOn};
use crate::desk::Ticket;
use crate::field::Known;
use crate::flow::{Sink, Source, pump};
use crate::forward;
use crate::framing::Framing;
use crate::head::Version;
use crate::learned;
use crate::reply::Reply;
use crate::reports;

/// Replies of status 100 to 199 that a server may send before the one that counts.
const INTERIM: usize = 16;

impl Errand<'_> {
    /// Sends a request's body and takes the reply, which may begin before that has gone.
    pub(super) async fn both<S: Server, C: Client>(
        &self,
        server: &S,
        sink: &mut impl Sink,
        ticket: &mut Option<Ticket>,
        source: &mut impl Source,
        client: &mut C,
        sent: &Cell<bool>,
    ) -> (Attempt, bool) {
        let timer = self.worker.clock.timer();
        let idle = [self.times.body_idle, self.pool.times.response_idle];
        let pipes = Some(&self.worker.pipes);
        let mut took = |length: usize| self.story.took(length);
        let mut upload = pin!(pump(source, sink, &timer, idle, pipes, &mut took));
        let mut download = pin!(self.reply(server, None, ticket, client, (false, false), sent));
        let mut uploads = true;
        poll_fn(|context| {
            if uploads && let Poll::Ready(result) = upload.as_mut().poll(context) {
                uploads = false;
                match result {
                    Ok(()) => sent.set(true),
                    // The server may have replied before it closed.
                    Err(why) => {
                        if let Some(outcome) = Outcome::of_stopped(&why) {
                            return Poll::Ready((Attempt::Done(outcome), false));
                        }
                    }
                }
            }
            download.as_mut().poll(context)
        })
        .await
    }

    /// The first head of a reply that says something: not that the request goes on.
    pub(super) async fn first_head<S: Server>(&self, server: &S) -> Result<Reply, Attempt> {
        for _ in 0..INTERIM {
            let head = self.next_head(server, &Cell::new(true)).await?;
            if head.status() != 100 {
                return Ok(head);
            }
        }
        Err(Attempt::Done(Outcome::Failed(Failure::Nonsense)))
    }

    /// The next head of a reply.
    async fn next_head<S: Server>(&self, server: &S, sent: &Cell<bool>) -> Result<Reply, Attempt> {
        let failed = |why| Err(Attempt::Done(Outcome::Failed(why)));
        loop {
            match server.timer().within(self.pool.times.response_head, server.head()).await {
                // While the request still goes, its own limit counts.
                Err(_) if !sent.get() => {}
                Err(_) => return failed(Failure::TimedOut),
                Ok(Err(NoReply::Silent)) => return Err(Attempt::Silent),
                Ok(Err(NoReply::Refused)) => return Err(Attempt::Refused),
                Ok(Err(NoReply::Nonsense)) => return failed(Failure::Nonsense),
                Ok(Ok(reply)) => return Ok(reply),
            }
        }
    }

    /// Takes the reply from a server and sends it on; with it, whether the connection is of further use.
    ///
    /// - `begun`: its first head, if that has come.
    pub(super) async fn reply<S: Server, C: Client>(
        &self,
        server: &S,
        mut begun: Option<Reply>,
        ticket: &mut Option<Ticket>,
        client: &mut C,
        (upgrade, may_retry): (bool, bool),
        sent: &Cell<bool>,
    ) -> (Attempt, bool) {
        let failed = |why| (Attempt::Done(Outcome::Failed(why)), false);
        let mut interim = 0;
        let reply = loop {
            let head = match begun.take() {
                Some(head) => Ok(head),
                None => self.next_head(server, sent).await,
            };
            match head {
                Err(attempt) => return (attempt, false),
                Ok(reply) if reply.status() == 101 && upgrade => break reply,
                Ok(reply) if reply.status() < 200 => {
                    interim += 1;
                    if interim > INTERIM || reply.status() == 101 {
                        return failed(Failure::Nonsense);
                    }
                    if reply.status() != 100 && self.head.version() >= Version::Http11 {
                        client.interim(&reply);
                        if poll_fn(|context| client.poll_flush(context)).await.is_err() {
                            return (Attempt::Done(Outcome::Broken), false);
                        }
                    }
                }
                Ok(reply) => break reply,
            }
        };
        let Ok(mut framing) = server.framing(&reply, self.head.method() == "HEAD") else {
            return failed(Failure::Nonsense);
        };
        if !client.is_answered_by(&reply) {
            return failed(Failure::Unopened);
        }
        if reply.status() == 101 {
            framing = Framing::UntilClose;
        }
        // One that has too much is asked again when it has less.
        let too_much =
            reply.status() == 503 && ticket.as_ref().is_some_and(|ticket| ticket.is_too_much(Instant::now()));
        if too_much && may_retry && (self.may_retry)() {
            return (Attempt::TooMuch, false);
        }
        if may_retry && matches!(reply.status(), 502..=504) && self.again(RetryOn::ServerError, 0) {
            return (Attempt::Unable, false);
        }
        let is_direct = self.lends
            && ticket.as_ref().is_some_and(|ticket| ticket.endpoint.direct)
            && reply.all(Known::Direct).next().is_some();
        let mut answer = learned::answer(&reply);
        if let Some(ticket) = ticket
            && reply.all(Known::Report).next().is_some()
        {
            let (service_s, hit) = self.desk.said_in_reply(ticket.endpoint.number, &reply, reports::now_ms());
            answer = Answer { service_s: answer.service_s.or(service_s), hit: answer.hit.or(hit) };
        }
        self.story.replies(reply.status(), answer.hit);
        let well = !matches!(reply.status(), 502..=504);
        let changed;
        let reply = if self.fields[1] == &Fields::default() {
            &reply
        } else {
            changed = forward::with_fields(&reply, self.fields[1]);
            &changed
        };
        // One that has no body by its status has no length either (RFC 9110, section 8.6).
        let length = reply.all(Known::ContentLength).next().filter(|_| reply.status() != 204);
        let Ok(mut body) = client.begin(reply, framing, length) else {
            return (Attempt::Done(Outcome::Broken), false);
        };
        if reply.status() == 101 {
            // What is rare lies apart, so that connections which wait for a request hold no room for it.
            return (Box::pin(self.tunnel(server.link(), body, ticket, client, answer)).await, false);
        }
        // It may go on for hours, and is no work.
        if learned::is_event_stream(reply)
            && let Some(ticket) = ticket.take()
        {
            ticket.answered(answer, well);
        }
        let idle = [self.pool.times.response_idle, self.times.write_idle];
        if is_direct && let (Framing::Length(length @ 1..), Some(link)) = (framing, server.link()) {
            // The server has made it, and what is left is the client's time; where it has too many of those it stays its work.
            let lagging = ticket.as_mut().and_then(|ticket| ticket.lends(answer, well));
            if lagging.is_some() {
                *ticket = None;
            }
            let gone = Box::pin(self.by_server(link, &mut body, length, client.timer(), idle[1])).await;
            if gone.is_err() {
                return (Attempt::Done(Outcome::Broken), false);
            }
            if let Some(ticket) = ticket.take() {
                ticket.answered(answer, well);
            }
            drop(lagging);
            let keeps = !reply.connection_says("close");
            return (Attempt::Done(Outcome::Replied { status: reply.status(), taken: true }), keeps);
        }
        let mut source = server.body(framing);
        let kept = self.worker.keeps.begin();
        let mut reading = Reading::new(self.story, kept, self.times.write_rate, ticket, (answer, well));
        let pipes = Some(&self.worker.pipes);
        let went = pump(&mut source, &mut body, client.timer(), idle, pipes, &mut reading).await;
        let keeps = sent.get()
            && reading.has_come()
            && reply.version() == Version::Http11
            && framing != Framing::UntilClose
            && !reply.connection_says("close");
        if went.is_err() {
            return (Attempt::Done(Outcome::Broken), keeps);
        }
        (Attempt::Done(Outcome::Replied { status: reply.status(), taken: sent.get() }), keeps)
    }
}
