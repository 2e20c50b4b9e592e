//! The live workers: a bounded number, one for each active bot, with idle ones ended.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, sleep};

use crate::config::SupervisorConfig;
use crate::error::Unavailable;
use crate::launcher::Launcher;
use crate::limits::Limits;
use crate::modules::Modules;
use crate::program::{BotKey, Program};
use crate::worker::Worker;

/// Maximum number of workers that have inspected a source and wait to become its bot.
const MAX_INSPECTED: usize = 4;

/// Time without a demand for spares after which a missing one is started, or else one is warmed up, unless none is left. The
/// hook of the bot that took a spare would be slowed down by that.
const QUIET: Duration = Duration::from_millis(5);

/// The modules of spares. Bots for the network are rare, and their hooks take long anyway.
const SPARE_MODULES: Modules = Modules::Basic;

/// More workers than any machine can run, and few enough for a semaphore.
const MAX_PERMITS: u32 = 1 << 20;

/// The place for one bot's idle worker.
///
/// A hook holds the lock while it runs, so that hooks of one bot queue up in the order in which they came. The running
/// worker is taken out of its place and owned by the hook's future: if that future is dropped, so is the worker,
/// which kills it.
pub(crate) type WorkerPlace = Arc<AsyncMutex<Option<Worker>>>;

/// The live workers of a supervisor.
#[derive(Debug)]
pub(crate) struct WorkerPool {
    places: Mutex<HashMap<BotKey, WorkerPlace>>,
    inspected: Mutex<Vec<Worker>>,
    /// Workers without a bot, ready for the next one.
    spares: Mutex<Vec<Spare>>,
    /// Wakes the task that refills the spares.
    spare_taken: Notify,
    /// Number of spares to keep.
    spare_count: usize,
    is_refilling: AtomicBool,
    permits: Arc<Semaphore>,
    /// Number of all permits, taken or not.
    max_workers: u32,
    /// Number of hooks that wait for a permit.
    waiting: AtomicUsize,
    /// Last, so that the directory for workspaces is removed after the workspaces in it.
    launcher: Launcher,
    limits: Limits,
}

/// A worker without a bot.
#[derive(Debug)]
struct Spare {
    worker: Worker,
    is_warm: bool,
}

impl WorkerPool {
    pub(crate) fn new(config: &SupervisorConfig, launcher: Launcher) -> Self {
        let max_workers = u32::try_from(config.max_workers).unwrap_or(u32::MAX).clamp(1, MAX_PERMITS);
        Self {
            places: Mutex::default(),
            inspected: Mutex::default(),
            spares: Mutex::default(),
            spare_taken: Notify::new(),
            spare_count: config.spares,
            is_refilling: AtomicBool::new(false),
            permits: Arc::new(Semaphore::new(max_workers as usize)),
            max_workers,
            waiting: AtomicUsize::new(0),
            launcher,
            limits: config.limits.clone(),
        }
    }

    pub(crate) fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    pub(crate) fn place_of(&self, key: &BotKey) -> WorkerPlace {
        Arc::clone(lock(&self.places).entry(key.clone()).or_default())
    }

    /// Returns a worker without a bot, a spare one if there is any with these modules. Waits while too many workers are
    /// alive.
    pub(crate) async fn start_worker(self: &Arc<Self>, modules: Modules) -> Result<Worker, Unavailable> {
        let permit = self.acquire_permit().await;
        let spare = if modules == SPARE_MODULES { self.pop_spare() } else { None };
        let worker = match spare {
            Some(spare) => spare,
            None => self.launcher.launch(modules).await?,
        };
        self.refill_spares();
        Ok(worker.with_permit(permit))
    }

    /// Kills a worker whose sandbox lacks layers, and the zygotes with it if no other worker is alive.
    ///
    /// Some layers are those of a zygote, and one that was started while the machine was short of memory, for instance,
    /// lacks them for good. A new one may have them. The zygotes stay if there are other workers, because they end with them.
    pub(crate) async fn refuse(&self, worker: Worker) {
        worker.kill().await;
        if let Ok(_all) = self.permits.try_acquire_many(self.max_workers) {
            lock(&self.spares).clear();
            self.launcher.end_zygotes().await;
        }
    }

    /// Returns the right to use a worker; when all are taken, ends the worker that has been idle for longest.
    async fn acquire_permit(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        let _waiting = WaitCounter::new(&self.waiting);
        self.end_longest_idle();
        Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Puts a worker back into its place, or ends it if a hook waits for a permit.
    ///
    /// A hook that waits has already looked for an idle worker to end. It could not find this one, which was running
    /// at that time, and would go on waiting although this worker is idle from here on.
    pub(crate) fn put_back(&self, place: &mut Option<Worker>, worker: Worker) {
        *place = Some(worker);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            *place = None;
        }
    }

