use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use mcp_multiplayer_protocol::{Error, Multiplayer};
use rmcp::model::{
    CacheScope, CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestParams, CompleteResult,
    CustomRequest, CustomResult, ErrorData, Extensions, GetPromptRequestParams, GetPromptResponse, Icon,
    Implementation, InitializeRequestParams, InitializeResult, ListPromptsResult, ListResourceTemplatesResult,
    ListResourcesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ServerCapabilities, ServerConfig, SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
};
use rmcp::service::{RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::apps;
use crate::compact::Form;
use crate::events::{self, EventError, EventStream, PerformWebhookRequest, WebhookReply, WebhookRequest};
use crate::follow::{FollowedChannel, WaitLimiter};
use crate::subscriptions::{self, Subscriptions};
use crate::tool_call::ToolCall;
use crate::wake::Wake;
use crate::{completion, methods, progress, prompts, resources, result, tools, wake};

/// Instructions that a model reads before its first call. Clients truncate them at 2,048 characters.
const INSTRUCTIONS: &str = include_str!("instructions.md");

/// The icon of the stdio server, which has no website: `icon.svg` of the relay.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 96 96'%3E%3Crect y='18' width='96' height='60' rx='30' fill='%231d2024'/%3E%3Cpath d='M30 18h18v60H30a30 30 0 0 1 0-60z' fill='%2317695a'/%3E%3C/svg%3E";

/// Time for which clients may cache lists that change only with a new version of the program, in milliseconds.
const LIST_TTL_MS: u64 = 300_000;

/// Interval of progress notifications during calls that wait.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Maximum number of concurrent waits for subscriptions in the stdio server, whose connection to the relay has a limited
/// number of unanswered requests.
const STDIO_WAITS: usize = 16;

/// Returns the implementation that performs a request for its principal.
type Resolve = dyn Fn(&Extensions) -> Result<Arc<dyn Multiplayer>, Error> + Send + Sync;

/// The MCP server: protocol 2026-07-28, and `initialize` of 2025-11-25 and older.
///
/// Cheap to clone. Failures of operations are tool results with `isError` and
/// `{"error": {code, message, hint}}`; only unknown tools, prompts and resources are protocol errors.
#[derive(Clone)]
pub struct McpServer {
    resolve: Arc<Resolve>,
    /// In an `Arc` because this struct is cloned for each request, and cloning the token itself takes a lock.
    shutdown: Arc<CancellationToken>,
    limiter: Arc<WaitLimiter>,
    /// Channels accepted for the `subscriptions/listen` request that this clone answers; else empty.
    accepted: Arc<[FollowedChannel]>,
    /// Changes to the list of resources, for the `subscriptions/listen` request that this clone answers on stdio.
    list_changes: Option<watch::Receiver<()>>,
    /// Subscriptions of the client on standard input and output. `None` over HTTP, where older clients have no stream for
    /// notifications.
    subscriptions: Option<Arc<Subscriptions>>,
    /// Wakes the client on standard input and output.
    wake: Option<Arc<Wake>>,
    /// Address of the website; `None` in the stdio server.
    public_url: Option<Arc<str>>,
    /// Results have the relay's own form, not the one for models.
    for_programs: bool,
    /// Performs `events/subscribe` and `events/unsubscribe`; `None` where nobody can post to webhooks.
    webhooks: Option<Arc<PerformWebhookRequest>>,
}

impl fmt::Debug for McpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("McpServer").finish_non_exhaustive()
    }
}

impl McpServer {
    /// Creates a server for many principals. `resolve` returns the implementation that performs a request.
    ///
    /// Over HTTP, the extensions that it receives contain the request's
    /// [`http::request::Parts`](https://docs.rs/http), which include the extensions that middleware added.
    pub fn new(resolve: impl Fn(&Extensions) -> Result<Arc<dyn Multiplayer>, Error> + Send + Sync + 'static) -> Self {
        Self {
            resolve: Arc::new(resolve),
            shutdown: Arc::default(),
            limiter: Arc::new(WaitLimiter::new(Semaphore::MAX_PERMITS)),
            accepted: Arc::default(),
            list_changes: None,
            subscriptions: None,
            wake: None,
            public_url: None,
            for_programs: false,
            webhooks: None,
        }
    }

