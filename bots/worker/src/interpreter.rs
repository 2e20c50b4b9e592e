//! Starts the embedded CPython in the same way on every machine, independently of environment variables.
#![expect(unsafe_code, reason = "CPython's initialisation is a C interface")]

use std::ffi::{CStr, CString};
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use pyo3::ffi;

/// The Python executable that bots run in unless another one is given.
///
/// It is either the one that this program was built with, or, in a package of a release, the one in the directory
/// `python` beside this program. The dynamic loader finds the library of the same Python (see build.rs).
pub(crate) fn default_python() -> PathBuf {
    let recorded = Path::new(env!("MCP_MULTIPLAYER_BOT_PYTHON"));
    let this_program = std::env::current_exe().unwrap_or_default();
    this_program.parent().map_or_else(|| recorded.to_owned(), |directory| directory.join(recorded))
}

/// The files and directories of Python, its packages, and the libraries that both need.
///
/// `python` may be the executable of a virtual environment, which is a link to the interpreter that created it or a
/// copy. The environment's `pyvenv.cfg` then names the directory of that interpreter.
#[cfg(target_os = "linux")]
pub(crate) fn library_paths(python: &Path) -> Vec<PathBuf> {
    let prefix_of = |executable: &Path| executable.parent().and_then(Path::parent).map(Path::to_owned);
    let environment = prefix_of(python);
    let settings = environment.as_ref().map(|environment| environment.join("pyvenv.cfg"));
    let base = settings.as_deref().and_then(base_directory).and_then(|home| home.parent().map(Path::to_owned));
    let real = python.canonicalize().ok();
    let prefixes = [environment, base, real.as_deref().and_then(prefix_of)];
    // Only the library directories of each prefix, because the prefix of the system's own Python is all of /usr.
    let libraries = prefixes.into_iter().flatten().flat_map(|prefix| [prefix.join("lib"), prefix.join("lib64")]);
    // The executable cannot be run in the sandbox, but Python looks for it in order to find its library.
    let own = libraries.chain(settings).chain([python.to_owned()]);
    let system = [
        env!("MCP_MULTIPLAYER_BOT_BASE"),
        "/lib",
        "/lib64",
        "/usr/lib",
        "/usr/lib64",
        "/usr/local/lib",
        "/etc/ld.so.cache",
        // Certificates, and the configuration that OpenSSL reads when Python first uses hashlib or ssl, with the files
        // that it includes. Not all of /etc/ssl and /etc/pki, which also contain the private keys of the machine.
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
    own.chain(system).filter(|path| !path.as_os_str().is_empty() && path.exists()).collect()
}

/// The directory of the interpreter that created a virtual environment, from its `pyvenv.cfg`.
#[cfg(target_os = "linux")]
fn base_directory(settings: &Path) -> Option<PathBuf> {
    let settings = std::fs::read_to_string(settings).ok()?;
    let mut settings = settings.lines().filter_map(|line| line.split_once('='));
    settings.find(|(key, _)| key.trim() == "home").map(|(_, value)| PathBuf::from(value.trim()))
}

/// Initialises Python with the environment of the executable `python`.
///
/// Isolated: no environment variables, no user packages, no current directory on the path. Deterministic: always UTF-8,
/// and a fixed hash seed. It installs no signal handlers and writes no byte code.
pub(crate) fn initialize(python: &Path) -> anyhow::Result<()> {
    let is_missing = "does not exist: run bots/python/setup.sh in a checkout, or install the package again";
    ensure!(python.exists(), "{} {is_missing}", python.display());
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
    // SAFETY: this thread has just initialised Python and is therefore attached, but `Python::attach` expects a thread
    // that is not.
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
