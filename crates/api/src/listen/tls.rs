//! TLS: the files it is made of, read again while the service runs.
//!
//! The rule it protects: files are taken together or not at all, so a broken one changes nothing for
//! whoever connects; a client without a certificate is welcome, one with a bad certificate is not.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, ring},
    pki_types::{
        CertificateDer, CertificateRevocationListDer, PrivateKeyDer, UnixTime,
        pem::{Error as PemError, PemObject},
    },
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use x509_parser::{
    certificate::X509Certificate, prelude::FromDer as _, revocation_list::CertificateRevocationList,
};

use super::limit::Seldom;

/// The files, in PEM form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The service's certificate, then what leads from it to its CA.
    pub certificate: PathBuf,
    /// The key of the certificate, without a passphrase.
    pub key: PathBuf,
    /// The CAs whose client certificates are taken; `None`: no client is asked for one.
    pub client_ca: Option<PathBuf>,
    /// What these CAs have revoked.
    pub crl: Option<PathBuf>,
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("[tls] {setting}: {}: {what}", file.display())]
pub struct TlsError {
    setting: &'static str,
    file: PathBuf,
    what: String,
}

/// What the files said when they were last good.
struct Live {
    server: Arc<CertifiedKey>,
    clients: Option<Arc<dyn ClientCertVerifier>>,
}

/// TLS as it is spoken now.
#[derive(Clone)]
pub struct Tls {
    files: Arc<TlsFiles>,
    live: Arc<ArcSwap<Live>>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.files).finish()
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them is missing, is not what its place allows, or does not go with the others.
    pub fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let live = Arc::new(ArcSwap::from_pointee(read(&files)?));
        Ok(Self { files: Arc::new(files), live })
    }

    /// Reads the files again. Connections that are open keep what they have; new ones get what was
    /// read.
    ///
    /// # Errors
    /// As [`Self::load`]; then nothing has changed.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.live.store(Arc::new(read(&self.files)?));
        Ok(())
    }

    /// A configuration that follows what is read.
    pub(crate) fn config(&self) -> std::io::Result<ServerConfig> {
        let current =
            Arc::new(Current { live: Arc::clone(&self.live), provider: provider(), log: Seldom::default() });
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(std::io::Error::other)?
            .with_client_cert_verifier(Arc::<Current>::clone(&current))
            .with_cert_resolver(current);
        // A session that is resumed shows no certificate again, so it would outlive its revocation. It
        // would save little: an installer's curl remembers no session.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn read(files: &TlsFiles) -> Result<Live, TlsError> {
    let certificate = Source { setting: "certificate", file: &files.certificate };
    let chain: Vec<CertificateDer<'static>> = certificate.all("a certificate")?;
    let key = Source { setting: "key", file: &files.key };
    let private = PrivateKeyDer::from_pem_file(key.file)
        .map_err(|error| key.unreadable(&error, "a private key without a passphrase"))?;
    let server = CertifiedKey::from_der(chain, private, &provider()).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            key.wrong(format!("is not the key of the certificate in {}", certificate.file.display()))
        }
        error => key.wrong(format!("cannot be used with {}: {error}", certificate.file.display())),
    })?;
    Ok(Live { server: Arc::new(server), clients: clients(files)? })
}

/// What tells a good client certificate from another.
fn clients(files: &TlsFiles) -> Result<Option<Arc<dyn ClientCertVerifier>>, TlsError> {
    let crl = files.crl.as_deref().map(|file| Source { setting: "crl", file });
    let Some(ca) = files.client_ca.as_deref().map(|file| Source { setting: "client_ca", file }) else {
        return match crl {
            Some(crl) => {
                Err(crl.wrong("says what is revoked, but no client_ca says by whom; set both".to_owned()))
            }
            None => Ok(None),
        };
    };
    let authorities: Vec<CertificateDer<'static>> = ca.all("a certificate")?;
    let revoked: Vec<CertificateRevocationListDer<'static>> = match &crl {
        Some(crl) => crl.all("a revocation list")?,
        None => Vec::new(),
    };
    let mut roots = RootCertStore::empty();
    for authority in &authorities {
        roots
            .add(authority.clone())
            .map_err(|error| ca.wrong(format!("has a CA that cannot be used: {error}")))?;
    }
    if let Some(crl) = &crl {
        for name in without_list(&authorities, &revoked) {
            log::warn!(
                "{} has no list of {name}: its certificates are not checked for revocation",
                crl.file.display()
            );
        }
    }
    let source = crl.as_ref().unwrap_or(&ca);
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
        .with_crls(revoked)
        // A CA may have no list beside one that has; that was said above.
        .allow_unknown_revocation_status()
        .allow_unauthenticated()
        .build()
        .map(Some)
        .map_err(|error| source.wrong(format!("cannot be used: {error}")))
}

