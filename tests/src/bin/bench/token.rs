use anyhow::{Context as _, Result};
use mcp_multiplayer_tests::HttpClient;
use serde_json::{Value, json};

/// Obtains an access token for a program that acts for itself (OAuth 2.1, `client_credentials`).
pub(crate) async fn obtain(address: &str) -> Result<String> {
    let mut http = HttpClient::connect(address, "").await?;
    let client = json!({
        "client_name": "bench", "grant_types": ["client_credentials"], "token_endpoint_auth_method": "client_secret_post",
    });
    let registered = http.post("/register", &[], client.to_string().into()).await?;
    let registered: Value = serde_json::from_slice(registered.body())?;
    let grant = json!({
        "grant_type": "client_credentials", "client_id": registered["client_id"], "client_secret": registered["client_secret"],
    });
    let issued = http.post("/oauth/token", &[], grant.to_string().into()).await?;
    let issued: Value = serde_json::from_slice(issued.body())?;
    Ok(issued["access_token"].as_str().with_context(|| format!("no access token: {issued}"))?.to_owned())
}
