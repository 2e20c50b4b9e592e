//! Shares the processor cores among the calls into workers.
//!
//! As many calls run at the same time as there are cores, and further calls wait. A call that has held its core for a
//! time slice while others wait must give it up and wait for another turn. Owners take turns, and the calls of one owner
//! are served in the order in which they came. Calls that begin have a queue of their own, which is served alternately with
//! the queue of those that continue, so that a short call waits for one slice however many long ones there are.
//!
//! This module knows nothing of processes: whoever gives up a [`Core`] must have stopped the process before.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};
use tokio::time::{Duration, Instant, sleep_until};

use crate::program::Owner;

/// Time for which a call may hold its core while others wait.
const SLICE: Duration = Duration::from_millis(25);

/// Assigns the cores.
#[derive(Debug, Clone)]
pub(crate) struct Scheduler {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// True while calls wait; those that were dropped count until their turn comes.
    contended: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Number of cores that no call holds; 0 while calls wait.
    free: usize,
    beginning: Queue,
    continuing: Queue,
    /// True if the call that was served last was one that began.
    last_began: bool,
}

/// Waiting calls by owner. The first call of the first owner is served next.
#[derive(Debug, Default)]
struct Queue(VecDeque<(Owner, VecDeque<WaitingCall>)>);

type WaitingCall = oneshot::Sender<Core>;

const KEPT_UNTIL_SERVED: &str = "a call stays in the queue until it gets a core";

/// The right to run a call. Dropping it passes it on to the next waiting call.
#[derive(Debug)]
pub(crate) struct Core {
    shared: Arc<Shared>,
    since: Instant,
}

impl Scheduler {
    pub(crate) fn new(cores: usize) -> Self {
        let waiting = Mutex::new(Waiting { free: cores.max(1), ..Waiting::default() });
        Self { shared: Arc::new(Shared { waiting, contended: watch::Sender::new(false) }) }
    }

    /// Waits for a core.
    pub(crate) async fn acquire(&self, owner: &Owner) -> Core {
        let turn = {
            let mut waiting = self.shared.lock();
            if waiting.free > 0 {
                waiting.free -= 1;
                drop(waiting);
                return Core::new(&self.shared);
            }
            self.shared.contended.send_replace(true);
            waiting.beginning.push(owner)
        };
        turn.await.expect(KEPT_UNTIL_SERVED)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes the call whose turn it is; if none waits, counts the core as free.
    fn next_or_free(&self) -> Option<WaitingCall> {
        let mut waiting = self.lock();
        let order = if waiting.last_began { [false, true] } else { [true, false] };
        let next = order.into_iter().find_map(|begins| Some((waiting.queue(begins).pop()?, begins)));
        if waiting.beginning.0.is_empty() && waiting.continuing.0.is_empty() {
            self.contended.send_replace(false);
        }
        let Some((call, begins)) = next else {
            waiting.free += 1;
            return None;
        };
        waiting.last_began = begins;
        Some(call)
    }
}

impl Waiting {
    fn queue(&mut self, begins: bool) -> &mut Queue {
        if begins { &mut self.beginning } else { &mut self.continuing }
    }
}

impl Queue {
    /// Appends a call, which gets its core through the receiver.
    fn push(&mut self, owner: &Owner) -> oneshot::Receiver<Core> {
        let (call, turn) = oneshot::channel();
        match self.0.iter_mut().find(|(other, _)| other == owner) {
            Some((_, calls)) => calls.push_back(call),
            None => self.0.push_back((owner.clone(), VecDeque::from([call]))),
        }
        turn
    }

