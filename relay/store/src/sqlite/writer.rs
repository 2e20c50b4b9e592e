use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::{iter, slice};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::row::failed;
use crate::StoreError;
use crate::failpoint;

/// Most pieces of work that share a transaction, and with it the wait for the disk.
const GROUP: usize = 256;

/// Most pieces of work that wait. A caller beyond is turned away rather than let wait without end.
const QUEUE: usize = 16 * GROUP;

/// The thread that does all writing, in the order in which work is handed to it.
///
/// Whatever has come in while the disk was busy goes into the next transaction together. Nobody
/// is answered before that is durable.
#[derive(Debug)]
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Option<JoinHandle<()>>,
}

enum Message {
    Work(Box<dyn Work>),
    Close,
}

/// A piece of work that shares a transaction with others; it may be run again when that fails.
trait Work: Send {
    /// Does it and remembers what came of it. An error fails the transaction.
    fn run(&mut self, connection: &Connection) -> Result<(), StoreError>;

    /// Tells whoever asked for it, once it is durable.
    fn succeed(self: Box<Self>);

    /// Tells whoever asked for it that it was not done.
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
        let outcome = self.outcome.expect("what has become durable has been run");
        // Whoever asked may have gone; the work is done all the same.
        let _ = self.reply.send(Ok(outcome));
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error));
    }
}

impl Writer {
    /// Starts the thread on a connection of its own.
    pub(super) fn start(connection: Connection) -> std::io::Result<Self> {
        let (queue, messages) = sync_channel(QUEUE);
        let thread = thread::Builder::new().name("store-writer".into()).spawn(move || write(connection, &messages))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Queues a piece of work before it returns; the future has what came of it.
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
    /// Waits until all that was queued is durable.
    fn drop(&mut self) {
        // Fails only when the thread has ended by itself.
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
    // Leaves one file behind instead of two. Without it the next start reads both; nothing is lost.
    let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
}

/// Commits the group in one transaction, or, when that fails, piece by piece, so that only the culprit fails.
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
    // Rolled back when it is dropped.
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

    use futures::future::join_all;
    use rusqlite::Connection;

    use super::{QUEUE, Writer};
    use crate::StoreError;

    fn writer() -> Writer {
        Writer::start(Connection::open_in_memory().unwrap()).unwrap()
    }

    #[tokio::test]
    async fn turns_away_what_is_beyond_its_queue() {
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
    async fn nobody_waits_for_a_thread_that_has_died() {
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
    }

    #[tokio::test]
    async fn finishes_what_is_queued_when_it_is_dropped() {
        let writer = writer();
        let waiting: Vec<_> = (0..QUEUE / 2).map(|n| writer.queue(move |_| Ok(n))).collect();
        drop(writer);
        for (n, outcome) in join_all(waiting).await.into_iter().enumerate() {
            assert_eq!(outcome.unwrap(), n);
        }
    }
}
