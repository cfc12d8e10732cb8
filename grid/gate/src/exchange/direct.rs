//! A body that a server on the same machine writes to the client's connection itself: direct server return, for what a program can do.
//!
//! The request offers it (`Pogson-Direct: offered`). A server that takes the offer says so in the head of its reply, whose body then does
//! not follow on its connection. The gate writes the head to the client, and sends the server one byte with the client's socket beside it
//! (SCM_RIGHTS). The server writes as many bytes to that as `Content-Length` says, and tells from time to time how many have gone, and once at
//! the end, each time in eight bytes, least significant first. The gate keeps its own end of the connection, on which the next request
//! comes. A server that knows nothing of this replies as ever: a socket that nobody asks for is never sent.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::ioctl_fionbio;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, Shutdown, sendmsg, shutdown};
use tokio::io::Interest;
use tokio::net::{TcpStream, UnixStream};

use super::Errand;
use crate::clock::Timer;
use crate::flow::Sink;
use crate::link::Link;

/// The byte that goes with a socket.
const LENT: u8 = b'g';

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl Errand<'_> {
    /// Has the server of `link` write a reply's body to where `body` goes; its head is there already.
    ///
    /// - `idle`: how long nothing may go.
    ///
    /// # Errors
    /// Not all of it has gone; the client's connection is of no further use.
    pub(super) async fn by_server(
        &self,
        link: &Link,
        body: &mut impl Sink,
        length: u64,
        timer: &Timer,
        idle: Duration,
    ) -> io::Result<()> {
        let lent = self.lends_to(link, body, length, timer, idle).await;
        if lent.is_err() {
            // The server may hold it for longer.
            body.plain().and_then(|link| link.with_tcp(|client| shutdown(client, Shutdown::Both)));
        }
        lent
    }

    async fn lends_to(
        &self,
        link: &Link,
        body: &mut impl Sink,
        length: u64,
        timer: &Timer,
        idle: Duration,
    ) -> io::Result<()> {
        let late = |_| io::Error::from(io::ErrorKind::TimedOut);
        timer.within(idle, poll_fn(|context| body.poll_flush(context))).await.map_err(late)??;
        let lends = poll_fn(|context| {
            let client = body.plain().ok_or_else(broken)?;
            let lent = link.with_unix(|server| client.with_tcp(|client| poll_lend(context, server, client)));
            lent.flatten().unwrap_or_else(|| Poll::Ready(Err(broken())))
        });
        timer.within(idle, lends).await.map_err(late)??;
        let mut gone = 0;
        while gone < length {
            let now = timer.within(idle, link.look(count)).await.map_err(late)??.ok_or_else(broken)?;
            let more = now.checked_sub(gone).filter(|_| now <= length).ok_or_else(broken)?;
            self.story.gave(usize::try_from(more).unwrap_or(usize::MAX));
            gone = now;
        }
        // It is a setting of the socket that both have, and the server may have changed it.
        let waits_no_more = body.plain().and_then(|link| link.with_tcp(|client| ioctl_fionbio(client, true)));
        waits_no_more.ok_or_else(broken)??;
        body.part_begins(usize::try_from(length).map_err(|_| broken())?)?;
        body.part_ends();
        Ok(())
    }
}

/// What a server says of how many bytes have gone; nothing where its connection ends before.
fn count(input: &[u8], ended: bool) -> Option<(usize, Option<u64>)> {
    match input.first_chunk() {
        Some(count) => Some((count.len(), Some(u64::from_le_bytes(*count)))),
        None => ended.then_some((0, None)),
    }
}

fn poll_lend(context: &mut Context<'_>, server: &UnixStream, client: &TcpStream) -> Poll<io::Result<()>> {
    loop {
        ready!(server.poll_write_ready(context))?;
        let sent = server.try_io(Interest::WRITABLE, || {
            let sockets = [client.as_fd()];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            control.push(SendAncillaryMessage::ScmRights(&sockets));
            Ok(sendmsg(server, &[IoSlice::new(&[LENT])], &mut control, SendFlags::NOSIGNAL)?)
        });
        match sent {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {}
            sent => return Poll::Ready(sent.map(|_| ())),
        }
    }
}
