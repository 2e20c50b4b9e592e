//! The handle that a relay holds: inspects sources and runs hooks.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use tokio::sync::OnceCell;
use tokio::time::{Duration, Instant, sleep};

use crate::check;
use crate::egress::Egress;
use crate::error::{InspectError, Unavailable};
use crate::fleet::Fleet;
use crate::frame::{Reply, Request};
use crate::hook::HookRequest;
use crate::limits::Limits;
use crate::program::{BotKey, Program};
use crate::record::{LAST_WORDS, Recorder};
use crate::report::{FailureKind, HookReport, Inspected, Outcome, RuntimeInfo};
use crate::sandbox::Sandbox;
use crate::worker::{CallError, Worker};
use crate::workspace::Workspaces;
#[cfg(target_os = "linux")]
use crate::zygote::Zygote;

/// How workers are run.
#[derive(Debug, Clone)]
pub struct SupervisorConfig {
    /// The executable `mcp-multiplayer-bot`.
    pub worker: PathBuf,
    /// The Python executable whose environment holds the bots' packages; `None`: the one that the
    /// worker was built with.
    pub python: Option<PathBuf>,
    /// The directory in which the bots' workspaces are made. It must belong to this process's user alone.
    pub workspaces: PathBuf,
    /// What a hook may use.
    pub limits: Limits,
    /// Worker processes alive at a time: 64. Hooks beyond that wait for one to be free.
    pub max_workers: usize,
    /// How long a worker waits for its bot's next hook: 10 minutes.
    pub idle_after: Duration,
    /// Layers of the sandbox to do without, by name, as if the platform refused them: none. For tests of the others.
    pub refuse: Vec<String>,
    /// Workers that are kept ready for new bots: 1.
    pub spares: usize,
    /// How bots reach the outside world; `None`: not at all.
    pub egress: Option<Arc<dyn Egress>>,
}

impl SupervisorConfig {
    /// The defaults, for a worker executable and a directory for workspaces.
    pub fn new(worker: impl Into<PathBuf>, workspaces: impl Into<PathBuf>) -> Self {
        Self {
            worker: worker.into(),
            python: None,
            workspaces: workspaces.into(),
            limits: Limits::default(),
            max_workers: 64,
            idle_after: Duration::from_mins(10),
            refuse: Vec::new(),
            spares: 1,
            egress: None,
        }
    }
}

/// Runs bots; a cheap handle. Dropping the last clone kills every worker.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    config: SupervisorConfig,
    workspaces: Workspaces,
    fleet: Fleet,
    /// What workers are forked from; none before the first, and after it has died.
    #[cfg(target_os = "linux")]
    zygote: tokio::sync::Mutex<Option<Zygote>>,
    sandbox: OnceCell<Sandbox>,
}

/// What came of one try at a hook.
enum Attempt {
    Reported(HookReport),
    /// The worker ended before it answered.
    Died,
}

impl Supervisor {
    /// A supervisor without any worker yet; must be called within a tokio runtime.
    ///
    /// Fails with [`Unavailable::Workspace`] if the directory for workspaces can't be made.
    pub fn new(config: SupervisorConfig) -> Result<Self, Unavailable> {
        let inner = Arc::new(Inner {
            workspaces: Workspaces::new(&config.workspaces)?,
            fleet: Fleet::new(config.max_workers),
            #[cfg(target_os = "linux")]
            zygote: tokio::sync::Mutex::default(),
            sandbox: OnceCell::new(),
            config,
        });
        tokio::spawn(retire_idle(Arc::downgrade(&inner), inner.config.idle_after));
        Ok(Self { inner })
    }

