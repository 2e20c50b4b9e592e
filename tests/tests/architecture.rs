//! The rules of docs/ARCHITECTURE.md that a compiler does not see: what may depend on what, and what
//! may be named where.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

const PROTOCOL: &str = "mcp-multiplayer-protocol";
const MCP: &str = "mcp-multiplayer-mcp";
const SERVER: &str = "mcp-multiplayer";
const RELAY: &str = "mcp-multiplayer-relay";
const SUPERVISOR: &str = "mcp-multiplayer-bot-supervisor";
const WORKER: &str = "mcp-multiplayer-bot";
const TESTS: &str = "mcp-multiplayer-tests";

/// Each crate of the workspace, and those of the others that it may build on.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    (PROTOCOL, &[]),
    (MCP, &[PROTOCOL]),
    (SERVER, &[MCP, PROTOCOL]),
    (RELAY, &[MCP, PROTOCOL, SUPERVISOR]),
    (SUPERVISOR, &[PROTOCOL]),
    // Its commands for people (check, play, replay) run bots as a relay does.
    (WORKER, &[PROTOCOL, SUPERVISOR]),
    // The conformance suite's fixtures stand behind the relay's own door.
    (TESTS, &[MCP, PROTOCOL, RELAY, SUPERVISOR]),
];

/// Each crate, and what must not be in it, not even by way of another.
const NEVER_CONTAINS: &[(&str, &[&str])] = &[
    (PROTOCOL, &["tokio", "axum", "hyper", "rusqlite", "tokio-postgres", "rmcp", "pyo3", "getrandom"]),
    (MCP, &["axum", "rusqlite", "tokio-postgres", "pyo3"]),
    (SERVER, &[RELAY, SUPERVISOR, WORKER, "axum", "rusqlite", "tokio-postgres", "pyo3"]),
    (RELAY, &[SERVER, WORKER, "pyo3"]),
    (SUPERVISOR, &[RELAY, WORKER, "axum", "rusqlite", "pyo3"]),
    (WORKER, &[RELAY, SERVER, "axum", "rusqlite", "tokio-tungstenite", "rustls"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace around this package")
}

fn metadata() -> Metadata {
    let rustc = Command::new("rustc").arg("-vV").output().expect("rustc");
    let version = String::from_utf8(rustc.stdout).expect("text");
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).expect("rustc names its host");
    // For this platform only, whose crates are here already.
    let options = ["--filter-platform".to_owned(), host.to_owned()];
    MetadataCommand::new().current_dir(root()).other_options(options).exec().expect("cargo metadata")
}

/// Everything that a crate contains when it is built, by name.
fn contents(metadata: &Metadata, of: &PackageId) -> BTreeSet<String> {
    let nodes = &metadata.resolve.as_ref().expect("a resolved graph").nodes;
    let nodes: HashMap<_, _> = nodes.iter().map(|node| (&node.id, node)).collect();
    let (mut seen, mut open) = (BTreeSet::new(), vec![of]);
    while let Some(id) = open.pop() {
        for dependency in &nodes[id].deps {
            let built_in = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if built_in && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    seen.into_iter().map(|id| metadata[id].name.to_string()).collect()
}

fn member<'a>(metadata: &'a Metadata, name: &str) -> &'a Package {
    let mut members = metadata.workspace_packages().into_iter();
    members.find(|package| package.name == name).unwrap_or_else(|| panic!("no crate {name}"))
}

#[test]
fn dependencies_point_one_way() {
    let metadata = metadata();
    let members = metadata.workspace_packages();
    let names: BTreeSet<&str> = members.iter().map(|package| package.name.as_str()).collect();
    assert_eq!(names, MAY_DEPEND_ON.iter().map(|(name, _)| *name).collect(), "say what a new crate may depend on");
    for (name, allowed) in MAY_DEPEND_ON {
        for dependency in &member(&metadata, name).dependencies {
            // A crate's own tests may drive what it is driven by.
            let tests = dependency.kind == DependencyKind::Development && *name != SERVER;
            let ours = names.contains(dependency.name.as_str());
            assert!(
                !ours || tests || allowed.contains(&dependency.name.as_str()),
                "{name} must not depend on {}",
                dependency.name
            );
        }
    }
}

#[test]
fn crates_do_not_contain_what_they_must_not() {
    let metadata = metadata();
    for (name, forbidden) in NEVER_CONTAINS {
        let contents = contents(&metadata, &member(&metadata, name).id);
        let found: Vec<_> = forbidden.iter().filter(|forbidden| contents.contains(**forbidden)).collect();
        assert!(found.is_empty(), "{name} contains {found:?}");
    }
    let worker = contents(&metadata, &member(&metadata, WORKER).id);
    assert!(worker.contains("pyo3"), "the rules above look for pyo3 by another name than it has");
}

#[test]
fn every_dependency_says_why() {
    let page = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).expect("the page");
    let (_, listed) = page.split_once("## Dependencies").expect("its section");
    let listed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`')).map(|(name, _)| name).collect();
    let metadata = metadata();
    let ours: BTreeSet<&str> = MAY_DEPEND_ON.iter().map(|(name, _)| *name).collect();
    let members = metadata.workspace_packages();
    let direct = members.iter().flat_map(|package| &package.dependencies).map(|dependency| dependency.name.as_str());
    let direct: BTreeSet<&str> = direct.filter(|name| !ours.contains(name)).collect();
    let unexplained: Vec<_> = direct.difference(&listed).collect();
    assert!(unexplained.is_empty(), "docs/ARCHITECTURE.md, Dependencies, does not say why: {unexplained:?}");
    let gone: Vec<_> = listed.difference(&direct).collect();
    assert!(gone.is_empty(), "docs/ARCHITECTURE.md, Dependencies, lists what is not used: {gone:?}");
}

/// A Rust file, by its path below the workspace, without its comments.
struct Source {
    path: String,
    code: String,
}

impl Source {
    fn says(&self, word: &str) -> bool {
        let inside = |c: char| c.is_alphanumeric() || c == '_';
        self.code.match_indices(word).any(|(start, _)| {
            let before = self.code[..start].chars().next_back();
            let after = self.code[start + word.len()..].chars().next();
            !before.is_some_and(inside) && !after.is_some_and(inside)
        })
    }

    fn is_below(&self, places: &[&str]) -> bool {
        places.iter().any(|place| self.path.starts_with(place))
    }
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for member in ["protocol", "mcp", "server", "relay", "bots", "tests", "examples"] {
        collect(&root().join(member), &mut found);
    }
    let this = Path::new(file!()).file_name().expect("a file");
    found.retain(|path| path.file_name() != Some(this));
    let sources: Vec<_> = found.iter().map(|path| read(path)).collect();
    assert!(sources.iter().any(|source| source.path == "relay/src/lib.rs"), "the files were not found");
    sources
}

fn collect(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn read(path: &Path) -> Source {
    let text = fs::read_to_string(path).expect("a readable file");
    let code = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    let code = code.collect::<Vec<_>>().join("\n");
    let path = path.strip_prefix(root()).expect("below the workspace").to_string_lossy().replace('\\', "/");
    Source { path, code }
}

fn assert_only(word: &str, places: &[&str]) {
    for source in sources() {
        assert!(!source.says(word) || source.is_below(places), "{}: '{word}' belongs into {places:?}", source.path);
    }
}

#[test]
fn sql_is_in_the_store_only() {
    assert_only("rusqlite", &["relay/src/store/"]);
    assert_only("tokio_postgres", &["relay/src/store/"]);
}

#[test]
fn web_types_are_in_the_front_doors_only() {
    let doors = ["http", "mcp", "ws", "rest", "oauth", "web"].map(|door| format!("relay/src/{door}/"));
    let mut places: Vec<&str> = doors.iter().map(String::as_str).collect();
    places.extend(["relay/src/lib.rs", "relay/src/main.rs", "relay/src/serve.rs", "relay/tests/", "tests/"]);
    assert_only("axum", &places);
}

#[test]
fn python_is_in_the_worker_only() {
    assert_only("pyo3", &["bots/worker/"]);
    assert_only("pyo3_build_config", &["bots/worker/"]);
}

#[test]
fn unsafe_code_is_in_the_worker_and_at_its_descriptor_only() {
    assert_only("unsafe", &["bots/worker/", "bots/supervisor/src/process.rs"]);
}

/// Front doors, then the operations behind them, then who may and what holds, then the store.
#[test]
fn the_relays_modules_name_only_what_is_below_them() {
    let doors = ["http", "mcp", "ws", "rest", "oauth", "web"];
    let above = |module: &str| -> Vec<&str> {
        let middle: &[&str] = match module {
            "store" => &["auth", "channel", "bots", "operation", "state"],
            "channel" => &["auth", "bots", "operation", "state"],
            "auth" => &["bots", "operation", "state"],
            "bots" => &["auth", "operation"],
            _ => &[],
        };
        middle.iter().copied().chain(doors).collect()
    };
    let mut seen = BTreeSet::new();
    for source in sources() {
        for module in ["store", "channel", "auth", "bots", "operation"] {
            if source.is_below(&[&format!("relay/src/{module}/")]) {
                seen.insert(module);
                for forbidden in above(module) {
                    assert!(
                        !source.says(&format!("crate::{forbidden}")),
                        "{}: {module} must not know {forbidden}",
                        source.path
                    );
                }
            }
        }
    }
    assert_eq!(seen.len(), 5, "one of the relay's modules was renamed: {seen:?}");
}

#[test]
fn no_module_is_a_drawer() {
    for source in sources() {
        let stem = Path::new(&source.path).file_stem().expect("a file").to_string_lossy().into_owned();
        assert!(!["utils", "util", "common", "helpers", "manager", "misc"].contains(&stem.as_str()), "{}", source.path);
    }
}