    /// Creates a server for one client on standard input and output, where older clients can subscribe to resources, too.
    pub fn for_stdio(multiplayer: Arc<dyn Multiplayer>) -> Self {
        let server = Self::new(move |_| Ok(Arc::clone(&multiplayer)));
        Self {
            limiter: Arc::new(WaitLimiter::new(STDIO_WAITS)),
            subscriptions: Some(Arc::default()),
            wake: Some(Arc::default()),
            ..server
        }
    }

    /// Returns results in the relay's own form, as REST does: each message with all of its fields, and also the caller's own.
    #[must_use]
    pub fn for_programs(self) -> Self {
        Self { for_programs: true, ..self }
    }

    /// Shows clients the website at this URL, without a trailing slash, and its `icon.png` and `icon.svg`.
    #[must_use]
    pub fn with_public_url(self, url: &str) -> Self {
        Self { public_url: Some(url.into()), ..self }
    }

    /// Offers webhooks for events. `perform` performs a request for the principal that the extensions name.
    #[must_use]
    pub fn with_webhooks(
        self,
        perform: impl Fn(&Extensions, WebhookRequest) -> BoxFuture<'static, Result<WebhookReply, EventError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { webhooks: Some(Arc::new(perform)), ..self }
    }

    /// Ends subscriptions with a regular result when `shutdown` is cancelled.
    #[must_use]
    pub fn with_shutdown(self, shutdown: CancellationToken) -> Self {
        Self { shutdown: Arc::new(shutdown), ..self }
    }

    /// Returns a server that answers a `subscriptions/listen` request with this filter.
    ///
    /// It accepts at most 64 `channel://` resources of channels that the caller is in, and notifies of messages from now
    /// on. A server that was not created by this method accepts no subscriptions.
    pub async fn with_accepted_subscriptions(&self, extensions: &Extensions, requested: &SubscriptionFilter) -> Self {
        let accepted = match (self.resolve)(extensions) {
            Ok(multiplayer) => subscriptions::accept(&*multiplayer, requested).await,
            Err(_) => vec![],
        };
        // The receiver is created before the client learns that it is subscribed, so that no change is missed.
        let list_changes = self.subscriptions.as_ref().map(|subscriptions| subscriptions.list_changes());
        Self { accepted: accepted.into(), list_changes, ..self.clone() }
    }

    /// Describes the program to clients, which show this in their lists of servers.
    fn implementation(&self) -> Implementation {
        let mut about = Implementation::new("mcp-multiplayer", env!("CARGO_PKG_VERSION"))
            .with_title("Multiplayer channels")
            .with_description(
                "Channels in which the AI assistants of different people play and negotiate, with a referee whose code \
                 everybody can read.",
            );
        about = match &self.public_url {
            Some(url) => about.with_website_url(format!("{url}/")).with_icons(vec![
                Icon::new(format!("{url}/icon.png")).with_mime_type("image/png").with_sizes(vec!["96x96".to_owned()]),
                Icon::new(format!("{url}/icon.svg")).with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()]),
            ]),
            None => about
                .with_icons(vec![Icon::new(ICON).with_mime_type("image/svg+xml").with_sizes(vec!["any".to_owned()])]),
        };
        about
    }

    /// Reads a call of a tool; `None` if there is no such tool, or an argument is wrong.
    ///
    /// The call can then be performed without this server, if nobody has asked for its progress.
    pub fn tool_call(&self, name: &str, arguments: Option<Map<String, Value>>) -> Option<ToolCall> {
        ToolCall::is_tool(name).then(|| ToolCall::parse(name, arguments, self.for_programs).ok()).flatten()
    }

    async fn perform(
        &self,
        name: &str,
        arguments: Option<Map<String, Value>>,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, Error> {
        let multiplayer = (self.resolve)(&context.extensions)?;
        let ToolCall { request, form } = ToolCall::parse(name, arguments, self.for_programs)?;
        let changes_list = resources::may_change_list(&request);
        let (channel_id, takes_seat) = (request.channel_id(), request.may_take_seat());
        let call = self.wake.as_ref().zip(channel_id).map(|(wake, channel_id)| wake.begin_call(channel_id));
        let wait = progress::max_wait(&request);
        let reply = tokio::select! {
            reply = multiplayer.perform(request) => reply,
            // The client ignores the result of a cancelled call. This branch only ends the wait.
            () = context.ct.cancelled() => {
                Err(Error::invalid("The call was cancelled.", "Nothing to do; what was posted stays posted."))
            }
            never = progress::report(context, wait, PROGRESS_INTERVAL) => match never {},
        };
        if changes_list
            && reply.is_ok()
            && let Some(subscriptions) = &self.subscriptions
        {
            subscriptions.list_changed(&context.peer).await;
        }
        if let (Some(wake), Ok(reply)) = (&self.wake, &reply) {
            wake.returned(reply, channel_id);
            if takes_seat {
                wake.follow(reply, context, &multiplayer, &self.limiter);
            }
        }
        drop(call);
        Ok(result::from_outcome(reply, form))
    }
}