    /// Compiles and loads a source under the policy, without running any hook.
    pub async fn inspect(&self, program: &Arc<Program>) -> Result<Inspected, InspectError> {
        let limits = &self.inner.config.limits;
        if let Some(message) = oversized(program, limits) {
            return Err(InspectError::Rejected { message, line: None, hint: None });
        }
        let mut worker = self.start().await?;
        let mut reply = worker.load(program, limits).await;
        if matches!(reply, Ok(Reply::Loaded {})) {
            reply = worker.call(&Request::Inspect {}, limits, None).await;
        }
        match reply {
            Ok(Reply::Inspected { class_name, hooks }) => {
                let runtime = worker.runtime().clone();
                self.inner.fleet.keep_inspected(worker);
                Ok(Inspected { class_name, hooks, runtime })
            }
            Ok(Reply::Rejected { message, line, hint }) => Err(InspectError::Rejected { message, line, hint }),
            other => {
                worker.kill().await;
                let message = match other {
                    Err(error) => reason(&error, "loading the source", limits),
                    Ok(_) => "the bot's process answered something else".to_owned(),
                };
                let hint = "code outside of functions runs whenever the bot is loaded: it must be quick".to_owned();
                Err(InspectError::Rejected { message, line: None, hint: Some(hint) })
            }
        }
    }

    /// Runs a hook in its bot's process; hooks of one bot run one after another, in the order of the
    /// calls, those of others beside them.
    ///
    /// A dropped future kills the hook.
    pub async fn run(
        &self,
        key: &BotKey,
        program: &Arc<Program>,
        call: HookRequest,
    ) -> Result<HookReport, Unavailable> {
        if let Some(message) = oversized(program, &self.inner.config.limits) {
            return Ok(check::failed(message, FailureKind::Refused));
        }
        let seat = self.inner.fleet.seat(key);
        let mut seat = seat.lock().await;
        let warm = seat.take().filter(|worker| worker.is_fit_for(program));
        if let Some(worker) = warm {
            // A warm worker that is gone may have been killed by somebody else long before.
            if let Attempt::Reported(report) = self.attempt(worker, &mut seat, &call).await? {
                return Ok(report);
            }
        }
        let worker = match self.inner.fleet.take_inspected(program) {
            Some(worker) => worker,
            None => match self.start_with(program).await? {
                Ok(worker) => worker,
                Err(report) => return Ok(report),
            },
        };
        match self.attempt(worker, &mut seat, &call).await? {
            Attempt::Reported(report) => Ok(report),
            Attempt::Died => {
                Ok(check::failed(reason(&CallError::Closed, call.hook.name(), self.limits()), FailureKind::Died))
            }
        }
    }

    /// Ends the process of a bot that is no more, once its running hook is over.
    pub async fn retire(&self, key: &BotKey) {
        let seat = self.inner.fleet.seat(key);
        seat.lock().await.take();
    }

    fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    async fn attempt(
        &self,
        mut worker: Worker,
        seat: &mut Option<Worker>,
        call: &HookRequest,
    ) -> Result<Attempt, Unavailable> {
        worker.workspace().empty().await?;
        let limits = self.limits();
        let secrets: Arc<[String]> = call.env.values().map(|secret| secret.expose().to_owned()).collect();
        let deadline = Instant::now() + limits.hook.saturating_sub(LAST_WORDS);
        let outside = self.inner.config.egress.as_ref();
        let visit = outside.map(|outside| outside.open(&call.channel_id, &call.bot_id, deadline, Arc::clone(&secrets)));
        let mut recorder = Recorder::new(visit, &secrets);
        let reply = worker.call(&Request::Hook(call), limits, Some(&mut recorder)).await;
        let mut report = match reply {
            Ok(reply) => check::report(reply, call, limits, &secrets),
            Err(CallError::Closed) => return Ok(Attempt::Died),
            Err(error) => check::failed(reason(&error, call.hook.name(), limits), kind(&error)),
        };
        report.record = recorder.finish();
        match report.outcome {
            // A file on the disk that it may still have open would be in nobody's count once it is removed.
            Outcome::Completed(_) | Outcome::Failed { kind: FailureKind::Error, .. }
                if !worker.workspace().has_files() =>
            {
                self.inner.fleet.put_back(seat, worker);
            }
            _ => worker.kill().await,
        }
        Ok(Attempt::Reported(report))
    }

    /// How far the bot sandbox reaches; tried once, with a worker of its own.
    pub async fn sandbox(&self) -> Result<Sandbox, Unavailable> {
        self.inner.sandbox.get_or_try_init(|| self.test_sandbox()).await.cloned()
    }

