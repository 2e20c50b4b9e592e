//! Configurations in TOML.

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value};

use super::entry::{Entry, Server};
use super::format_error::FormatError;

pub(super) fn servers(text: &str, section: &str) -> Result<Vec<Server>, FormatError> {
    let document = parse(text)?;
    let Some(servers) = document.get(section) else { return Ok(Vec::new()) };
    let servers = servers.as_table_like().ok_or_else(|| FormatError::NotASection(section.to_owned()))?;
    let servers = servers.iter().map(|(name, item)| Server { name: name.to_owned(), entry: read_entry(item) });
    Ok(servers.collect())
}

pub(super) fn with(text: &str, section: &str, name: &str, entry: &Entry) -> Result<String, FormatError> {
    let mut document = parse(text)?;
    let servers = document.entry(section).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    let servers = servers.as_table_like_mut().ok_or_else(|| FormatError::NotASection(section.to_owned()))?;
    let is_own = servers.get(name).and_then(read_entry).is_some_and(|entry| entry.is_own());
    match servers.get_mut(name).and_then(Item::as_table_like_mut) {
        Some(table) if is_own => write_entry(table, entry),
        _ => {
            let mut table = Table::new();
            write_entry(&mut table, entry);
            servers.insert(name, Item::Table(table));
        }
    }
    Ok(finish(text, &document))
}

pub(super) fn without(text: &str, section: &str, name: &str) -> Result<String, FormatError> {
    let mut document = parse(text)?;
    if let Some(servers) = document.get_mut(section).and_then(Item::as_table_like_mut) {
        servers.remove(name);
    }
    Ok(finish(text, &document))
}

fn parse(text: &str) -> Result<DocumentMut, FormatError> {
    text.parse().map_err(|error: toml_edit::TomlError| {
        // The error's own text quotes the line, in which there may be a secret.
        let before = &text[..error.span().map_or(0, |span| span.start)];
        FormatError::Malformed {
            line: before.matches('\n').count() + 1,
            column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
            reason: error.message().to_owned(),
        }
    })
}

/// The changed text. The library writes `\n` at each end of a line.
fn finish(before: &str, document: &DocumentMut) -> String {
    let after = document.to_string();
    let (lines, windows_lines) = (before.matches('\n').count(), before.matches("\r\n").count());
    if windows_lines > 0 && windows_lines == lines { after.replace("\r\n", "\n").replace('\n', "\r\n") } else { after }
}

fn read_entry(item: &Item) -> Option<Entry> {
    let table = item.as_table_like()?;
    let args = table.get("args").and_then(Item::as_array).into_iter().flatten();
    let env = table.get("env").and_then(Item::as_table_like);
    let env = env.into_iter().flat_map(TableLike::iter);
    Some(Entry {
        command: table.get("command")?.as_str()?.to_owned(),
        args: args.filter_map(Value::as_str).map(str::to_owned).collect(),
        env: env.filter_map(|(name, value)| Some((name.to_owned(), value.as_str()?.to_owned()))).collect(),
    })
}

fn write_entry(table: &mut dyn TableLike, entry: &Entry) {
    let present = table.get("command").and_then(Item::as_str);
    if present != Some(&entry.command) {
        set(table, "command", entry.command.as_str().into());
    }
    let args = table.get("args").and_then(Item::as_array).into_iter().flatten();
    if args.map(Value::as_str).ne(entry.args.iter().map(|arg| Some(arg.as_str()))) {
        set(table, "args", Value::Array(entry.args.iter().collect::<Array>()));
    }
    if entry.env.is_empty() {
        return;
    }
    let env = table.entry("env").or_insert(Item::Value(Value::InlineTable(InlineTable::new())));
    let Some(env) = env.as_table_like_mut() else { return };
    for (name, value) in &entry.env {
        if env.get(name).and_then(Item::as_str) != Some(value) {
            set(env, name, value.as_str().into());
        }
    }
}

/// Sets a value, and keeps the comment behind the one before.
fn set(table: &mut dyn TableLike, key: &str, mut value: Value) {
    if let Some(present) = table.get_mut(key).and_then(Item::as_value_mut) {
        *value.decor_mut() = present.decor().clone();
        *present = value;
    } else {
        table.insert(key, Item::Value(value));
    }
}

#[cfg(test)]
mod tests {
    use super::super::entry::Entry;
    use super::{servers, with, without};

    fn entry() -> Entry {
        Entry { command: "/opt/mcp-multiplayer".to_owned(), ..Entry::default() }
    }

    #[test]
    fn the_ends_of_lines_stay_those_of_windows() {
        let before = "model = \"m\" # mine\r\n\r\n[tools]\r\nweb = true\r\n";
        let after = with(before, "mcp_servers", "multiplayer", &entry()).unwrap();
        assert_eq!(after.matches('\n').count(), after.matches("\r\n").count(), "{after:?}");
        assert_eq!(without(&after, "mcp_servers", "multiplayer").unwrap().replace("\r\n\r\n\r\n", "\r\n\r\n"), before);
    }

    #[test]
    fn servers_in_one_line_stay_in_one_line() {
        let before = "mcp_servers = { docs = { command = \"docs\" } } # all\n";
        let after = with(before, "mcp_servers", "multiplayer", &entry()).unwrap();
        assert!(after.lines().count() == 1 && after.ends_with(" # all\n"), "{after}");
        let names: Vec<_> = servers(&after, "mcp_servers").unwrap().into_iter().map(|server| server.name).collect();
        assert_eq!(names, ["docs", "multiplayer"]);
    }
}
