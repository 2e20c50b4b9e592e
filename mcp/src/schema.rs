//! Input schemas as shown to models, without redundant parts, because every session pays for them in tokens.

use mcp_multiplayer_protocol::{Request, limits};
use rmcp::model::JsonObject;
use serde_json::Value;

/// Returns the input schema of the operation called `name`, without the parts that a caller does not need.
///
/// # Panics
/// If there is no such operation.
pub(crate) fn input_schema(name: &str) -> JsonObject {
    let schema = Request::schema(name).expect("tools are named after operations");
    let Value::Object(mut schema) = Value::from(schema) else { unreachable!("arguments are objects") };
    // The tool has its own title and description.
    schema.remove("description");
    let mut schema = Value::Object(schema);
    simplify(&mut schema);
    if let Some(bot) = schema.pointer_mut("/properties/ops/items/oneOf/0/properties/bot") {
        // The schema of create_channel has the full descriptions.
        if let Some(Value::Object(properties)) = bot.get_mut("properties") {
            for property in properties.values_mut().filter_map(Value::as_object_mut) {
                property.remove("description");
            }
        }
        bot["description"] = "As in bots[] of create_channel.".into();
    }
    let Value::Object(schema) = schema else { unreachable!("simplify keeps objects") };
    schema
}

/// Removes titles, formats, limits and defaults from a schema, and `null` as an alternative of optional arguments. The
/// relay still accepts such a `null`.
fn simplify(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    for key in ["title", "format", "minLength", "maxLength", "minItems", "maxItems", "default"] {
        map.remove(key);
    }
    // Descriptions state these patterns in words, and the relay's errors do, too.
    if map.get("pattern").is_some_and(|pattern| {
        [limits::NAME_PATTERN, limits::SLOT_PATTERN].contains(&pattern.as_str().unwrap_or_default())
    }) {
        map.remove("pattern");
    }
    if map.get("additionalProperties").is_some_and(|others| *others == true) {
        map.remove("additionalProperties");
    }
    if map.contains_key("const") {
        map.remove("type");
    }
    if let Some(Value::Array(variants)) = map.get("oneOf") {
        let consts: Option<Vec<Value>> = variants.iter().map(|variant| variant.get("const").cloned()).collect();
        if let Some(consts) = consts {
            map.remove("oneOf");
            map.insert("enum".to_owned(), Value::Array(consts));
        }
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            map.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(variants)) = map.get_mut("anyOf") {
        variants.retain(|variant| *variant != serde_json::json!({ "type": "null" }));
        if let [Value::Object(only)] = variants.as_slice() {
            let only = only.clone();
            map.remove("anyOf");
            for (key, value) in only {
                map.entry(key).or_insert(value);
            }
        }
    }
    for key in ["items", "additionalProperties"] {
        if let Some(inner) = map.get_mut(key) {
            simplify(inner);
        }
    }
    for key in ["anyOf", "oneOf"] {
        if let Some(Value::Array(variants)) = map.get_mut(key) {
            variants.iter_mut().for_each(simplify);
        }
    }
    if let Some(Value::Object(properties)) = map.get_mut("properties") {
        properties.values_mut().for_each(simplify);
    }
}
