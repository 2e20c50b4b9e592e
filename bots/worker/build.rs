//! Binds the worker to the Python that it is built against.

use std::env;

fn main() {
    // Without it the loader takes whichever libpython of that name it finds first.
    pyo3_build_config::add_libpython_rpath_link_args();

    // The executable names the environment: `pyvenv.cfg` beside it leads to the packages.
    println!("cargo:rerun-if-env-changed=PYO3_PYTHON");
    let python = env::var("PYO3_PYTHON")
        .ok()
        .or_else(|| pyo3_build_config::get().executable().map(str::to_owned))
        .expect("pyo3 was configured from a Python executable");
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_PYTHON={python}");
    // Where libpython is, which the bots' own root has to show.
    let base = pyo3_build_config::get().lib_dir().unwrap_or_default();
    println!("cargo:rustc-env=MCP_MULTIPLAYER_BOT_BASE={base}");
}
