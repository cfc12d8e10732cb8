//! TLS in front of the gate and behind it, by rustls as the other end, with certificates that openssl makes.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use pogson_gate::config::Config;
use pogson_gate::control::{Order, tell};
use pogson_gate::serve::Gate;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection, version};

/// Time after which a test is stuck.
const STUCK: Duration = Duration::from_secs(20);
/// More than the time between looks at the files of certificates.
const LOOKS: Duration = Duration::from_millis(2500);

/// A certificate that signs itself, and its key.
struct Pair {
    cert: PathBuf,
    key: PathBuf,
}

impl Pair {
    fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_file(&self.cert).expect("a certificate")
    }
}

/// Runs openssl in a folder; whether it is there.
fn openssl(folder: &Path, args: &[&str]) -> bool {
    let made = Command::new("openssl").args(args).current_dir(folder).stdin(Stdio::null()).output();
    match made {
        Ok(made) => {
            assert!(made.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&made.stderr));
            true
        }
        Err(_) => {
            eprintln!("skipped: openssl is not installed");
            false
        }
    }
}

/// Makes a certificate for a name; `None`, with the reason printed, where there is no openssl.
fn pair(folder: &Path, name: &str) -> Option<Pair> {
    pair_between(folder, name, "20200101000000Z", "20991231235959Z")
}

/// - `from`, `until`: when it counts, as `20200131235959Z`.
fn pair_between(folder: &Path, name: &str, from: &str, until: &str) -> Option<Pair> {
    let text = format!(
        "[req]\nprompt=no\ndistinguished_name=n\n[n]\nCN={name}\n[e]\nsubjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n\
         [ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n\
         unique_subject=no\n[p]\ncommonName=supplied\n"
    );
    fs::write(folder.join("rules"), text).expect("a file");
    fs::write(folder.join("index"), "").expect("a file");
    let (cert, key) = (format!("{name}.pem"), format!("{name}.key"));
    let asks = ["-nodes", "-config", "rules", "-keyout", &key, "-out", "asked"];
    let of = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let signs =
        ["ca", "-batch", "-selfsign", "-notext", "-config", "rules", "-in", "asked", "-keyfile", &key, "-out", &cert];
    let made = openssl(folder, &[&of[..], &asks].concat())
        && openssl(folder, &[&signs[..], &["-startdate", from, "-enddate", until]].concat());
    made.then(|| Pair { cert: folder.join(cert), key: folder.join(key) })
}

fn client(roots: &[&Pair], alpn: &[&str], versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let mut store = RootCertStore::empty();
    roots.iter().for_each(|pair| store.add(pair.certificate()).expect("a root"));
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .expect("versions")
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

const BOTH: &[&rustls::SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];

/// What a client sees of a connection with one request.
#[derive(Debug)]
struct Seen {
    alpn: Option<Vec<u8>>,
    kind: Option<HandshakeKind>,
    certificate: Option<CertificateDer<'static>>,
    text: String,
}

fn ask(config: &Arc<ClientConfig>, address: SocketAddr, name: &str) -> io::Result<Seen> {
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut tls = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(STUCK))?;
    let mut both = rustls::Stream::new(&mut tls, &mut stream);
    both.write_all(b"GET /a HTTP/1.1\r\nHost: sky.example\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    both.read_to_string(&mut text)?;
    Ok(Seen {
        alpn: tls.alpn_protocol().map(<[u8]>::to_vec),
        kind: tls.handshake_kind(),
        certificate: tls.peer_certificates().map(|all| all[0].clone()),
        text,
    })
}

/// The head of a request.
fn head(stream: &mut impl Read) -> Option<String> {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let mut one = [0];
        stream.read_exact(&mut one).ok()?;
        bytes.push(one[0]);
    }
    String::from_utf8(bytes).ok()
}

fn reply(stream: &mut impl Write, body: &str) {
    let text = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    // The gate may be gone.
    let _ = stream.write_all(text.as_bytes());
}

/// A server that replies with the head that it got.
fn plain() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            if let Some(head) = head(&mut stream) {
                reply(&mut stream, &head);
            }
        }
    });
    address
}

/// A server over TLS that replies with what it saw of the connection: how it began, and what was chosen.
fn secure(pair: &Pair, alpn: &[&str]) -> SocketAddr {
    secure_for(pair, alpn, None)
}

