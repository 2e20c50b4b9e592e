use std::borrow::Cow;

use rmcp::RoleServer;
use rmcp::model::{ClientNotification, ClientRequest, ErrorData, ProtocolVersion, ServerConfig, ServerResult};
use rmcp::service::{NotificationContext, RequestContext, Service};

use crate::McpServer;

/// An [`McpServer`] on standard input and output.
///
/// In `rmcp`, a synchronous method accepts the subscriptions of a `subscriptions/listen` request. To find out which channels
/// the caller may read, the relay must be asked, so this service does so before it passes the request on.
#[derive(Debug)]
pub struct StdioService(McpServer);

impl StdioService {
    /// Creates the service for one client.
    pub fn new(server: McpServer) -> Self {
        Self(server)
    }
}

impl Service<RoleServer> for StdioService {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        if let ClientRequest::SubscriptionsListenRequest(listen) = &request {
            let server = self.0.with_accepted_subscriptions(&context.extensions, &listen.params.notifications).await;
            return server.handle_request(request, context).await;
        }
        self.0.handle_request(request, context).await
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.handle_notification(notification, context).await
    }

    fn get_info(&self) -> ServerConfig {
        Service::get_info(&self.0)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Service::supported_protocol_versions(&self.0)
    }
}
