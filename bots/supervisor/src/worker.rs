//! One worker process, from its start to its death.
//!
//! Whoever gets an error from it drops it: a worker is either between two requests or dead.

use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::error::Unavailable;
use crate::frame::{self, LoadLimits, ReadError, Reply, Request, Spoken};
use crate::limits::Limits;
use crate::program::Program;
use crate::record::Recorder;
use crate::report::RuntimeInfo;
use crate::supervisor::SupervisorConfig;
use crate::workspace::Workspace;

/// How often the size of a workspace is looked at while a hook runs.
const QUOTA_CHECK: Duration = Duration::from_millis(250);

/// How much of a worker's stderr is kept to explain a failed start.
const STDERR_BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    socket: UnixStream,
    buffer: Vec<u8>,
    last_id: u64,
    workspace: Workspace,
    runtime: RuntimeInfo,
    program: Option<Arc<Program>>,
    last_used: Instant,
    _permit: OwnedSemaphorePermit,
}

/// Why a worker gave no answer.
#[derive(Debug)]
pub(crate) enum CallError {
    Timeout,
    Closed,
    WorkspaceFull,
    Protocol(&'static str),
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Closed,
            ReadError::Protocol(what) => Self::Protocol(what),
        }
    }
}

impl Worker {
    /// Starts a process and waits until it is ready.
    pub(crate) async fn start(
        config: &SupervisorConfig,
        workspace: Workspace,
        permit: OwnedSemaphorePermit,
    ) -> Result<Self, Unavailable> {
        let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(spawn)?;
        ours.set_nonblocking(true).map_err(spawn)?;
        let socket = UnixStream::from_std(ours).map_err(spawn)?;

        let mut command = Command::new(&config.worker);
        command
            .args(["serve", "--workspace"])
            .arg(workspace.path())
            .args(["--memory-bytes", &config.limits.memory_bytes.to_string()])
            .args(["--file-bytes", &config.limits.workspace_bytes.to_string()])
            .env_clear()
            .current_dir(workspace.path())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Not in the terminal's group: Ctrl-C is for the relay, which finishes its hooks.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(python) = &config.python {
            command.arg("--python").arg(python);
        }
        let mut child = command.spawn().map_err(spawn)?;
        // The command holds the worker's end of the socket: while it does, the worker's death is no
        // end of file.
        drop(command);
        let stderr = tokio::spawn(drain(child.stderr.take().expect("stderr is piped"), child.id()));

        let mut worker = Self {
            child,
            socket,
            buffer: Vec::new(),
            last_id: 0,
            workspace,
            runtime: RuntimeInfo {
                worker: String::new(),
                python: String::new(),
                lock_hash: String::new(),
                wall: String::new(),
            },
            program: None,
            last_used: Instant::now(),
            _permit: permit,
        };
        let ready = frame::read(&mut worker.socket, 0, config.limits.reply_bytes(), &mut worker.buffer);
        let reply =
            timeout(config.limits.startup, ready).await.map_err(|_| Unavailable::NotReady(config.limits.startup))?;
        match reply {
            Ok(Spoken::Reply(Reply::Ready(runtime))) => {
                worker.runtime = runtime;
                Ok(worker)
            }
            Ok(Spoken::Reply(Reply::Broken { message })) => Err(Unavailable::Broken(message)),
            Ok(_) | Err(ReadError::Protocol(_)) => Err(Unavailable::Broken("it is not a bot worker".to_owned())),
            Err(ReadError::Closed) => Err(Unavailable::Broken(worker.last_words(stderr).await)),
        }
    }

    async fn last_words(mut self, stderr: JoinHandle<String>) -> String {
        let ended = self.child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
        match stderr.await {
            Ok(text) if !text.trim().is_empty() => format!("{ended}: {}", text.trim()),
            _ => ended,
        }
    }

    /// Has the worker compile a program; `Loaded` or `Rejected` comes back.
    pub(crate) async fn load(&mut self, program: &Arc<Program>, limits: &Limits) -> Result<Reply, CallError> {
        let request = Request::Load {
            name: &program.name,
            source: &program.source,
            params: program.params.to_string(),
            policy: program.policy,
            limits: LoadLimits {
                posts: limits.posts,
                body_bytes: limits.body_bytes,
                post_bytes: limits.post_bytes,
                state_bytes: limits.state_bytes,
                log_bytes: limits.log_bytes,
                kept_bytes: limits.kept_bytes,
                hook_ms: limits.hook.as_millis(),
            },
        };
        let reply = self.call(&request, limits, None).await?;
        if matches!(reply, Reply::Loaded {}) {
            self.program = Some(Arc::clone(program));
        }
        Ok(reply)
    }

    /// Sends a request and waits for its reply, for as long as a hook may take.
    ///
    /// What it asks meanwhile goes through `recorder`; without one it may not ask.
    pub(crate) async fn call(
        &mut self,
        request: &Request<'_>,
        limits: &Limits,
        mut recorder: Option<&mut Recorder<'_>>,
    ) -> Result<Reply, CallError> {
        self.last_id += 1;
        let id = self.last_id;
        let Self { socket, buffer, workspace, .. } = self;
        let exchange = async {
            frame::write(socket, id, request).await.map_err(|_| CallError::Closed)?;
            loop {
                match frame::read(socket, id, limits.reply_bytes(), buffer).await? {
                    Spoken::Reply(reply) => return Ok(reply),
                    Spoken::Ask(ask) => {
                        let recorder = recorder.as_deref_mut().ok_or(CallError::Protocol("a question"))?;
                        let answer = recorder.ask(ask).await;
                        frame::answer(socket, id, &answer).await.map_err(|_| CallError::Closed)?;
                    }
                }
            }
        };
        let quota = async {
            loop {
                sleep(QUOTA_CHECK).await;
                if workspace.bytes().await > limits.workspace_bytes {
                    return CallError::WorkspaceFull;
                }
            }
        };
        let deadline = Instant::now() + limits.hook;
        let reply = tokio::select! {
            biased;
            reply = timeout_at(deadline, exchange) => reply.unwrap_or(Err(CallError::Timeout))?,
            full = quota => return Err(full),
        };
        if self.workspace.bytes().await > limits.workspace_bytes {
            return Err(CallError::WorkspaceFull);
        }
        self.last_used = Instant::now();
        Ok(reply)
    }

    /// Whether it waits for a request to this program, as far as can be seen from here.
    pub(crate) fn is_fit_for(&self, program: &Arc<Program>) -> bool {
        // Anything but silence is a corpse or a reply that nobody asked for.
        let silent =
            matches!(self.socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
        silent && self.program.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, program) || loaded == program)
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub(crate) fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }

    pub(crate) fn last_used(&self) -> Instant {
        self.last_used
    }

    /// Kills the process and waits until it is gone.
    pub(crate) async fn kill(mut self) {
        if let Err(error) = self.child.kill().await {
            tracing::warn!(bot.pid = self.child.id(), %error, "a bot's process could not be killed");
        }
    }
}

/// Reads a worker's stderr to its end, so that it never blocks, and gives the beginning.
async fn drain(mut stderr: ChildStderr, pid: Option<u32>) -> String {
    let mut kept = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        if kept.len() < STDERR_BYTES {
            kept.extend_from_slice(&chunk[..length]);
            tracing::debug!(bot.pid = pid, text = %String::from_utf8_lossy(&chunk[..length]), "a bot's process wrote to stderr");
        }
    }
    String::from_utf8_lossy(&kept).into_owned()
}