/// - `known`: the certificate that a client has to have; none has to have one without it.
fn secure_for(pair: &Pair, alpn: &[&str], known: Option<&Pair>) -> SocketAddr {
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(BOTH)
        .expect("versions")
        .with_client_cert_verifier(known.map_or_else(WebPkiClientVerifier::no_client_auth, |known| {
            let mut store = RootCertStore::empty();
            store.add(known.certificate()).expect("a root");
            let provider = Arc::new(ring::default_provider());
            WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider).build().expect("a verifier")
        }))
        .with_single_cert(vec![pair.certificate()], key)
        .expect("a certificate");
    config.ticketer = ring::Ticketer::new().expect("tickets");
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut tls = ServerConnection::new(config.clone()).expect("TLS");
            stream.set_read_timeout(Some(STUCK)).expect("a limit");
            let asked = head(&mut rustls::Stream::new(&mut tls, &mut stream));
            if asked.is_none() {
                // Why not is said to the client.
                tls.write_tls(&mut stream).ok();
            } else {
                let alpn = tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
                let text = format!("{:?} {alpn:?}", tls.handshake_kind());
                reply(&mut rustls::Stream::new(&mut tls, &mut stream), &text);
                tls.send_close_notify();
                tls.complete_io(&mut stream).ok();
            }
        }
    });
    address
}

/// A server without TLS, which finds what comes no request.
fn puzzled() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    address
}

fn gate(text: &str) -> Gate {
    Gate::start(Config::parse(&format!("workers = 1\n{text}")).expect("a configuration")).expect("a gate")
}

fn front(pair: &Pair, keys: &str, tls: &str) -> Gate {
    let (cert, key) = (pair.cert.display(), pair.key.display());
    gate(&format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n{keys}\n[listen.tls]\ncert = \"{cert}\"\nkey = \"{key}\"\n{tls}\n[[pool]]\n[[pool.server]]\naddress = \"http://{}\"\n",
        plain()
    ))
}

/// A gate before a server over TLS, and what a client gets of it.
fn behind(server: SocketAddr, keys: &str, tls: &str) -> Gate {
    gate(&format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"https://{server}\"\n{keys}\n[pool.tls]\n{tls}\n"
    ))
}

fn got(gate: &Gate) -> String {
    let mut stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    stream.write_all(b"GET /a HTTP/1.1\r\nHost: sky.example\r\nConnection: close\r\n\r\n").expect("a request");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("a reply");
    text
}

#[test]
fn clients_over_tls_choose_the_version_of_http() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = pair(folder.path(), "sky.example") else { return };
    let both = front(&pair, "", "");
    let one = front(&pair, "http2 = false", "");
    let chosen = |gate: &Gate, alpn: &[&str]| {
        let seen = ask(&client(&[&pair], alpn, BOTH), gate.addresses()[0], "sky.example");
        let seen = seen.expect("a reply");
        // Who chose HTTP/2 and speaks HTTP/1.1 gets nothing.
        (seen.alpn.map(|name| String::from_utf8(name).expect("a name")), seen.text)
    };
    let (alpn, text) = chosen(&both, &["http/1.1"]);
    assert_eq!(alpn.as_deref(), Some("http/1.1"));
    assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("x-forwarded-proto: https\r\n"), "{text}");
    assert_eq!(chosen(&both, &[]).0, None, "who chooses nothing is served all the same");
    assert_eq!(chosen(&one, &["h2", "http/1.1"]).0.as_deref(), Some("http/1.1"));
    let stranger = client(&[], &[], BOTH);
    assert!(ask(&stranger, both.addresses()[0], "sky.example").is_err(), "a client checks the certificate");
    let refused = ask(&client(&[&pair], &["imap"], BOTH), both.addresses()[0], "sky.example");
    assert!(refused.is_err(), "there is no version in common");
}

#[test]
fn http2_over_tls_is_served_to_who_chooses_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = pair(folder.path(), "sky.example") else { return };
    let gate = front(&pair, "", "");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let stream = tokio::net::TcpStream::connect(gate.addresses()[0]).await.expect("a connection");
        let connector = tokio_rustls::TlsConnector::from(client(&[&pair], &["h2", "http/1.1"], BOTH));
        let name = ServerName::try_from("sky.example").expect("a name");
        let stream = connector.connect(name, stream).await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (requests, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        tokio::task::spawn_local(connection);
        let mut requests: h2::client::SendRequest<bytes::Bytes> = requests.ready().await.expect("room");
        let request = http::Request::get("https://sky.example/a").body(()).expect("a request");
        let (reply, _) = requests.send_request(request, true).expect("a request");
        let mut body = reply.await.expect("a reply").into_body();
        let text = body.data().await.expect("a body").expect("bytes");
        assert!(text.starts_with(b"GET /a HTTP/1.1\r\n"), "{text:?}");
    });
}

