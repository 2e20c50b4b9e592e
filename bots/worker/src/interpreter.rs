//! Starts the embedded CPython the same way everywhere, whatever the machine's environment says.
#![expect(unsafe_code, reason = "CPython's initialisation is a C interface")]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use pyo3::ffi;

/// What Python, its packages and the libraries that both need are made of: files and directories to be read.
#[cfg(target_os = "linux")]
pub(crate) fn library(python: &Path) -> Vec<PathBuf> {
    let base = env!("MCP_MULTIPLAYER_BOT_BASE");
    let environment = python.parent().and_then(Path::parent).map(Path::to_owned);
    let real = python.canonicalize().ok();
    let prefix = real.as_deref().and_then(Path::parent).and_then(Path::parent).map(Path::to_owned);
    // Where Python is the system's own, its prefix is all of /usr: only the libraries then.
    let prefix = prefix.filter(|prefix| !["/", "/usr", "/usr/local"].iter().any(|wide| prefix == Path::new(wide)));
    let system = [
        base,
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/etc/ld.so.cache",
        // Not all of /etc/ssl and /etc/pki: the keys of the machine's own servers are there.
        "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/cert.pem",
        "/etc/pki/tls/openssl.cnf",
        "/etc/pki/ca-trust/extracted",
        "/etc/crypto-policies",
        "/etc/mime.types",
        "/usr/share/zoneinfo",
        "/usr/share/ca-certificates",
        "/dev/null",
        "/dev/urandom",
    ];
    let system = system.into_iter().map(PathBuf::from);
    let found = environment.into_iter().chain(prefix).chain(system);
    found.filter(|path| !path.as_os_str().is_empty() && path.exists()).collect()
}

/// Initialises Python from the environment that `python` is the executable of.
///
/// Isolated: no environment variables, no user packages, no current directory on the path. Nothing
/// that could differ between two runs: UTF-8 throughout and a fixed hash seed. No signal handlers, and
/// no byte code written.
pub(crate) fn initialize(python: &Path) -> anyhow::Result<()> {
    ensure!(python.exists(), "{} does not exist: run bots/python/setup.sh", python.display());
    let executable = CString::new(python.as_os_str().as_bytes()).context("path of Python")?;

    let mut preconfig = MaybeUninit::<ffi::PyPreConfig>::uninit();
    // SAFETY: the function fills the whole struct, and Python is not initialised yet.
    let preconfig = unsafe {
        ffi::PyPreConfig_InitIsolatedConfig(preconfig.as_mut_ptr());
        let mut preconfig = preconfig.assume_init();
        preconfig.utf8_mode = 1;
        preconfig
    };
    // SAFETY: `preconfig` is initialised.
    check(unsafe { ffi::Py_PreInitialize(&raw const preconfig) })?;

    let mut config = MaybeUninit::<ffi::PyConfig>::uninit();
    // SAFETY: the function fills the whole struct.
    let mut config = unsafe {
        ffi::PyConfig_InitIsolatedConfig(config.as_mut_ptr());
        config.assume_init()
    };
    config.install_signal_handlers = 0;
    config.site_import = 1;
    config.write_bytecode = 0;
    config.use_hash_seed = 1;
    config.hash_seed = 0;
    let config_pointer = &raw mut config;
    // SAFETY: `config` is initialised and outlives the calls; the field is one of its own strings, and
    // `executable` ends with a zero byte. The configuration is cleared once, after its last use.
    let started = unsafe {
        let field = &raw mut (*config_pointer).executable;
        let started = check(ffi::PyConfig_SetBytesString(config_pointer, field, executable.as_ptr()))
            .and_then(|()| check(ffi::Py_InitializeFromConfig(config_pointer)));
        ffi::PyConfig_Clear(config_pointer);
        started
    };
    started.with_context(|| format!("starting Python of {}", python.display()))?;
    // SAFETY: this thread has just initialised Python and so is attached; `Python::attach` expects it
    // not to be.
    unsafe { ffi::PyEval_SaveThread() };
    Ok(())
}

fn check(status: ffi::PyStatus) -> anyhow::Result<()> {
    // SAFETY: `status` came from CPython.
    if unsafe { ffi::PyStatus_Exception(status) } == 0 {
        return Ok(());
    }
    if status.err_msg.is_null() {
        bail!("Python could not be initialised");
    }
    // SAFETY: a message is a static C string.
    let message = unsafe { CStr::from_ptr(status.err_msg) };
    bail!("Python could not be initialised: {}", message.to_string_lossy())
}
