use mcp_multiplayer_mcp::McpServer;
use rmcp::ServerHandler;
use rmcp::model::{Extensions, SubscriptionFilter};

/// What can be put behind the MCP endpoint.
pub trait Handler: ServerHandler + Clone {
    /// The handler that is to answer one `subscriptions/listen` with this filter.
    fn admitting(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> impl Future<Output = Self> + Send;
}

impl Handler for McpServer {
    async fn admitting(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> Self {
        Self::with_accepted_subscriptions(self, extensions, requested).await
    }
}
