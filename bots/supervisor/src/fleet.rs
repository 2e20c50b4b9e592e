//! The live workers: at most so many, each in the seat of its bot, idle ones retired.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant};

use crate::program::{BotKey, Program};
use crate::supervisor::Inner;
use crate::worker::Worker;

/// Workers that have inspected a source and wait to become its bot.
const MAX_INSPECTED: usize = 4;

/// The place of one bot's worker. Whoever runs a hook holds the lock, so hooks of a bot queue up in
/// the order they came; a worker at work is out of its seat, so that it dies if its hook is dropped.
pub(crate) type Seat = Arc<AsyncMutex<Option<Worker>>>;

#[derive(Debug)]
pub(crate) struct Fleet {
    seats: Mutex<HashMap<BotKey, Seat>>,
    inspected: Mutex<Vec<Worker>>,
    /// Workers without a bot, ready for the next one.
    spares: Mutex<Vec<Worker>>,
    refilling: AtomicBool,
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Fleet {
    pub(crate) fn new(max_workers: usize) -> Self {
        Self {
            seats: Mutex::default(),
            inspected: Mutex::default(),
            spares: Mutex::default(),
            refilling: AtomicBool::new(false),
            permits: Arc::new(Semaphore::new(max_workers.max(1))),
            waiting: AtomicUsize::new(0),
        }
    }

    pub(crate) fn seat(&self, key: &BotKey) -> Seat {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(seats.entry(key.clone()).or_default())
    }

    /// The right to start a worker; when there are too many, the one idle for longest makes room.
    pub(crate) async fn permit(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        let _waiting = Waiting::new(&self.waiting);
        self.retire_oldest();
        Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed")
    }

    /// Puts a worker back into its seat, unless its place is wanted: a worker that is put back after
    /// others have looked for an idle one would not be found.
    pub(crate) fn put_back(&self, seat: &mut Option<Worker>, worker: Worker) {
        *seat = Some(worker);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            *seat = None;
        }
    }

    /// Keeps a worker that has inspected a source, for the hook that likely follows.
    pub(crate) fn keep_inspected(&self, worker: Worker) {
        let mut inspected = self.inspected();
        inspected.push(worker);
        if inspected.len() > MAX_INSPECTED || self.waiting.load(Ordering::SeqCst) > 0 {
            inspected.remove(0);
        }
    }

    /// A worker that has inspected this program.
    pub(crate) fn take_inspected(&self, program: &Arc<Program>) -> Option<Worker> {
        let mut inspected = self.inspected();
        let found = inspected.iter().position(|worker| worker.is_fit_for(program))?;
        Some(inspected.remove(found))
    }

    /// A worker without a bot, if one is ready.
    pub(crate) fn take_spare(&self) -> Option<Worker> {
        let mut spares = self.spares.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(spare) = spares.pop() {
            if spare.is_silent() {
                return Some(spare);
            }
        }
        None
    }

    /// Has spares made, beside whatever else goes on.
    pub(crate) fn refill(&self, inner: &Arc<Inner>) {
        let missing = self.spares.lock().unwrap_or_else(PoisonError::into_inner).len() < inner.spares();
        if !missing || self.refilling.swap(true, Ordering::SeqCst) {
            return;
        }
        let inner = Arc::downgrade(inner);
        tokio::spawn(async move {
            while let Some(inner) = inner.upgrade() {
                let full = inner.fleet().spares.lock().unwrap_or_else(PoisonError::into_inner).len() >= inner.spares();
                let spare = if full { None } else { inner.new_worker().await.ok() };
                let Some(spare) = spare else {
                    inner.fleet().refilling.store(false, Ordering::SeqCst);
                    return;
                };
                inner.fleet().spares.lock().unwrap_or_else(PoisonError::into_inner).push(spare);
            }
        });
    }

    /// Ends workers that have not been used for so long, and forgets the seats of bots without one.
    pub(crate) fn retire_idle(&self, idle_after: Duration) {
        let now = Instant::now();
        let is_idle = |worker: &Worker| now.duration_since(worker.last_used()) >= idle_after;
        self.inspected().retain(|worker| !is_idle(worker));
        self.seats.lock().unwrap_or_else(PoisonError::into_inner).retain(|_, seat| {
            if let Ok(mut seat) = seat.try_lock() {
                seat.take_if(|worker| is_idle(worker));
                if seat.is_some() {
                    return true;
                }
            }
            // New users of a seat come through the map, which is locked.
            Arc::strong_count(seat) > 1
        });
    }

    fn retire_oldest(&self) {
        if !self.inspected().is_empty() {
            self.inspected().remove(0);
            return;
        }
        let seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = seats.values().filter_map(|seat| seat.try_lock().ok()).filter(|seat| seat.is_some());
        if let Some(mut oldest) = idle.min_by_key(|seat| seat.as_ref().map(Worker::last_used)) {
            *oldest = None;
        }
    }

    fn inspected(&self) -> std::sync::MutexGuard<'_, Vec<Worker>> {
        self.inspected.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts who waits for a permit.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
