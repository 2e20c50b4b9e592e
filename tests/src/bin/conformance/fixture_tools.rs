//! The tools that the suite calls. Each scenario, listed by `conformance list --server`, defines what its tool does.

use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientCapabilities, ErrorData, LoggingLevel,
    LoggingMessageNotificationParam, ProgressNotificationParam,
};
use rmcp::service::RequestContext;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::fixture::{Fixture, ListChange, PNG, parse, result};

/// A WAV file without samples.
const WAV: &str = "UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA=";
/// Pause between two notifications, as the scenarios want it.
const STEP: Duration = Duration::from_millis(50);
/// Suffix of an untampered `requestState`. A real server would authenticate the state with a key; a test needs none.
const UNTAMPERED: &str = "|sealed";

const PLAIN: [&str; 22] = [
    "test_simple_text",
    "test_image_content",
    "test_audio_content",
    "test_embedded_resource",
    "test_multiple_content_types",
    "test_tool_with_logging",
    "test_logging_tool",
    "test_error_handling",
    "test_tool_with_progress",
    "test_missing_capability",
    "test_streaming_elicitation",
    "test_trigger_tool_change",
    "test_trigger_prompt_change",
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "test_x_mcp_header",
];

pub(crate) fn all() -> Vec<Value> {
    let plain = PLAIN.iter().map(|name| {
        let schema = match *name {
            "test_x_mcp_header" => json!({ "type": "object", "properties": {
                "region": { "type": "string", "x-mcp-header": "Region" } } }),
            _ => json!({ "type": "object", "properties": {} }),
        };
        json!({ "name": name, "description": "For a scenario of the suite.", "inputSchema": schema })
    });
    let mut tools: Vec<Value> = plain.collect();
    tools.push(json!({
        "name": "json_schema_2020_12_tool",
        "description": "Tool with JSON Schema 2020-12 features",
        "inputSchema": {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "$defs": { "address": { "$anchor": "addressDef", "type": "object",
                "properties": { "street": { "type": "string" }, "city": { "type": "string" } } } },
            "properties": {
                "name": { "type": "string" },
                "address": { "$ref": "#/$defs/address" },
                "contactMethod": { "type": "string", "enum": ["phone", "email"] },
                "phone": { "type": "string" },
                "email": { "type": "string" },
            },
            "allOf": [{ "anyOf": [{ "required": ["phone"] }, { "required": ["email"] }] }],
            "if": { "properties": { "contactMethod": { "const": "phone" } }, "required": ["contactMethod"] },
            "then": { "required": ["phone"] },
            "else": { "required": ["email"] },
            "additionalProperties": false,
        },
    }));
    tools
}

/// An input request for one field of the user's.
pub(crate) fn elicit(message: &str, field: &str, kind: &str) -> Value {
    json!({ "method": "elicitation/create", "params": { "mode": "form", "message": message, "requestedSchema": {
        "type": "object", "properties": { field: { "type": kind } }, "required": [field] } } })
}

fn sample(text: &str, max_tokens: u32) -> Value {
    json!({ "method": "sampling/createMessage", "params": { "maxTokens": max_tokens,
        "messages": [{ "role": "user", "content": { "type": "text", "text": text } }] } })
}

fn text(text: &str) -> CallToolResponse {
    complete(json!([{ "type": "text", "text": text }]))
}

#[expect(clippy::needless_pass_by_value, reason = "callers build it in place")]
fn complete(content: Value) -> CallToolResponse {
    CallToolResponse::Complete(result(json!({ "content": content })))
}

#[expect(clippy::needless_pass_by_value, reason = "callers build it in place")]
fn required(requests: Value, state: Option<&str>) -> CallToolResponse {
    let mut response = json!({ "resultType": "input_required", "inputRequests": requests });
    if let Some(state) = state {
        response["requestState"] = format!("{state}{UNTAMPERED}").into();
    }
    CallToolResponse::InputRequired(parse(response))
}