#[test]
fn the_certificate_is_that_of_the_name_that_is_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(a) = pair(folder.path(), "a.example") else { return };
    let Some(b) = pair(folder.path(), "b.example") else { return };
    let also = format!("also = [{{ cert = \"{}\", key = \"{}\" }}]", b.cert.display(), b.key.display());
    let gate = front(&a, "", &also);
    let config = client(&[&a, &b], &[], BOTH);
    for (name, pair) in [("a.example", &a), ("b.example", &b)] {
        let seen = ask(&config, gate.addresses()[0], name).expect("a reply");
        assert_eq!(seen.certificate, Some(pair.certificate()), "{name}");
    }
    let why = ask(&config, gate.addresses()[0], "c.example").expect_err("the first certificate is for another name");
    assert!(why.to_string().contains("not valid for name"), "{why}");
}

#[test]
fn a_session_goes_on_where_the_last_one_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = pair(folder.path(), "sky.example") else { return };
    let gate = front(&pair, "", "");
    for one in [&version::TLS13, &version::TLS12] {
        let config = client(&[&pair], &["http/1.1"], &[one]);
        let kinds = [0, 1].map(|_| ask(&config, gate.addresses()[0], "sky.example").expect("a reply").kind);
        assert_eq!(kinds, [Some(HandshakeKind::Full), Some(HandshakeKind::Resumed)], "{one:?}");
    }
}

#[test]
fn a_certificate_that_cannot_be_used_changes_nothing_until_a_good_one_comes() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let Some(old) = pair(folder.path(), "sky.example") else { return };
    let Some(new) = pair(other.path(), "sky.example") else { return };
    let (first, second) = (old.certificate(), new.certificate());
    let gate = front(&old, "", "");
    let config = client(&[&old, &new], &[], BOTH);
    let shown = || {
        // A session that goes on shows no certificate of its own.
        let mut fresh = (*config).clone();
        fresh.resumption = rustls::client::Resumption::disabled();
        ask(&Arc::new(fresh), gate.addresses()[0], "sky.example").expect("a reply").certificate
    };
    assert_eq!(shown().as_ref(), Some(&first));
    fs::write(&old.cert, "-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n").expect("a file");
    thread::sleep(LOOKS);
    assert_eq!(shown().as_ref(), Some(&first), "the old one serves on");
    fs::copy(&new.cert, &old.cert).expect("a file");
    thread::sleep(LOOKS);
    assert_eq!(shown().as_ref(), Some(&first), "a certificate without its key is of no use");
    fs::copy(&new.key, &old.key).expect("a file");
    thread::sleep(LOOKS);
    assert_eq!(shown().as_ref(), Some(&second));
}

#[test]
fn a_server_over_tls_is_asked_if_its_certificate_is_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = pair(folder.path(), "sky.example") else { return };
    let Some(other) = self::pair(folder.path(), "other.example") else { return };
    let server = secure(&pair, &["http/1.1"]);
    let of = |pair: &Pair| format!("ca = \"{}\"\n", pair.cert.display());
    let believed = behind(server, "", &format!("{}name = \"sky.example\"", of(&pair)));
    assert!(got(&believed).ends_with("Some(Full) Some(\"http/1.1\")"), "{}", got(&believed));
    assert!(got(&believed).ends_with("Some(Resumed) Some(\"http/1.1\")"), "the session goes on");
    for (tls, why) in [
        (of(&pair), "it is not for 127.0.0.1"),
        (format!("{}name = \"sky.example\"", of(&other)), "nobody vouches for it"),
    ] {
        assert!(got(&behind(server, "", &tls)).starts_with("HTTP/1.1 502 "), "{why}");
    }
    assert!(got(&behind(server, "", "verify = false")).starts_with("HTTP/1.1 200 "));
    let text = format!(
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[[pool]]\n[[pool.server]]\naddress = \"https://{server}\"\n[pool.tls]\nca = \"{}\"\n",
        folder.path().join("none").display()
    );
    let why = Gate::start(Config::parse(&text).expect("a configuration")).err().expect("no such file").to_string();
    assert!(why.contains("none") && why.contains("tls.ca"), "{why}");
}

