//! TLS to servers: which certificates are believed, which name they have to have, and which version of HTTP is offered.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme, version};
use tokio_rustls::TlsConnector;

use crate::calendar::Moment;
use crate::certificates::{BadCertificate, Certificates};
use crate::config::{Pool, PoolTls, Protocol, ServerAddress};
use crate::stream::Stream;

/// Where systems keep the certificates that they trust, by what is common; `SSL_CERT_FILE` goes before.
const SYSTEM: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
];
/// Sessions with a server that are kept to go on with.
const SESSIONS: usize = 32;

/// Certificates that cannot be used to check servers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoTrust {
    /// The file cannot be read, or holds nothing of the kind.
    #[error("{path}: {why}; name a PEM file with certificates as tls.ca")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The system has no file of certificates where they usually are.
    #[error("this system has no file of trusted certificates where such files usually are; name one as tls.ca")]
    NoSystem,
    /// What servers' certificates have to be for is no name.
    #[error("\"{0}\" is no host name or address; leave tls.name out, or write a name such as \"sky.example.org\"")]
    Name(String),
    /// The gate's own certificate is of no use.
    #[error(transparent)]
    Own(#[from] BadCertificate),
    /// The library refuses what was set.
    #[error("TLS cannot be set up: {0}")]
    Refused(String),
}

impl NoTrust {
    /// Which key of `tls` it is about.
    pub(crate) fn key(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } | Self::NoSystem | Self::Refused(_) => "ca",
            Self::Name(_) => "name",
            Self::Own(_) => "cert",
        }
    }
}

/// How the servers of a pool are believed, and what the gate shows to those that ask who it is.
pub(crate) struct Trust {
    of: PoolTls,
    /// What the file of certificates held.
    roots: Option<Vec<CertificateDer<'static>>>,
    own: Option<Arc<Certificates>>,
    config: Option<ClientConfig>,
}

/// TLS to one server.
#[derive(Clone)]
pub(crate) struct ToServer {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl std::fmt::Debug for ToServer {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("ToServer").field("name", &self.name).finish_non_exhaustive()
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, NoTrust> {
    let unreadable = |why: String| NoTrust::Unreadable { path: path.into(), why };
    let all = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let all = all.map_err(|why| unreadable(why.to_string()))?;
    if all.is_empty() { Err(unreadable("it holds no certificate".into())) } else { Ok(all) }
}

/// The certificates that the system trusts.
fn of_system() -> Result<Vec<CertificateDer<'static>>, NoTrust> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    let mut files = named.into_iter().chain(SYSTEM.iter().map(PathBuf::from));
    certificates(&files.find(|path| path.exists()).ok_or(NoTrust::NoSystem)?)
}

impl Trust {
    /// That of a pool.
    ///
    /// # Errors
    /// [`NoTrust`].
    pub(crate) fn new(pool: &Pool) -> Result<Self, NoTrust> {
        let of = pool.tls.clone();
        if let Some(name) = &of.name {
            ServerName::try_from(name.as_str()).map_err(|_| NoTrust::Name(name.clone()))?;
        }
        let roots = of.ca.as_deref().map(certificates).transpose()?;
        let own = match (&of.cert, &of.key) {
            (Some(cert), Some(key)) => Some(Arc::new(Certificates::read(vec![(cert.clone(), key.clone())])?)),
            _ => None,
        };
        let is_wanted = pool.server.iter().any(|server| matches!(server.address, ServerAddress::Https(..)));
        let config = (is_wanted || roots.is_some()).then(|| config(&of, roots.as_deref(), own.as_ref())).transpose()?;
        Ok(Self { of, roots, own, config })
    }

    /// Whether servers are believed alike. A certificate of the gate's own is read anew when its file changes.
    pub(crate) fn is_as(&self, other: &Self) -> bool {
        (&self.of, &self.roots) == (&other.of, &other.roots)
    }

