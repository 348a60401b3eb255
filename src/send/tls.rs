//! An encrypted connection to a server whose certificate the platform accepts.

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt;
use std::io;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Encrypts a connection to a host.
pub(super) async fn encrypted<S: AsyncRead + AsyncWrite + Unpin>(
    host: &str,
    stream: S,
) -> io::Result<TlsStream<S>> {
    let config = ClientConfig::builder().with_platform_verifier().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    TlsConnector::from(Arc::new(config.with_no_client_auth())).connect(name, stream).await
}
