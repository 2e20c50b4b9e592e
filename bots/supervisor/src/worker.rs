//! One worker process, from its start to its death.
//!
//! Whoever gets an error from it drops it: a worker is either between two requests or dead.

use std::os::fd::OwnedFd;
use std::path::Path;
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
#[cfg(target_os = "linux")]
use crate::process::Forked;
use crate::process::Process;
use crate::program::Program;
use crate::record::Recorder;
use crate::report::RuntimeInfo;
use crate::sandbox::Act;
use crate::supervisor::SupervisorConfig;
use crate::workspace::Workspace;
#[cfg(target_os = "linux")]
use crate::zygote::Zygote;

/// How often the size of a workspace is looked at while a hook runs.
const QUOTA_CHECK: Duration = Duration::from_millis(250);

/// How much of a worker's stderr is kept to explain a failed start.
const STDERR_BYTES: usize = 4096;

#[derive(Debug)]
pub(crate) struct Worker {
    process: Process,
    socket: UnixStream,
    buffer: Vec<u8>,
    last_id: u64,
    workspace: Workspace,
    runtime: RuntimeInfo,
    program: Option<Arc<Program>>,
    last_used: Instant,
    _permit: Option<OwnedSemaphorePermit>,
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
    /// Starts a process of its own and waits until it is ready.
    pub(crate) async fn execute(config: &SupervisorConfig, workspace: Workspace) -> Result<Self, Unavailable> {
        let (socket, theirs) = socket_pair(config)?;
        let mut command = Command::new(&config.worker);
        command
            .args(["serve", "--workspace"])
            .arg(workspace.path())
            .args(["--memory-bytes", &config.limits.memory_bytes.to_string()])
            .args(["--file-bytes", &config.limits.workspace_bytes.to_string()])
            .env_clear()
            .current_dir(workspace.path())
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Not in the terminal's group: Ctrl-C is for the relay, which finishes its hooks.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(python) = &config.python {
            command.arg("--python").arg(python);
        }
        let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
        let mut child = command.spawn().map_err(spawn)?;
        // The command holds the worker's end of the socket: while it does, the worker's death is no
        // end of file.
        drop(command);
        let stderr = tokio::spawn(drain(child.stderr.take().expect("stderr is piped"), child.id()));
        match Self::ready(config, Process::Executed(child), socket, workspace).await {
            Err((Process::Executed(mut child), Unavailable::Broken(message))) if message.is_empty() => {
                Err(Unavailable::Broken(last_words(&mut child, Some(stderr)).await))
            }
            Err((_, error)) => Err(error),
            Ok(worker) => Ok(worker),
        }
    }

    /// Has the zygote fork a process, and waits until it is ready.
    #[cfg(target_os = "linux")]
    pub(crate) async fn fork(
        config: &SupervisorConfig,
        mut zygote: tokio::sync::MutexGuard<'_, Option<Zygote>>,
        workspace: Workspace,
    ) -> Result<Self, Unavailable> {
        let (socket, theirs) = socket_pair(config)?;
        let live = zygote.as_mut().ok_or_else(|| Unavailable::Broken("there is no zygote".to_owned()))?;
        let process = match live.fork(config, workspace.path(), theirs).await {
            Ok(forked) => forked?,
            Err(error) => {
                *zygote = None;
                return Err(error);
            }
        };
        // The next one can be forked while this one gets ready.
        drop(zygote);
        let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
        let process = Process::Forked(Forked::new(process).map_err(spawn)?);
        Self::ready(config, process, socket, workspace).await.map_err(|(_, error)| match error {
            Unavailable::Broken(message) if message.is_empty() => {
                Unavailable::Broken("a worker ended before it was ready".to_owned())
            }
            other => other,
        })
    }

    /// Waits for a worker's first words; the message of `Broken` is empty when it said none.
    async fn ready(
        config: &SupervisorConfig,
        process: Process,
        mut socket: UnixStream,
        workspace: Workspace,
    ) -> Result<Self, (Process, Unavailable)> {
        let mut buffer = Vec::new();
        let startup = config.limits.startup;
        let ready = frame::read(&mut socket, 0, config.limits.reply_bytes(), &mut buffer);
        let failure = match timeout(startup, ready).await {
            Err(_) => Unavailable::NotReady(startup),
            Ok(Ok(Spoken::Reply(Reply::Ready(runtime)))) => {
                let (program, last_used) = (None, Instant::now());
                return Ok(Self {
                    process,
                    socket,
                    buffer,
                    last_id: 0,
                    workspace,
                    runtime,
                    program,
                    last_used,
                    _permit: None,
                });
            }
            Ok(Ok(Spoken::Reply(Reply::Broken { message }))) => Unavailable::Broken(message),
            Ok(Ok(_) | Err(ReadError::Protocol(_))) => Unavailable::Broken("it is not a bot worker".to_owned()),
            Ok(Err(ReadError::Closed)) => Unavailable::Broken(String::new()),
        };
        Err((process, failure))
    }

    /// Counts it among the workers from here on.
    pub(crate) fn admitted(self, permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }

    /// Has the worker try the forbidden acts.
    pub(crate) async fn self_test(&mut self, canary: &Path, limits: &Limits) -> Result<Vec<Act>, CallError> {
        match self.call(&Request::SelfTest { canary }, limits, None).await? {
            Reply::SelfTested { acts } => Ok(acts),
            _ => Err(CallError::Protocol("something else")),
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
                    Spoken::EgressRequest(ask) => {
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
        self.is_silent()
            && self.program.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, program) || loaded == program)
    }

    /// Whether it says nothing: anything else is a corpse, or a reply that nobody asked for.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
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
    pub(crate) async fn kill(self) {
        self.process.kill().await;
    }
}

fn socket_pair(config: &SupervisorConfig) -> Result<(UnixStream, OwnedFd), Unavailable> {
    let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(spawn)?;
    ours.set_nonblocking(true).map_err(spawn)?;
    Ok((UnixStream::from_std(ours).map_err(spawn)?, OwnedFd::from(theirs)))
}

/// Why a process ended, in its own words if it had any.
pub(crate) async fn last_words(child: &mut Child, stderr: Option<JoinHandle<String>>) -> String {
    let ended = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    let said = match stderr {
        Some(stderr) => stderr.await.unwrap_or_default(),
        None => String::new(),
    };
    if said.trim().is_empty() { ended } else { said.trim().to_owned() }
}

/// Reads a worker's stderr to its end, so that it never blocks, and gives the beginning.
pub(crate) async fn drain(mut stderr: ChildStderr, pid: Option<u32>) -> String {
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