    /// Keeps a worker that has inspected a source, because a hook of that source is likely to follow.
    pub(crate) fn store_inspected(&self, worker: Worker) {
        let mut inspected = lock(&self.inspected);
        inspected.push(worker);
        if inspected.len() > MAX_INSPECTED || self.waiting.load(Ordering::SeqCst) > 0 {
            inspected.remove(0);
        }
    }

    /// Takes out a worker that has inspected this program.
    pub(crate) fn take_inspected(&self, program: &Arc<Program>) -> Option<Worker> {
        let mut inspected = lock(&self.inspected);
        let found = inspected.iter().position(|worker| worker.can_run(program))?;
        Some(inspected.remove(found))
    }

    /// Takes out a spare worker, and drops those that have died.
    fn pop_spare(&self) -> Option<Worker> {
        let mut spares = lock(&self.spares);
        while !spares.is_empty() {
            let warm = spares.iter().position(|spare| spare.is_warm);
            let Spare { worker, .. } = spares.remove(warm.unwrap_or_default());
            self.spare_taken.notify_one();
            if worker.is_silent() {
                return Some(worker);
            }
        }
        None
    }

    /// Starts missing spares in the background.
    fn refill_spares(self: &Arc<Self>) {
        if !self.lacks_spares() || self.is_refilling.swap(true, Ordering::SeqCst) {
            return;
        }
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(pool) = pool.upgrade() {
                if !pool.prepare_spare().await {
                    pool.is_refilling.store(false, Ordering::SeqCst);
                    return;
                }
            }
        });
    }

    /// Starts a missing spare or, when none is missing, warms one up. Returns `false` if there is nothing to do, or a worker
    /// could not be started.
    async fn prepare_spare(&self) -> bool {
        let is_quiet = self.wait_until_quiet().await;
        if self.lacks_spares() {
            let Ok(worker) = self.launcher.launch(SPARE_MODULES).await else { return false };
            lock(&self.spares).push(Spare { worker, is_warm: false });
            return true;
        }
        if !is_quiet {
            return true;
        }
        let cold = {
            let mut spares = lock(&self.spares);
            spares.iter().position(|spare| !spare.is_warm).map(|place| spares.remove(place))
        };
        let Some(Spare { mut worker, .. }) = cold else { return false };
        if worker.warm_up(&self.limits).await {
            lock(&self.spares).push(Spare { worker, is_warm: true });
        }
        true
    }

    /// Returns `true` once no spare has been taken for a while, and `false` as soon as none is left.
    async fn wait_until_quiet(&self) -> bool {
        while !lock(&self.spares).is_empty() {
            tokio::select! {
                () = sleep(QUIET) => return true,
                () = self.spare_taken.notified() => {}
            }
        }
        false
    }

    fn lacks_spares(&self) -> bool {
        lock(&self.spares).len() < self.spare_count
    }

    /// Ends workers that have not been used for `idle_after`, and drops the places of bots without a worker.
    fn end_idle(&self, idle_after: Duration) {
        let now = Instant::now();
        let is_idle = |worker: &Worker| now.duration_since(worker.last_used()) >= idle_after;
        lock(&self.inspected).retain(|worker| !is_idle(worker));
        lock(&self.places).retain(|_, place| {
            if let Ok(mut place) = place.try_lock() {
                place.take_if(|worker| is_idle(worker));
            }
            is_used(place)
        });
    }

    fn end_longest_idle(&self) {
        let mut inspected = lock(&self.inspected);
        if !inspected.is_empty() {
            inspected.remove(0);
            return;
        }
        drop(inspected);
        let mut places = lock(&self.places);
        // There is one for every bot that has run of late, and most may have no worker any more.
        places.retain(|_, place| is_used(place));
        let idle = places.values().filter_map(|place| place.try_lock().ok()).filter(|place| place.is_some());
        if let Some(mut oldest) = idle.min_by_key(|place| place.as_ref().map(Worker::last_used)) {
            *oldest = None;
        }
    }
}

/// Ends idle workers from time to time, until the pool is dropped.
pub(crate) async fn end_idle_workers(pool: Weak<WorkerPool>, idle_after: Duration) {
    let pause = (idle_after / 4).max(Duration::from_millis(10));
    loop {
        sleep(pause).await;
        let Some(pool) = pool.upgrade() else { return };
        pool.end_idle(idle_after);
    }
}

/// Returns whether a bot's place has a worker, or a hook uses it. Must be called with the map of places locked: a hook has
/// its own reference to the place, which it got through the map.
fn is_used(place: &WorkerPlace) -> bool {
    Arc::strong_count(place) > 1 || place.try_lock().is_ok_and(|place| place.is_some())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Counts the hooks that wait for a permit, for as long as each waits.
struct WaitCounter<'a>(&'a AtomicUsize);

impl<'a> WaitCounter<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for WaitCounter<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
