//! What is known of a connection.

/// The names of the certificate that a client has shown.
#[derive(Debug, Clone)]
pub(crate) struct ClientCertificate {
    /// Its CN and DNS names, in lower case.
    pub(crate) names: Vec<String>,
}
