//! The process that workers are forked from: Python is loaded once, and the sandbox is half up.
//!
//! Its standard input is a Unix socket to the supervisor. A message with a descriptor asks for a worker, whose
//! socket that is; the answer is a message with a descriptor of its process. One at a time. When the relay is
//! gone the zygote ends, and with it every worker.
#![expect(unsafe_code, reason = "fork has no safe interface")]

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use pyo3::prelude::*;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, set_parent_process_death_signal, wait};

use crate::runtime::{Package, Runtime};
use crate::sandbox::seccomp::Filter;
use crate::sandbox::{self, Allowance, Room, Sandbox};
use crate::{interpreter, socket};

/// What the supervisor tells.
#[derive(Debug, Args)]
pub(crate) struct Zygote {
    /// An empty directory for the root of the bots' own.
    #[arg(long)]
    stage: PathBuf,

    /// Bytes of memory that a worker may use.
    #[arg(long)]
    memory_bytes: u64,

    /// Bytes of a workspace.
    #[arg(long)]
    file_bytes: u64,

    /// The Python executable whose environment holds the bots' packages.
    #[arg(long, default_value = env!("MCP_MULTIPLAYER_BOT_PYTHON"))]
    python: PathBuf,

    /// Layers of the sandbox to do without.
    #[arg(long, value_delimiter = ',')]
    refuse: Vec<String>,
}

