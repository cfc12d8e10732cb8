//! Certificates of the gate's own with their keys, for clients and for servers, read anew when their files change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime};
use std::{fmt, fs};

use rustls::SignatureScheme;
use rustls::client::{ResolvesClientCert, verify_server_name};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;

pub(crate) mod validity;

/// Time between looks at the files of certificates.
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BadCertificate {
    /// A file cannot be read, or holds nothing of the kind.
    #[error("{path}: {why}; name a PEM file with {what}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        why: String,
    },
    /// The certificate and the key do not belong together, or are of a kind that is not known.
    #[error("{cert}: the certificate cannot be used with the key {key}: {why}")]
    Unusable {
        /// The certificate's file.
        cert: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        why: rustls::Error,
    },
}

/// When a file was written, and its size.
type Stamp = Option<(SystemTime, u64)>;

/// Certificates, the first for clients that ask for no name that one of them has.
pub(crate) struct Certificates {
    files: Vec<(PathBuf, PathBuf)>,
    now: RwLock<Loaded>,
}

struct Loaded {
    keys: Vec<Arc<CertifiedKey>>,
    stamps: Vec<[Stamp; 2]>,
    looked: Instant,
}

fn stamp(path: &Path) -> Stamp {
    let of = fs::metadata(path).ok()?;
    Some((of.modified().ok()?, of.len()))
}

fn stamps(files: &[(PathBuf, PathBuf)]) -> Vec<[Stamp; 2]> {
    files.iter().map(|(cert, key)| [stamp(cert), stamp(key)]).collect()
}

fn certified(cert: &Path, key: &Path) -> Result<Arc<CertifiedKey>, BadCertificate> {
    let unreadable = |path: &Path, what, why: String| BadCertificate::Unreadable { path: path.into(), what, why };
    let chain = CertificateDer::pem_file_iter(cert).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let chain = chain.map_err(|why| unreadable(cert, "certificates", why.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(cert, "certificates", "it holds no certificate".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key).map_err(|why| unreadable(key, "a private key", why.to_string()))?;
    CertifiedKey::from_der(chain, private, &ring::default_provider())
        .map(Arc::new)
        .map_err(|why| BadCertificate::Unusable { cert: cert.into(), key: key.into(), why })
}

impl Certificates {
    /// Reads them, each with its key.
    ///
    /// # Errors
    /// [`BadCertificate`].
    pub(crate) fn read(files: Vec<(PathBuf, PathBuf)>) -> Result<Self, BadCertificate> {
        // Before the files are read: what is written meanwhile is seen by the next look.
        let stamps = stamps(&files);
        let keys = files.iter().map(|(cert, key)| certified(cert, key)).collect::<Result<_, _>>()?;
        Ok(Self { files, now: RwLock::new(Loaded { keys, stamps, looked: Instant::now() }) })
    }

    /// Reads the files anew if they changed. What cannot be used is left, and the old certificates serve on.
    fn look(&self) {
        let (looked, old) = {
            let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
            (now.looked, now.stamps.clone())
        };
        if looked.elapsed() < LOOK {
            return;
        }
        let stamps = stamps(&self.files);
        let keys = (stamps != old).then(|| self.files.iter().map(|(cert, key)| certified(cert, key)).collect());
        let mut now = self.now.write().unwrap_or_else(PoisonError::into_inner);
        now.looked = Instant::now();
        now.stamps = stamps;
        match keys {
            None => {}
            Some(Ok(keys)) => now.keys = keys,
            Some(Err(why)) => {
                let why: BadCertificate = why;
                eprintln!("gate: {why}; the old certificates serve on");
            }
        }
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.look();
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        let name = hello.server_name().and_then(|name| ServerName::try_from(name).ok());
        let named = name.and_then(|name| now.keys.iter().find(|key| has_name(key, &name)));
        named.or(now.keys.first()).cloned()
    }
}

impl ResolvesClientCert for Certificates {
    /// The first, whatever authorities the server names: it is the one that an operator chose for this server.
    fn resolve(&self, _: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.look();
        let now = self.now.read().unwrap_or_else(PoisonError::into_inner);
        now.keys.first().filter(|key| key.key.choose_scheme(schemes).is_some()).cloned()
    }

    fn has_certs(&self) -> bool {
        true
    }
}

fn has_name(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let parsed = key.cert.first().and_then(|cert| ParsedCertificate::try_from(cert).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

impl fmt::Debug for Certificates {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Certificates").field("files", &self.files).finish_non_exhaustive()
    }
}
