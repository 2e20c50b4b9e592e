//! The handle that a relay uses: inspects sources, runs hooks and has boards drawn.

use std::sync::Arc;
use std::time::Duration;

use mcp_multiplayer_protocol::Hash;
use mcp_multiplayer_protocol::channel::Hook;
use serde_json::value::RawValue;
use tokio::sync::OnceCell;

use crate::check;
use crate::config::SupervisorConfig;
use crate::drawing::{DrawError, Drawing, Drawings, Drawn};
use crate::error::{InspectError, Unavailable};
use crate::execution::CallContext;
use crate::frame::{Reply, Request};
use crate::hook::HookRequest;
use crate::launcher::Launcher;
use crate::limits::Limits;
use crate::modules::Modules;
use crate::pool::{WorkerPool, end_idle_workers};
use crate::program::{BotKey, Owner, Program};
use crate::program_cache::ProgramCache;
use crate::record::EgressRecorder;
use crate::report::{FailureKind, HookReport, Inspected, Outcome};
use crate::sandbox::{ForbiddenAction, Sandbox};
use crate::schedule::Scheduler;
use crate::share::Shares;
use crate::worker::{CallError, Worker};

/// Runs bots. A cheap handle: dropping the last clone kills every worker.
#[derive(Debug, Clone)]
pub struct Supervisor {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: Arc<SupervisorConfig>,
    pool: Arc<WorkerPool>,
    scheduler: Scheduler,
    shares: Shares,
    programs: ProgramCache,
    drawings: Drawings,
    /// Result of the sandbox's self-test, once it has run.
    sandbox: OnceCell<Sandbox>,
}

/// Result of one attempt to run a hook.
enum Attempt {
    Reported(HookReport),
    /// The worker ended before it replied.
    Died,
}

impl Supervisor {
    /// A supervisor without any worker yet; must be called within a tokio runtime.
    ///
    /// Fails with [`Unavailable::Workspace`] if the directory for workspaces can't be created.
    pub fn new(config: SupervisorConfig) -> Result<Self, Unavailable> {
        let config = Arc::new(config);
        let launcher = Launcher::new(Arc::clone(&config))?;
        let pool = Arc::new(WorkerPool::new(&config, launcher));
        tokio::spawn(end_idle_workers(Arc::downgrade(&pool), config.idle_after));
        let (scheduler, shares) = (Scheduler::new(config.max_running), Shares::new(config.max_workers));
        Ok(Self {
            inner: Arc::new(Inner {
                config,
                pool,
                scheduler,
                shares,
                programs: ProgramCache::default(),
                drawings: Drawings::default(),
                sandbox: OnceCell::new(),
            }),
        })
    }

    /// Compiles and loads a source under the policy, without running any hook. The owner is the person who asks for it.
    pub async fn inspect(&self, owner: &Owner, program: &Arc<Program>) -> Result<Inspected, InspectError> {
        let limits = &self.limits().of_program(program);
        let context = self.context(owner, limits);
        if let Some(message) = oversized(program, limits) {
            return Err(InspectError::Rejected { message, line: None, hint: None });
        }
        if let Some(inspected) = self.inner.programs.inspected(program) {
            return Ok(inspected);
        }
        let _share = self.inner.shares.acquire(owner).await;
        let mut worker = self.start_worker(Modules::of(program)).await?;
        let mut reply = self.load(&mut worker, program, context).await;
        if matches!(reply, Ok(Reply::Loaded { .. })) {
            reply = worker.call(&Request::Inspect {}, context, None).await;
        }
        match reply {
            Ok(Reply::Inspected { class_name, hooks, summary })
                if is_small(&class_name, &hooks, summary.as_deref()) =>
            {
                let runtime = worker.runtime().clone();
                worker.name_program(&class_name);
                self.pool().store_inspected(worker);
                let inspected = Inspected { class_name, hooks, summary, runtime };
                self.inner.programs.insert_inspected(program, &inspected);
                Ok(inspected)
            }
            Ok(Reply::Rejected { message, line, hint }) => Err(InspectError::Rejected { message, line, hint }),
            other => {
                worker.kill().await;
                let message = match &other {
                    Err(error) => describe(error, "loading the source", limits),
                    Ok(_) => UNEXPECTED_REPLY.to_owned(),
                };
                let hint = if matches!(other, Ok(_) | Err(CallError::Protocol(_))) {
                    tracing::warn!(error.message = %message, "{OTHER_BUILD}");
                    OTHER_BUILD
                } else {
                    EXPENSIVE_SOURCE
                };
                Err(InspectError::Rejected { message, line: None, hint: Some(hint.to_owned()) })
            }
        }
    }

