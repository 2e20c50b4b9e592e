use oauth2::url::form_urlencoded;

use super::credentials::Credentials;
use super::error::LoginError;
use super::http_client::HttpClient;
use super::registration::refused;

/// Revokes a login at its relay: the refresh token, and with it everything that was issued for it (RFC 7009).
///
/// The `oauth2` crate revokes only over https, and a relay on this machine may have no TLS.
pub(super) async fn revoke(http: &HttpClient, credentials: &Credentials) -> Result<(), LoginError> {
    let endpoint = credentials.revocation_endpoint.as_ref();
    let endpoint = endpoint.filter(|url| url.starts_with(&format!("{}/", http.relay().base())));
    let Some(endpoint) = endpoint else {
        return Err(http.invalid("it offers no endpoint to revoke a login"));
    };
    let (kind, token) = match &credentials.refresh_token {
        Some(token) => ("refresh_token", token.secret()),
        None => ("access_token", credentials.access_token.secret()),
    };
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_id", &credentials.client_id)
        .append_pair("token_type_hint", kind)
        .append_pair("token", token)
        .finish();
    let response = http.post(endpoint, "application/x-www-form-urlencoded", form).await?;
    if response.status().is_success() { Ok(()) } else { Err(refused(http, response.status(), response.body())) }
}
