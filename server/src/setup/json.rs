//! Configurations in JSON with comments.

use std::collections::BTreeMap;

use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};
use serde::Deserialize;

use super::entry::{Entry, Server};
use super::format_error::FormatError;

/// Comments and trailing commas, which some clients accept. Nothing else that is not JSON.
const OPTIONS: ParseOptions = ParseOptions {
    allow_comments: true,
    allow_loose_object_property_names: false,
    allow_trailing_commas: true,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

/// Mark with which some editors begin a file.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// Form of a server's entry in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `{"command": "…", "args": […], "env": {…}}`.
    Plain,
    /// The same, with `"type": "stdio"`.
    Stdio,
    /// `{"type": "local", "command": ["…", …], "environment": {…}}`.
    Local,
}

pub(super) fn servers(text: &str, section: &str, shape: Shape) -> Result<Vec<Server>, FormatError> {
    let root = parse(text)?;
    let Some(servers) = find_section(&root, section)? else { return Ok(Vec::new()) };
    let servers = servers.properties().into_iter().filter_map(|property| {
        let value = property.value().and_then(|value| value.to_serde_value());
        Some(Server { name: property.decoded_name()?, entry: value.and_then(|value| read_entry(value, shape)) })
    });
    Ok(servers.collect())
}

pub(super) fn with(text: &str, section: &str, shape: Shape, name: &str, entry: &Entry) -> Result<String, FormatError> {
    let root = parse(text)?;
    // Checks what the next line would replace.
    find_section(&root, section)?;
    let servers = root.object_value_or_set().object_value_or_set(section);
    check_unique(&servers, name)?;
    let fields = fields_of(entry, shape);
    let Some(property) = servers.get(name) else {
        servers.append(name, object(fields));
        return Ok(finish(text, &root));
    };
    let value = property.value().and_then(|value| value.to_serde_value());
    let present = value.and_then(|value| read_entry(value, shape)).filter(Entry::is_own);
    match (present, property.object_value()) {
        (Some(present), Some(object)) => {
            let is_same = |key: &str| match key {
                "type" => object.get(key).is_some(),
                "args" => present.args == entry.args,
                "command" => present.command == entry.command && (shape != Shape::Local || present.args == entry.args),
                _ => present.env == entry.env,
            };
            for (key, value) in fields.into_iter().filter(|(key, _)| !is_same(key)) {
                match object.get(key) {
                    Some(property) => property.set_value(value),
                    None => drop(object.append(key, value)),
                }
            }
        }
        _ => property.set_value(object(fields)),
    }
    Ok(finish(text, &root))
}

pub(super) fn without(text: &str, section: &str, name: &str) -> Result<String, FormatError> {
    let root = parse(text)?;
    if let Some(property) = find_section(&root, section)?.and_then(|servers| servers.get(name)) {
        property.remove();
    }
    Ok(finish(text, &root))
}

fn parse(text: &str) -> Result<CstRootNode, FormatError> {
    let root = CstRootNode::parse(text.trim_start_matches(BYTE_ORDER_MARK), &OPTIONS).map_err(|error| {
        FormatError::Malformed {
            line: error.line_display(),
            column: error.column_display(),
            reason: error.kind().to_string(),
        }
    })?;
    match root.value() {
        Some(value) if value.as_object().is_none() => Err(FormatError::NotAnObject),
        _ => Ok(root),
    }
}

/// The changed text, with the mark that it began with.
fn finish(before: &str, root: &CstRootNode) -> String {
    let mark = if before.starts_with(BYTE_ORDER_MARK) { "\u{feff}" } else { "" };
    format!("{mark}{root}")
}

fn find_section(root: &CstRootNode, section: &str) -> Result<Option<CstObject>, FormatError> {
    let Some(object) = root.object_value() else { return Ok(None) };
    check_unique(&object, section)?;
    let Some(property) = object.get(section) else { return Ok(None) };
    property.object_value().map(Some).ok_or_else(|| FormatError::NotASection(section.to_owned()))
}

/// Refuses an object that has a key twice: clients read the last one, and the parser finds the first.
fn check_unique(object: &CstObject, key: &str) -> Result<(), FormatError> {
    let same = object.properties().into_iter().filter(|property| property.decoded_name().as_deref() == Some(key));
    if same.count() > 1 { Err(FormatError::Repeated(key.to_owned())) } else { Ok(()) }
}

fn read_entry(value: serde_json::Value, shape: Shape) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Plain {
        command: String,
        #[serde(default)]
        args: Vec<String>,
        #[serde(default)]
        env: BTreeMap<String, String>,
    }
    #[derive(Deserialize)]
    struct Local {
        command: Vec<String>,
        #[serde(default)]
        environment: BTreeMap<String, String>,
    }
    match shape {
        Shape::Plain | Shape::Stdio => {
            let Plain { command, args, env } = serde_json::from_value(value).ok()?;
            Some(Entry { command, args, env })
        }
        Shape::Local => {
            let Local { command, environment } = serde_json::from_value(value).ok()?;
            let (command, args) = command.split_first()?;
            Some(Entry { command: command.clone(), args: args.to_vec(), env: environment })
        }
    }
}

fn fields_of(entry: &Entry, shape: Shape) -> Vec<(&'static str, CstInputValue)> {
    let texts = |texts: &[String]| CstInputValue::Array(texts.iter().cloned().map(CstInputValue::String).collect());
    let command = CstInputValue::String(entry.command.clone());
    let variables =
        entry.env.iter().map(|(name, value)| (name.clone(), CstInputValue::String(value.clone()))).collect();
    let (kind, command, args, env) = match shape {
        Shape::Plain => (None, command, Some(texts(&entry.args)), "env"),
        Shape::Stdio => (Some("stdio"), command, Some(texts(&entry.args)), "env"),
        Shape::Local => {
            let words: Vec<_> = std::iter::once(&entry.command).chain(&entry.args).cloned().collect();
            (Some("local"), texts(&words), None, "environment")
        }
    };
    let mut fields = Vec::new();
    fields.extend(kind.map(|kind| ("type", CstInputValue::String(kind.to_owned()))));
    fields.push(("command", command));
    fields.extend(args.filter(|_| !entry.args.is_empty()).map(|args| ("args", args)));
    if !entry.env.is_empty() {
        fields.push((env, CstInputValue::Object(variables)));
    }
    fields
}

fn object(fields: Vec<(&'static str, CstInputValue)>) -> CstInputValue {
    CstInputValue::Object(fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}