    /// Draws the board of a bot's post in a worker of its own, which ends afterwards. The owner is the person who asks for it.
    /// `turned` asks for images from the other side of the board.
    ///
    /// A worker that runs a bot does not draw: its bot could change the drawing of another one's board.
    pub async fn draw(&self, owner: &Owner, board: &RawValue, turned: bool) -> Result<Arc<Drawing>, DrawError> {
        let hash = Hash::of(&[board.get().as_bytes(), &[u8::from(turned)]]);
        if let Some(drawn) = self.inner.drawings.get(hash) {
            return drawn.map_err(DrawError::Rejected);
        }
        let context = self.context(owner, self.limits());
        let _share = self.inner.shares.acquire(owner).await;
        let mut worker = self.start_worker(Modules::Basic).await?;
        let reply = worker.call(&Request::Draw { board, turned }, context, None).await;
        worker.kill().await;
        let drawn: Drawn = match reply {
            Ok(Reply::Drawn(drawing)) if drawing.is_small() => Ok(Arc::new(drawing)),
            Ok(Reply::Drawn(_)) => Err("its drawing would be too large".into()),
            Ok(Reply::Rejected { message, .. }) => Err(message.chars().take(MAX_REASON).collect::<String>().into()),
            // The memory or the time was not enough. It is not kept: the machine may have been overloaded.
            Err(error) => return Err(DrawError::Rejected(describe(&error, "drawing", self.limits()).into())),
            Ok(_) => return Err(DrawError::Rejected(UNEXPECTED_REPLY.into())),
        };
        self.inner.drawings.insert(hash, &drawn);
        drawn.map_err(DrawError::Rejected)
    }

    /// Runs a hook in its bot's process. Hooks of one bot run one after another, in the order of the
    /// calls; hooks of different bots run concurrently, and their owners take turns when there are more than cores.
    ///
    /// Dropping the future kills the hook.
    pub async fn run(
        &self,
        key: &BotKey,
        program: &Arc<Program>,
        request: HookRequest,
    ) -> Result<HookReport, Unavailable> {
        let limits = &self.limits().of_program(program);
        if let Some(message) = oversized(program, limits) {
            return Ok(check::failed(message, FailureKind::Refused));
        }
        let context = self.context(key.owner(), limits);
        // Before the place is locked: the idle worker of a locked place cannot be ended in favour of another bot.
        let _share = self.inner.shares.acquire(key.owner()).await;
        let place = self.pool().place_of(key);
        let mut place = place.lock().await;
        // A worker that is left from an earlier hook is used again only if it has loaded this very program and its
        // socket is open and empty. What an earlier hook did in that process can still harm this bot alone: the worker
        // never runs another bot's code, and every reply is checked as if it came from an attacker.
        // So can one that has inspected this program.
        let warm =
            place.take().filter(|worker| worker.can_run(program)).or_else(|| self.pool().take_inspected(program));
        if let Some(worker) = warm.filter(|worker| self.missing_layers(worker).is_none()) {
            // A worker that has been alive for a while may have been killed for a reason that is not this hook's fault:
            // by the out-of-memory killer, with its zygote, or by its limit of CPU time, which covers all its hooks.
            // The hook then runs again in a new worker. Without a reply it has had no effect on the channel, although
            // its network requests may be repeated.
            if let Attempt::Reported(report) = self.attempt(worker, &mut place, context, &request).await? {
                return Ok(report);
            }
        }
        let worker = match self.start_loaded(program, context).await? {
            Ok(worker) => worker,
            Err(report) => return Ok(report),
        };
        match self.attempt(worker, &mut place, context, &request).await? {
            Attempt::Reported(report) => Ok(report),
            Attempt::Died => {
                let reason = describe(&CallError::Closed, request.hook.name(), limits);
                Ok(check::failed(reason, FailureKind::Died))
            }
        }
    }

    /// Ends the process of a bot that has been detached, after its running hook.
    pub async fn retire(&self, key: &BotKey) {
        let place = self.pool().place_of(key);
        place.lock().await.take();
    }

