//! The embedded Python part of the worker, and the loop that passes requests to it.
//!
//! Python takes a request as JSON text and returns the reply as JSON text; `bots/python/multiplayer/worker.py` lists
//! them. The worker sends the first frame by itself: `ready` with its versions, or `broken` with a reason.

use std::ffi::CString;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use anyhow::{Context, anyhow};
use pyo3::exceptions::PyConnectionError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyModule, PyString};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::frame;
#[cfg(target_os = "linux")]
use crate::sandbox;
use crate::sandbox::{Layers, Workspace};

/// Modules of the package `multiplayer`, each after those that it imports.
pub(crate) const MODULES: [(&str, &str); 16] = [
    ("multiplayer", include_str!("../../python/multiplayer/__init__.py")),
    ("multiplayer.names", include_str!("../../python/multiplayer/names.py")),
    ("multiplayer.boards", include_str!("../../python/multiplayer/boards.py")),
    ("multiplayer.policy", include_str!("../../python/multiplayer/policy.py")),
    ("multiplayer.identity", include_str!("../../python/multiplayer/identity.py")),
    ("multiplayer.clock", include_str!("../../python/multiplayer/clock.py")),
    ("multiplayer.stream", include_str!("../../python/multiplayer/stream.py")),
    ("multiplayer.guards", include_str!("../../python/multiplayer/guards.py")),
    ("multiplayer.modules", include_str!("../../python/multiplayer/modules.py")),
    ("multiplayer.facades", include_str!("../../python/multiplayer/facades.py")),
    ("multiplayer.values", include_str!("../../python/multiplayer/values.py")),
    ("multiplayer.log", include_str!("../../python/multiplayer/log.py")),
    ("multiplayer.context", include_str!("../../python/multiplayer/context.py")),
    ("multiplayer.isolation", include_str!("../../python/multiplayer/isolation.py")),
    ("multiplayer.program", include_str!("../../python/multiplayer/program.py")),
    ("multiplayer.worker", include_str!("../../python/multiplayer/worker.py")),
];

/// Further modules of the package, for bots that may use the network.
pub(crate) const NETWORK_MODULES: [(&str, &str); 3] = [
    ("multiplayer.sockets", include_str!("../../python/multiplayer/sockets.py")),
    ("multiplayer.tls", include_str!("../../python/multiplayer/tls.py")),
    ("multiplayer.network", include_str!("../../python/multiplayer/network.py")),
];

/// The pinned versions of the environment's packages.
const LOCK: &str = include_str!("../../python/requirements.txt");

/// The Python part of a worker. It is loaded without a bot, and gets one by a request.
#[derive(Debug)]
pub(crate) struct Runtime {
    worker: Py<PyAny>,
    /// For egress requests, once this process serves the relay.
    socket: Arc<OnceLock<UnixStream>>,
    python_version: String,
    lock_hash: String,
}

impl Runtime {
    /// Checks the environment and loads the package. With `imports`, also imports every module that bots may import.
    pub(crate) fn load(has_network: bool, imports: bool) -> anyhow::Result<Self> {
        let socket = Arc::new(OnceLock::new());
        Python::attach(|py| {
            py.import("RestrictedPython")
                .map_err(|error| anyhow!("{error}"))
                .context("the Python environment is incomplete: run bots/python/setup.sh")?;
            let load = || {
                load_package(py, has_network)?;
                let prepare = py.import("multiplayer.worker")?.getattr("prepare")?;
                prepare.call1((has_network, imports, exchange_function(py, &socket)?))
            };
            let worker = load().map_err(|error| anyhow!("the worker's Python package failed to load: {error}"))?;
            let version = py.version_info();
            let python_version = format!("{}.{}.{}", version.major, version.minor, version.patch);
            Ok(Self { worker: worker.unbind(), socket, python_version, lock_hash: lock_hash() })
        })
    }

    /// Gives the worker its workspace. The path must have no symbolic links.
    pub(crate) fn use_workspace(&self, workspace: &Path) -> anyhow::Result<()> {
        Python::attach(|py| self.worker.call_method1(py, "use_workspace", (workspace.as_os_str(),)))
            .map_err(|error| anyhow!("the worker could not start: {error}"))?;
        Ok(())
    }