#[test]
fn http2_over_tls_is_spoken_to_servers_that_choose_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(pair) = pair(folder.path(), "sky.example") else { return };
    let tls = format!("ca = \"{}\"\nname = \"sky.example\"", pair.cert.display());
    let old = behind(secure(&pair, &["http/1.1"]), "protocol = \"h2\"", &tls);
    assert!(got(&old).starts_with("HTTP/1.1 502 "), "a server without HTTP/2 is not asked in it");
    let silent = behind(secure(&pair, &[]), "protocol = \"h2\"", &tls);
    assert!(got(&silent).starts_with("HTTP/1.1 502 "), "one that does not choose is not either");
    let key = PrivateKeyDer::from_pem_file(&pair.key).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(BOTH)
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![pair.certificate()], key)
        .expect("a certificate");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    listener.set_nonblocking(true).expect("a socket");
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
            let (stream, _) = listener.accept().await.expect("a connection");
            let mut connection =
                h2::server::handshake(acceptor.accept(stream).await.expect("TLS")).await.expect("HTTP/2");
            while let Some(Ok((request, mut respond))) = connection.accept().await {
                let mut stream = respond.send_response(http::Response::new(()), false).expect("a reply");
                stream.send_data(bytes::Bytes::from(request.uri().to_string()), true).expect("a body");
            }
        });
    });
    let gate = behind(address, "protocol = \"h2\"", &tls);
    for _ in 0..2 {
        let text = got(&gate);
        assert!(text.starts_with("HTTP/1.1 200 ") && text.contains("https://sky.example/a"), "{text}");
    }
}

/// What the gate says of its one server.
fn trouble(gate: &Gate, socket: &Path) -> Option<String> {
    got(gate);
    let told = tell(socket, &Order::Servers).expect("the gate answers");
    told.servers.into_iter().next().expect("a server").trouble
}

#[test]
fn what_is_wrong_with_a_servers_certificate_is_a_502_and_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(good) = pair(folder.path(), "sky.example") else { return };
    let Some(other) = pair(folder.path(), "other.example") else { return };
    let Some(over) = pair_between(folder.path(), "over.example", "20200101000000Z", "20200201000000Z") else { return };
    let Some(early) = pair_between(folder.path(), "early.example", "20980101000000Z", "20991231235959Z") else {
        return;
    };
    let of = |pair: &Pair, name: &str| format!("ca = \"{}\"\nname = \"{name}\"", pair.cert.display());
    for (number, (server, tls, why)) in [
        (secure(&over, &[]), of(&over, "over.example"), Some("its certificate ended on 2020-02-01 00:00:00 UTC")),
        (
            secure(&early, &[]),
            of(&early, "early.example"),
            Some("its certificate begins on 2098-01-01 00:00:00 UTC only"),
        ),
        (
            secure(&good, &[]),
            of(&good, "wrong.example"),
            Some("not for wrong.example but for sky.example; name one of these as tls.name"),
        ),
        (secure(&good, &[]), of(&other, "sky.example"), Some("nobody who is trusted vouches for its certificate")),
        (secure_for(&good, &[], Some(&other)), of(&good, "sky.example"), Some("name that as tls.cert and tls.key")),
        (puzzled(), of(&good, "sky.example"), Some("is its address http:// rather than https://?")),
        (secure(&good, &[]), of(&good, "sky.example"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let socket = folder.path().join(format!("{number}.sock"));
        let gate = gate(&format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[admin]\nsocket = \"{}\"\n[[pool]]\n[[pool.server]]\naddress = \"https://{server}\"\n[pool.tls]\n{tls}\n",
            socket.display()
        ));
        let status = if why.is_some() { "HTTP/1.1 502 " } else { "HTTP/1.1 200 " };
        assert!(got(&gate).starts_with(status), "{tls}");
        match (trouble(&gate, &socket), why) {
            (told, None) => assert_eq!(told, None),
            (told, Some(why)) => assert!(told.as_ref().is_some_and(|told| told.contains(why)), "{told:?}, not {why}"),
        }
    }
}

