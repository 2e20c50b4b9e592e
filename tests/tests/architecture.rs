//! The rules of docs/ARCHITECTURE.md that a compiler does not see: what may depend on what, and what
//! may be named where.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

const PROTOCOL: &str = "mcp-multiplayer-protocol";
const MCP: &str = "mcp-multiplayer-mcp";
const SERVER: &str = "mcp-multiplayer";
const RELAY: &str = "mcp-multiplayer-relay";
const STORE: &str = "mcp-multiplayer-relay-store";
const SUPERVISOR: &str = "mcp-multiplayer-bot-supervisor";
const WORKER: &str = "mcp-multiplayer-bot";
const TESTS: &str = "mcp-multiplayer-tests";

/// Each crate of the workspace, and those of the others that it may build on.
const MAY_DEPEND_ON: &[(&str, &[&str])] = &[
    (PROTOCOL, &[]),
    (MCP, &[PROTOCOL]),
    (SERVER, &[MCP, PROTOCOL]),
    (RELAY, &[MCP, PROTOCOL, STORE, SUPERVISOR]),
    (STORE, &[PROTOCOL]),
    (SUPERVISOR, &[PROTOCOL]),
    // Its commands for people (check, play, replay) run bots as a relay does.
    (WORKER, &[PROTOCOL, SUPERVISOR]),
    // The conformance suite's fixtures are served by the relay's own MCP endpoint.
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
    assert_only("rusqlite", &["relay/store/src/sqlite/"]);
    assert_only("tokio_postgres", &["relay/store/src/"]);
}

