//! The JSON-RPC methods that the server answers, for the errors of all others.

use rmcp::model::{ErrorCode, ErrorData};

use crate::events;

/// Methods of every protocol version.
const COMMON: [&str; 9] = [
    "server/discover",
    "tools/list",
    "tools/call",
    "prompts/list",
    "prompts/get",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "completion/complete",
];
/// Methods of the versions that have `initialize`.
const WITH_INITIALIZE: [&str; 4] = ["initialize", "ping", "resources/subscribe", "resources/unsubscribe"];
/// Methods of the versions that do not.
const WITHOUT_INITIALIZE: [&str; 1] = ["subscriptions/listen"];
/// Maximum number of characters of an unknown method that an error repeats.
const MAX_SHOWN: usize = 64;

/// Returns the error for a request that no handler takes: its method is unknown in the client's protocol version, or its
/// params do not fit the method.
pub(crate) fn refuse(method: &str, has_initialize: bool, has_webhooks: bool) -> ErrorData {
    let others = if has_initialize { &WITH_INITIALIZE[..] } else { &WITHOUT_INITIALIZE };
    let webhooks = if has_webhooks { &events::WEBHOOK_METHODS[..] } else { &[] };
    let methods = [&COMMON[..], others, &events::METHODS[..], webhooks].concat();
    if methods.contains(&method) {
        let message = format!(
            "The params of {method} have the wrong form: a required member is missing, or a member has the wrong type."
        );
        return ErrorData::invalid_params(message, None);
    }
    let shown: String = method.chars().take(MAX_SHOWN).collect();
    let message = format!("There is no method '{shown}' on this server. It has: {}.", methods.join(", "));
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, message, None)
}

#[cfg(test)]
mod tests {
    use super::refuse;

    #[test]
    fn errors_depend_on_the_methods_of_the_protocol_version() {
        for (method, has_initialize, has_webhooks, code) in [
            ("tools/call", true, true, -32_602),
            ("tools/call", false, true, -32_602),
            ("resources/subscribe", true, true, -32_602),
            ("resources/subscribe", false, true, -32_601),
            ("subscriptions/listen", true, true, -32_601),
            ("tools/explode", false, true, -32_601),
            ("events/subscribe", false, false, -32_601),
            ("events/subscribe", false, true, -32_602),
        ] {
            let error = refuse(method, has_initialize, has_webhooks);
            assert_eq!(error.code.0, code, "{method}");
            assert!(error.message.contains(method) && error.message.contains(' '), "{}", error.message);
        }
    }
}