pub(crate) async fn call(
    fixture: &Fixture,
    call: CallToolRequestParams,
    context: RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    if call.name.starts_with("test_input_required_result_") {
        return call_with_input(&call, &context);
    }
    Ok(match call.name.as_ref() {
        "test_simple_text" => text("This is a simple text response for testing."),
        "test_image_content" => complete(json!([{ "type": "image", "data": PNG, "mimeType": "image/png" }])),
        "test_audio_content" => complete(json!([{ "type": "audio", "data": WAV, "mimeType": "audio/wav" }])),
        "test_embedded_resource" => complete(json!([{ "type": "resource", "resource": {
            "uri": "test://embedded-resource", "mimeType": "text/plain",
            "text": "This is an embedded resource content." } }])),
        "test_multiple_content_types" => complete(json!([
            { "type": "text", "text": "Multiple content types test:" },
            { "type": "image", "data": PNG, "mimeType": "image/png" },
            { "type": "resource", "resource": { "uri": "test://mixed-content-resource",
                "mimeType": "application/json", "text": "{\"test\":\"data\",\"value\":123}" } },
        ])),
        "test_error_handling" => {
            let blocks = json!([{ "type": "text", "text": "This tool intentionally returns an error for testing" }]);
            CallToolResponse::Complete(result(json!({ "content": blocks, "isError": true })))
        }
        "test_tool_with_logging" => {
            for line in ["Tool execution started", "Tool processing data", "Tool execution completed"] {
                let message = LoggingMessageNotificationParam::new(LoggingLevel::Info, json!(line));
                // A client that stops reading closes the connection, which ends the call.
                let _ = context.peer.notify_logging_message(message).await;
                sleep(STEP).await;
            }
            text("Three messages were logged.")
        }
        "test_tool_with_progress" => {
            for progress in [0.0, 50.0, 100.0] {
                if let Some(token) = context.meta.get_progress_token() {
                    let progress = ProgressNotificationParam::new(token, progress).with_total(100.0);
                    let _ = context.peer.notify_progress(progress).await;
                }
                sleep(STEP).await;
            }
            text("Done.")
        }
        "test_missing_capability" => {
            if context.client_capabilities().is_none_or(|capabilities| capabilities.sampling.is_none()) {
                let required = ClientCapabilities::builder().enable_sampling().build();
                return Err(ErrorData::missing_required_client_capability(required));
            }
            text("The client can sample.")
        }
        "test_streaming_elicitation" => {
            required(json!({ "name": elicit("What is your name?", "name", "string") }), None)
        }
        "test_trigger_tool_change" => announce(fixture, ListChange::Tools),
        "test_trigger_prompt_change" => announce(fixture, ListChange::Prompts),
        "test_logging_tool" | "test_x_mcp_header" | "json_schema_2020_12_tool" => text("Nothing to say."),
        _ => return Err(ErrorData::invalid_params("Unknown tool", None)),
    })
}

fn announce(fixture: &Fixture, change: ListChange) -> CallToolResponse {
    // There may be no subscribers.
    let _ = fixture.changes.send(change);
    text("The change was announced.")
}

/// Calls one of the tools that need input from the client before they can answer.
fn call_with_input(
    call: &CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let state = match call.request_state.as_deref() {
        None => None,
        Some(state) => {
            let open = state.strip_suffix(UNTAMPERED);
            Some(open.ok_or_else(|| ErrorData::invalid_params("requestState was tampered with", None))?)
        }
    };
    let answer = |key: &str| {
        let answer = call.input_responses.as_ref().and_then(|responses| responses.get(key));
        answer.filter(|answer| answer.is_object()).cloned()
    };
    let name = || elicit("What is your name?", "name", "string");
    let confirm = || elicit("Please confirm", "ok", "boolean");
    let tool = call.name.strip_prefix("test_input_required_result_").unwrap_or_default();
    Ok(match tool {
        "elicitation" => {
            match answer("user_name").and_then(|answer| answer["content"]["name"].as_str().map(str::to_owned)) {
                Some(name) => text(&format!("Hello, {name}!")),
                None => required(json!({ "user_name": name() }), None),
            }
        }
        "sampling" => match answer("capital_question") {
            Some(answer) => text(&answer["content"].to_string()),
            None => required(json!({ "capital_question": sample("What is the capital of France?", 100) }), None),
        },
        "list_roots" => match answer("client_roots") {
            Some(answer) => text(&answer["roots"].to_string()),
            None => required(json!({ "client_roots": { "method": "roots/list", "params": {} } }), None),
        },
        "request_state" => match (answer("confirm"), state) {
            (Some(_), Some("confirming")) => text("state-ok"),
            _ => required(json!({ "confirm": confirm() }), Some("confirming")),
        },
        "tampered_state" => match (answer("confirm"), state) {
            (Some(_), Some("confirming")) => text("The state is as it was."),
            _ => required(json!({ "confirm": confirm() }), Some("confirming")),
        },
        "multiple_inputs" => match (answer("user_name"), answer("greeting"), answer("client_roots"), state) {
            (Some(_), Some(_), Some(_), Some("asking")) => text("Everything is there."),
            _ => required(
                json!({ "user_name": name(), "greeting": sample("Generate a greeting", 50),
                    "client_roots": { "method": "roots/list", "params": {} } }),
                Some("asking"),
            ),
        },
        "multi_round" => match (answer("step1"), answer("step2"), state) {
            (_, Some(_), Some("second")) => text("Both steps are done."),
            (Some(_), _, Some("first")) => required(
                json!({ "step2": elicit("Step 2: What is your favorite color?", "color", "string") }),
                Some("second"),
            ),
            _ => required(json!({ "step1": elicit("Step 1: What is your name?", "name", "string") }), Some("first")),
        },
        "capabilities" => {
            let capabilities = context.client_capabilities().unwrap_or_default();
            let mut requests = json!({});
            if capabilities.sampling.is_some() {
                requests["greeting"] = sample("Generate a greeting", 50);
            }
            if capabilities.elicitation.is_some() {
                requests["user_name"] = name();
            }
            required(requests, None)
        }
        _ => return Err(ErrorData::invalid_params("Unknown tool", None)),
    })
}
