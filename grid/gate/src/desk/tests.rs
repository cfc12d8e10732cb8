use super::*;
use crate::reply::Reply;
use pogson_dispatch::servers::Answer;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

const ASKER: Asker = Asker { level: 1, member: 1, weight: 1.0 };

fn desk(servers: usize, most: u32, room: usize) -> Arc<Desk> {
    let more = format!("policy = \"rendezvous\"\nqueue = {{ limit = {room} }}\nadmission = \"off\"");
    made(servers, most, &more)
}

fn desk_with(servers: usize, more: &str) -> Arc<Desk> {
    made(servers, 0, more)
}

fn made(servers: usize, most: u32, more: &str) -> Arc<Desk> {
    let one = format!("[[pool.server]]\naddress = \"http://127.0.0.1:1\"\nmax_active = {most}\n");
    let servers: String = (0..servers).map(|at| one.replace(":1\"", &format!(":{}\"", at + 1))).collect();
    let text = format!("[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n{more}\n{servers}");
    let config = config::Config::parse(&text).expect("a configuration");
    let trust = Arc::new(Trust::new(&config.pool[0]).expect("nothing to read"));
    Arc::new(Desk::new(&config.pool[0], trust, 1, 1).expect("a policy"))
}

fn request(context: u64) -> Request {
    Request { context, product: 0 }
}

fn goes(asked: Asked) -> Ticket {
    match asked {
        Asked::Goes(ticket) => ticket,
        Asked::Waits(_) => panic!("it waits"),
        Asked::Refused(why) => panic!("{why:?}"),
    }
}

fn waits(asked: Asked) -> Place {
    match asked {
        Asked::Waits(place) => place,
        Asked::Goes(_) => panic!("it goes"),
        Asked::Refused(why) => panic!("{why:?}"),
    }
}

fn called(place: &mut Place) -> Option<Result<Ticket, Refusal>> {
    match pin!(&mut place.call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(called) => Some(called.expect("the desk lives")),
        Poll::Pending => None,
    }
}

#[test]
fn one_goes_at_a_time_and_the_next_is_called_when_it_is_over() {
    let desk = desk(1, 1, 8);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let mut second = waits(desk.ask(request(2), ASKER, &[], now));
    let mut third = waits(desk.ask(request(3), ASKER, &[], now));
    assert!(called(&mut second).is_none());
    first.answered(Answer::default(), true);
    let second = called(&mut second).expect("called").expect("a ticket");
    assert!(called(&mut third).is_none());
    // Its client goes without an answer.
    drop(second);
    assert!(called(&mut third).expect("called").is_ok());
}

#[test]
fn a_higher_level_takes_the_place_of_a_lower_one_and_goes_first() {
    let desk = desk(1, 1, 2);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let mut medium = waits(desk.ask(request(2), ASKER, &[], now));
    let mut low = waits(desk.ask(request(3), Asker { level: 2, ..ASKER }, &[], now));
    let high = Asker { level: 0, ..ASKER };
    let mut place = waits(desk.ask(request(4), high, &[], now));
    assert!(matches!(called(&mut low), Some(Err(Refusal::Replaced))));
    assert!(matches!(desk.ask(request(5), Asker { level: 2, ..ASKER }, &[], now), Asked::Refused(Refusal::Full)));
    first.answered(Answer::default(), true);
    let high = called(&mut place).expect("called").expect("a ticket");
    assert!(called(&mut medium).is_none());
    high.answered(Answer::default(), true);
    assert!(called(&mut medium).expect("called").is_ok());
}

#[test]
fn who_leaves_gives_the_place_up() {
    let desk = desk(1, 1, 1);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    drop(waits(desk.ask(request(2), ASKER, &[], now)));
    let mut third = waits(desk.ask(request(3), ASKER, &[], now));
    first.answered(Answer::default(), true);
    // A ticket that was given and not taken goes to the next.
    assert!(called(&mut third).expect("called").is_ok());
    let mut inner = desk.lock();
    assert_eq!(inner.dispatcher.servers().all[0].active, 0, "third's ticket is gone");
    assert!(inner.next_for(0, 0.0).is_none());
}

#[test]
fn what_waits_for_a_server_that_goes_down_goes_to_another() {
    let desk = desk(2, 1, 8);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let other = goes(desk.ask(request(1), ASKER, &[first.endpoint.number], now));
    assert_ne!(first.endpoint.number, other.endpoint.number, "one that was tried is not tried again");
    let mut place = waits(desk.ask(request(1), ASKER, &[], now));
    desk.hold(first.endpoint.number, Held::Down);
    assert!(called(&mut place).is_none());
    other.answered(Answer::default(), true);
    assert_ne!(called(&mut place).expect("called").expect("a ticket").endpoint.number, first.endpoint.number);
    let number = 3 - first.endpoint.number;
    desk.hold(number, Held::Down);
    assert!(matches!(desk.ask(request(1), ASKER, &[], now), Asked::Refused(Refusal::NoServer)));
}

