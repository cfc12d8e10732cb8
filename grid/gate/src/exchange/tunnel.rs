//! What follows where client and server change to another protocol, such as WebSocket.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use pogson_dispatch::servers::Answer;

use super::attempt::Attempt;
use super::{Client, Errand, Outcome};
use crate::desk::Ticket;
use crate::flow::{FromLink, ToLink, pump};
use crate::framing::Framing;
use crate::link::Link;

/// Time in which a server says its last word after the client's.
const LAST_WORD: Duration = Duration::from_secs(2);

impl Errand<'_> {
    /// Passes bytes both ways until the server has ended, or a while after the client has.
    ///
    /// - `forth`: where the server's bytes go.
    pub(super) async fn tunnel<C: Client>(
        &self,
        link: Option<&Link>,
        mut forth: C::Body,
        ticket: &mut Option<Ticket>,
        client: &mut C,
        answer: Answer,
    ) -> Attempt {
        if let Some(ticket) = ticket.take() {
            ticket.answered(answer, true);
        }
        let (Some(link), Some(mut from)) = (link, client.tunnel()) else { return Attempt::Done(Outcome::Tunnel) };
        let idle = [self.times.upgraded_idle; 2];
        let mut to = ToLink::new(link, Framing::UntilClose);
        let mut back = FromLink::new(link, Framing::UntilClose);
        let timer = self.worker.clock.timer();
        let last = self.worker.clock.timer();
        let mut took = |length: usize| self.story.took(length);
        let mut gave = |length: usize| self.story.gave(length);
        let mut there = pin!(pump(&mut from, &mut to, &timer, idle, None, &mut took));
        let mut here = pin!(pump(&mut back, &mut forth, client.timer(), idle, None, &mut gave));
        let (mut has_ended, mut is_shut) = (false, false);
        poll_fn(|context| {
            if here.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            if !has_ended && let Poll::Ready(result) = there.as_mut().poll(context) {
                if result.is_err() {
                    return Poll::Ready(());
                }
                has_ended = true;
                last.set(LAST_WORD);
            }
            if has_ended
                && !is_shut
                && let Poll::Ready(shut) = link.poll_shut(context)
            {
                if shut.is_err() {
                    return Poll::Ready(());
                }
                is_shut = true;
            }
            if has_ended { last.poll(context).map(|_| ()) } else { Poll::Pending }
        })
        .await;
        Attempt::Done(Outcome::Tunnel)
    }
}
