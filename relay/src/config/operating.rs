//! Compares the tables of settings in docs/OPERATING.md with the declarations.

use std::fmt::Write as _;

use super::settings::SETTINGS;

const HEADER: &str = "| setting | default | meaning |\n|---|---|---|\n";

/// The table of each section, in the order of the page.
fn tables() -> Vec<(&'static str, String)> {
    let mut tables: Vec<(&str, String)> = vec![];
    for setting in SETTINGS {
        if tables.last().is_none_or(|(section, _)| *section != setting.section) {
            tables.push((setting.section, HEADER.to_owned()));
        }
        let (_, table) = tables.last_mut().expect("one was just added");
        let (name, default, description) = (setting.name, setting.default_text(), setting.description());
        writeln!(table, "| `{name}` | {default} | {description} |").expect("a String takes any text");
    }
    tables
}

#[test]
fn the_operators_page_lists_every_setting() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/OPERATING.md");
    let page = std::fs::read_to_string(path).expect("the page");
    let after_headers = page.split(HEADER).skip(1);
    let found: Vec<String> = after_headers
        .map(|rest| {
            rest.lines()
                .take_while(|line| line.starts_with('|'))
                .fold(HEADER.to_owned(), |table, line| table + line + "\n")
        })
        .collect();
    let expected: Vec<String> = tables().into_iter().map(|(_, table)| table).collect();
    assert!(
        found == expected,
        "docs/OPERATING.md must contain these tables, in this order:\n\n{}",
        tables().iter().map(|(section, table)| format!("{section}:\n\n{table}")).collect::<Vec<_>>().join("\n")
    );
}