#[test]
fn what_waits_for_a_server_that_goes_down_goes_at_once_where_another_has_room() {
    let desk = desk(2, 1, 8);
    let first = goes(desk.ask(request(1), ASKER, &[], Instant::now()));
    let mut place = waits(desk.ask(request(1), ASKER, &[], Instant::now()));
    desk.hold(first.endpoint.number, Held::Down);
    let ticket = called(&mut place).expect("called").expect("a ticket");
    assert_ne!(ticket.endpoint.number, first.endpoint.number);
}

fn reported(desk: &Desk, number: u64, queue: u32, limit: u32) {
    let text = format!(
        "HTTP/1.1 200 OK\r\nendpoint-load-metrics: TEXT named_metrics.queue_length={queue}, named_metrics.queue_limit={limit}, \
         named_metrics.queue_seconds=0.1\r\n\r\n"
    );
    let (reply, _) = Reply::parse(text.as_bytes()).expect("a head").expect("whole");
    desk.said_in_reply(number, &reply, crate::reports::now_ms());
}

#[test]
fn where_all_queues_are_full_requests_wait_here_and_higher_levels_take_their_places() {
    let desk = desk(1, 100, 1);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    reported(&desk, 1, 4, 4);
    let mut low = waits(desk.ask(request(2), Asker { level: 2, ..ASKER }, &[], now));
    let mut high = waits(desk.ask(request(3), Asker { level: 0, ..ASKER }, &[], now));
    assert!(matches!(called(&mut low), Some(Err(Refusal::Replaced))));
    assert!(matches!(desk.ask(request(4), ASKER, &[], now), Asked::Refused(Refusal::Full)));
    assert!(called(&mut high).is_none());
    reported(&desk, 1, 3, 4);
    let high = called(&mut high).expect("called").expect("a ticket");
    drop((first, high));
}

#[test]
fn the_papers_admission_limits_the_pool_as_a_whole() {
    let desk = desk_with(2, "admission = { t_high = 3, t_low = 2 }");
    let now = Instant::now();
    // (2 - 1) x 3 + 2 - 1 = 4.
    let mut tickets: Vec<_> =
        (0..2).flat_map(|at| [at, at]).map(|at| goes(desk.ask(request(1), ASKER, &[2 - at], now))).collect();
    let mut fifth = waits(desk.ask(request(1), ASKER, &[], now));
    let mut sixth = waits(desk.ask(request(2), ASKER, &[], now));
    assert!(called(&mut fifth).is_none());
    tickets.pop();
    assert!(called(&mut fifth).is_some() != called(&mut sixth).is_some(), "one of them goes, whichever server is free");
}

#[test]
fn the_last_server_that_is_up_is_not_ejected() {
    let desk = desk(3, 1, 8);
    let rules = config::Passive { failures: 1, max_ejected: 100.0, ..config::Passive::default() };
    desk.hold(3, Held::Down);
    for number in [1, 2, 1, 2] {
        desk.failed(number, false, &rules);
    }
    assert_eq!(
        desk.states("p").iter().map(|state| state.state.as_str()).collect::<Vec<_>>(),
        ["ejected", "up", "down"]
    );
    // Nor stays one away when the others have gone.
    desk.hold(2, Held::Down);
    desk.forgive(&rules, Instant::now());
    assert_eq!(desk.states("p")[0].state, "up");
}

#[test]
fn a_second_server_is_asked_only_where_there_is_room_and_nobody_waits() {
    let desk = desk(2, 1, 8);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let number = first.endpoint.number;
    let beside = desk.ask_beside(request(1), 1, number, now).expect("there is room");
    assert_eq!((beside.endpoint.number, beside.choice), (3 - number, Choice::Hedged));
    assert!(desk.ask_beside(request(1), 1, number, now).is_none(), "there is no room any more");
    drop(beside);
    desk.hold(3 - number, Held::Down);
    assert!(desk.ask_beside(request(1), 1, number, now).is_none(), "nobody else is up");
    let place = waits(desk.ask(request(1), ASKER, &[], now));
    desk.hold(3 - number, Held::Up);
    let inner = desk.lock();
    assert_eq!(inner.dispatcher.servers().all.iter().map(|server| server.active).sum::<u32>(), 2);
    drop((inner, place, first));
    let inner = desk.lock();
    assert_eq!(inner.dispatcher.servers().all.iter().map(|server| server.active).sum::<u32>(), 0);
}

