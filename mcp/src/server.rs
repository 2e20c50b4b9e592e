use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::{Error, Multiplayer, Request};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, ErrorData, Extensions, GetPromptRequestParams,
    GetPromptResponse, Implementation, InitializeRequestParams, InitializeResult, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, SubscribeRequestParams,
    SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::following::{Followed, Turns};
use crate::subscriptions::{self, Subscribed};
use crate::{progress, prompts, resources, result, tools};

/// What a model reads before its first call; clients cut it at 2,048 characters.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// How long a client may go without asking again for lists that change only with the program, in milliseconds.
const LISTS_FRESH_MS: u64 = 300_000;

/// How often a call that waits gives a sign of life.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How many waits of followers may be under way on a pipe, whose connection to a relay carries a bounded number of
/// requests.
const TURNS_ON_A_PIPE: usize = 16;

/// Finds out on whose behalf a request is to be performed.
type Resolve = dyn Fn(&Extensions) -> Result<Arc<dyn Multiplayer>, Error> + Send + Sync;

/// The MCP server: protocol 2026-07-28, and `initialize` of 2025-11-25 and older.
///
/// Cheap to clone. Failures of operations are tool results with `isError` and
/// `{"error": {code, message, hint}}`; only unknown tools, prompts and resources are protocol errors.
#[derive(Clone)]
pub struct McpServer {
    resolve: Arc<Resolve>,
    heartbeat: Duration,
    /// Shared: clones of the token itself are counted under a lock, and there is one for each request.
    ending: Arc<CancellationToken>,
    turns: Arc<Turns>,
    /// What this request, a `subscriptions/listen`, may listen to.
    admitted: Arc<[Followed]>,
    /// What the one client on a pipe subscribed to; elsewhere older clients have no stream to be told on.
    subscribed: Option<Arc<Subscribed>>,
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
        Self {
            resolve: Arc::new(resolve),
            heartbeat: HEARTBEAT,
            ending: Arc::default(),
            turns: Arc::new(Turns::new(Semaphore::MAX_PERMITS)),
            admitted: Arc::default(),
            subscribed: None,
        }
    }

    /// A server for the one principal at the other end of a pipe, where older clients may subscribe, too.
    pub fn over(multiplayer: Arc<dyn Multiplayer>) -> Self {
        let server = Self::new(move |_| Ok(Arc::clone(&multiplayer)));
        Self { turns: Arc::new(Turns::new(TURNS_ON_A_PIPE)), subscribed: Some(Arc::default()), ..server }
    }

    /// The same, with subscriptions that end well when `ending` is cancelled.
    #[must_use]
    pub fn until(self, ending: CancellationToken) -> Self {
        Self { ending: Arc::new(ending), ..self }
    }

    /// The same, with a sign of life this often in calls that wait, instead of every 10 s.
    #[must_use]
    pub fn with_heartbeat(self, heartbeat: Duration) -> Self {
        Self { heartbeat, ..self }
    }

    /// The server that is to answer a `subscriptions/listen` with this filter.
    ///
    /// It accepts `channel://` resources of channels that the caller is in, 64 of them at the most, and tells of
    /// what is new since now. A server that was not prepared like this accepts nothing.
    pub async fn admitting(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> Self {
        let admitted = match (self.resolve)(extensions) {
            Ok(multiplayer) => subscriptions::admit(&*multiplayer, requested).await,
            Err(_) => vec![],
        };
        Self { admitted: admitted.into(), ..self.clone() }
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
        let wait = progress::wait_of(&request);
        let reply = tokio::select! {
            reply = multiplayer.perform(request) => reply,
            // Nobody reads the result of a cancelled call; what matters is that the wait ends.
            () = context.ct.cancelled() => {
                Err(Error::invalid("The call was cancelled.", "Nothing to do; what was posted stays posted."))
            }
            never = progress::beat(context, wait, self.heartbeat) => match never {},
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
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .build();
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
        let mut result = self.negotiate_initialize(&request)?;
        if self.subscribed.is_none()
            && let Some(resources) = &mut result.capabilities.resources
        {
            // Who initializes over HTTP has no stream on which to be told.
            resources.subscribe = None;
        }
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
        let mut list = ListResourcesResult::with_all_items(resources::documents());
        if let Ok(multiplayer) = (self.resolve)(&context.extensions) {
            list.resources.extend(resources::channels(&*multiplayer).await);
        }
        if knows_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(0), Some(CacheScope::Private));
        }
        Ok(list)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let mut list = ListResourceTemplatesResult::with_all_items(vec![resources::template()]);
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
        if let Ok(channel) = request.uri.parse() {
            let refused = |error: Error| {
                let message = format!("{} {}", error.message, error.hint);
                ErrorData::resource_not_found(message, Some(json!({ "uri": request.uri })))
            };
            let multiplayer = (self.resolve)(&context.extensions).map_err(refused)?;
            let mut contents = resources::newest(&*multiplayer, channel, &request.uri).await.map_err(refused)?;
            if knows_cache_hints(&context) {
                contents = contents.with_ttl_ms(0).with_cache_scope(CacheScope::Private);
            }
            return Ok(contents.into());
        }
        let mut contents = resources::read(&request.uri)?;
        if knows_cache_hints(&context) {
            contents = contents.with_ttl_ms(LISTS_FRESH_MS).with_cache_scope(CacheScope::Public);
        }
        Ok(contents.into())
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let uris = self.admitted.iter().map(|followed| followed.uri.clone());
        Some(SubscriptionFilter::builder().resource_subscriptions(uris).build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let multiplayer =
            (self.resolve)(&request.extensions).map_err(|error| ErrorData::internal_error(error.message, None))?;
        tokio::select! {
            () = subscriptions::tell(&context, &self.admitted, &multiplayer, &self.turns) => {}
            () = context.cancelled() => {}
            () = self.ending.cancelled() => {}
        }
        Ok(())
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let Some(subscribed) = &self.subscribed else { return Err(no_stream()) };
        let multiplayer =
            (self.resolve)(&context.extensions).map_err(|error| ErrorData::internal_error(error.message, None))?;
        subscribed.subscribe(&request.uri, context.peer, multiplayer, Arc::clone(&self.turns)).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscribed.as_ref().ok_or_else(no_stream)?.unsubscribe(&request.uri);
        Ok(())
    }
}

/// Older clients over HTTP are told on a stream of their session, and there are no sessions.
fn no_stream() -> ErrorData {
    ErrorData::invalid_request(
        "This server keeps no session, so it has no stream to tell of updates. Call the tool sync_messages, which \
         waits for news; with protocol 2026-07-28 there is subscriptions/listen.",
        None,
    )
}