#[test]
fn the_gate_shows_its_certificate_to_a_server_that_asks_for_one() {
    let (folder, newer) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let Some(server) = pair(folder.path(), "sky.example") else { return };
    let Some(own) = pair(folder.path(), "gate.example") else { return };
    let Some(next) = pair(newer.path(), "gate.example") else { return };
    let tls = |pair: &Pair| {
        format!(
            "ca = \"{}\"\nname = \"sky.example\"\ncert = \"{}\"\nkey = \"{}\"",
            server.cert.display(),
            pair.cert.display(),
            pair.key.display()
        )
    };
    let asks = secure_for(&server, &[], Some(&own));
    assert!(got(&behind(asks, "", &tls(&own))).starts_with("HTTP/1.1 200 "));
    assert!(
        got(&behind(asks, "", &tls(&next))).starts_with("HTTP/1.1 502 "),
        "it is not the one that the server knows"
    );
    // One that does not ask is served as before.
    let gate = behind(secure(&server, &[]), "", &tls(&own));
    assert!(got(&gate).starts_with("HTTP/1.1 200 "));
    // The files change: the next connection shows what is there then.
    let asks = secure_for(&server, &[], Some(&next));
    let gate = behind(asks, "[pool.health.passive]\nfailures = 0\n", &tls(&own));
    assert!(got(&gate).starts_with("HTTP/1.1 502 "));
    fs::copy(&next.cert, &own.cert).expect("a file");
    fs::copy(&next.key, &own.key).expect("a file");
    thread::sleep(LOOKS);
    assert!(got(&gate).starts_with("HTTP/1.1 200 "));
}

#[test]
fn connections_stay_when_the_certificate_changes() {
    let (folder, other) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let Some(old) = pair(folder.path(), "sky.example") else { return };
    let Some(new) = pair(other.path(), "sky.example") else { return };
    let gate = front(&old, "", "");
    let name = ServerName::try_from("sky.example").expect("a name");
    let mut tls = ClientConnection::new(client(&[&old], &[], BOTH), name).expect("TLS");
    let mut stream = TcpStream::connect(gate.addresses()[0]).expect("a connection");
    stream.set_read_timeout(Some(STUCK)).expect("a limit");
    let mut both = rustls::Stream::new(&mut tls, &mut stream);
    let mut asks = || {
        both.write_all(b"GET /a HTTP/1.1\r\nHost: sky.example\r\n\r\n").expect("a request");
        let answer = head(&mut both).expect("a reply");
        let length = answer
            .to_lowercase()
            .split("content-length: ")
            .nth(1)
            .expect("a length")
            .split("\r\n")
            .next()
            .map(str::parse);
        let mut body = vec![0; length.expect("a line").expect("a number")];
        both.read_exact(&mut body).expect("a body");
        answer
    };
    assert!(asks().starts_with("HTTP/1.1 200 "));
    fs::copy(&new.cert, &old.cert).expect("a file");
    fs::copy(&new.key, &old.key).expect("a file");
    thread::sleep(LOOKS);
    let seen = ask(&client(&[&new], &[], BOTH), gate.addresses()[0], "sky.example").expect("a reply");
    assert_eq!(seen.certificate, Some(new.certificate()), "who comes now sees the new one");
    assert!(asks().starts_with("HTTP/1.1 200 "), "the old connection goes on");
}

#[test]
fn certificates_that_do_not_count_now_are_warned_of() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(good) = pair(folder.path(), "sky.example") else { return };
    let Some(over) = pair_between(folder.path(), "over.example", "20200101000000Z", "20200201000000Z") else { return };
    let Some(early) = pair_between(folder.path(), "early.example", "20980101000000Z", "20991231235959Z") else {
        return;
    };
    let path = folder.path().join("gate.toml");
    let warned = |front: &Pair, back: &Pair| {
        let listen = format!("cert = \"{}\"\nkey = \"{}\"\n", front.cert.display(), front.key.display());
        let pool = format!("cert = \"{}\"\nkey = \"{}\"\n", back.cert.display(), back.key.display());
        let text = format!(
            "[[listen]]\naddress = \"127.0.0.1:0\"\n[listen.tls]\n{listen}[[pool]]\n[[pool.server]]\naddress = \"http://127.0.0.1:9\"\n[pool.tls]\n{pool}"
        );
        fs::write(&path, text).expect("a file");
        let (_, doubts) = Config::read_with_doubts(&path).unwrap_or_else(|why| panic!("{why}"));
        doubts.into_iter().map(|doubt| (doubt.line, doubt.sentence)).collect::<Vec<_>>()
    };
    assert_eq!(warned(&good, &good), []);
    for (line, doubts) in [(4, warned(&over, &good)), (10, warned(&good, &over))] {
        let [(at, sentence)] = &doubts[..] else { panic!("{doubts:?}") };
        assert_eq!(*at, line);
        assert!(sentence.contains("over.example.pem: the certificate ended on 2020-02-01 00:00:00 UTC"), "{sentence}");
    }
    let [(4, sentence)] = &warned(&early, &good)[..] else { panic!("one that counts later") };
    assert!(
        sentence.contains("early.example.pem: the certificate begins on 2098-01-01 00:00:00 UTC only"),
        "{sentence}"
    );
}
