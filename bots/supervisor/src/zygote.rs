//! The process that workers are forked from, seen from the relay.
//!
//! A message with a socket asks it for a worker; its answer is a message with a descriptor of the process.

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

use crate::error::Unavailable;
use crate::supervisor::SupervisorConfig;
use crate::worker::{drain, last_words};

/// A live zygote; dropping it ends it and all its workers.
#[derive(Debug)]
pub(crate) struct Zygote {
    control: UnixStream,
    child: Child,
    stderr: Option<JoinHandle<String>>,
    /// Whether the answer to a request is still to come: whoever made it has been dropped meanwhile.
    unanswered: bool,
}

/// What a zygote answers.
enum ForkReply {
    Forked(OwnedFd),
    /// It could not, and is there all the same.
    Refused(String),
}

impl Zygote {
    /// Starts one; it answers once Python is loaded. `stage` is an empty directory for it.
    pub(crate) fn start(config: &SupervisorConfig, stage: &Path) -> Result<Self, Unavailable> {
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
            .current_dir(stage)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            // Not in the terminal's group: Ctrl-C is for the relay, which finishes its hooks.
            .process_group(0)
            .kill_on_drop(true);
        if let Some(python) = &config.python {
            command.arg("--python").arg(python);
        }
        if !config.refuse.is_empty() {
            command.arg("--refuse").arg(config.refuse.join(","));
        }
        let mut child = command.spawn().map_err(spawn)?;
        // The command holds the zygote's end of the socket.
        drop(command);
        let stderr = tokio::spawn(drain(child.stderr.take().expect("stderr is piped"), child.id()));
        Ok(Self { control, child, stderr: Some(stderr), unanswered: false })
    }

    /// Has a worker forked, which answers on `socket` and works in `directory`, and returns a descriptor of its process.
    ///
    /// After an outer error the zygote is of no use.
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
            Ok(Some(ForkReply::Forked(process))) => return Ok(Ok(process)),
            Ok(Some(ForkReply::Refused(why))) => return Ok(Err(Unavailable::Broken(why))),
            Ok(None) | Err(_) => {}
        }
        let stderr = self.stderr.take();
        Err(Unavailable::Broken(last_words(&mut self.child, stderr).await))
    }

    async fn exchange(&mut self, directory: &Path, socket: OwnedFd) -> io::Result<Option<ForkReply>> {
        // Left from a request that was given up: that worker ends by itself, its socket has no other end.
        if self.unanswered && self.answer().await?.is_none() {
            return Ok(None);
        }
        let text = directory.as_os_str().as_encoded_bytes();
        self.control.async_io(Interest::WRITABLE, || Ok(send(&self.control, text, &socket)?)).await?;
        self.unanswered = true;
        drop(socket);
        self.answer().await
    }

    /// The answer to a request; `None` at the zygote's end.
    async fn answer(&mut self) -> io::Result<Option<ForkReply>> {
        let answer = self.control.async_io(Interest::READABLE, || Ok(receive(&self.control)?)).await?;
        self.unanswered = false;
        Ok(answer)
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

/// What came; `None` at the zygote's end.
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
        Some(process) => Some(ForkReply::Forked(process)),
        None if text.is_empty() => None,
        None => Some(ForkReply::Refused(String::from_utf8_lossy(text).into_owned())),
    })
}