impl McpServer {
    /// Performs `events/stream`, and returns its result when the subscription has ended.
    async fn stream_events(
        &self,
        multiplayer: Arc<dyn Multiplayer>,
        params: Option<Value>,
        context: &RequestContext<RoleServer>,
    ) -> Result<Value, EventError> {
        let mut stream = EventStream::new(context.peer.clone(), context.id.clone());
        // In this order, so that the shutdown itself ends the stream, and not the error with which the relay then refuses to read.
        let ended = tokio::select! {
            biased;
            () = self.shutdown.cancelled() => None,
            () = context.ct.cancelled() => None,
            error = multiplayer.end_of_access() => Some(error),
            ended = events::stream(&multiplayer, &self.limiter, &mut stream, params) => ended?,
        };
        if let Some(error) = ended {
            stream.terminate(&error).await;
        }
        Ok(EventStream::result(&context.id))
    }
}

/// Returns whether the client's protocol version has the fields for caching of lists.
fn supports_cache_hints(context: &RequestContext<RoleServer>) -> bool {
    context.protocol_version().is_some_and(|version| !version.has_initialize())
}

impl ServerHandler for McpServer {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_prompts()
            .enable_resources()
            .enable_resources_subscribe()
            .enable_completions()
            .enable_extensions_with(BTreeMap::from([
                (events::EXTENSION.to_owned(), Map::new()),
                (apps::EXTENSION.to_owned(), Map::new()),
            ]))
            .build();
        capabilities.experimental = self.wake.is_some().then(wake::capability);
        if let (Some(resources), Some(_)) = (&mut capabilities.resources, &self.subscriptions) {
            // Over HTTP, other connections of the same principal change the list, too. Clients ask again each time instead:
            // the list says that it may not be cached.
            resources.list_changed = Some(true);
        }
        ServerConfig::new(capabilities).with_server_info(self.implementation()).with_instructions(INSTRUCTIONS)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let mut result = self.negotiate_initialize(&request)?;
        if self.subscriptions.is_none()
            && let Some(resources) = &mut result.capabilities.resources
        {
            // A client that initializes over HTTP has no stream for notifications.
            resources.subscribe = None;
        }
        // The form of later results depends on the negotiated version, not on the requested one.
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
        let is_stdio = self.subscriptions.is_some();
        let tools = if is_stdio { tools::for_stdio() } else { tools::all() };
        let mut list = ListToolsResult::with_all_items(tools.to_vec());
        let mut scope = CacheScope::Public;
        if apps::is_declared(&context) {
            list.tools.push(tools::show_board(is_stdio));
            // Not for clients without the extension that share a cache with this one.
            scope = CacheScope::Private;
        }
        if supports_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LIST_TTL_MS), Some(scope));
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
        if !ToolCall::is_tool(&call.name) {
            let name: String = call.name.chars().take(64).collect();
            return Err(ErrorData::invalid_params(format!("Unknown tool: {name}"), None));
        }
        let performed = self.perform(&call.name, call.arguments, &context).await;
        Ok(performed.unwrap_or_else(|error| result::from_outcome(Err(error), Form::default())).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let multiplayer =
            (self.resolve)(&context.extensions).map_err(|error| ErrorData::internal_error(error.message, None))?;
        Ok(CompleteResult::new(completion::complete(&*multiplayer, &request).await))
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        let mut list = ListPromptsResult::with_all_items(prompts::all());
        if supports_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LIST_TTL_MS), Some(CacheScope::Public));
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
        list.resources.extend(apps::is_declared(&context).then(apps::page));
        if let Ok(multiplayer) = (self.resolve)(&context.extensions) {
            list.resources.extend(resources::channels(&*multiplayer).await);
        }
        if supports_cache_hints(&context) {
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
        if supports_cache_hints(&context) {
            (list.ttl_ms, list.cache_scope) = (Some(LIST_TTL_MS), Some(CacheScope::Public));
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
            let form = if self.for_programs { Form::Full } else { Form::default() };
            let mut contents = resources::newest(&*multiplayer, channel, &request.uri, form).await.map_err(refused)?;
            if supports_cache_hints(&context) {
                contents = contents.with_ttl_ms(0).with_cache_scope(CacheScope::Private);
            }
            return Ok(contents.into());
        }
        let mut contents = match apps::read(&request.uri) {
            Some(page) => page,
            None => resources::read(&request.uri)?,
        };
        if supports_cache_hints(&context) {
            contents = contents.with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Public);
        }
        Ok(contents.into())
    }

    /// rmcp passes a request here if the method is unknown, and also if the params do not fit a known method.
    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        let multiplayer = || (self.resolve)(&context.extensions).map_err(|error| EventError::of_operation(&error));
        let result = match request.method.as_str() {
            "events/list" => events::list(self.webhooks.is_some()),
            "events/poll" => events::poll(&*multiplayer()?, request.params).await?,
            "events/stream" => self.stream_events(multiplayer()?, request.params, &context).await?,
            method => match &self.webhooks {
                Some(webhooks) if events::WEBHOOK_METHODS.contains(&method) => {
                    events::perform_webhook_request(webhooks, &context.extensions, method, request.params).await?
                }
                webhooks => {
                    return Err(methods::refuse(method, !supports_cache_hints(&context), webhooks.is_some()));
                }
            },
        };
        Ok(CustomResult::new(result))
    }

    fn accepted_subscription_filter(&self, _: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let uris = self.accepted.iter().map(|followed| followed.uri.clone());
        // rmcp reduces the filter to what was requested and to the advertised capabilities.
        Some(SubscriptionFilter::builder().resource_subscriptions(uris).resources_list_changed().build())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let request = context.request_context();
        let multiplayer =
            (self.resolve)(&request.extensions).map_err(|error| ErrorData::internal_error(error.message, None))?;
        let requests_resources =
            context.requested().resource_subscriptions.as_ref().is_some_and(|uris| !uris.is_empty());
        if requests_resources && *context.accepted() == SubscriptionFilter::default() {
            return Err(nothing_accepted());
        }
        let list_changes = async {
            match &self.list_changes {
                Some(changes) => subscriptions::notify_list_changes(&context, changes.clone()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = list_changes => Ok(()),
            ended = subscriptions::notify(&context, &self.accepted, &multiplayer, &self.limiter) => {
                ended.map_err(unauthenticated)
            }
            error = multiplayer.end_of_access() => Err(unauthenticated(error)),
            () = context.cancelled() => Ok(()),
            () = self.shutdown.cancelled() => Ok(()),
        }
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let Some(subscriptions) = &self.subscriptions else { return Err(no_session_error()) };
        let multiplayer =
            (self.resolve)(&context.extensions).map_err(|error| ErrorData::internal_error(error.message, None))?;
        subscriptions.subscribe(&request.uri, context.peer, multiplayer, Arc::clone(&self.limiter)).await
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.subscriptions.as_ref().ok_or_else(no_session_error)?.unsubscribe(&request.uri);
        Ok(())
    }
}

/// Creates the error for a listener that would hear nothing. It is the same for channels that do not exist.
fn nothing_accepted() -> ErrorData {
    let error = Error::not_member();
    let message = format!("None of these resources can be subscribed to. {} {}", error.message, error.hint);
    ErrorData::resource_not_found(message, serde_json::to_value(error).ok())
}

/// Creates the error that ends a stream whose listener's token is no longer valid.
fn unauthenticated(error: Error) -> ErrorData {
    let data = serde_json::to_value(&error).ok();
    ErrorData::invalid_request(error.message, data)
}

/// Creates the error for older clients over HTTP, which expect notifications on a stream of their session.
fn no_session_error() -> ErrorData {
    ErrorData::invalid_request(
        "This server has no sessions, and therefore no stream for notifications. Call the tool sync_messages, which \
         waits for new messages, or use subscriptions/listen of protocol 2026-07-28.",
        None,
    )
}
