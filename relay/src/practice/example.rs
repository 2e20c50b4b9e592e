use serde_json::{Map, Value};

/// Maximum nesting of an example.
const DEPTH: u32 = 8;
/// Maximum number of elements of an array, and of characters of a text.
const LONGEST: u64 = 100;
/// Number of integers to choose from where a schema leaves one end of the range open.
const OPEN_RANGE: i64 = 100;
/// Text where a schema asks for any text.
const TEXT: &str = "practice";

/// A value that fits a JSON Schema, as far as it uses the usual keywords: `type`, `const`, `enum`, `anyOf`, `oneOf`,
/// `properties`, `required`, `items` and the limits of numbers and lengths. Equal seeds lead to equal values.
///
/// `None` if the schema says nothing that leads to a value. A `pattern` and the like are not heeded: the referee then refuses
/// the move.
pub(super) fn example(schema: &Value, seed: u64) -> Option<Value> {
    example_at(schema, seed, DEPTH)
}

fn example_at(schema: &Value, seed: u64, depth: u32) -> Option<Value> {
    let schema = schema.as_object().filter(|_| depth > 0)?;
    if let Some(value) = schema.get("const") {
        return Some(value.clone());
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return pick(values, seed).cloned();
    }
    for name in ["anyOf", "oneOf"] {
        if let Some(choices) = schema.get(name).and_then(Value::as_array) {
            return example_at(pick(choices, seed)?, seed, depth - 1);
        }
    }
    let type_ = match schema.get("type") {
        Some(Value::Array(types)) => types.first(),
        type_ => type_,
    };
    match type_.and_then(Value::as_str) {
        Some("object") => object(schema, seed, depth),
        None if schema.contains_key("properties") => object(schema, seed, depth),
        Some("array") => {
            let length = limit(schema, "minItems").unwrap_or(1).min(LONGEST);
            let item = schema.get("items");
            let items = (0..length).map(|place| example_at(item?, seed.wrapping_add(place), depth - 1));
            items.collect::<Option<Vec<_>>>().map(Value::Array)
        }
        Some("string") => {
            let (shortest, longest) = (limit(schema, "minLength").unwrap_or(0), limit(schema, "maxLength"));
            let length = longest.unwrap_or(u64::MAX).min(TEXT.len() as u64).max(shortest).min(LONGEST);
            Some(TEXT.chars().cycle().take(usize::try_from(length).ok()?).collect::<String>().into())
        }
        Some("integer" | "number") => number(schema, seed),
        Some("boolean") => Some(seed.is_multiple_of(2).into()),
        Some("null") => Some(Value::Null),
        _ => None,
    }
}

/// The required properties, or all of them if the schema does not say which are.
fn object(schema: &Map<String, Value>, seed: u64, depth: u32) -> Option<Value> {
    let properties = schema.get("properties")?.as_object()?;
    let required = schema.get("required").and_then(Value::as_array);
    let is_wanted = |name: &str| required.is_none_or(|required| required.iter().any(|each| each == name));
    let wanted = properties.iter().filter(|(name, _)| is_wanted(name)).enumerate();
    let fields = wanted.map(|(place, (name, schema))| {
        Some((name.clone(), example_at(schema, seed.wrapping_add(place as u64), depth - 1)?))
    });
    fields.collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// An integer within the limits; the lower limit itself if that is none.
fn number(schema: &Map<String, Value>, seed: u64) -> Option<Value> {
    if let Some(minimum) = schema.get("minimum").filter(|minimum| minimum.as_i64().is_none()) {
        return Some(minimum.clone());
    }
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let low = bound("minimum").or(bound("exclusiveMinimum").map(|bound| bound.saturating_add(1)));
    let high = bound("maximum").or(bound("exclusiveMaximum").map(|bound| bound.saturating_sub(1)));
    let low = low.or(high.map(|high| high.saturating_sub(OPEN_RANGE))).unwrap_or(0);
    let high = high.unwrap_or(low.saturating_add(OPEN_RANGE));
    let choices = u64::try_from(high.checked_sub(low)?).ok()?.saturating_add(1);
    Some(low.checked_add_unsigned(seed % choices)?.into())
}

fn limit(schema: &Map<String, Value>, name: &str) -> Option<u64> {
    schema.get(name).and_then(Value::as_u64)
}

fn pick(values: &[Value], seed: u64) -> Option<&Value> {
    values.get(usize::try_from(seed.checked_rem(values.len() as u64)?).ok()?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::example;

    #[test]
    fn examples_fit_their_schema() {
        let whole = |low: i64, high: i64| json!({ "type": "integer", "minimum": low, "maximum": high });
        for (schema, seed, expected) in [
            (whole(1, 3), 4, json!(2)),
            (whole(7, 7), 4, json!(7)),
            (json!({ "type": "integer" }), 4, json!(4)),
            (json!({ "type": "integer", "maximum": -1 }), 0, json!(-101)),
            (json!({ "type": "number", "minimum": 0.5 }), 9, json!(0.5)),
            (json!({ "type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5 }), 9, json!(4)),
            (json!({ "enum": ["rock", "paper", "scissors"] }), 4, json!("paper")),
            (json!({ "const": 5 }), 4, json!(5)),
            (json!({ "type": ["string", "null"], "maxLength": 3 }), 4, json!("pra")),
            (json!({ "type": "string", "minLength": 10 }), 4, json!("practicepr")),
            (json!({ "type": "boolean" }), 3, json!(false)),
            (json!({ "oneOf": [{ "const": 1 }, { "const": 2 }] }), 3, json!(2)),
            (json!({ "type": "array", "minItems": 2, "items": whole(0, 9) }), 3, json!([3, 4])),
            (
                json!({ "type": "object", "required": ["cell"], "properties": { "cell": whole(1, 9), "note": {} } }),
                3,
                json!({ "cell": 4 }),
            ),
        ] {
            assert_eq!(example(&schema, seed), Some(expected), "{schema}");
        }
    }

    #[test]
    fn schemas_that_lead_to_no_value_are_left_alone() {
        let mut nested = json!({ "type": "integer" });
        for _ in 0..20 {
            nested = json!({ "type": "array", "items": nested });
        }
        for schema in [json!({}), json!(true), json!({ "enum": [] }), json!({ "$ref": "#" }), Value::Null, nested] {
            assert_eq!(example(&schema, 1), None, "{schema}");
        }
        assert_eq!(example(&json!({ "type": "integer", "minimum": 2, "maximum": 1 }), 1), None);
    }
}