#[test]
fn web_types_are_in_the_transports_only() {
    let modules = ["listener", "router", "mcp", "ws", "rest", "oauth", "web", "pace", "net"];
    let modules = modules.map(|module| format!("relay/src/{module}/"));
    let mut places: Vec<&str> = modules.iter().map(String::as_str).collect();
    places.extend(["relay/src/problem.rs", "tests/"]);
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

/// The modules of the relay, from the top down: each may import those below it, and none above it.
const RELAY_LAYERS: &[&[&str]] = &[
    &["startup", "listener"],
    &["router"],
    &["mcp", "rest", "ws", "oauth"],
    &["web", "practice", "webhooks"],
    &["operation"],
    &["bots", "changes"],
    &["state", "operator"],
    &["receipt"],
    &["retention", "channel", "egress"],
    &["quota"],
    &["auth"],
    &["pace", "keys", "error", "database", "telemetry"],
    &["problem"],
    &["net"],
    &["config"],
    &["clock"],
];

#[test]
fn the_relays_modules_import_downwards() {
    let graph = ModuleGraph::of("relay/src");
    let layer = |module: &str| {
        let found = RELAY_LAYERS.iter().position(|layer| layer.contains(&module));
        found.unwrap_or_else(|| panic!("relay/src/{module}: say in RELAY_LAYERS what it may import"))
    };
    for (module, imports) in &graph.imports_below(&[]) {
        for (import, example) in imports {
            assert!(layer(module) < layer(import), "{module} must not import {import}: {example}");
        }
    }
}

#[test]
fn no_module_imports_itself_by_way_of_others() {
    let crates = ["protocol", "mcp", "server", "relay", "relay/store", "bots/supervisor", "bots/worker"];
    for root in crates.map(|name| format!("{name}/src")) {
        let graph = ModuleGraph::of(&root);
        for parent in graph.parents() {
            if let Some(cycle) = cycle(&graph.imports_below(&parent)) {
                panic!("{root}: a cycle of imports: {cycle}");
            }
        }
    }
}

#[test]
fn a_cycle_of_imports_is_found() {
    let module = |path: &str, code: &str| (path.split("::").map(str::to_owned).collect(), code.to_owned());
    let graph = ModuleGraph {
        modules: BTreeMap::from([
            module("a", "use crate::b::{self, Thing};"),
            module("b::inner", "pub(crate) use super::super::c;"),
            module("b", "use self::inner::Thing;"),
            module("c", "fn f() { crate::a::g() }"),
        ]),
    };
    let found = cycle(&graph.imports_below(&[])).expect("a → b → c → a");
    assert!(found.contains("crate::a::g") && found.contains("super::super::c"), "{found}");
    assert_eq!(cycle(&graph.imports_below(&["b".to_owned()])), None);
}

/// Imports among sibling modules: importer → imported → one path that shows it.
type Imports = BTreeMap<String, BTreeMap<String, String>>;

/// The modules of a crate, each with its code.
///
/// A module with its submodules counts as one when it is seen beside its siblings: it may use what is in it, and what
/// is in it may use the module's own items.
struct ModuleGraph {
    modules: BTreeMap<Vec<String>, String>,
}

impl ModuleGraph {
    fn of(root: &str) -> Self {
        let mut modules = BTreeMap::new();
        for source in sources().into_iter().filter(|source| source.is_below(&[&format!("{root}/")])) {
            let path = source.path[root.len() + 1..].trim_end_matches(".rs");
            let mut path: Vec<String> = path.split('/').map(str::to_owned).collect();
            if path.last().is_some_and(|name| name == "mod" || name == "lib" || name == "main") {
                path.pop();
            }
            // Unit tests may use whatever they need.
            let code = source.code.split("#[cfg(test)]\nmod ").next().unwrap_or_default().to_owned();
            if path.last().is_none_or(|name| name != "tests") {
                modules.entry(path).or_insert_with(String::new).push_str(&code);
            }
        }
        assert!(modules.len() > 1, "no modules below {root}");
        Self { modules }
    }

    /// All modules that have submodules.
    fn parents(&self) -> BTreeSet<Vec<String>> {
        self.modules.keys().filter_map(|path| path.split_last()).map(|(_, parent)| parent.to_vec()).collect()
    }

    /// The imports among the submodules of a module.
    fn imports_below(&self, parent: &[String]) -> Imports {
        let depth = parent.len();
        let mut imports = Imports::new();
        for (module, code) in self.modules.iter().filter(|(path, _)| path.len() > depth && path.starts_with(parent)) {
            for written in paths(code) {
                let target = resolve(module, &written);
                let sibling = target.get(..=depth).filter(|path| path.starts_with(parent));
                // The first part that is no module is an item of the parent.
                let sibling = sibling.filter(|path| self.modules.keys().any(|known| known.starts_with(path)));
                if let Some(imported) = sibling.map(|path| &path[depth]).filter(|imported| **imported != module[depth])
                {
                    let example = format!("{} imports {written}", module.join("::"));
                    imports.entry(module[depth].clone()).or_default().entry(imported.clone()).or_insert(example);
                }
            }
        }
        imports
    }
}

/// The paths in a source that begin with `crate`, `self` or `super`, those of nested `use` declarations one by one.
fn paths(code: &str) -> Vec<String> {
    let mut found = vec![];
    for (start, _) in code.match_indices(|c: char| c.is_alphabetic()) {
        let before = code[..start].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[start..];
        if ["crate::", "self::", "super::"].iter().any(|first| rest.starts_with(first)) {
            let is_path = |c: char| c.is_alphanumeric() || "_:{}, \n*".contains(c);
            let path = &rest[..rest.find(|c| !is_path(c)).unwrap_or(rest.len())];
            let compact: String = path.chars().filter(|c| !c.is_whitespace()).collect();
            expand("", &compact, &mut found);
        }
    }
    found
}

/// Writes `a::{b, c::{d, e}}` out as `a::b`, `a::c::d`, `a::c::e`.
fn expand(prefix: &str, tree: &str, found: &mut Vec<String>) {
    let Some((head, group)) = tree.split_once('{') else {
        let path = tree.split([',', '}']).next().unwrap_or_default();
        found.push(format!("{prefix}{path}").trim_end_matches("::self").to_owned());
        return;
    };
    if head.contains([',', '}']) {
        // A brace that belongs to the code behind the path.
        return expand(prefix, head, found);
    }
    let (mut depth, mut start) = (0, 0);
    for (place, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                if start < place {
                    expand(&format!("{prefix}{head}"), &group[start..place], found);
                }
                start = place + 1;
                if c == '}' {
                    return;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// The absolute path, within the crate, of a path that is written in a module.
fn resolve(module: &[String], written: &str) -> Vec<String> {
    let mut segments = written.split("::").peekable();
    let mut base = module.to_vec();
    match segments.next() {
        Some("crate") => base.clear(),
        Some("super") => drop(base.pop()),
        _ => {}
    }
    while segments.next_if_eq(&"super").is_some() {
        base.pop();
    }
    base.extend(segments.filter(|segment| !segment.is_empty()).map(str::to_owned));
    base
}

/// A cycle among sibling modules, with the imports that make it; `None` when there is none.
fn cycle(imports: &Imports) -> Option<String> {
    // Modules from which nothing leads back are taken away until only cycles are left.
    let mut left: BTreeSet<&String> = imports.keys().collect();
    loop {
        let before = left.len();
        let kept: BTreeSet<&String> =
            left.iter().copied().filter(|module| imports[*module].keys().any(|import| left.contains(import))).collect();
        left = kept;
        if left.len() == before {
            break;
        }
    }
    let mut module = *left.first()?;
    let (mut visited, mut way) = (vec![], vec![]);
    while !visited.contains(&module) {
        visited.push(module);
        let (next, example) = imports[module].iter().find(|(import, _)| left.contains(import))?;
        way.push(example.as_str());
        module = next;
    }
    let start = visited.iter().position(|visited| *visited == module)?;
    Some(way[start..].join("; "))
}

#[test]
fn no_module_has_a_name_that_fits_anything() {
    for source in sources() {
        let stem = Path::new(&source.path).file_stem().expect("a file").to_string_lossy().into_owned();
        assert!(!["utils", "util", "common", "helpers", "manager", "misc"].contains(&stem.as_str()), "{}", source.path);
    }
}
