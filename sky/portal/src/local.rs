//! A socket in the file system, for a gate on the same machine: HTTP/1.1 as by TCP, and large answers that go to the gate's client
//! without passing the gate.
//!
//! A request that offers it (`Pogson-Direct: offered`) is answered with a head that says `Pogson-Direct: taken` and is followed by no
//! body. The gate sends that head on, and then one byte with its client's socket beside it (SCM_RIGHTS). The body is written to that;
//! how many bytes have gone is told from time to time and at the end, each time in eight bytes, least significant first.

use std::fs::{FileType, remove_file, symlink_metadata};
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use axum::body::{Bytes, to_bytes};
use axum::http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::Response;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use crate::connection::Connection;
use crate::error::PortalError;
use crate::serve::{LONGEST_HEAD, Site, respond};

/// Least bytes of a body for which a loan pays: it takes two messages more, and saves the gate reads and writes. At 64 kB it came out even.
const LEAST: usize = 128 << 10;
/// Most bytes of a body that are copied behind the head, so that both go in one piece.
const TOGETHER: usize = 16 << 10;
/// How often it is told how many bytes have gone, while they go.
const TOLD: Duration = Duration::from_millis(500);
/// Fields that a request may have.
const FIELDS: usize = 100;

const DIRECT: HeaderName = HeaderName::from_static("pogson-direct");

/// A socket that listens; its file goes with it.
pub(crate) struct Place {
    path: PathBuf,
    listener: std::os::unix::net::UnixListener,
}

impl Place {
    /// Listens at `path`. A socket that was left there, to which nobody listens, is replaced.
    pub(crate) fn open(path: &Path) -> Result<Place, PortalError> {
        let failed = |source| PortalError::Local { path: path.to_owned(), source };
        let is_socket = symlink_metadata(path).is_ok_and(|found| FileType::is_socket(&found.file_type()));
        let refuses = || {
            let asked = std::os::unix::net::UnixStream::connect(path);
            asked.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
        };
        if is_socket && refuses() {
            remove_file(path).map_err(failed)?;
        }
        // A client's connection that is lent is one descriptor more. Who may not have as many as there may be is left with what there is.
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        let listener = std::os::unix::net::UnixListener::bind(path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Place { path: path.to_owned(), listener })
    }

    /// Serves until `ending`, and what is under way then.
    pub(crate) async fn serve(self, site: Arc<Site>, mut ending: watch::Receiver<bool>) -> io::Result<()> {
        let listener = UnixListener::from_std(self.listener.try_clone()?)?;
        // Its other end sees when the last connection has let its own go.
        let (open, mut all) = mpsc::channel::<()>(1);
        while let Some(came) = until(&mut ending, listener.accept()).await {
            let Ok((stream, _)) = came else {
                // There are too many descriptors; some will be closed.
                sleep(Duration::from_millis(100)).await;
                continue;
            };
            let Some(link) = site.clients.enters(stream) else { continue };
            let (site, ending, open) = (Arc::clone(&site), ending.clone(), open.clone());
            tokio::spawn(async move {
                // Whoever is not answered sees the connection end.
                let _ = Visit { link, site, ending, input: Vec::new() }.run().await;
                drop(open);
            });
        }
        drop((open, listener, self));
        all.recv().await;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // One that is left is replaced the next time.
        let _ = remove_file(&self.path);
    }
}

/// What comes of `work`, or nothing where the end comes first.
async fn until<T>(ending: &mut watch::Receiver<bool>, work: impl Future<Output = T>) -> Option<T> {
    first(async { drop(ending.wait_for(|ends| *ends).await) }, work).await
}

/// What comes of `work`, or nothing where `end` comes first.
async fn first<T>(end: impl Future<Output = ()>, work: impl Future<Output = T>) -> Option<T> {
    let (mut end, mut work) = (pin!(end), pin!(work));
    poll_fn(|context| {
        if let Poll::Ready(done) = work.as_mut().poll(context) {
            return Poll::Ready(Some(done));
        }
        end.as_mut().poll(context).map(|()| None)
    })
    .await
}

/// A connection of a gate.
struct Visit {
    link: Connection<UnixStream>,
    site: Arc<Site>,
    ending: watch::Receiver<bool>,
    /// What has come and was not read yet.
    input: Vec<u8>,
}

/// A request.
struct Asked {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
}

impl Asked {
    /// Whether the connection can be used for another request.
    fn keeps(&self) -> bool {
        let closes = self.headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        let length = self.headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0");
        !closes && length && !self.headers.contains_key(TRANSFER_ENCODING)
    }

    fn offers(&self) -> bool {
        self.method == Method::GET && self.headers.get(DIRECT).is_some_and(|value| value == "offered")
    }
}

