//! What follows where client and server change to another protocol, such as WebSocket.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use pogson_dispatch::servers::Answer;

use super::attempt::Attempt;
use super::{Client, Errand, Outcome};
use crate::desk::Ticket;
use crate::flow::{FromLink, ToLink, pump};
use crate::framing::Framing;
use crate::link::Link;

impl Errand<'_> {
    /// Passes bytes both ways until both have ended.
    pub(super) async fn tunnel<C: Client>(
        &self,
        link: Option<&Link>,
        ticket: &mut Option<Ticket>,
        client: &C,
        answer: Answer,
    ) -> Attempt {
        if let Some(ticket) = ticket.take() {
            ticket.answered(answer, true);
        }
        if let (Some(client_link), Some(link)) = (client.link(), link) {
            let idle = [self.times.upgraded_idle; 2];
            let (mut from, mut to) =
                (FromLink::new(client_link, Framing::UntilClose), ToLink::new(link, Framing::UntilClose));
            let (mut back, mut forth) =
                (FromLink::new(link, Framing::UntilClose), ToLink::new(client_link, Framing::UntilClose));
            let timer = self.worker.clock.timer();
            let mut there = pin!(pump(&mut from, &mut to, &timer, idle, None, |length| self.story.took(length)));
            let mut here =
                pin!(pump(&mut back, &mut forth, client.timer(), idle, None, |length| self.story.gave(length)));
            poll_fn(|context| {
                // Either end closes both: WebSockets say good-bye before they do.
                if there.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                here.as_mut().poll(context).map(|_| ())
            })
            .await;
        }
        Attempt::Done(Outcome::Tunnel)
    }
}