    fn pool(&self) -> &Arc<WorkerPool> {
        &self.inner.pool
    }

    /// Largest memory of a bot's process, in bytes.
    pub fn memory_bytes(&self) -> u64 {
        self.limits().memory_bytes
    }

    fn limits(&self) -> &Limits {
        &self.inner.config.limits
    }

    fn context<'a>(&'a self, owner: &'a Owner, limits: &'a Limits) -> CallContext<'a> {
        CallContext { limits, scheduler: &self.inner.scheduler, owner }
    }

    async fn attempt(
        &self,
        mut worker: Worker,
        place: &mut Option<Worker>,
        context: CallContext<'_>,
        request: &HookRequest,
    ) -> Result<Attempt, Unavailable> {
        worker.workspace().empty().await?;
        let limits = context.limits;
        let secrets: Arc<[String]> = request.env.values().map(|secret| secret.expose().to_owned()).collect();
        let mut recorder = EgressRecorder::new(self.inner.config.egress.as_deref(), request, &secrets);
        let reply = worker.call(&Request::Hook(request), context, Some(&mut recorder)).await;
        let mut report = match reply {
            Ok(reply) => check::report(reply, request, limits, &secrets),
            Err(CallError::Closed) => return Ok(Attempt::Died),
            Err(error) => check::failed(describe(&error, request.hook.name(), limits), failure_kind(&error)),
        };
        (report.hosts, report.record) = recorder.finish();
        report.ran = worker.ran();
        match report.outcome {
            // A worker whose workspace is a directory on disk may keep a file open. Once that file is removed it still
            // takes space on the disk but is not counted any more, so such a worker is not used again.
            Outcome::Completed(_) | Outcome::Failed { kind: FailureKind::Error, .. }
                if !worker.workspace().has_files() =>
            {
                self.pool().put_back(place, worker);
            }
            _ => worker.kill().await,
        }
        Ok(Attempt::Reported(report))
    }

    /// Returns the active layers of the bot sandbox and the result of its self-test. The test runs once, in a worker
    /// of its own.
    pub async fn sandbox(&self) -> Result<Sandbox, Unavailable> {
        self.inner.sandbox.get_or_try_init(|| self.test_sandbox()).await.cloned()
    }

    async fn test_sandbox(&self) -> Result<Sandbox, Unavailable> {
        let mut worker = self.pool().start_worker(Modules::Basic).await?;
        let runtime = worker.runtime().clone();
        let tested = if runtime.layers.is_empty() { Ok(Vec::new()) } else { self.run_self_test(&mut worker).await };
        worker.kill().await;
        Ok(Sandbox::from_self_test(runtime, tested))
    }

    /// Runs the self-test in this worker. The error is the reason why there are no results, whatever it is: a sandbox
    /// that cannot be tested counts as one that failed, and presets still run in it.
    async fn run_self_test(&self, worker: &mut Worker) -> Result<Vec<ForbiddenAction>, String> {
        let canary = self.pool().launcher().workspaces().create_canary().map_err(|error| {
            // Everybody may see the reason, but not the paths of this machine.
            tracing::error!(error.cause = %error, "cannot prepare the sandbox's self-test");
            "it could not be prepared".to_owned()
        })?;
        // The time limit of a hook is the operator's choice for bots, and may be too short for a machine that is starting.
        let startup = self.limits().startup;
        let (hook, hook_wall) = (self.limits().hook.max(startup), self.limits().hook_wall.max(startup));
        let limits = Limits { hook, hook_wall, ..self.limits().clone() };
        let owner = Owner::default();
        let context = self.context(&owner, &limits);
        let tested = worker.self_test(&canary, context).await;
        tested.map_err(|error| describe(&error, "the self-test", &limits))
    }

    /// Starts a worker with these modules. One that has fewer layers than the tested sandbox is killed before it gets any code.
    async fn start_worker(&self, modules: Modules) -> Result<Worker, Unavailable> {
        let worker = self.pool().start_worker(modules).await?;
        match self.missing_layers(&worker) {
            None => Ok(worker),
            Some(missing) => {
                self.pool().refuse(worker).await;
                Err(Unavailable::Sandbox { missing })
            }
        }
    }

    /// Names the layers of the tested sandbox that a worker lacks; `None` if it has all, or if there was no test yet.
    fn missing_layers(&self, worker: &Worker) -> Option<String> {
        self.inner.sandbox.get()?.missing_from(&worker.runtime().layers)
    }

    /// Loads a program into a new worker. If nobody has compiled it before, the worker does, before any of its code runs there.
    async fn load(
        &self,
        worker: &mut Worker,
        program: &Arc<Program>,
        context: CallContext<'_>,
    ) -> Result<Reply, CallError> {
        let code = self.inner.programs.code(program);
        let mut reply = worker.load(program, code.as_deref(), context).await?;
        if let Reply::Loaded { code: compiled } = &mut reply
            && let (None, Some(compiled)) = (code, compiled.take())
        {
            self.inner.programs.insert_code(program, compiled);
        }
        Ok(reply)
    }

    /// Starts a worker and loads the program. A program that does not load is reported as the hook's failure.
    async fn start_loaded(
        &self,
        program: &Arc<Program>,
        context: CallContext<'_>,
    ) -> Result<Result<Worker, HookReport>, Unavailable> {
        let mut worker = self.start_worker(Modules::of(program)).await?;
        Ok(match self.load(&mut worker, program, context).await {
            Ok(Reply::Loaded { .. }) => Ok(worker),
            Ok(Reply::Rejected { message, line, .. }) => {
                let outcome = Outcome::Failed { reason: message, message: None, line, kind: FailureKind::Error };
                Err(HookReport { outcome, log: Vec::new(), hosts: Vec::new(), record: None, ran: Duration::ZERO })
            }
            Ok(_) => Err(check::failed(UNEXPECTED_REPLY.to_owned(), FailureKind::Refused)),
            Err(error) => {
                Err(check::failed(describe(&error, "compiling the source", context.limits), failure_kind(&error)))
            }
        })
    }
}

