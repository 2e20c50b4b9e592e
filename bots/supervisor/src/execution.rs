//! The execution of one call into a worker: its core, and its limits of time.

use std::pin::pin;
use std::time::Duration;

use tokio::select;
use tokio::time::{Instant, sleep, timeout};

use crate::limits::Limits;
use crate::process::Process;
use crate::program::Owner;
use crate::schedule::{Core, Scheduler};

/// Number of times that the wall-clock limit starts again for a process that is waiting for a core when the limit is
/// reached. Such a process was given too little CPU time by the machine, which is not the bot's fault.
const EXTENSIONS: u32 = 3;

/// Minimum time between readings of the CPU time, and before the first one. Most calls have ended by then, so they cost no
/// reading. What a process used before the first reading does not count.
const CPU_READING: Duration = Duration::from_millis(10);

/// Limits, scheduler and owner of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CallContext<'a> {
    pub(crate) limits: &'a Limits,
    pub(crate) scheduler: &'a Scheduler,
    pub(crate) owner: &'a Owner,
}

/// The call has taken longer than its limit of wall-clock time.
#[derive(Debug)]
pub(crate) struct WallTimeOver;

/// A call that has begun. While it has no core its process is stopped, and that time counts against no limit.
pub(crate) struct Execution<'a> {
    context: CallContext<'a>,
    process: &'a Process,
    /// `None` only while it waits for one.
    core: Option<Core>,
    /// Wall-clock time that is left.
    remaining: Duration,
    /// Time that it has had a core, or has waited for what the process waits for.
    spent: &'a mut Duration,
    extensions: u32,
}

impl<'a> Execution<'a> {
    /// Waits for a core.
    pub(crate) async fn start(context: CallContext<'a>, process: &'a Process, spent: &'a mut Duration) -> Self {
        let core = Some(context.scheduler.acquire(context.owner).await);
        *spent = Duration::ZERO;
        Self { context, process, core, remaining: context.limits.wall_clock(), spent, extensions: EXTENSIONS }
    }

    /// Awaits work of the process. Whenever its time slice is over and other calls wait, they come first.
    pub(crate) async fn run<T>(&mut self, work: impl Future<Output = T>) -> Result<T, WallTimeOver> {
        let mut work = pin!(work);
        loop {
            let core = self.core.take().expect("an execution has a core unless it waits for one");
            let started = Instant::now();
            select! {
                biased;
                output = &mut work => {
                    self.count(started.elapsed());
                    self.core = Some(core);
                    return Ok(output);
                }
                () = core.slice_over() => {
                    self.count(started.elapsed());
                    self.process.stop();
                    self.core = Some(core.requeue(self.context.owner).await);
                    self.process.resume();
                }
                () = sleep(self.remaining) => {
                    *self.spent += self.remaining;
                    if self.extensions == 0 || !self.process.is_runnable() {
                        return Err(WallTimeOver);
                    }
                    self.extensions -= 1;
                    self.remaining = self.context.limits.wall_clock();
                    self.core = Some(core);
                }
            }
        }
    }

    /// Awaits something that the process waits for. When its time slice is over, it leaves its core to others meanwhile.
    ///
    /// Not earlier: a hook with many short requests would otherwise queue after each of them.
    pub(crate) async fn wait<T>(&mut self, event: impl Future<Output = T>) -> Result<T, WallTimeOver> {
        let core = self.core.take().expect("an execution has a core unless it waits for one");
        let started = Instant::now();
        let remaining = self.remaining;
        let mut event = pin!(async { (timeout(remaining, event).await, started.elapsed()) });
        let (output, elapsed) = select! {
            biased;
            output = &mut event => {
                self.core = Some(core);
                output
            }
            () = core.slice_over() => {
                // It may be working nevertheless.
                self.process.stop();
                drop(core);
                let output = event.await;
                self.core = Some(self.context.scheduler.acquire(self.context.owner).await);
                self.process.resume();
                output
            }
        };
        self.count(elapsed);
        output.map_err(|_| WallTimeOver)
    }

    fn count(&mut self, elapsed: Duration) {
        self.remaining = self.remaining.saturating_sub(elapsed);
        *self.spent += elapsed;
    }
}

/// Returns when a process has used this much CPU time; never, where CPU time cannot be read.
pub(crate) async fn cpu_time_over(process: &Process, limit: Duration) {
    sleep(CPU_READING).await;
    let Some(before) = process.cpu_time() else { return std::future::pending().await };
    loop {
        // A process that has ended is noticed by its closed socket.
        let Some(now) = process.cpu_time() else { return std::future::pending().await };
        let Some(remaining) = limit.checked_sub(now.saturating_sub(before)).filter(|left| !left.is_zero()) else {
            return;
        };
        // A process of one thread cannot use more in this time, and bots cannot start threads.
        sleep(remaining.max(CPU_READING)).await;
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::pending;

    use tokio::process::Command;

    use super::*;

    fn shell(script: &str) -> Process {
        let spawned = Command::new("sh").args(["-c", script]).kill_on_drop(true).spawn();
        Process::Executed(spawned.expect("a shell"))
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_still_needs_the_cpu_at_its_limit_of_elapsed_time_gets_more_of_it_three_times() {
        let (limits, scheduler, owner) = (Limits::default(), Scheduler::new(1), Owner::default());
        let process = shell("while :; do :; done");
        let context = CallContext { limits: &limits, scheduler: &scheduler, owner: &owner };
        let mut spent = Duration::ZERO;
        let mut execution = Execution::start(context, &process, &mut spent).await;
        execution.run(sleep(limits.hook_wall * 7 / 2)).await.expect("more time");
        execution.run(pending::<()>()).await.expect_err("no more time");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_that_sleeps_ends_at_its_limit_of_elapsed_time() {
        let (limits, scheduler, owner) = (Limits::default(), Scheduler::new(1), Owner::default());
        let process = shell("exec sleep 1000");
        while process.is_runnable() {
            std::thread::yield_now();
        }
        let context = CallContext { limits: &limits, scheduler: &scheduler, owner: &owner };
        let mut spent = Duration::ZERO;
        let mut execution = Execution::start(context, &process, &mut spent).await;
        execution.run(sleep(limits.hook_wall * 9 / 10)).await.expect("the limit is not reached");
        execution.wait(sleep(limits.hook_wall * 2 / 10)).await.expect_err("waiting for the network counts");
    }
}
