//! Input schemas as shown to models, without redundant parts, because every session pays for them in tokens.

use mcp_multiplayer_protocol::Request;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

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
    if let Some(ops) = schema.pointer_mut("/properties/ops/items") {
        merge_variants(ops);
    }
    // The arguments of attach_bot describe a bot; the relay checks each item.
    if let Some(bot) = schema.pointer_mut("/properties/bots/items") {
        *bot = json!({ "type": "object" });
    }
    // The caller's own posts are left out here; sync_messages returns them on request.
    if let (true, Some(Value::Object(properties))) = (name != "sync_messages", schema.get_mut("properties")) {
        properties.remove("include_own");
    }
    let Value::Object(schema) = schema else { unreachable!("simplify keeps objects") };
    schema
}

/// Replaces the variants of a tagged union with one object that has the properties of all of them. The description of the
/// tool says which property belongs to which variant, and the relay checks it.
fn merge_variants(schema: &mut Value) {
    let Some(Value::Array(variants)) = schema.get("oneOf") else { return };
    let mut tags = vec![];
    let mut properties = JsonObject::new();
    for variant in variants {
        for (name, property) in variant["properties"].as_object().into_iter().flatten() {
            match (name.as_str(), property.get("const")) {
                ("type", Some(tag)) => tags.push(tag.clone()),
                ("to", _) => {
                    properties.insert(name.clone(), json!({ "enum": ["bot", "invite"] }));
                }
                ("bot", _) => {
                    let bot = json!({ "description": "As in create_channel's bots.", "type": "object" });
                    properties.insert(name.clone(), bot);
                }
                _ => {
                    properties.entry(name.clone()).or_insert_with(|| property.clone());
                }
            }
        }
    }
    properties.insert("type".to_owned(), json!({ "enum": tags }));
    *schema = json!({ "properties": properties, "required": ["type"], "type": "object" });
}

/// Removes the arguments that the stdio server adds to each request by itself, what the names of others or the instructions say, and the
/// statement that there are no others: the relay refuses those, with an error that names them.
pub(crate) fn for_stdio(mut schema: JsonObject) -> JsonObject {
    schema.remove("additionalProperties");
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.remove("idempotency_key");
        properties.remove("entropy");
        for (name, said_elsewhere) in [("channel_id", "'chn_…'"), ("slot_id", "Your seat, if several.")] {
            if let Some(Value::Object(property)) = properties.get_mut(name)
                && property.get("description").is_some_and(|description| description == said_elsewhere)
            {
                property.remove("description");
            }
        }
        if let Some(Value::Object(env)) = properties.get_mut("env") {
            env.remove("additionalProperties");
        }
    }
    schema
}

/// Removes titles, formats, patterns, most limits and defaults from a schema, and `null` as an alternative of optional arguments. The
/// relay still accepts such a `null`.
///
/// Descriptions state what matters of these in words, and the relay's errors do, too.
fn simplify(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    for key in ["title", "format", "minLength", "maxLength", "minItems", "maxItems", "minimum", "default", "pattern"] {
        map.remove(key);
    }
    if map.get("additionalProperties").is_some_and(|others| *others == true) {
        map.remove("additionalProperties");
    }
    if map.contains_key("const") || map.contains_key("enum") {
        map.remove("type");
    }
    if let Some(Value::Array(values)) = map.get_mut("enum") {
        values.retain(|value| !value.is_null());
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