/// The subjects of CAs of which there is no list.
fn without_list(
    authorities: &[CertificateDer<'_>],
    revoked: &[CertificateRevocationListDer<'_>],
) -> Vec<String> {
    let lists: Vec<_> = revoked
        .iter()
        .filter_map(|list| CertificateRevocationList::from_der(list).ok())
        .map(|(_, list)| list)
        .collect();
    let authorities = authorities.iter().filter_map(|authority| X509Certificate::from_der(authority).ok());
    authorities
        .map(|(_, authority)| authority)
        .filter(|authority| !lists.iter().any(|list| list.issuer().as_raw() == authority.subject().as_raw()))
        .map(|authority| authority.subject().to_string())
        .collect()
}

/// A file and the setting that names it.
struct Source<'a> {
    setting: &'static str,
    file: &'a Path,
}

impl Source<'_> {
    fn wrong(&self, what: String) -> TlsError {
        TlsError { setting: self.setting, file: self.file.to_owned(), what }
    }

    fn unreadable(&self, error: &PemError, wanted: &str) -> TlsError {
        self.wrong(match error {
            PemError::Io(error) => format!("cannot be read: {error}; the service's user must be allowed to"),
            PemError::NoItemsFound => format!("does not have {wanted} in PEM form"),
            error => format!("is not in PEM form: {error}"),
        })
    }

    /// All that the file has of it: one at least.
    fn all<T: PemObject>(&self, wanted: &str) -> Result<Vec<T>, TlsError> {
        let items = T::pem_file_iter(self.file).and_then(Iterator::collect::<Result<Vec<T>, _>>);
        let items = items.map_err(|error| self.unreadable(&error, wanted))?;
        if items.is_empty() {
            return Err(self.unreadable(&PemError::NoItemsFound, wanted));
        }
        Ok(items)
    }
}

/// What a handshake goes by: always what was read last.
struct Current {
    live: Arc<ArcSwap<Live>>,
    provider: Arc<CryptoProvider>,
    log: Seldom,
}

impl fmt::Debug for Current {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Current(..)")
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.live.load().server))
    }
}

impl ClientCertVerifier for Current {
    fn offer_client_auth(&self) -> bool {
        self.live.load().clients.is_some()
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: they would be those of the first read for ever. A client that has one certificate shows
    /// it all the same.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let live = self.live.load();
        let clients = live.clients.as_ref().ok_or(rustls::Error::General("no client_ca".to_owned()))?;
        clients.verify_client_cert(certificate, intermediates, now).inspect_err(|error| {
            // The client is told in one word of TLS; whoever looks for the reason looks here.
            if self.log.is_due() {
                let names = names(certificate).unwrap_or_default().join(", ");
                log::warn!("refused a client with the certificate of '{}': {error}", names.escape_debug());
            }
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whom a certificate names: the subject's CN and the DNS names, in lower case, each once.
pub(super) fn names(certificate: &CertificateDer<'_>) -> Result<Vec<String>, String> {
    use x509_parser::extensions::GeneralName;
    let (_, certificate) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    let alternative = certificate.subject_alternative_name().map_err(|error| error.to_string())?;
    let alternative = alternative.iter().flat_map(|extension| &extension.value.general_names);
    let dns = alternative.filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(*name),
        _ => None,
    });
    let mut names = Vec::new();
    for name in common.chain(dns).map(str::to_lowercase) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}
