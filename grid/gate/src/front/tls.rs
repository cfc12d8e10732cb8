//! TLS of a listener: its certificates, chosen by the name that a client asks for, and read anew when their files change.

use std::io;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ServerConfig, version};
use tokio_rustls::TlsAcceptor;

use crate::certificates::{BadCertificate, Certificates};
use crate::config::Listen;
use crate::stream::Stream;

/// TLS of a listener.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
}

impl Tls {
    /// That of a listener; `None` if its connections are plain.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub(crate) fn new(listen: &Listen) -> Result<Option<Self>, BadCertificate> {
        let Some(of) = &listen.tls else { return Ok(None) };
        let mut files = vec![(of.cert.clone(), of.key.clone())];
        files.extend(of.also.iter().map(|pair| (pair.cert.clone(), pair.key.clone())));
        let certificates = Certificates::read(files)?;
        let unusable = |why| BadCertificate::Unusable { cert: of.cert.clone(), key: of.key.clone(), why };
        let provider = Arc::new(ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certificates));
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        config.alpn_protocols = match (&of.alpn[..], listen.http2) {
            ([], true) => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            ([], false) => vec![b"http/1.1".to_vec()],
            (names, http2) => {
                names.iter().filter(|name| http2 || *name != "h2").map(|name| name.clone().into_bytes()).collect()
            }
        };
        Ok(Some(Self { acceptor: Arc::new(config).into() }))
    }

    /// Begins TLS with a client; with it, whether the client chose HTTP/2.
    pub(crate) async fn accept(&self, stream: Stream) -> io::Result<(Stream, bool)> {
        let stream = self.acceptor.accept(stream).await?;
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        Ok((Stream::Tls(Box::new(stream.into())), is_http2))
    }
}