#[test]
fn no_second_server_is_asked_while_others_wait_for_room() {
    let desk = desk(3, 1, 8);
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let number = first.endpoint.number;
    // It waits where its context is, though others have nothing to do.
    let place = waits(desk.ask(request(1), ASKER, &[], now));
    assert!(desk.ask_beside(request(1), 1, number, now).is_none());
    drop(place);
    assert!(desk.ask_beside(request(1), 1, number, now).is_some());
}

#[test]
fn what_a_server_says_of_its_work_cannot_exceed_what_is_possible() {
    let desk = desk(2, 100, 8);
    let text = b"HTTP/1.1 200 OK\r\nendpoint-load-metrics: TEXT named_metrics.queue_seconds=1e308\r\n\r\n";
    let (reply, _) = Reply::parse(text).expect("a head").expect("whole");
    desk.said_in_reply(1, &reply, crate::reports::now_ms());
    let ticket = goes(desk.ask(request(1), ASKER, &[], Instant::now()));
    ticket.answered(Answer { hit: Some(false), service_s: Some(1e300) }, true);
    let inner = desk.lock();
    let servers = inner.dispatcher.servers();
    assert!(servers.all[0].hidden_s <= 86_400.0, "{}", servers.all[0].hidden_s);
    assert!(servers.costs.miss_s(0) < 60.0, "{}", servers.costs.miss_s(0));
}

#[test]
fn gates_side_by_side_send_a_context_to_the_same_server_however_they_came_to_know_it() {
    let server =
        |name: &str, port: u16| format!("[[pool.server]]\nname = \"{name}\"\naddress = \"http://127.0.0.1:{port}\"\n");
    let desk = |servers: &[(&str, u16)], first: u64| {
        let servers: String = servers.iter().map(|(name, port)| server(name, *port)).collect();
        let text = format!("[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n{servers}");
        let config = config::Config::parse(&text).expect("a configuration");
        let trust = Arc::new(Trust::new(&config.pool[0]).expect("nothing to read"));
        Arc::new(Desk::new(&config.pool[0], trust, first, 1).expect("a policy"))
    };
    let one = desk(&[("a", 1), ("b", 2), ("c", 3)], 1);
    let other = desk(&[("c", 3), ("a", 1), ("b", 2)], 70);
    for context in 0..200 {
        let name =
            |desk: &Arc<Desk>| goes(desk.ask(request(context << 32), ASKER, &[], Instant::now())).endpoint.name.clone();
        assert_eq!(name(&one), name(&other), "context {context}");
    }
}

#[test]
fn a_server_takes_over_the_high_level_of_another_before_it_serves_lower_ones() {
    let desk = desk(2, 1, 1000);
    let now = Instant::now();
    let tickets = [1, 2, 3, 4, 5, 6, 7, 8].map(|context| desk.ask(request(context), ASKER, &[], now));
    let mut running = Vec::new();
    let mut waiting = Vec::new();
    for asked in tickets {
        match asked {
            Asked::Goes(ticket) => running.push(ticket),
            Asked::Waits(place) => waiting.push(place),
            Asked::Refused(why) => panic!("{why:?}"),
        }
    }
    assert_eq!(running.len(), 2, "both servers have contexts of their own");
    // All of the high level are of a context that goes to one of them.
    let busy = running[0].endpoint.number;
    let context = (1..).find(|&context| desk.lock().dispatcher.servers().home(context) as u64 + 1 == busy);
    let context = context.expect("some context goes there");
    let high = Asker { level: 0, ..ASKER };
    let mut highs: Vec<Place> = (0..40).map(|_| waits(desk.ask(request(context), high, &[], now))).collect();
    let other = running.pop().expect("two run");
    assert_ne!(other.endpoint.number, busy);
    other.answered(Answer::default(), true);
    let called = highs.iter_mut().filter_map(called).next().expect("one of the high level is called");
    let ticket = called.expect("it goes");
    assert!(ticket.endpoint.number != busy && ticket.choice == Choice::TakenOver);
}

/// One who does not take what there is for it.
fn lags(mut ticket: Ticket) -> Lagging {
    ticket.lags(Answer::default(), true).expect("there is a place for it")
}

