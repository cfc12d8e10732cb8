//! Where clients come in.

pub(crate) mod crowd;
pub(crate) mod h1;
mod h2;
pub mod proxy_protocol;
pub(crate) mod tls;

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use self::crowd::Crowd;
use crate::config::ProxyProtocol;
use crate::descriptors;
use crate::link::Link;
use crate::stream::Stream;
use crate::visit::Visitor;
use crate::worker::Worker;

/// Serves a client's connection in the version of HTTP that it speaks.
///
/// - `at`: which of the listeners it came to.
/// - `crowd`: the other connections that came to it. One beyond the limits is closed at once.
pub(crate) async fn serve(worker: Rc<Worker>, at: usize, crowd: &Arc<Crowd>, stream: Stream, peer: Option<IpAddr>) {
    let running = worker.running();
    let Some(listen) = running.listen(at) else { return };
    let most_of_client = listen.limits.connections_per_client;
    let Some(_counts) = crowd.enters(listen.limits.connections.min(descriptors::for_clients())) else {
        return worker.is_crowded();
    };
    let (time, http2, proxies) = (running.config.times.head, listen.http2, listen.proxy_protocol);
    let mut peer = peer.map(|peer| peer.to_canonical());
    let mut link = Link::new(stream, worker.clock.timer());
    let believed = peer.is_none_or(|peer| listen.trusted.iter().any(|network| network.holds(peer)));
    if proxies != ProxyProtocol::Off && believed {
        let line = link.look(|input, ended| proxy_protocol::look(input, ended, proxies));
        match link.timer.within(time, line).await {
            Ok(Ok(Ok(client))) => peer = client.map(|client| client.ip().to_canonical()).or(peer),
            // Without the line it is not known whose connection this is.
            _ => return,
        }
    }
    let limited = peer.filter(|_| most_of_client > 0);
    let counts = limited.map(|client| crowd.enters_of(client, most_of_client));
    if matches!(counts, Some(None)) {
        return worker.is_crowded();
    }
    let tls = running.tls(at);
    drop(running);
    let Some(tls) = tls else {
        let visitor = Visitor::new(worker, at, peer, "http");
        return match http2 && begins_with_http2(&link, &visitor).await {
            true => {
                let (stream, timer) = link.into_stream();
                h2::serve(stream, timer, visitor).await;
            }
            false => h1::serve(link, visitor).await,
        };
    };
    let (stream, timer) = link.into_stream();
    let Ok(Ok((stream, is_http2))) = timer.within(time, tls.accept(stream)).await else { return };
    let visitor = Visitor::new(worker, at, peer, "https");
    if is_http2 {
        return h2::serve(stream, timer, visitor).await;
    }
    link = Link::new(stream, timer);
    h1::serve(link, visitor).await;
}

/// Whether a client speaks HTTP/2 from the start. One that says nothing is left to HTTP/1, which waits no longer.
async fn begins_with_http2(link: &Link, visitor: &Visitor) -> bool {
    let looks = link.look(|input, ended| {
        let is_clear = ended || input.len() >= h2::PREFACE.len() || !h2::PREFACE.starts_with(input);
        is_clear.then(|| (0, input.starts_with(h2::PREFACE)))
    });
    let time = visitor.limits().head_time;
    matches!(link.timer.within(time, visitor.unless_draining(looks)).await, Ok(Some(io::Result::Ok(true))))
}
