//! Servers that join, leave, and change while requests are under way.
//!
//! A server keeps its place, by which requests under way are given back, until it has left and the last of them is over; then another
//! may have the place. Contexts have their order of servers by identities, so that one that joins or leaves moves only its own share.

use super::{NO_QUEUE, Server, Servers, rising::Rise};

impl Servers {
    /// Place of the member of that identity.
    #[must_use]
    pub fn place(&self, id: u64) -> Option<usize> {
        self.all.iter().position(|server| server.id == id && !server.leaves)
    }

    /// A server joins, with room for so many contexts in its cache and nothing in it: its place. One of the same identity that is a
    /// member keeps its place, and what is known of it.
    pub fn join(&mut self, id: u64, room: usize, weight: f64, now_s: f64) -> usize {
        if let Some(at) = self.place(id) {
            self.weigh(at, weight);
            return at;
        }
        let free = self.all.iter().position(|server| server.leaves && server.active == 0);
        let at = free.unwrap_or_else(|| {
            self.shadows.add(room);
            self.all.push(Server::new(id));
            self.all.len() - 1
        });
        let turn = self.all[at].turn;
        // A machine of unknown speed: it is taken for one like the others.
        self.all[at] = Server { turn: if free.is_some() { turn.wrapping_add(1) } else { turn }, ..Server::new(id) };
        self.shadows.clear(at);
        self.shadows.set_room(at, room);
        self.weigh(at, weight);
        self.rises(at, now_s);
        at
    }

    /// The server at this place leaves: it gets nothing more, what is under way goes on.
    pub fn leave(&mut self, at: usize) {
        let server = &mut self.all[at];
        (server.up, server.leaves) = (false, true);
        self.gives_place_up(at);
    }

    /// The server takes requests from now on, or does not: because it is drained, or its health has changed. Its cache is believed to
    /// stay as it is; see [`Servers::began_anew`].
    pub fn set_up(&mut self, at: usize, up: bool, now_s: f64) {
        let server = &mut self.all[at];
        let comes_back = up && !server.up && !server.leaves;
        server.up = up && !server.leaves;
        if comes_back {
            self.rises(at, now_s);
        }
    }

    /// The server has begun anew: nothing is in its cache or its queue.
    pub fn began_anew(&mut self, at: usize, now_s: f64) {
        self.shadows.clear(at);
        let server = &mut self.all[at];
        (server.hidden_s, server.queue) = (0.0, NO_QUEUE);
        self.rises(at, now_s);
    }

    /// Its share of requests where all else is equal, above 0; what is no such number counts as 1.
    pub fn weigh(&mut self, at: usize, weight: f64) {
        self.all[at].weight = if weight > 0.0 && weight.is_finite() { weight } else { 1.0 };
    }

    /// What has left, and has nothing under way, is forgotten.
    pub(super) fn gives_place_up(&mut self, at: usize) {
        let server = &mut self.all[at];
        if server.leaves && server.active == 0 {
            (server.work_s, server.hidden_s, server.queue, server.rise) = (0.0, 0.0, NO_QUEUE, Rise::default());
            self.shadows.clear(at);
        }
    }

    /// Which of those that had this place after each other has it now.
    pub(crate) fn turn(&self, at: usize) -> u32 {
        self.all[at].turn
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Request;
    use crate::costs::Costs;
    use crate::servers::Answer;

    const REQUEST: Request = Request { context: 7, product: 0 };

    fn two() -> Servers {
        let mut servers = Servers::new(&[], Costs::known(&[(1.0, 10.0)]));
        assert_eq!([11, 12].map(|id| servers.join(id, 10, 1.0, 0.0)), [0, 1]);
        servers
    }

    #[test]
    fn who_leaves_keeps_its_place_until_the_last_request_is_over() {
        let mut servers = two();
        let under_way = servers.send(0, REQUEST, 0.0);
        servers.leave(0);
        assert_eq!((servers.place(11), servers.up().count()), (None, 1));
        assert_eq!(servers.join(13, 10, 2.0, 1.0), 2, "the place is not free yet");
        servers.answered(&under_way, Answer::default(), 2.0);
        assert!(servers.all[0].active == 0 && servers.shadows.held(0) == 0);
        assert_eq!(servers.join(14, 5, 1.0, 3.0), 0);
        assert_eq!((servers.all[0].id, servers.shadows.room(0), servers.all[2].weight), (14, 5, 2.0));
    }

    #[test]
    fn an_answer_for_who_had_the_place_before_changes_nothing() {
        let mut servers = two();
        let first = servers.send(0, REQUEST, 0.0);
        servers.answered(&first, Answer::default(), 1.0);
        servers.leave(0);
        servers.join(13, 10, 1.0, 2.0);
        servers.send(0, REQUEST, 3.0);
        let before = servers.all[0].clone();
        // Given back twice, by mistake.
        servers.answered(&first, Answer { hit: Some(true), service_s: Some(50.0) }, 4.0);
        assert_eq!((before.active, before.work_s), (servers.all[0].active, servers.all[0].work_s));
        assert_eq!(servers.all[0].slowness, 1.0);
    }

    #[test]
    fn who_joins_again_under_the_same_identity_is_the_same() {
        let mut servers = two();
        let sent = servers.send(1, REQUEST, 0.0);
        assert_eq!(servers.join(12, 10, 3.0, 1.0), 1);
        assert!(servers.all[1].active == 1 && servers.shadows.has(1, 7) && servers.all[1].weight == 3.0);
        servers.answered(&sent, Answer::default(), 2.0);
        assert_eq!(servers.all[1].active, 0);
    }

    #[test]
    fn a_drained_server_gets_nothing_and_keeps_its_cache() {
        let mut servers = two();
        servers.send(1, REQUEST, 0.0);
        servers.set_up(1, false, 1.0);
        assert_eq!(servers.up().map(|(at, _)| at).collect::<Vec<_>>(), [0]);
        servers.set_up(1, true, 2.0);
        assert!(servers.up().count() == 2 && servers.shadows.has(1, 7));
        servers.began_anew(1, 3.0);
        assert!(!servers.shadows.has(1, 7));
    }

    #[test]
    fn a_server_that_holds_all_it_can_is_passed_over_until_an_answer_or_old_news() {
        let mut servers = two();
        let open = |servers: &Servers, now_s: f64| servers.open(now_s).map(|(at, _)| at).collect::<Vec<_>>();
        // Its queue has 3 of 4, one of which is this dispatcher's beside one that is worked on.
        let [sent, _] = [0.0, 0.0].map(|now_s| servers.send(0, REQUEST, now_s));
        servers.reported_queue(0, 3, Some(4), 1.0);
        assert_eq!(open(&servers, 1.0), [0, 1]);
        servers.send(0, REQUEST, 1.1);
        assert_eq!(open(&servers, 1.2), [1], "four of four");
        servers.answered(&sent, Answer::default(), 1.3);
        assert_eq!(open(&servers, 1.4), [0, 1]);
        servers.send(0, REQUEST, 1.5);
        assert_eq!(open(&servers, 1.6), [1]);
        assert_eq!(open(&servers, 6.5), [0, 1], "nothing heard for five seconds");
        servers.all[1].holds = 0;
        assert_eq!(open(&servers, 6.5), [0]);
    }
}