#[test]
fn who_lags_lets_others_go_and_only_as_many_lag_as_may() {
    let desk = made(1, 1, "slow_readers = 2");
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let mut second = waits(desk.ask(request(2), ASKER, &[], now));
    let first = lags(first);
    let second = lags(called(&mut second).expect("called").expect("a ticket"));
    let mut third = goes(desk.ask(request(3), ASKER, &[], now));
    assert!(third.lags(Answer::default(), true).is_none(), "a third one");
    assert!(!third.is_in_the_way() && !first.is_in_the_way(), "nobody waits");
    let mut other = waits(desk.ask(request(4), ASKER, &[], now));
    assert!(third.is_in_the_way() && first.is_in_the_way());
    drop(second);
    assert!(!third.is_in_the_way(), "it can lag now");
    let third = lags(third);
    let fourth = called(&mut other).expect("called").expect("a ticket");
    drop((first, third));
    let state = &desk.states("main")[0];
    assert_eq!((state.active, state.slow), (1, 0));
    fourth.answered(Answer::default(), true);
    assert_eq!(desk.states("main")[0].active, 0);
}

#[test]
fn of_those_who_lag_the_member_with_most_of_them_is_in_the_way() {
    let desk = made(1, 1, "slow_readers = 3");
    let now = Instant::now();
    let lags_of = |member| lags(goes(desk.ask(request(member), Asker { member, ..ASKER }, &[], now)));
    let [one, two, other] = [7, 7, 8].map(lags_of);
    let _busy = goes(desk.ask(request(3), ASKER, &[], now));
    assert!(!one.is_in_the_way());
    let _waits = waits(desk.ask(request(4), ASKER, &[], now));
    assert!(one.is_in_the_way() && two.is_in_the_way() && !other.is_in_the_way());
}

#[test]
fn a_place_of_one_who_lags_at_a_server_that_left_is_nobodys() {
    let desk = made(1, 1, "slow_readers = 2\nallow_empty = true");
    let now = Instant::now();
    let one = lags(goes(desk.ask(request(1), ASKER, &[], now)));
    desk.part(1);
    let mut config = config::Config::parse(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\nslow_readers = 2\n[[pool.server]]\naddress = \"http://127.0.0.1:9\"",
    )
    .expect("a configuration");
    desk.adapt(&config.pool[0], || 17);
    let other = lags(goes(desk.ask(request(2), ASKER, &[], now)));
    drop(one);
    assert_eq!(desk.states("main")[0].slow, 1);
    drop(other);
    config.pool[0].queue.limit = 0;
    desk.adapt(&config.pool[0], || 18);
    assert_eq!(desk.states("main")[0].slow, 0);
}

#[test]
fn a_request_that_is_asked_again_waits_on_for_a_server_that_has_not_failed_it() {
    let desk = made(2, 1, "policy = \"rendezvous\"\nadmission = \"off\"");
    let now = Instant::now();
    let first = goes(desk.ask(request(1), ASKER, &[], now));
    let failed = first.endpoint.number;
    let second = goes(desk.ask(request(1), ASKER, &[failed], now));
    assert_ne!(second.endpoint.number, failed);
    // The other is busy; so much waits for it that the failed one would take some over.
    let mut again: Vec<Place> = (0..40).map(|_| waits(desk.ask(request(1), ASKER, &[failed], now))).collect();
    drop(first);
    desk.call_up();
    assert!(again.iter_mut().all(|place| called(place).is_none()), "the server that failed it has room");
    let other = second.endpoint.number;
    drop(second);
    let next = called(&mut again[0]).expect("called").expect("a ticket");
    assert_eq!(next.endpoint.number, other);
    // Where no other is there it goes to that one after all.
    desk.hold(other, Held::Down);
    assert_eq!(called(&mut again[1]).expect("called").expect("a ticket").endpoint.number, failed);
}

#[test]
fn settings_of_a_pool_reach_it_while_it_runs() {
    let desk = made(2, 0, "");
    let now = Instant::now();
    let pool = |more: &str, slow_start: &str| {
        let server =
            |at: u16| format!("[[pool.server]]\naddress = \"http://127.0.0.1:{at}\"\nslow_start = \"{slow_start}\"\n");
        let text = format!("[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n{more}\n{}{}", server(1), server(2));
        config::Config::parse(&text).unwrap_or_else(|why| panic!("{why}")).pool.remove(0)
    };
    desk.adapt(&pool("queue = { limit = 1 }\nadmission = \"off\"\nreports = { stale_after = \"7s\" }", "90s"), || {
        panic!("all are there")
    });
    {
        let inner = desk.lock();
        let servers = inner.dispatcher.servers();
        assert_eq!((servers.slow_start_s, servers.reports_count_s), (90.0, 7.0));
    }
    desk.adapt(&pool("queue = { limit = 0 }\nadmission = { t_high = 1, t_low = 1 }", "0s"), || panic!("all are there"));
    assert_eq!(desk.lock().dispatcher.servers().slow_start_s, 0.0);
    let _one = goes(desk.ask(request(1), ASKER, &[], now));
    assert!(matches!(desk.ask(request(3), ASKER, &[], now), Asked::Refused(Refusal::Full)), "nobody waits");
}
