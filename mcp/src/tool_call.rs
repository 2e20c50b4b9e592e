use mcp_multiplayer_protocol::{Error, Multiplayer, Request};
use rmcp::model::CallToolResult;
use serde_json::{Map, Value};

use crate::apps::SHOW_BOARD;
use crate::compact::Form;
use crate::{result, tools};

/// A call of a tool: the operation that it stands for, and the form of its result.
#[derive(Debug)]
pub struct ToolCall {
    pub(crate) request: Request,
    pub(crate) form: Form,
}

impl ToolCall {
    /// Reads a call. Results for programs have the relay's own form, and include the caller's own messages.
    ///
    /// The name is that of a tool ([`is_tool`](Self::is_tool)). The error names the argument that is wrong.
    pub(crate) fn parse(name: &str, arguments: Option<Map<String, Value>>, for_programs: bool) -> Result<Self, Error> {
        let operation = if name == SHOW_BOARD { "get_board" } else { name };
        let mut request = Request::parse(operation, arguments.map_or(Value::Null, Value::Object))?;
        let form = match request {
            // A page that shows it needs the same form everywhere.
            Request::GetBoard(_) => Form::Board,
            _ if for_programs => Form::Full,
            _ => Form::of(&request),
        };
        if !for_programs && let Some(include_own @ None) = request.include_own_mut() {
            *include_own = Some(false);
        }
        Ok(Self { request, form })
    }

    pub(crate) fn is_tool(name: &str) -> bool {
        tools::find(name).is_some()
    }

    /// Performs the call for the principal that `multiplayer` acts for. Sends no notifications.
    pub fn perform(self, multiplayer: &dyn Multiplayer) -> impl Future<Output = CallToolResult> + Send {
        let Self { request, form } = self;
        let performed = multiplayer.perform(request);
        async move { result::from_outcome(performed.await, form) }
    }
}
