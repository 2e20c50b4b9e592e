//! `python-path`: makes `multiplayer.testing` importable for the tests that authors write for their bots.
//!
//! The package is inside this program, so it is written to the user's cache directory, once for each version of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{env, fs};

use anyhow::{Context as _, Result};
use clap::Args;
use mcp_multiplayer_protocol::{Hash, printable};
use pyo3::prelude::*;

use crate::interpreter;
use crate::runtime::{MODULES, NETWORK_MODULES};

/// The module for tests. Workers do not need it.
const TESTING: (&str, &str) = ("multiplayer.testing", include_str!("../../python/multiplayer/testing.py"));

/// Arguments of `python-path`.
#[derive(Debug, Args)]
pub(crate) struct PythonPath {
    /// The Python executable whose environment has the bots' packages
    #[arg(long, default_value_os_t = interpreter::default_python(), hide_default_value = true)]
    python: PathBuf,
}

/// Prints a value of `PYTHONPATH`. Exits with 2 if the package cannot be written or the bots' packages are missing.
pub(crate) fn run(arguments: &PythonPath) -> ExitCode {
    match python_path(&arguments.python) {
        Ok(path) => {
            println!("{}", path.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{}", printable(&format!("{error:#}")));
            ExitCode::from(2)
        }
    }
}

fn python_path(python: &Path) -> Result<PathBuf> {
    let packages = packages(python)?;
    let package = write_package(&cache_directory()?)?;
    let joined = env::join_paths([package, packages]).context("PYTHONPATH cannot contain a directory with ':'")?;
    Ok(PathBuf::from(joined))
}

/// The directory of the bots' packages, such as RestrictedPython.
fn packages(python: &Path) -> Result<PathBuf> {
    interpreter::initialize(python)?;
    let file: String = Python::attach(|py| py.import("RestrictedPython")?.getattr("__file__")?.extract())
        .context("the Python environment is incomplete: run bots/python/setup.sh")?;
    let directory = Path::new(&file).parent().and_then(Path::parent);
    Ok(directory.context("RestrictedPython has no directory")?.to_owned())
}

/// The user's directory for files that can be made again (XDG Base Directory Specification).
fn cache_directory() -> Result<PathBuf> {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path: &PathBuf| path.is_absolute());
    let home = || absolute("HOME").map(|home| home.join(".cache"));
    let cache = absolute("XDG_CACHE_HOME").or_else(home).context("neither HOME nor XDG_CACHE_HOME is set")?;
    Ok(cache.join("mcp-multiplayer"))
}

/// Writes the package to a directory that is named after its content, unless it is there already.
fn write_package(cache: &Path) -> Result<PathBuf> {
    let modules = || MODULES.iter().chain(&NETWORK_MODULES).chain([&TESTING]);
    let parts: Vec<&[u8]> = modules().flat_map(|(name, source)| [name.as_bytes(), source.as_bytes()]).collect();
    let hash = Hash::of(&parts).to_string();
    let directory = cache.join(format!("python-{}", &hash["sha256:".len()..][..16]));
    if directory.exists() {
        return Ok(directory);
    }
    let cannot_write = || format!("cannot write to {}", cache.display());
    fs::create_dir_all(cache).with_context(cannot_write)?;
    // Renamed when it is complete, so that nobody ever imports a part of it.
    let written = tempfile::tempdir_in(cache).with_context(cannot_write)?;
    for (name, source) in modules() {
        let path = written.path().join(file_of(name));
        fs::create_dir_all(path.parent().expect("a file in the package")).with_context(cannot_write)?;
        fs::write(path, source).with_context(cannot_write)?;
    }
    match fs::rename(written.path(), &directory) {
        // Another process may have been faster.
        Err(_) if directory.exists() => {}
        renamed => renamed.with_context(cannot_write)?,
    }
    Ok(directory)
}

/// The file of a module: `multiplayer/context.py` of `multiplayer.context`.
fn file_of(module: &str) -> OsString {
    match module.split_once('.') {
        Some((package, name)) => format!("{package}/{name}.py").into(),
        None => format!("{module}/__init__.py").into(),
    }
}