/// Maximum length of the reason why a board is not drawn, in characters.
const MAX_REASON: usize = 300;

/// Maximum lengths in the result of an inspection, in characters. The worker keeps them, see `multiplayer/program.py`.
const CLASS_NAME_LENGTH: usize = 200;
const SUMMARY_LENGTH: usize = 300;

/// Returns whether the result of an inspection, which is cached, is as small as the worker makes it.
fn is_small(class_name: &str, hooks: &[Hook], summary: Option<&str>) -> bool {
    let is_once = |hook| hooks.iter().filter(|other| *other == hook).count() == 1;
    class_name.chars().count() <= CLASS_NAME_LENGTH
        && summary.is_none_or(|text| text.chars().count() <= SUMMARY_LENGTH)
        && hooks.iter().all(is_once)
}

/// Hint for a reply that no worker of this build sends.
const OTHER_BUILD: &str = "if this happens to every bot, the relay and its program mcp-multiplayer-bot are from different builds: build and install both together";

/// Hint for a source that reached a limit while it was loaded.
const EXPENSIVE_SOURCE: &str =
    "code outside of functions runs every time the bot is loaded, so it must be quick and need few resources";

/// Reason of a failure after a well-formed reply of the wrong kind.
const UNEXPECTED_REPLY: &str = "the bot's process sent an unexpected reply";

fn oversized(program: &Program, limits: &Limits) -> Option<String> {
    let length = program.source.len();
    (length > limits.source_bytes).then(|| format!("the source is {length} bytes; at most {}", limits.source_bytes))
}

fn failure_kind(error: &CallError) -> FailureKind {
    match error {
        CallError::CpuTimeOver | CallError::WallTimeOver => FailureKind::Timeout,
        CallError::Closed => FailureKind::Died,
        CallError::WorkspaceFull | CallError::Protocol(_) => FailureKind::Refused,
    }
}

fn describe(error: &CallError, action: &str, limits: &Limits) -> String {
    match error {
        CallError::CpuTimeOver => format!("{action} took longer than {:?} of CPU time", limits.hook),
        CallError::WallTimeOver => format!("{action} took longer than {:?}", limits.wall_clock()),
        CallError::Closed => format!("the bot's process ended during {action}"),
        CallError::WorkspaceFull => format!("the bot's files grew over {} bytes", limits.workspace_bytes),
        CallError::Protocol(sent) => format!("the bot's process sent {sent} during {action}"),
    }
}
