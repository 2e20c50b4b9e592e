//! Links the worker to the Python that it is built against, and records that Python's paths.

use std::env;

fn main() {
    // Without it, the loader would take the first libpython of that name on its search path.
    pyo3_build_config::add_libpython_rpath_link_args();

    // The executable identifies the environment: Python finds the packages through the `pyvenv.cfg` beside it.
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    let python = env::var("PYO3_PYTHON")
        .ok()
        .or_else(|| pyo3_build_config::get().executable().map(str::to_owned))
        .expect("pyo3 was configured from a Python executable");
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_PYTHON={python}");
    // The directory of libpython, which must be visible in the sandbox.
    let base = pyo3_build_config::get().lib_dir().unwrap_or_default();
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_BASE={base}");
}
