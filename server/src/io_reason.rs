//! The reasons why a relay cannot be reached, in words.

use std::io;

/// Text of the standard library's errors of name resolution, which have no kind of their own.
const LOOKUP: &str = "failed to lookup address information";

/// Returns the reason of a failed connection, as a part of a sentence.
pub(crate) fn describe(error: &io::Error) -> String {
    if let Some(tls) = tls_error(error) {
        return format!("the TLS handshake failed ({tls})");
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "nothing is listening at this address".to_owned(),
        _ if error.to_string().starts_with(LOOKUP) => "the name of its host cannot be found".to_owned(),
        _ => error.to_string(),
    }
}

/// Returns whether TLS failed, for example because of an invalid certificate.
pub(crate) fn is_tls(error: &io::Error) -> bool {
    tls_error(error).is_some()
}

fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::describe;

    #[tokio::test]
    async fn a_name_that_cannot_be_resolved_is_explained() {
        // The top-level domain that never exists (RFC 2606).
        let error = tokio::net::TcpStream::connect(("relay.invalid", 443)).await.unwrap_err();
        assert_eq!(describe(&error), "the name of its host cannot be found", "{error}");
        assert_eq!(describe(&io::ErrorKind::ConnectionRefused.into()), "nothing is listening at this address");
    }
}
