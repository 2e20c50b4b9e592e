use std::future::pending;

use mcp_multiplayer_relay::McpHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestParams, CompleteResult, ErrorData, Extensions,
    GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscriptionFilter,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use crate::fixture_tools;

/// A PNG of one pixel.
pub(crate) const PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";

/// A list whose change is announced to subscribers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ListChange {
    Tools,
    Prompts,
}

/// A server with the tools, prompts and resources that the suite's scenarios use by name.
#[derive(Clone, Debug)]
pub(crate) struct Fixture {
    pub(crate) changes: broadcast::Sender<ListChange>,
}

impl Default for Fixture {
    fn default() -> Self {
        Self { changes: broadcast::Sender::new(16) }
    }
}

impl McpHandler for Fixture {
    async fn admitting(&self, _: &Extensions, _: &SubscriptionFilter) -> Self {
        self.clone()
    }
}

/// Parses JSON as a model type of `rmcp`.
pub(crate) fn parse<T: DeserializeOwned>(json: Value) -> T {
    serde_json::from_value(json).expect("the fixtures are well-formed")
}

/// Builds a result with these members. Clients of older revisions receive it without `resultType`.
pub(crate) fn result<T: DeserializeOwned>(mut members: Value) -> T {
    members["resultType"] = "complete".into();
    parse(members)
}

impl ServerHandler for Fixture {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_prompts()
            .enable_prompts_list_changed()
            .enable_resources()
            .enable_completions()
            .enable_logging()
            .build();
        ServerConfig::new(capabilities).with_server_info(Implementation::new("fixture", "1"))
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(result(json!({ "tools": fixture_tools::all() })))
    }

    fn get_tool(&self, name: &str) -> Option<rmcp::model::Tool> {
        fixture_tools::all().into_iter().find(|tool| tool["name"] == name).map(parse)
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        fixture_tools::call(self, call, context).await
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let argument = |name| json!({ "name": name, "description": name, "required": true });
        Ok(result(json!({ "prompts": [
            { "name": "test_simple_prompt", "description": "Without arguments." },
            { "name": "test_prompt_with_arguments", "description": "With two arguments.",
              "arguments": [argument("arg1"), argument("arg2")] },
            { "name": "test_prompt_with_embedded_resource", "description": "With a resource.",
              "arguments": [argument("resourceUri")] },
            { "name": "test_prompt_with_image", "description": "With an image." },
            { "name": "test_input_required_result_prompt", "description": "Needs something from the user." },
        ] })))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let arguments = request.arguments.unwrap_or_default();
        let argument = |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default();
        let user = |content: Value| json!({ "role": "user", "content": content });
        let text = |text: &str| user(json!({ "type": "text", "text": text }));
        let messages = match request.name.as_str() {
            "test_simple_prompt" => json!([text("This is a simple prompt for testing.")]),
            "test_prompt_with_arguments" => {
                let (one, two) = (argument("arg1"), argument("arg2"));
                json!([text(&format!("Prompt with arguments: arg1='{one}', arg2='{two}'"))])
            }
            "test_prompt_with_embedded_resource" => json!([
                user(json!({ "type": "resource", "resource": { "uri": argument("resourceUri"),
                    "mimeType": "text/plain", "text": "Embedded resource content for testing." } })),
                text("Please process the embedded resource above."),
            ]),
            "test_prompt_with_image" => json!([
                user(json!({ "type": "image", "data": PNG, "mimeType": "image/png" })),
                text("Please analyze the image above."),
            ]),
            "test_input_required_result_prompt" => {
                let answer = request.input_responses.as_ref().and_then(|responses| responses.get("user_context"));
                let Some(answer) = answer else {
                    let question = fixture_tools::elicit("What context should the prompt use?", "context", "string");
                    return Ok(GetPromptResponse::InputRequired(parse(
                        json!({ "resultType": "input_required", "inputRequests": { "user_context": question } }),
                    )));
                };
                json!([text(&format!("In the context of {}", answer["content"]["context"]))])
            }
            _ => return Err(ErrorData::invalid_params("Unknown prompt", None)),
        };
        Ok(GetPromptResponse::Complete(result(json!({ "messages": messages }))))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        Ok(result(json!({ "resources": [
            { "uri": "test://static-text", "name": "text", "description": "Text.", "mimeType": "text/plain" },
            { "uri": "test://static-binary", "name": "image", "description": "A PNG.", "mimeType": "image/png" },
        ] })))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(result(json!({ "resourceTemplates": [
            { "uriTemplate": "test://template/{id}/data", "name": "template", "mimeType": "application/json" },
        ] })))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        let id = uri.strip_prefix("test://template/").and_then(|rest| rest.strip_suffix("/data"));
        let contents = match (uri.as_str(), id) {
            ("test://static-text", _) => {
                json!({ "uri": uri, "mimeType": "text/plain", "text": "This is the content of the static text resource." })
            }
            ("test://static-binary", _) => json!({ "uri": uri, "mimeType": "image/png", "blob": PNG }),
            (_, Some(id)) => {
                let data = json!({ "id": id, "templateTest": true, "data": format!("Data for ID: {id}") });
                json!({ "uri": uri, "mimeType": "application/json", "text": data.to_string() })
            }
            _ => return Err(ErrorData::resource_not_found("Resource not found", Some(json!({ "uri": uri })))),
        };
        Ok(ReadResourceResponse::Complete(result(json!({ "contents": [contents] }))))
    }

    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Ok(result(json!({ "completion": { "values": ["paris", "park", "party"], "total": 3, "hasMore": false } })))
    }

    async fn set_level(&self, _: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let mut changes = self.changes.subscribe();
        let notifying = async {
            loop {
                // The sink refuses notifications that the subscription did not accept.
                let _ = match changes.recv().await {
                    Ok(ListChange::Tools) => context.sink().notify_tool_list_changed().await,
                    Ok(ListChange::Prompts) => context.sink().notify_prompt_list_changed().await,
                    Err(RecvError::Lagged(_)) => Ok(()),
                    Err(RecvError::Closed) => pending().await,
                };
            }
        };
        tokio::select! {
            () = notifying => {}
            () = context.cancelled() => {}
        }
        Ok(())
    }
}