    /// Answers requests until the relay closes the socket.
    pub(crate) fn serve(&self, socket: UnixStream, layers: &Layers, workspace: &Workspace) -> anyhow::Result<()> {
        let mut socket = self.socket.get_or_init(|| socket);
        let ready = json!({"id": 0, "reply": {"ready": {
            "worker": env!("CARGO_PKG_VERSION"),
            "python": self.python_version,
            "lock_hash": self.lock_hash,
            "sandbox": layers.level(),
            "layers": layers.as_slice(),
        }}});
        frame::write(&mut socket, ready.to_string().as_bytes())?;
        let mut request = Vec::new();
        while frame::read(&mut socket, &mut request)? {
            let text = std::str::from_utf8(&request)?;
            #[cfg(target_os = "linux")]
            if let Some(reply) = self_test(text) {
                frame::write(&mut socket, reply.as_bytes())?;
                continue;
            }
            Python::attach(|py| -> anyhow::Result<()> {
                let reply =
                    self.worker.call_method1(py, intern!(py, "answer"), (text,)).map_err(|error| anyhow!("{error}"))?;
                let reply = reply.bind(py).cast::<PyString>().map_err(|error| anyhow!("{error}"))?;
                frame::write(&mut socket, reply.to_str()?.as_bytes()).map_err(Into::into)
            })?;
            // Now, not before the next request: files in memory would take memory for as long as the worker is idle.
            // After the reply, because a failure here is not the hook's. It ends the worker, and the files with it.
            if let Workspace::Memory(path) = workspace {
                empty(path)?;
            }
        }
        Ok(())
    }
}

/// Runs the sandbox's self-test if the request is for that; returns the reply.
#[cfg(target_os = "linux")]
fn self_test(request: &str) -> Option<String> {
    if !request.contains("self_test") {
        return None;
    }
    let request: serde_json::Value = serde_json::from_str(request).ok()?;
    let canary = request["request"]["self_test"]["canary"].as_str()?;
    let actions = sandbox::self_test::run(canary);
    Some(json!({"id": request["id"], "reply": {"self_tested": {"actions": actions}}}).to_string())
}

/// Removes the files that a hook, or loading a program, has left.
fn empty(workspace: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(workspace)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// The function through which Python makes an egress request while a hook runs. It sends a frame to the relay and
/// returns the frame that comes back, both as text.
fn exchange_function<'py>(py: Python<'py>, socket: &Arc<OnceLock<UnixStream>>) -> PyResult<Bound<'py, PyCFunction>> {
    let socket = Arc::clone(socket);
    PyCFunction::new_closure(py, Some(c"exchange"), None, move |arguments, _| -> PyResult<String> {
        let (frame,): (String,) = arguments.extract()?;
        let closed = || PyConnectionError::new_err("there is no connection to the relay");
        let mut socket = socket.get().ok_or_else(closed)?;
        let mut answer = Vec::new();
        frame::write(&mut socket, frame.as_bytes())?;
        if !frame::read(&mut socket, &mut answer)? {
            return Err(closed());
        }
        String::from_utf8(answer).map_err(Into::into)
    })
}

fn load_package(py: Python<'_>, has_network: bool) -> PyResult<()> {
    let network = NETWORK_MODULES.iter().filter(|_| has_network);
    for (name, source) in MODULES.iter().chain(network) {
        let file = format!("<{name}>");
        let module = PyModule::from_code(py, &c_string(source)?, &c_string(&file)?, &c_string(name)?)?;
        if *name == "multiplayer" {
            // Makes it a package. The path is empty because all its modules are loaded here.
            module.setattr("__path__", Vec::<String>::new())?;
        }
    }
    Ok(())
}

fn c_string(text: &str) -> PyResult<CString> {
    Ok(CString::new(text)?)
}

/// Hash of the pinned versions, `sha256:<hex>`.
fn lock_hash() -> String {
    use std::fmt::Write;

    Sha256::digest(LOCK).iter().fold("sha256:".to_owned(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String can't fail");
        text
    })
}
