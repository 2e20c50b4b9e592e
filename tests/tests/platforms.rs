//! Calls that only some platforms have are behind `cfg`: the crates that clients install build on every platform, and the
//! relay's on every Unix.

#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Source folders, and names in them that need an attribute `cfg`.
const GATED: &[(&[&str], &[&str])] = &[
    (&["protocol/src", "mcp/src", "server/src"], &["std::os::unix", "std::os::linux", "rustix::", "libc::", "/proc/"]),
    (
        &["relay/src", "relay/store/src", "bots/supervisor/src", "bots/worker/src"],
        &["std::os::linux", "use landlock", "use seccompiler", "rustix::mount", "rustix::thread::", "prctl("],
    ),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around this package")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_cfg(line: &str) -> bool {
    let line = line.trim_start();
    ["#[cfg(", "#![cfg(", "#[cfg_attr("].iter().any(|start| line.starts_with(start))
        && (line.contains("unix") || line.contains("target_os"))
}

/// Returns `true` if a line is part of an item or statement with an attribute `cfg`.
fn is_gated(lines: &[&str], number: usize) -> bool {
    let (mut level, mut attached) = (indent(lines[number]), true);
    for line in lines[..number].iter().rev().filter(|line| !line.trim().is_empty()) {
        let depth = indent(line);
        if depth > level {
            attached = false;
            continue;
        }
        if depth < level {
            (level, attached) = (depth, true);
        }
        if attached && is_cfg(line) {
            return true;
        }
        let is_attribute = line.trim_start().starts_with('#') || line.trim_start().starts_with("//");
        attached = attached && (is_attribute || depth < indent(lines[number]) && line.trim_end().ends_with('{'));
    }
    lines.iter().any(|line| line.starts_with("#![cfg(") && is_cfg(line))
}

/// The modules whose declaration has an attribute `cfg`, as paths without `.rs`.
fn gated_modules(files: &BTreeMap<PathBuf, String>) -> Vec<PathBuf> {
    let mut gated = vec![];
    for (path, text) in files {
        let lines: Vec<&str> = text.lines().collect();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap();
        let folder = if ["lib", "main", "mod"].contains(&stem) {
            path.parent().unwrap().to_owned()
        } else {
            path.with_extension("")
        };
        for (number, line) in lines.iter().enumerate() {
            let name = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ");
            if let Some(name) = name.strip_prefix("mod ").and_then(|name| name.strip_suffix(';'))
                && is_gated(&lines, number)
            {
                gated.push(folder.join(name));
            }
        }
    }
    gated
}

#[test]
fn calls_of_one_platform_are_behind_cfg() {
    let mut faults = vec![];
    for (folders, names) in GATED {
        let mut paths = vec![];
        folders.iter().for_each(|folder| sources(&root().join(folder), &mut paths));
        let files: BTreeMap<PathBuf, String> =
            paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
        let gated = gated_modules(&files);
        for (path, text) in &files {
            if gated.iter().any(|module| path.starts_with(module) || path.with_extension("") == *module) {
                continue;
            }
            let lines: Vec<&str> = text.lines().collect();
            for (number, line) in lines.iter().enumerate() {
                let is_code = !line.trim_start().starts_with("//");
                if is_code && names.iter().any(|name| line.contains(name)) && !is_gated(&lines, number) {
                    faults.push(format!("{}:{}: {}", path.display(), number + 1, line.trim()));
                }
            }
        }
    }
    assert!(
        faults.is_empty(),
        "these lines need #[cfg(unix)] or #[cfg(target_os = \"linux\")]:\n{}",
        faults.join("\n")
    );
}

#[test]
fn an_attribute_covers_what_it_precedes_and_nothing_else() {
    let text = "#[cfg(unix)]\nfn a() {\n    one();\n    if two() {\n        three();\n    }\n}\n\nfn b() {\n    four();\n    #[cfg(unix)]\n    five();\n    six();\n}\n";
    let lines: Vec<&str> = text.lines().collect();
    for (name, expected) in
        [("one", true), ("two", true), ("three", true), ("four", false), ("five", true), ("six", false)]
    {
        let number = lines.iter().position(|line| line.contains(&format!("{name}("))).unwrap();
        assert_eq!(is_gated(&lines, number), expected, "{name}");
    }
}
