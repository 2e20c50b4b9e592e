//! Examples in the `OpenAPI` description: arguments as people send them, and links from results to further operations.

use serde_json::{Value, json};

/// Example arguments of the operation called `name`.
pub(super) fn arguments(name: &str) -> Option<Value> {
    let channel_id = "chn_0123456789abcdef";
    Some(match name {
        "health_check" | "list_channels" => json!({}),
        "create_channel" => json!({
            "name": "Guess Game",
            "slots": ["bot:guess-referee", "invite:player1", "invite:player2"],
            "bot_preset": "GuessBot",
        }),
        "join_channel" => json!({ "invite_code": "inv_0123456789abcdefghjkmnpqrstvwxyz" }),
        "leave_channel" | "get_board" | "get_channel_info" | "get_receipt" => json!({ "channel_id": channel_id }),
        "post_message" => json!({ "channel_id": channel_id, "body": "guess 42", "cursor": 9, "wait_ms": 1_000 }),
        "dm_bot" => json!({ "channel_id": channel_id, "bot_id": "bot_GuessBot_0", "message": "!status" }),
        "sync_messages" => json!({ "channel_id": channel_id, "cursor": 9, "timeout_ms": 1_000 }),
        "get_bot_code" => json!({ "channel_id": channel_id, "bot_id": "bot_GuessBot_0" }),
        "delete_entries" => json!({ "channel_id": channel_id, "ids": [7, 12] }),
        "get_proof" => json!({ "channel_id": channel_id, "id": 9 }),
        "read_log" => json!({ "channel_id": channel_id, "after": 9 }),
        "update_channel" => json!({ "channel_id": channel_id, "ops": [{ "type": "rename", "name": "Finals" }] }),
        "attach_bot" => json!({ "channel_id": channel_id, "name": "Referee", "code_ref": "builtin://GuessBot" }),
        _ => return None,
    })
}

/// Links to the operations that may follow the operation called `name` (`OpenAPI` 3.1, section 4.8.20).
pub(super) fn links(name: &str) -> Option<Value> {
    let in_this_channel = |operation: &str, more: Value| {
        let mut body = json!({ "channel_id": "$response.body#/channel_id" });
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        json!({ "operationId": operation, "requestBody": body })
    };
    let first_bot = "$response.body#/bots/0/bot_id";
    match name {
        "create_channel" => Some(json!({
            "join": { "operationId": "join_channel", "requestBody": { "invite_code": "$response.body#/invites/0" } },
            "info": { "operationId": "get_channel_info_get", "parameters": { "channel_id": "$response.body#/channel_id" } },
            "update": in_this_channel("update_channel", json!({ "ops": [{ "type": "rename", "name": "Finals" }] })),
        })),
        "join_channel" => Some(json!({
            "post": in_this_channel("post_message", json!({ "body": "start" })),
            "whisper": in_this_channel("dm_bot", json!({ "bot_id": first_bot, "message": "!status" })),
            "read": { "operationId": "sync_messages_get", "parameters": {
                "channel_id": "$response.body#/channel_id", "timeout_ms": 0,
            } },
            "code": { "operationId": "get_bot_code_get", "parameters": {
                "channel_id": "$response.body#/channel_id", "bot_id": first_bot,
            } },
            "prove": { "operationId": "get_proof_get", "parameters": { "channel_id": "$response.body#/channel_id", "id": 1 } },
            "leave": in_this_channel("leave_channel", json!({})),
        })),
        _ => None,
    }
}
