//! Encrypted connections, with rustls.

use ::redis::{Client, ConnectionInfo, RedisError};

use super::error::RedisConnectError;

/// Whom to trust, and what to show.
#[derive(Clone, Default)]
pub(super) struct Tls {
    /// In PEM. The system's authorities, if there is none.
    pub(super) root_certificate: Option<Vec<u8>>,
    /// Certificate chain and key of this client, in PEM.
    pub(super) client: Option<(Vec<u8>, Vec<u8>)>,
}

#[cfg(feature = "redis-tls")]
impl Tls {
    /// Makes sure that what was given can be used, before anything is connected.
    ///
    /// rustls wants a provider of cryptography for the whole process. If the application has not chosen one, it is ring: a
    /// program in whose dependencies there are two would panic otherwise.
    pub(super) fn check(&self) -> Result<(), RedisConnectError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Somebody else was faster, if that fails.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let unusable = |what: &str| RedisConnectError::Tls { reason: what.to_owned() };
        let is_empty = |pem: &Vec<u8>| !pem.windows(11).any(|window| window == b"-----BEGIN ");
        if self.root_certificate.as_ref().is_some_and(is_empty) {
            return Err(unusable("the root certificate is not in PEM"));
        }
        if self.client.as_ref().is_some_and(|(chain, key)| is_empty(chain) || is_empty(key)) {
            return Err(unusable("the client's certificate or key is not in PEM"));
        }
        let info = ::redis::IntoConnectionInfo::into_connection_info("rediss://localhost");
        info.and_then(|info| self.client(info)).map(drop).map_err(|_| unusable("a certificate or the key is damaged"))
    }

    pub(super) fn client(&self, info: ConnectionInfo) -> Result<Client, RedisError> {
        if self.root_certificate.is_none() && self.client.is_none() {
            return Client::open(info);
        }
        let client_tls = self
            .client
            .as_ref()
            .map(|(chain, key)| ::redis::ClientTlsConfig { client_cert: chain.clone(), client_key: key.clone() });
        Client::build_with_tls(info, ::redis::TlsCertificates { client_tls, root_cert: self.root_certificate.clone() })
    }
}

#[cfg(not(feature = "redis-tls"))]
impl Tls {
    pub(super) fn check(&self) -> Result<(), RedisConnectError> {
        let reason = "TLS is not built in: turn on the feature `redis-tls` of idem-runtime".to_owned();
        Err(RedisConnectError::Tls { reason })
    }

    pub(super) fn client(&self, info: ConnectionInfo) -> Result<Client, RedisError> {
        Client::open(info)
    }
}

/// What is wrong with the server's certificate, if that is what an error is about.
#[cfg(feature = "redis-tls")]
pub(super) fn refusal(error: &RedisError) -> Option<String> {
    use std::error::Error;

    let shared = error.source()?.downcast_ref::<std::sync::Arc<dyn Error + Send + Sync>>()?;
    let io = shared.downcast_ref::<std::io::Error>()?;
    match io.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(
            rustls::CertificateError::NotValidForName | rustls::CertificateError::NotValidForNameContext { .. },
        ) => Some("the server's certificate is for another name than the host in the URL".to_owned()),
        rustls::Error::InvalidCertificate(_) => Some(
            "the server's certificate was not issued by an authority that is trusted, or is not valid now; name the \
             authority with tls_root_certificate"
                .to_owned(),
        ),
        _ => None,
    }
}

#[cfg(not(feature = "redis-tls"))]
pub(super) fn refusal(_: &RedisError) -> Option<String> {
    None
}
