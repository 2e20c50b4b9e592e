use std::fmt;
use std::sync::Arc;

use mcp_multiplayer_protocol::{Error, Multiplayer, Request};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, ErrorData, Extensions, GetPromptRequestParams,
    GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Map, Value};

use crate::{prompts, resources, result, tools};

/// What a model reads before its first call; clients cut it at 2,048 characters.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// How long a client may go without asking again for lists that change only with the program, in milliseconds.
const LISTS_FRESH_MS: u64 = 300_000;

/// Finds out on whose behalf a request is to be performed.
type Resolve = dyn Fn(&Extensions) -> Result<Arc<dyn Multiplayer>, Error> + Send + Sync;

/// The MCP server: protocol 2026-07-28, and `initialize` of 2025-11-25 and older.
///
/// Cheap to clone. Failures of operations are tool results with `isError` and
/// `{"error": {code, message, hint}}`; only unknown tools, prompts and resources are protocol errors.
#[derive(Clone)]
pub struct McpServer {
    resolve: Arc<Resolve>,
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").finish_non_exhaustive()
    }
}

impl McpServer {
    /// A server for many principals: `resolve` says, for each tool call, who performs it.
    ///
    /// Over HTTP the request's extensions hold its [`http::request::Parts`](https://docs.rs/http), and in
    /// them whatever a middleware put there.
    pub fn new(resolve: impl Fn(&Extensions) -> Result<Arc<dyn Multiplayer>, Error> + Send + Sync + 'static) -> Self {
        Self { resolve: Arc::new(resolve) }
    }

    /// A server for one principal.
    pub fn over(multiplayer: Arc<dyn Multiplayer>) -> Self {
        Self::new(move |_| Ok(Arc::clone(&multiplayer)))
    }

    async fn perform(
        &self,
        name: &str,
        arguments: Option<Map<String, Value>>,
        context: &RequestContext<RoleServer>,
    ) -> Result<String, Error> {
        let multiplayer = (self.resolve)(&context.extensions)?;
        let request = Request::parse(name, arguments.map_or(Value::Null, Value::Object))?;
        let carries_messages = result::carries_messages(&request);
        // Nobody reads the result of a cancelled call; what matters is that the wait ends.
        let Some(reply) = context.ct.run_until_cancelled(multiplayer.perform(request)).await else {
            return Err(Error::invalid("The call was cancelled.", "Nothing to do; what was posted stays posted."));
        };
        reply.map(|reply| if carries_messages { result::mark_messages(reply) } else { result::text(reply) })
    }
}

/// Whether the caller knows the fields that say how long a list stays fresh.
fn knows_cache_hints(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_prompts().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(
                Implementation::new("mcp-multiplayer", env!("CARGO_PKG_VERSION")).with_title("Multiplayer channels"),
            )
            .with_instructions(INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let result = self.negotiate_initialize(&request)?;
        // What was agreed on, not what was asked for, decides the form of later results.
        let mut peer_info = request;
        peer_info.protocol_version = result.protocol_version.clone();
        context.peer.set_peer_info(peer_info);
        Ok(result)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut list = ListToolsResult::with_all_items(tools::all().to_vec());
        if knows_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LISTS_FRESH_MS), Some(CacheScope::Public));
        }
        Ok(list)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name).cloned()
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if tools::find(&call.name).is_none() {
            let name: String = call.name.chars().take(64).collect();
            return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
        }
        let outcome = self.perform(&call.name, call.arguments, &context).await;
        Ok(result::of(outcome).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut list = ListPromptsResult::with_all_items(prompts::all());
        if knows_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LISTS_FRESH_MS), Some(CacheScope::Public));
        }
        Ok(list)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        prompts::get(&request.name, &request.arguments.unwrap_or_default()).map(Into::into)
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut list = ListResourcesResult::with_all_items(resources::all());
        if knows_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LISTS_FRESH_MS), Some(CacheScope::Public));
        }
        Ok(list)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let mut contents = resources::read(&request.uri)?;
        if knows_cache_hints(&context) {
            contents = contents.with_ttl_ms(LISTS_FRESH_MS).with_cache_scope(CacheScope::Public);
        }
        Ok(contents.into())
    }
}
