//! The standard error of workers, which is logged and explains a failed start.

use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr};
use tokio::task::JoinHandle;

/// Maximum number of bytes of a process's stderr that are kept.
const STDERR_BYTES: usize = 4096;

/// Starts a task that reads a child's stderr to its end and returns the beginning.
///
/// It keeps reading after it has enough, so that the child never blocks on a full pipe.
pub(crate) fn collect_stderr(child: &mut Child) -> JoinHandle<String> {
    let (stderr, pid) = (child.stderr.take().expect("stderr is piped"), child.id());
    tokio::spawn(read_to_end(stderr, pid))
}

async fn read_to_end(mut stderr: ChildStderr, pid: Option<u32>) -> String {
    let mut beginning = Vec::new();
    let mut chunk = [0; 1024];
    while let Ok(length @ 1..) = stderr.read(&mut chunk).await {
        if beginning.len() < STDERR_BYTES {
            beginning.extend_from_slice(&chunk[..length]);
            tracing::debug!(bot.pid = pid, text = %String::from_utf8_lossy(&chunk[..length]), "bot process wrote to stderr");
        }
    }
    String::from_utf8_lossy(&beginning).into_owned()
}

/// Waits for the end of a child and explains it: its stderr, or its exit status if it wrote nothing.
pub(crate) async fn exit_reason(child: &mut Child, stderr: Option<JoinHandle<String>>) -> String {
    let status = child.wait().await.map_or_else(|error| error.to_string(), |status| status.to_string());
    let text = match stderr {
        Some(stderr) => stderr.await.unwrap_or_default(),
        None => String::new(),
    };
    if text.trim().is_empty() { status } else { text.trim().to_owned() }
}
