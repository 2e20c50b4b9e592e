//! One worker process, from its start to its end.
//!
//! A worker that returned an error must be dropped: it is either ready for the next request or of no use.

use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};

use crate::config::SupervisorConfig;
use crate::error::Unavailable;
use crate::execution::{CallContext, Execution, WallTimeOver, cpu_time_over};
use crate::frame::{self, LoadLimits, ReadError, Reply, Request, WorkerMessage};
use crate::limits::Limits;
use crate::output::{collect_stderr, exit_reason};
#[cfg(target_os = "linux")]
use crate::process::ForkedProcess;
use crate::process::Process;
use crate::program::Program;
use crate::record::EgressRecorder;
use crate::sandbox::{ForbiddenAction, RuntimeInfo};
use crate::workspace::Workspace;
#[cfg(target_os = "linux")]
use crate::zygote::Zygote;

/// Interval at which the size of the workspace is checked while a hook runs.
const QUOTA_CHECK: Duration = Duration::from_millis(250);

/// A live worker process and the socket to it; dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Worker {
    process: Process,
    socket: UnixStream,
    buffer: Vec<u8>,
    last_id: u64,
    workspace: Workspace,
    runtime: RuntimeInfo,
    /// The program that the worker has loaded, if any.
    program: Option<Arc<Program>>,
    last_used: Instant,
    /// Time that the last call took, without the time in which it waited for its turn.
    ran: Duration,
    _permit: Option<OwnedSemaphorePermit>,
}

/// Reason why a worker's reply is missing.
#[derive(Debug)]
pub(crate) enum CallError {
    /// It used up its CPU time.
    CpuTimeOver,
    WallTimeOver,
    /// The worker closed its socket, so it has ended.
    Closed,
    WorkspaceFull,
    /// The worker sent something that it must not send; a noun phrase.
    Protocol(&'static str),
}

impl From<WallTimeOver> for CallError {
    fn from(_: WallTimeOver) -> Self {
        Self::WallTimeOver
    }
}

impl From<ReadError> for CallError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Closed => Self::Closed,
            ReadError::Protocol(sent) => Self::Protocol(sent),
        }
    }
}

