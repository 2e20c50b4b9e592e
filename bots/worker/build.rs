//! Links the worker to its Python, and records that Python's paths.
//!
//! Normally that is the Python that the worker is built against, at the place where it is installed. With the variable
//! `MCP_MULTIPLAYER_BUNDLED_PYTHON` it is a Python that is shipped with the worker, in the directory `python` beside it.

use std::env;

/// Variable that is set for the packages of a release (see dist/build.sh).
const BUNDLED: &str = "MCP_MULTIPLAYER_BUNDLED_PYTHON";

fn main() {
    println!("cargo:rerun-if-env-changed={BUNDLED}");
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    if env::var_os(BUNDLED).is_some() {
        // DT_RPATH instead of DT_RUNPATH: it also applies to the libraries that Python's extension modules need.
        println!("cargo:rustc-link-arg-bins=-Wl,--disable-new-dtags,-rpath,$ORIGIN/python/lib");
        return record("python/bin/python3", "");
    }
    // Without it, the loader would take the first libpython of that name on its search path.
    pyo3_build_config::add_libpython_rpath_link_args();

    // The executable identifies the environment: Python finds the packages through the `pyvenv.cfg` beside it.
    let python = env::var("PYO3_PYTHON")
        .ok()
        .or_else(|| pyo3_build_config::get().executable().map(str::to_owned))
        .expect("pyo3 was configured from a Python executable");
    // The directory of libpython, which must be visible in the sandbox.
    record(&python, pyo3_build_config::get().lib_dir().unwrap_or_default());
}

/// Passes paths on to the program; a relative one begins at the directory of the program.
fn record(python: &str, library_directory: &str) {
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_PYTHON={python}");
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_BASE={library_directory}");
}