    /// Removes the next call that was not dropped.
    fn pop(&mut self) -> Option<WaitingCall> {
        while let Some((owner, mut calls)) = self.0.pop_front() {
            let next = std::iter::from_fn(|| calls.pop_front()).find(|call| !call.is_closed());
            if !calls.is_empty() {
                self.0.push_back((owner, calls));
            }
            if next.is_some() {
                return next;
            }
        }
        None
    }
}

impl Core {
    fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), since: Instant::now() }
    }

    /// Returns when the time slice is over and another call waits for a core.
    pub(crate) async fn slice_over(&self) {
        loop {
            // Fails only without a sender, and this core refers to it.
            let _ = self.shared.contended.subscribe().wait_for(|contended| *contended).await;
            sleep_until(self.since + SLICE).await;
            if *self.shared.contended.borrow() {
                return;
            }
        }
    }

    /// Passes the core on to the next waiting call, and waits for another turn.
    pub(crate) async fn requeue(self, owner: &Owner) -> Self {
        let turn = {
            let mut waiting = self.shared.lock();
            self.shared.contended.send_replace(true);
            waiting.continuing.push(owner)
        };
        drop(self);
        turn.await.expect(KEPT_UNTIL_SERVED)
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if let Some(next) = self.shared.next_or_free() {
            // If that call has been dropped just now, so is this core, which then goes to the one after it.
            let _ = next.send(Self::new(&self.shared));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use tokio::time::timeout;

    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::new(name)
    }

    /// Polls a future once.
    fn poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        match std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn as_many_calls_run_as_there_are_cores() {
        let (scheduler, alice) = (Scheduler::new(2), owner("alice"));
        let first = scheduler.acquire(&alice).await;
        let _second = scheduler.acquire(&alice).await;
        let mut third = pin!(scheduler.acquire(&alice));
        assert!(poll(&mut third).is_none());
        drop(first);
        let _third = poll(&mut third).expect("a free core");
        assert!(poll(&mut pin!(scheduler.acquire(&alice))).is_none());
    }

    #[tokio::test]
    async fn owners_take_turns_and_the_calls_of_one_are_served_in_order() {
        let (scheduler, alice, bob) = (Scheduler::new(1), owner("alice"), owner("bob"));
        let mut running = scheduler.acquire(&alice).await;
        let calls = [("a1", &alice), ("a2", &alice), ("a3", &alice), ("b1", &bob), ("b2", &bob)];
        let mut waiting: Vec<_> = calls.map(|(name, owner)| (name, Box::pin(scheduler.acquire(owner)))).into();
        for (_, call) in &mut waiting {
            assert!(poll(call).is_none());
        }
        let mut served = vec![];
        while !waiting.is_empty() {
            drop(running);
            let (place, next) = (0..waiting.len())
                .find_map(|place| poll(&mut waiting[place].1).map(|core| (place, core)))
                .expect("a call that runs");
            served.push(waiting.remove(place).0);
            running = next;
        }
        assert_eq!(served, ["a1", "b1", "a2", "b2", "a3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_keeps_its_core_until_another_one_waits_and_its_slice_is_over() {
        let (scheduler, alice, bob) = (Scheduler::new(1), owner("alice"), owner("bob"));
        let long = scheduler.acquire(&alice).await;
        assert!(timeout(Duration::from_hours(1), long.slice_over()).await.is_err());
        let mut short = Box::pin(scheduler.acquire(&bob));
        assert!(poll(&mut short).is_none());
        timeout(Duration::ZERO, long.slice_over()).await.expect("its slice was over long ago");
        let mut long = Box::pin(long.requeue(&alice));
        assert!(poll(&mut long).is_none());
        let short = poll(&mut short).expect("bob's turn");

        let slice = timeout(SLICE * 9 / 10, short.slice_over());
        assert!(slice.await.is_err());
        timeout(SLICE * 2 / 10, short.slice_over()).await.expect("its slice is over");
        let mut short = Box::pin(short.requeue(&bob));
        assert!(poll(&mut short).is_none());
        assert!(poll(&mut long).is_some());
        assert!(poll(&mut short).is_some());
    }

    #[tokio::test]
    async fn calls_that_begin_alternate_with_those_that_continue() {
        let scheduler = Scheduler::new(2);
        let owners = ["a", "b", "c", "d"].map(owner);
        let first = scheduler.acquire(&owners[0]).await;
        let second = scheduler.acquire(&owners[1]).await;
        let (mut third, mut fourth) =
            (Box::pin(scheduler.acquire(&owners[2])), Box::pin(scheduler.acquire(&owners[3])));
        assert!(poll(&mut third).is_none() && poll(&mut fourth).is_none());
        // The first one is served again before the fourth one begins.
        let mut first = Box::pin(first.requeue(&owners[0]));
        assert!(poll(&mut first).is_none());
        let third = poll(&mut third).expect("a call that begins");
        let mut second = Box::pin(second.requeue(&owners[1]));
        assert!(poll(&mut second).is_none() && poll(&mut fourth).is_none());
        let first = poll(&mut first).expect("a call that continues");
        drop(first);
        let fourth = poll(&mut fourth).expect("a call that begins");
        assert!(poll(&mut second).is_none());
        drop((third, fourth));
        assert!(poll(&mut second).is_some());
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_while_it_waits_does_not_lose_a_core() {
        let (scheduler, alice, bob) = (Scheduler::new(1), owner("alice"), owner("bob"));
        let running = scheduler.acquire(&alice).await;
        let mut dropped = Box::pin(scheduler.acquire(&alice));
        // It gets the core, but is dropped before it notices.
        let mut dropped_late = Box::pin(scheduler.acquire(&alice));
        let mut last = Box::pin(scheduler.acquire(&bob));
        assert!(poll(&mut dropped).is_none() && poll(&mut dropped_late).is_none() && poll(&mut last).is_none());
        drop(dropped);
        drop(running);
        assert!(poll(&mut last).is_none());
        drop(dropped_late);
        let running = poll(&mut last).expect("the core");
        drop(running);
        assert!(poll(&mut pin!(scheduler.acquire(&alice))).is_some());
    }

    #[tokio::test]
    async fn a_call_that_is_dropped_between_two_turns_does_not_lose_a_core() {
        let (scheduler, alice, bob) = (Scheduler::new(1), owner("alice"), owner("bob"));
        let running = scheduler.acquire(&alice).await;
        let mut other = Box::pin(scheduler.acquire(&bob));
        assert!(poll(&mut other).is_none());
        let mut dropped = Box::pin(running.requeue(&alice));
        assert!(poll(&mut dropped).is_none());
        drop(dropped);
        drop(poll(&mut other).expect("bob's turn"));
        assert!(poll(&mut pin!(scheduler.acquire(&alice))).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_that_were_dropped_do_not_count_as_waiting_for_long() {
        let (scheduler, alice, bob) = (Scheduler::new(1), owner("alice"), owner("bob"));
        let running = scheduler.acquire(&alice).await;
        assert!(poll(&mut Box::pin(scheduler.acquire(&bob))).is_none());
        let running = timeout(Duration::ZERO, running.requeue(&alice)).await.expect("nobody else waits");
        assert!(timeout(Duration::from_hours(1), running.slice_over()).await.is_err());
    }
}