impl Worker {
    /// Executes the worker program and waits until it is ready.
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
            // Not in the terminal's process group: Ctrl-C must reach only the relay, which finishes its hooks.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(python) = &config.python {
            command.arg("--python").arg(python);
        }
        let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
        let mut child = command.spawn().map_err(spawn)?;
        // The command owns a copy of the worker's end of the socket. As long as it is open, the worker's death does not
        // show as end of file on ours.
        drop(command);
        let stderr = collect_stderr(&mut child);
        match Self::wait_until_ready(config, Process::Executed(child), socket, workspace).await {
            Err((Process::Executed(mut child), Unavailable::Broken(message))) if message.is_empty() => {
                Err(Unavailable::Broken(exit_reason(&mut child, Some(stderr)).await))
            }
            Err((_, error)) => Err(error),
            Ok(worker) => Ok(worker),
        }
    }

    /// Has the zygote fork a worker, and waits until it is ready.
    #[cfg(target_os = "linux")]
    pub(crate) async fn fork(
        config: &SupervisorConfig,
        mut zygote: tokio::sync::MutexGuard<'_, Option<Zygote>>,
        workspace: Workspace,
    ) -> Result<Self, Unavailable> {
        let (socket, theirs) = socket_pair(config)?;
        let live = zygote.as_mut().ok_or_else(|| Unavailable::Broken("the zygote is not running".to_owned()))?;
        let pidfd = match live.fork(config, workspace.path(), theirs).await {
            Ok(forked) => forked?,
            Err(error) => {
                *zygote = None;
                return Err(error);
            }
        };
        // The next worker can be forked while this one gets ready.
        drop(zygote);
        let spawn = |source| Unavailable::Spawn { worker: config.worker.clone(), source };
        let process = Process::Forked(ForkedProcess::new(pidfd).map_err(spawn)?);
        Self::wait_until_ready(config, process, socket, workspace).await.map_err(|(_, error)| match error {
            Unavailable::Broken(message) if message.is_empty() => {
                Unavailable::Broken("a worker ended before it was ready".to_owned())
            }
            other => other,
        })
    }

    /// Waits for a worker's first message. If the worker ends without one, the message of `Broken` is empty.
    async fn wait_until_ready(
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
            Ok(Ok(WorkerMessage::Reply(Reply::Ready(runtime)))) => {
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
                    ran: Duration::ZERO,
                    _permit: None,
                });
            }
            Ok(Ok(WorkerMessage::Reply(Reply::Broken { message }))) => Unavailable::Broken(message),
            Ok(Ok(_) | Err(ReadError::Protocol(_))) => {
                Unavailable::Broken("the program is not a bot worker".to_owned())
            }
            Ok(Err(ReadError::Closed)) => Unavailable::Broken(String::new()),
        };
        Err((process, failure))
    }

    /// Makes it count as one of the live workers, until it is dropped.
    pub(crate) fn with_permit(self, permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Some(permit), ..self }
    }

    /// Has the worker attempt every action that the sandbox must block.
    pub(crate) async fn self_test(
        &mut self,
        canary: &Path,
        context: CallContext<'_>,
    ) -> Result<Vec<ForbiddenAction>, CallError> {
        match self.call(&Request::SelfTest { canary }, context, None).await? {
            Reply::SelfTested { actions } => Ok(actions),
            _ => Err(CallError::Protocol("an unexpected reply")),
        }
    }

    /// Has the worker compile a program, or take over its compiled code. Replies with `Loaded` or `Rejected`.
    pub(crate) async fn load(
        &mut self,
        program: &Arc<Program>,
        code: Option<&str>,
        context: CallContext<'_>,
    ) -> Result<Reply, CallError> {
        let request = Request::Load {
            name: &program.name,
            source: if code.is_some() { "" } else { &program.source },
            code,
            params: program.params.to_string(),
            policy: program.policy,
            limits: LoadLimits::new(context.limits),
        };
        let reply = self.call(&request, context, None).await?;
        if matches!(reply, Reply::Loaded { .. }) {
            self.program = Some(Arc::clone(program));
        }
        Ok(reply)
    }

    /// Has a worker without a bot do once what a first hook does. Returns `false` if it cannot be used.
    pub(crate) async fn warm_up(&mut self, limits: &Limits) -> bool {
        self.last_id += 1;
        let (id, request) = (self.last_id, Request::WarmUp {});
        let warm_up = async {
            frame::write(&mut self.socket, id, &request).await.ok()?;
            frame::read(&mut self.socket, id, limits.reply_bytes(), &mut self.buffer).await.ok()
        };
        matches!(timeout(limits.startup, warm_up).await, Ok(Some(WorkerMessage::Reply(Reply::WarmedUp {}))))
    }

    /// Gives the loaded program the name of its bot class if it has no name. The worker chooses the same class either way.
    pub(crate) fn name_program(&mut self, class_name: &str) {
        self.program = self.program.take().map(|program| program.named(class_name));
    }

    /// Sends a request when it is its turn to run, and waits for the reply, within the time limits of a hook.
    ///
    /// Egress requests that arrive before the reply go through `recorder`; without one they are a protocol error.
    pub(crate) async fn call(
        &mut self,
        request: &Request<'_>,
        context: CallContext<'_>,
        mut recorder: Option<&mut EgressRecorder<'_>>,
    ) -> Result<Reply, CallError> {
        self.last_id += 1;
        let id = self.last_id;
        let limits = context.limits;
        let Self { process, socket, buffer, workspace, ran, .. } = self;
        let mut execution = Execution::start(context, process, ran).await;
        if let Some(recorder) = &mut recorder {
            recorder.start(limits);
        }
        let exchange = async {
            let first = async {
                frame::write(socket, id, request).await.map_err(|_| CallError::Closed)?;
                Ok::<_, CallError>(frame::read(socket, id, limits.reply_bytes(), buffer).await?)
            };
            let mut message = execution.run(first).await??;
            loop {
                let request = match message {
                    WorkerMessage::Reply(reply) => return Ok::<_, CallError>(reply),
                    WorkerMessage::Egress(request) => request,
                };
                let recorder = recorder.as_deref_mut().ok_or(CallError::Protocol("an egress request"))?;
                let response = execution.wait(recorder.perform(request)).await?;
                let next = async {
                    frame::respond(socket, id, &response).await.map_err(|_| CallError::Closed)?;
                    Ok::<_, CallError>(frame::read(socket, id, limits.reply_bytes(), buffer).await?)
                };
                message = execution.run(next).await??;
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
        let reply = tokio::select! {
            biased;
            reply = exchange => reply?,
            full = quota => return Err(full),
            () = cpu_time_over(process, limits.hook) => return Err(CallError::CpuTimeOver),
        };
        drop(execution);
        if self.workspace.bytes().await > limits.workspace_bytes {
            return Err(CallError::WorkspaceFull);
        }
        self.last_used = Instant::now();
        Ok(reply)
    }

    /// Returns whether it has loaded this program and, as far as the socket shows, waits for a request.
    pub(crate) fn can_run(&self, program: &Arc<Program>) -> bool {
        self.is_silent()
            && self.program.as_ref().is_some_and(|loaded| Arc::ptr_eq(loaded, program) || loaded == program)
    }

    /// Returns whether the socket is open and has nothing to read. Otherwise the worker has ended, or has sent a
    /// message that is no reply to any request.
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.socket.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
    }

    pub(crate) fn workspace(&self) -> &Workspace {
        &self.workspace
    }

    pub(crate) fn runtime(&self) -> &RuntimeInfo {
        &self.runtime
    }

    /// Time that the last call took, without the time in which it waited for its turn.
    pub(crate) fn ran(&self) -> Duration {
        self.ran
    }

    pub(crate) fn last_used(&self) -> Instant {
        self.last_used
    }

    /// Kills the process and waits until it has ended.
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