pub(crate) fn run(arguments: &Zygote) -> ExitCode {
    at_fixed_addresses();
    let control = match socket::from_stdin() {
        Ok(control) => OwnedFd::from(control),
        Err(error) => {
            eprintln!("mcp-multiplayer-bot zygote is started by mcp-multiplayer-relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match start(arguments).and_then(|zygote| zygote.serve(&control)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Starts this program anew without the randomisation of addresses: what Python derives from them is then the same
/// in every run. Goes on as it is where that is not allowed.
fn at_fixed_addresses() {
    const ASK: libc::c_ulong = 0xffff_ffff;
    // SAFETY: numbers in, a number out.
    let fixed = unsafe {
        let now = libc::personality(ASK);
        let wanted = libc::c_ulong::from(now.unsigned_abs()) | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
        now >= 0 && libc::c_ulong::from(now.unsigned_abs()) != wanted && libc::personality(wanted) >= 0
    };
    if fixed && let Ok(program) = std::env::current_exe() {
        // Returns only when it fails.
        let _ = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
    }
}

/// All that a worker inherits.
struct Ready {
    allowance: Allowance,
    sandbox: Sandbox,
    /// Where a worker mounts its workspace; `None` where it gets a directory from the supervisor.
    room: Option<PathBuf>,
    readable: Vec<PathBuf>,
    filter: Result<Filter>,
    package: Package,
}

fn start(arguments: &Zygote) -> Result<Ready> {
    let allowance = Allowance {
        memory_bytes: arguments.memory_bytes,
        file_bytes: arguments.file_bytes,
        refuse: arguments.refuse.clone(),
    };
    let readable = interpreter::library(&arguments.python);
    let (sandbox, room) = sandbox::apart(&allowance, &arguments.stage, &readable)?;
    interpreter::initialize(&arguments.python)?;
    let package = Package::load(true)?;
    let filter = Filter::compile(room.is_some());
    Ok(Ready { allowance, sandbox, room, readable, filter, package })
}

impl Ready {
    /// Forks a worker for each request, until the supervisor closes its end.
    fn serve(self, control: &OwnedFd) -> Result<()> {
        loop {
            // Workers are reaped by nobody; the supervisor waits for their descriptors.
            keep_dead_children(false);
            let Some((directory, theirs)) = receive(control)? else { return Ok(()) };
            // One that ends at once must still be there when its descriptor is made.
            keep_dead_children(true);
            // SAFETY: one thread, and Python is told before and after. The child never returns from `work`.
            let child = Python::attach(|_| unsafe {
                pyo3::ffi::PyOS_BeforeFork();
                let child = libc::fork();
                if child == 0 {
                    pyo3::ffi::PyOS_AfterFork_Child();
                } else {
                    pyo3::ffi::PyOS_AfterFork_Parent();
                }
                child
            });
            match child {
                0 => self.work(&directory, theirs),
                1.. => answer(control, Pid::from_raw(child).context("a process id")?)?,
                // Those that run go on; the machine may have room for another one later.
                _ => refuse(control, &format!("fork: {}", std::io::Error::last_os_error()))?,
            }
        }
    }

    /// The life of a worker.
    fn work(self, directory: &str, theirs: OwnedFd) -> ! {
        let code = match self.seal_and_serve(directory, theirs) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("a worker ended: {error:#}");
                1
            }
        };
        // Nothing of Python's or the zygote's end is this process's to run.
        // SAFETY: ends the process.
        unsafe { libc::_exit(code) }
    }

    fn seal_and_serve(self, directory: &str, theirs: OwnedFd) -> Result<()> {
        // Without a namespace of processes, the zygote's end must reach its workers some other way.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let socket = only_descriptor(theirs)?;
        let Self { allowance, mut sandbox, room, readable, filter, package } = self;
        let room = match room {
            Some(path) => Room::Memory(path),
            None => Room::Directory(PathBuf::from(directory)),
        };
        sandbox::seal(&mut sandbox, &allowance, &room, &readable, &filter)?;
        let (Room::Memory(workspace) | Room::Directory(workspace)) = &room;
        let socket = Arc::new(socket);
        let runtime = Runtime::start(&package, workspace, &socket, &sandbox)?;
        runtime.serve(&socket)
    }
}

/// Closes everything that was inherited but this socket; the standard streams are /dev/null.
fn only_descriptor(socket: OwnedFd) -> Result<UnixStream> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").context("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let kept = UnixStream::from(socket);
    let kept_raw = kept.as_raw_fd();
    drop(null);
    ensure!(kept_raw > 2, "the socket has taken a standard stream's place");
    // SAFETY: what else is open belongs to the zygote, and nothing here uses it any more.
    unsafe {
        if kept_raw > 3 {
            libc::syscall(libc::SYS_close_range, 3, kept_raw - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, kept_raw + 1, libc::c_uint::MAX, 0);
    }
    Ok(kept)
}

/// A request: the directory to work in, where that is needed, and the worker's socket.
fn receive(control: &OwnedFd) -> Result<Option<(String, OwnedFd)>> {
    let mut bytes = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = loop {
        match recvmsg(control, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
            Err(Errno::INTR) => {}
            other => break other?,
        }
    };
    let socket = ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let directory = String::from_utf8(bytes[..received.bytes].to_vec()).context("a directory")?;
    match socket {
        Some(socket) => Ok(Some((directory, socket))),
        // The supervisor sends no packet without one: it has closed its end.
        None => Ok(None),
    }
}

/// Whether children that have ended wait to be looked at; if not, those that wait are gone.
fn keep_dead_children(keep: bool) {
    let action = if keep { libc::SIG_DFL } else { libc::SIG_IGN };
    // SAFETY: neither action is a handler that could run.
    unsafe { libc::signal(libc::SIGCHLD, action) };
    while !keep && wait(WaitOptions::NOHANG).is_ok_and(|ended| ended.is_some()) {}
}

/// Tells why there is no worker: an answer without a descriptor.
fn refuse(control: &OwnedFd, why: &str) -> Result<()> {
    let mut nothing = SendAncillaryBuffer::default();
    sendmsg(control, &[IoSlice::new(why.as_bytes())], &mut nothing, SendFlags::NOSIGNAL)?;
    Ok(())
}

fn answer(control: &OwnedFd, worker: Pid) -> Result<()> {
    let process = pidfd_open(worker, PidfdFlags::empty()).context("pidfd_open")?;
    let descriptors = [process.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ensure!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)), "no room for a descriptor");
    sendmsg(control, &[IoSlice::new(b"forked")], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
