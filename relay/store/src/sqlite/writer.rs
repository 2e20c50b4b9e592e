use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::{future, iter, slice};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{oneshot, watch};

use super::row::failed;
use crate::StoreError;
use crate::failpoint;

/// Most tasks that share a transaction, and with it one wait for the disk.
const GROUP: usize = 256;

/// Most tasks in the queue. Beyond that, callers are refused, because they would have to wait too long.
const QUEUE: usize = 16 * GROUP;

/// The thread that does all writing, in the order in which tasks are queued.
///
/// Group commit: all tasks that arrived while the thread waited for the disk go into the next transaction. No task is
/// answered before its transaction is durable.
///
/// A panic ends the thread: after a bug, nothing more is written by a program in an unknown state.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
    /// `true` once the thread has panicked.
    panicked: watch::Receiver<bool>,
}

/// Reports a panic of the thread that drops it.
struct PanicReporter(watch::Sender<bool>);

impl Drop for PanicReporter {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.send_replace(true);
        }
    }
}

enum Message {
    Work(Box<dyn Work>),
    Close,
}

/// A task that shares a transaction with others. It is run again if that transaction fails.
trait Work: Send {
    /// Runs the task and keeps its outcome. An error fails the transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Sends the outcome to the caller, once it is durable.
    fn succeed(self: Box<Self>);

    /// Sends an error to the caller.
    fn fail(self: Box<Self>, error: StoreError);
}

struct Task<F, T> {
    run: F,
    outcome: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<F, T> Work for Task<F, T>
where
    F: FnMut(&Connection) -> Result<T, StoreError> + Send,
    T: Send,
{
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError> {
        self.outcome = Some((self.run)(connection)?);
        Ok(())
    }

    fn succeed(self: Box<Self>) {
        let outcome = self.outcome.expect("a task whose transaction is durable was run");
        // The caller may have dropped its future; the task is done all the same.
        let _ = self.reply.send(Ok(outcome));
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

impl Writer {
    /// Starts the thread with the connection that it writes to.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let (report, panicked) = watch::channel(false);
        let reporter = PanicReporter(report);
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || {
            let _reporter = reporter;
            write(connection, &messages);
        })?;
        Ok(Self { queue, thread: Some(thread), panicked })
    }

    /// Returns once the thread has panicked.
    pub(super) fn failed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut panicked = self.panicked.clone();
        async move {
            if panicked.wait_for(|panicked| *panicked).await.is_err() {
                // The thread has ended without a panic, because the store was dropped.
                future::pending::<()>().await;
            }
        }
    }

    /// Queues a task before it returns. The future resolves to the outcome of the task.
    pub(super) fn queue<T, F>(&self, run: F) -> impl Future<Output = Result<T, StoreError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (reply, replied) = oneshot::channel();
        let task = Message::Work(Box::new(Task { run, outcome: None, reply }));
        let queued = self.queue.try_send(task).map_err(|error| match error {
            TrySendError::Full(_) => StoreError::Overloaded,
            TrySendError::Disconnected(_) => StoreError::Closed,
        });
        async move {
            queued?;
            replied.await.unwrap_or(Err(StoreError::Closed))
        }
    }
}

impl Drop for Writer {
    /// Waits until everything that was queued is durable.
    fn drop(&mut self) {
        // Fails only if the thread has panicked.
        let _ = self.queue.send(Message::Close);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(mut connection: Connection, messages: &Receiver<Message>) {
    let mut open = true;
    while open && let Ok(first) = messages.recv() {
        let mut group = Vec::new();
        for message in iter::once(first).chain(messages.try_iter()) {
            match message {
                Message::Work(work) => group.push(work),
                Message::Close => open = false,
            }
            if !open || group.len() == GROUP {
                break;
            }
        }
        commit(&mut connection, group);
    }
    // Moves the write-ahead log into the database file. If it fails, the next start does so; nothing is lost.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// Commits a group of tasks in one transaction or, if that fails, one by one, so that only the faulty one fails.
fn commit(connection: &mut Connection, mut group: Vec<Box<dyn Work>>) {
    if group.len() > 1 && transact(connection, &mut group).is_ok() {
        group.into_iter().for_each(Work::succeed);
        return;
    }
    for mut work in group {
        match transact(connection, slice::from_mut(&mut work)) {
            Ok(()) => work.succeed(),
            Err(error) => work.fail(error),
        }
    }
}

fn transact(connection: &mut Connection, group: &mut [Box<dyn Work>]) -> Result<(), StoreError> {
    // The transaction is rolled back if it is dropped before the commit.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed("begin"))?;
    for work in group {
        work.run(&transaction)?;
    }
    failpoint::hit("store.before_commit");
    transaction.commit().map_err(failed("commit"))?;
    failpoint::hit("store.after_commit");
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures::FutureExt as _;
    use futures::future::join_all;
    use rusqlite::Connection;

    use super::{QUEUE, Writer};
    use crate::StoreError;

    fn writer() -> Writer {
        Writer::start(Connection::open_in_memory().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn tasks_beyond_the_queue_are_refused() {
        let writer = writer();
        let (started, starts) = mpsc::channel();
        let (finish, finishes) = mpsc::channel::<()>();
        let first = writer.queue(move |_| {
            started.send(()).unwrap();
            finishes.recv().map_err(|_| StoreError::Closed)
        });
        starts.recv().unwrap();
        let waiting: Vec<_> = (0..QUEUE).map(|_| writer.queue(|_| Ok(()))).collect();
        assert!(matches!(writer.queue(|_| Ok(())).await, Err(StoreError::Overloaded)));
        finish.send(()).unwrap();
        first.await.unwrap();
        assert!(join_all(waiting).await.iter().all(Result::is_ok));
    }

    #[tokio::test]
    async fn callers_get_an_error_when_the_thread_has_died() {
        let writer = writer();
        let (started, starts) = mpsc::channel();
        let (finish, finishes) = mpsc::channel::<()>();
        let dying = writer.queue::<(), _>(move |_| {
            started.send(()).unwrap();
            let _ = finishes.recv();
            panic!("as a bug would");
        });
        starts.recv().unwrap();
        let waiting = writer.queue(|_| Ok(()));
        finish.send(()).unwrap();
        assert!(matches!(dying.await, Err(StoreError::Closed)));
        assert!(matches!(waiting.await, Err(StoreError::Closed)));
        assert!(matches!(writer.queue(|_| Ok(())).await, Err(StoreError::Closed)));
        writer.failed().await;
    }

    #[tokio::test]
    async fn a_writer_that_was_dropped_has_not_failed() {
        let writer = writer();
        let failed = writer.failed();
        drop(writer);
        assert_eq!(failed.now_or_never(), None);
    }

    #[tokio::test]
    async fn queued_tasks_are_finished_before_a_drop_returns() {
        let writer = writer();
        let waiting: Vec<_> = (0..QUEUE / 2).map(|n| writer.queue(move |_| Ok(n))).collect();
        drop(writer);
        for (n, outcome) in join_all(waiting).await.into_iter().enumerate() {
            assert_eq!(outcome.unwrap(), n);
        }
    }
}