    async fn test_sandbox(&self) -> Result<Sandbox, Unavailable> {
        let mut worker = self.start().await?;
        let RuntimeInfo { sandbox: level, layers, .. } = worker.runtime().clone();
        let canary = self.inner.workspaces.canary()?;
        let acts = if layers.is_empty() {
            Vec::new()
        } else {
            let tested = worker.self_test(&canary, self.limits()).await;
            tested.map_err(|error| Unavailable::Broken(reason(&error, "the self-test", self.limits())))?
        };
        worker.kill().await;
        Ok(Sandbox::judged(&level, layers, acts))
    }

    async fn start(&self) -> Result<Worker, Unavailable> {
        let permit = self.inner.fleet.permit().await;
        let spare = self.inner.fleet.take_spare();
        let worker = match spare {
            Some(spare) => spare,
            None => self.inner.new_worker().await?,
        };
        self.inner.fleet.refill(&self.inner);
        Ok(worker.admitted(permit))
    }

    /// A worker that has loaded the program, or how that failed.
    async fn start_with(&self, program: &Arc<Program>) -> Result<Result<Worker, HookReport>, Unavailable> {
        let mut worker = self.start().await?;
        Ok(match worker.load(program, self.limits()).await {
            Ok(Reply::Loaded {}) => Ok(worker),
            Ok(Reply::Rejected { message, line, .. }) => {
                let outcome = Outcome::Failed { reason: message, line, kind: FailureKind::Error };
                Err(HookReport { outcome, log: Vec::new(), record: None })
            }
            Ok(_) => Err(check::failed("the bot's process answered something else".to_owned(), FailureKind::Refused)),
            Err(error) => Err(check::failed(reason(&error, "compiling the source", self.limits()), kind(&error))),
        })
    }
}

impl Inner {
    /// A worker without a bot; it counts for nothing yet.
    pub(crate) async fn new_worker(&self) -> Result<Worker, Unavailable> {
        #[cfg(target_os = "linux")]
        if !self.config.refuse.iter().any(|layer| layer == "zygote") {
            return match self.fork_worker().await {
                // The next request is what shows that a zygote has died; there is another one to be had.
                Err((_, had_zygote)) if had_zygote => self.fork_worker().await.map_err(|(error, _)| error),
                forked => forked.map_err(|(error, _)| error),
            };
        }
        Worker::execute(&self.config, self.workspaces.make()?).await
    }

    /// A worker from the zygote, or why not and whether the zygote was there before.
    ///
    /// Where it fails there is none: a process of its own, which has no sandbox, is no substitute.
    #[cfg(target_os = "linux")]
    async fn fork_worker(&self) -> Result<Worker, (Unavailable, bool)> {
        let mut zygote = self.zygote.lock().await;
        let had_zygote = zygote.is_some();
        let failed = |error| (error, had_zygote);
        let workspace = self.workspaces.make().map_err(failed)?;
        if zygote.is_none() {
            let stage = self.workspaces.stage().map_err(failed)?;
            *zygote = Some(Zygote::start(&self.config, &stage).map_err(failed)?);
        }
        Worker::fork(&self.config, zygote, workspace).await.map_err(failed)
    }

    pub(crate) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    pub(crate) fn spares(&self) -> usize {
        self.config.spares
    }
}

fn oversized(program: &Program, limits: &Limits) -> Option<String> {
    let length = program.source.len();
    (length > limits.source_bytes).then(|| format!("the source is {length} bytes; at most {}", limits.source_bytes))
}

fn kind(error: &CallError) -> FailureKind {
    match error {
        CallError::Timeout => FailureKind::Timeout,
        CallError::Closed => FailureKind::Died,
        CallError::WorkspaceFull | CallError::Protocol(_) => FailureKind::Refused,
    }
}

fn reason(error: &CallError, what: &str, limits: &Limits) -> String {
    match error {
        CallError::Timeout => format!("{what} took longer than {:?}", limits.hook),
        CallError::Closed => format!("the bot's process ended during {what}"),
        CallError::WorkspaceFull => format!("the bot's files grew over {} bytes", limits.workspace_bytes),
        CallError::Protocol(sent) => format!("the bot's process sent {sent} during {what}"),
    }
}

async fn retire_idle(inner: Weak<Inner>, idle_after: Duration) {
    let pause = (idle_after / 4).max(Duration::from_millis(10));
    loop {
        sleep(pause).await;
        let Some(inner) = inner.upgrade() else { return };
        inner.fleet.retire_idle(idle_after);
    }
}
