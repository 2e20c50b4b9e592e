//! The supervisor's side of the zygote, the process that workers are forked from.
//!
//! A message with a socket asks the zygote for a worker that serves this socket. The reply is a message with a pidfd of
//! the worker, or, if the fork failed, a message with the reason and no descriptor.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::Stdio;

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::config::SupervisorConfig;
use crate::error::Unavailable;
use crate::modules::Modules;
use crate::output::{collect_stderr, exit_reason};

/// A live zygote; dropping it ends it and all its workers.
#[derive(Debug)]
pub(crate) struct Zygote {
    control: UnixStream,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    /// True if a request was sent whose reply has not been read, because the future that sent it was dropped.
    reply_pending: bool,
}

/// Reply of a zygote to a request for a worker.
enum ForkReply {
    /// The worker's pidfd.
    Forked(OwnedFd),
    /// The fork failed for this reason; the zygote can serve further requests.
    Failed(String),
}

impl Zygote {
    /// Starts a zygote, which replies to requests once it has loaded Python. `stage` is an empty directory for it.
    pub(crate) fn start(config: &SupervisorConfig, stage: &Path, modules: Modules) -> Result<Self, Unavailable> {
        let spawn = |source: io::Error| Unavailable::Spawn { worker: config.worker.clone(), source };
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(spawn)?;
        ours.set_nonblocking(true).map_err(spawn)?;
        let control = UnixStream::from_std(ours).map_err(spawn)?;
        let mut command = Command::new(&config.worker);
        command
            .args(["zygote", "--stage"])
            .arg(stage)
            .args(["--memory-bytes", &config.limits.memory_bytes.to_string()])
            .args(["--file-bytes", &config.limits.workspace_bytes.to_string()])
            .env_clear()
            // Resolves the symbols of Python's library now: if each worker did so, it would write to shared pages.
            .env("LD_BIND_NOW", "1")
            .current_dir(stage)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Not in the terminal's process group: Ctrl-C must reach only the relay, which finishes its hooks.
            .process_group(0)
            .kill_on_drop(true);
        if modules == Modules::All {
            command.arg("--network");
        }
        if let Some(python) = &config.python {
            command.arg("--python").arg(python);
        }
        if let Some(group) = &config.control_group {
            command.arg("--control-group").arg(group);
        }
        if !config.disabled_layers.is_empty() {
            command.arg("--disable-layers").arg(config.disabled_layers.join(","));
        }
        let mut child = command.spawn().map_err(spawn)?;
        // The command owns a copy of the zygote's end of the socket. As long as it is open, the zygote's death does not
        // show as end of file on ours.
        drop(command);
        let stderr = collect_stderr(&mut child);
        Ok(Self { control, child, stderr: Some(stderr), reply_pending: false })
    }

    /// Has the zygote fork a worker that serves `socket` and works in `directory`; returns the worker's pidfd.
    ///
    /// The outer error means that the zygote cannot be used any more.
    pub(crate) async fn fork(
        &mut self,
        config: &SupervisorConfig,
        directory: &Path,
        socket: OwnedFd,
    ) -> Result<Result<OwnedFd, Unavailable>, Unavailable> {
        let limit = config.limits.startup;
        let forked =
            timeout(limit, self.exchange(directory, socket)).await.map_err(|_| Unavailable::NotReady(limit))?;
        match forked {
            Ok(Some(ForkReply::Forked(pidfd))) => return Ok(Ok(pidfd)),
            Ok(Some(ForkReply::Failed(reason))) => return Ok(Err(Unavailable::Broken(reason))),
            Ok(None) | Err(_) => {}
        }
        let stderr = self.stderr.take();
        Err(Unavailable::Broken(exit_reason(&mut self.child, stderr).await))
    }

    async fn exchange(&mut self, directory: &Path, socket: OwnedFd) -> io::Result<Option<ForkReply>> {
        // The reply to a request that was given up comes first. Its pidfd is dropped here, and the worker behind it
        // ends by itself, because our end of its socket is closed.
        if self.reply_pending && self.receive_reply().await?.is_none() {
            return Ok(None);
        }
        let text = directory.as_os_str().as_encoded_bytes();
        self.control.async_io(Interest::WRITABLE, || Ok(send(&self.control, text, &socket)?)).await?;
        self.reply_pending = true;
        drop(socket);
        self.receive_reply().await
    }

    /// The next reply; `None` if the zygote has ended.
    async fn receive_reply(&mut self) -> io::Result<Option<ForkReply>> {
        let reply = self.control.async_io(Interest::READABLE, || Ok(receive(&self.control)?)).await?;
        self.reply_pending = false;
        Ok(reply)
    }
}

fn send(control: &UnixStream, text: &[u8], socket: &OwnedFd) -> Result<(), Errno> {
    let descriptors = [socket.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(Errno::NOBUFS);
    }
    sendmsg(control, &[IoSlice::new(text)], &mut ancillary, SendFlags::NOSIGNAL).map(drop)
}

fn receive(control: &UnixStream) -> Result<Option<ForkReply>, Errno> {
    let mut bytes = [0; 256];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(control, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let descriptor = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let text = &bytes[..received.bytes];
    Ok(match descriptor {
        Some(pidfd) => Some(ForkReply::Forked(pidfd)),
        None if text.is_empty() => None,
        None => Some(ForkReply::Failed(String::from_utf8_lossy(text).into_owned())),
    })
}
