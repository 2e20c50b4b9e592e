use mcp_multiplayer_mcp::McpServer;
use rmcp::ServerHandler;
use rmcp::model::{Extensions, SubscriptionFilter};

/// An MCP handler that the HTTP endpoint can serve.
pub trait Handler: ServerHandler + Clone {
    /// Returns the handler for one `subscriptions/listen` request with this filter.
    fn admitting(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> impl Future<Output = Self> + Send;
}

impl Handler for McpServer {
    async fn admitting(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> Self {
        Self::with_accepted_subscriptions(self, extensions, requested).await
    }
}