/// The first request of `input`, and where it ends; nothing as long as it has not come whole.
fn parse(input: &[u8]) -> Result<Option<(Asked, usize)>, StatusCode> {
    let mut room = [httparse::EMPTY_HEADER; FIELDS];
    let mut head = httparse::Request::new(&mut room);
    let length = match head.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() < LONGEST_HEAD => return Ok(None),
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    let bad = StatusCode::BAD_REQUEST;
    let method = Method::from_bytes(head.method.unwrap_or_default().as_bytes()).map_err(|_| bad)?;
    let uri = head.path.unwrap_or_default().parse().map_err(|_| bad)?;
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| bad)?;
        headers.append(name, HeaderValue::from_bytes(field.value).map_err(|_| bad)?);
    }
    Ok(Some((Asked { method, uri, headers }, length)))
}

impl Visit {
    async fn run(mut self) -> io::Result<()> {
        let (patience, mut ending) = (self.site.clients.limits().head, self.ending.clone());
        while let Some(came) = until(&mut ending, timeout(patience, self.next())).await {
            let asked = match came {
                Ok(Ok(Ok(Some(asked)))) => asked,
                Ok(Ok(Err(status))) => {
                    let line = format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                    return self.link.write_all(line.as_bytes()).await;
                }
                Ok(Ok(Ok(None))) | Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error),
            };
            let (keeps, offers, to_head) = (asked.keeps(), asked.offers(), asked.method == Method::HEAD);
            let site = Arc::clone(&self.site);
            let made = first(self.ends(), respond(&site, asked.method, asked.uri, asked.headers)).await;
            let Some(response) = made else { return Ok(()) };
            self.answer(response, (keeps, offers, to_head)).await?;
            if !keeps {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The next request; nothing where the connection ends.
    async fn next(&mut self) -> io::Result<Result<Option<Asked>, StatusCode>> {
        loop {
            match parse(&self.input) {
                Ok(Some((asked, length))) => {
                    self.input.drain(..length);
                    return Ok(Ok(Some(asked)));
                }
                Ok(None) => {}
                Err(status) => return Ok(Err(status)),
            }
            if self.link.read_buf(&mut self.input).await? == 0 {
                return Ok(Ok(None));
            }
        }
    }

    /// Waits until the gate goes away: nobody waits for the answer any more.
    async fn ends(&mut self) {
        while self.input.len() < LONGEST_HEAD {
            if !matches!(self.link.read_buf(&mut self.input).await, Ok(1..)) {
                return;
            }
        }
        std::future::pending().await
    }

    async fn answer(&mut self, response: Response, (keeps, offers, to_head): (bool, bool, bool)) -> io::Result<()> {
        let (parts, body) = response.into_parts();
        // All answers are whole before they are sent.
        let body = to_bytes(body, usize::MAX).await.map_err(io::Error::other)?;
        let has_body = !matches!(parts.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let is_direct = offers && has_body && body.len() >= LEAST;
        let mut head = format!("HTTP/1.1 {}\r\n", parts.status).into_bytes();
        let mut put = |name: &str, value: &[u8]| {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                head.extend_from_slice(part);
            }
        };
        for (name, value) in &parts.headers {
            put(name.as_str(), value.as_bytes());
        }
        put("date", httpdate::fmt_http_date(SystemTime::now()).as_bytes());
        if has_body {
            put("content-length", body.len().to_string().as_bytes());
        }
        if is_direct {
            put(DIRECT.as_str(), b"taken");
        }
        if !keeps {
            put("connection", b"close");
        }
        head.extend_from_slice(b"\r\n");
        if is_direct {
            self.link.write_all(&head).await?;
            self.link.flush().await?;
            return self.directly(body).await;
        }
        let body = if has_body && !to_head { body } else { Bytes::new() };
        if body.len() <= TOGETHER {
            head.extend_from_slice(&body);
            self.link.write_all(&head).await?;
        } else {
            self.link.write_all(&head).await?;
            self.link.write_all(&body).await?;
        }
        self.link.flush().await
    }

    /// Writes a body to the client that the gate lends.
    async fn directly(&mut self, body: Bytes) -> io::Result<()> {
        let lent = timeout(self.site.clients.limits().stall, lent(self.link.stream())).await;
        let mut client = self.link.beside(lent??);
        let (mut gone, mut told) = (0, Instant::now());
        while gone < body.len() {
            gone += match client.write(&body[gone..]).await? {
                0 => return Err(ErrorKind::WriteZero.into()),
                length => length,
            };
            if gone == body.len() || told.elapsed() >= TOLD {
                self.link.write_all(&(gone as u64).to_le_bytes()).await?;
                told = Instant::now();
            }
        }
        self.link.flush().await
    }
}

/// The socket that comes next.
async fn lent(stream: &UnixStream) -> io::Result<TcpStream> {
    loop {
        stream.readable().await?;
        match stream.try_io(Interest::READABLE, || receive(stream)) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
            Ok(socket) => {
                let socket = std::net::TcpStream::from(socket);
                socket.set_nonblocking(true)?;
                return TcpStream::from_std(socket);
            }
        }
    }
}

fn receive(stream: &UnixStream) -> io::Result<OwnedFd> {
    let mut byte = [0];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    if got.bytes == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let mut sockets = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(sockets) => Some(sockets),
        _ => None,
    });
    sockets.next().and_then(|mut sockets| sockets.next()).ok_or_else(|| ErrorKind::InvalidData.into())
}