    /// TLS to a server; `None` if it is spoken to in plain text, or cannot be spoken to at all.
    pub(crate) fn to(&self, address: &ServerAddress, protocol: Protocol) -> Option<ToServer> {
        let ServerAddress::Https(host, _) = address else { return None };
        let mut config = match &self.config {
            Some(config) => config.clone(),
            // The first of its kind, which an operator added.
            None => config(&self.of, None, self.own.as_ref()).inspect_err(|why| eprintln!("gate: {why}")).ok()?,
        };
        config.alpn_protocols = match protocol {
            Protocol::Http1 => vec![b"http/1.1".to_vec()],
            Protocol::H2 => vec![b"h2".to_vec()],
        };
        // Servers of one name each keep their own sessions.
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        let name = ServerName::try_from(self.of.name.clone().unwrap_or_else(|| host.clone())).ok()?;
        Some(ToServer { connector: Arc::new(config).into(), name })
    }
}

fn config(
    of: &PoolTls,
    roots: Option<&[CertificateDer<'static>]>,
    own: Option<&Arc<Certificates>>,
) -> Result<ClientConfig, NoTrust> {
    let refused = |why: String| NoTrust::Refused(why);
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = if of.verify {
        let mut store = RootCertStore::empty();
        match roots {
            Some(roots) => {
                for root in roots {
                    store.add(root.clone()).map_err(|why| NoTrust::Unreadable {
                        path: of.ca.clone().unwrap_or_default(),
                        why: why.to_string(),
                    })?;
                }
            }
            // Systems trust some that are not understood here.
            None => drop(store.add_parsable_certificates(of_system()?)),
        }
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(store), provider.clone());
        verifier.build().map_err(|why| refused(why.to_string()))?
    } else {
        Arc::new(Anyone(provider.clone()))
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|why| refused(why.to_string()))?;
    let config = config.dangerous().with_custom_certificate_verifier(verifier);
    Ok(match own {
        Some(own) => config.with_client_cert_resolver(own.clone()),
        None => config.with_no_client_auth(),
    })
}

/// Why TLS with a server came to nothing, as a sentence that says what to do; `None` if that was not for what TLS is about.
///
/// No sentence has a time of the day: the same trouble is the same sentence.
pub(crate) fn sentence(why: &io::Error) -> Option<String> {
    let why = why.get_ref()?.downcast_ref::<rustls::Error>()?;
    let of_time = |time: UnixTime| Moment::of(time.as_secs() as i64);
    Some(match why {
        rustls::Error::InvalidCertificate(wrong) => match wrong {
            CertificateError::ExpiredContext { not_after, .. } => {
                format!("its certificate ended on {}; it needs a new one", of_time(*not_after))
            }
            CertificateError::NotValidYetContext { not_before, .. } => {
                format!("its certificate begins on {} only; look at the clocks of both", of_time(*not_before))
            }
            CertificateError::NotValidForNameContext { expected, presented } => {
                // They come as `DnsName("a")`.
                let names = presented.iter().map(|name| name.split('"').nth(1).unwrap_or(name)).collect::<Vec<_>>();
                let expected = expected.to_str();
                format!("its certificate is not for {expected} but for {}; name one of these as tls.name", names.join(", "))
            }
            CertificateError::UnknownIssuer => {
                "nobody who is trusted vouches for its certificate; name a file with who does, or with itself, as tls.ca".to_owned()
            }
            other => format!("its certificate is not believed: {}", rustls::Error::InvalidCertificate(other.clone())),
        },
        rustls::Error::AlertReceived(alert) => {
            format!("it refuses the gate ({alert:?}); if it wants a certificate that it trusts, name that as tls.cert and tls.key")
        }
        rustls::Error::InvalidMessage(_) => "it does not speak TLS; is its address http:// rather than https://?".to_owned(),
        other => format!("no TLS with it: {other}"),
    })
}

impl ToServer {
    /// Begins TLS with the server.
    ///
    /// # Errors
    /// Its certificate is not believed, it does not speak TLS, or not the version of HTTP that it should.
    pub(crate) async fn connect(&self, stream: Stream, protocol: Protocol) -> io::Result<Stream> {
        let stream = self.connector.connect(self.name.clone(), stream).await?;
        if protocol == Protocol::H2 && stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "the server does not speak HTTP/2 over TLS"));
        }
        Ok(Stream::Tls(Box::new(stream.into())))
    }
}

/// Believes every certificate, as an operator wanted; whoever answers has its key, and that is all.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        of: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, of, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        of: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, of, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
