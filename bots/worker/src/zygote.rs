//! The zygote: the process that workers are forked from. It has loaded Python and half of the sandbox.
//!
//! Its standard input is a Unix socket to the supervisor. A message with a descriptor requests a worker that serves
//! this descriptor, a socket; the reply is a message with a pidfd of the worker. Requests are handled one at a time.
//! The zygote ends with the relay, and every worker ends with the zygote.
//!
//! The zygote has one thread at all times. A fork copies only the calling thread: a lock that another thread held, such
//! as that of the memory allocator, would stay locked in the worker for ever. Namespaces also require it, because the
//! kernel lets only a single-threaded process enter a user namespace.
#![expect(unsafe_code, reason = "fork has no safe interface")]

use std::fs::DirBuilder;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use pyo3::prelude::*;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, set_parent_process_death_signal, wait};

use crate::runtime::Runtime;
use crate::sandbox::seccomp::WorkerFilter;
use crate::sandbox::{self, Layers, SandboxConfig, Workspace};
use crate::{interpreter, socket};

/// Arguments that the supervisor passes.
#[derive(Debug, Args)]
pub(crate) struct Zygote {
    /// An empty directory on which the root of the sandbox is mounted.
    #[arg(long)]
    stage: PathBuf,

    /// Maximum memory of a worker, in bytes.
    #[arg(long)]
    memory_bytes: u64,

    /// Maximum size of a workspace, in bytes.
    #[arg(long)]
    file_bytes: u64,

    /// Load the modules for the network, too.
    #[arg(long)]
    network: bool,

    /// Directory of the control group to run in.
    #[arg(long)]
    control_group: Option<PathBuf>,

    /// The Python executable whose environment has the bots' packages.
    #[arg(long, default_value_os_t = interpreter::default_python())]
    python: PathBuf,

    /// Layers of the sandbox to leave out.
    #[arg(long, value_delimiter = ',')]
    disable_layers: Vec<String>,
}

pub(crate) fn run(arguments: &Zygote) -> ExitCode {
    restart_without_address_randomization();
    // A bot sees no environment variables. This one was for the dynamic loader, which has read it.
    // SAFETY: no other thread exists yet.
    unsafe { std::env::remove_var("LD_BIND_NOW") };
    let control = match socket::from_stdin() {
        Ok(control) => OwnedFd::from(control),
        Err(error) => {
            eprintln!("mcp-multiplayer-bot zygote is started by mcp-multiplayer-relay: {error:#}");
            return ExitCode::from(2);
        }
    };
    match start(arguments).and_then(|template| template.serve(&control)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Executes this program again with address space randomisation off. Returns if it is off already, or cannot be turned
/// off here.
///
/// A replay in another process must reproduce a hook byte for byte, but Python derives some results from memory
/// addresses, above all the default hash of objects and with it the order of sets. With randomisation these results
/// would differ from run to run. Turning it off costs the sandbox little: all workers are forks of one zygote and share
/// its memory layout anyway, and the sandbox is built on the assumption that a bot runs native code.
///
/// Some platforms do not allow the change. Bots run there as well: the worker replaces `id`, `hash` and `repr` of a
/// bot's own objects by ones that do not depend on addresses, so that only unusual bots can differ in a replay.
fn restart_without_address_randomization() {
    const QUERY: libc::c_ulong = 0xffff_ffff;
    // SAFETY: takes and returns numbers only.
    let changed = unsafe {
        let current = libc::personality(QUERY);
        let wanted = libc::c_ulong::from(current.unsigned_abs()) | libc::ADDR_NO_RANDOMIZE as libc::c_ulong;
        current >= 0 && libc::c_ulong::from(current.unsigned_abs()) != wanted && libc::personality(wanted) >= 0
    };
    if changed && let Ok(program) = std::env::current_exe() {
        // Returns only if it fails.
        let _ = std::process::Command::new(program).args(std::env::args_os().skip(1)).exec();
    }
}

/// Everything that a worker inherits from the zygote.
struct Template {
    config: SandboxConfig,
    layers: Layers,
    /// Path at which a worker mounts its workspace; `None` if it uses a directory of the supervisor's.
    mount_point: Option<PathBuf>,
    readable: Vec<PathBuf>,
    filter: Result<WorkerFilter>,
    runtime: Runtime,
}

fn start(arguments: &Zygote) -> Result<Template> {
    let config = SandboxConfig {
        memory_bytes: arguments.memory_bytes,
        file_bytes: arguments.file_bytes,
        disabled_layers: arguments.disable_layers.clone(),
    };
    if let Some(group) = &arguments.control_group {
        // Before anything is forked: children start in the group of their parent.
        let group = group.join("cgroup.procs");
        std::fs::write(&group, "0").with_context(|| format!("cannot write {}", group.display()))?;
    }
    sandbox::oom::end_first();
    let readable = interpreter::library_paths(&arguments.python);
    // Before Python starts: isolating the zygote forks, and goes on in the child.
    let (layers, mount_point) = sandbox::isolate_zygote(&config, &arguments.stage, &readable)?;
    let readable = sandbox::outermost(&readable);
    interpreter::initialize(&arguments.python)?;
    ignore_fork_hooks()?;
    let runtime = Runtime::load(arguments.network, true)?;
    if let Some(path) = &mount_point {
        runtime.use_workspace(path)?;
    }
    let filter = sandbox::filter_zygote(&config, mount_point.is_some());
    Ok(Template { config, layers, mount_point, readable, filter, runtime })
}

/// Keeps the modules that are imported from now on from registering functions that run at each fork.
///
/// They reset locks that other threads may hold, of which there are none, and seed `random`, which the worker does itself.
/// Running them took a worker a fifth of the time until it was ready.
fn ignore_fork_hooks() -> Result<()> {
    Python::attach(|py| py.run(c"import os\nos.register_at_fork = lambda **functions: None", None, None))?;
    Ok(())
}

/// Takes all memory that was freed while the zygote started, so that workers allocate theirs at the end of the heap, side by
/// side. Otherwise they would write to pages all over the memory that they share with the zygote.
#[cfg(target_env = "gnu")]
fn claim_free_memory() {
    /// More than is free.
    const MAX_BYTES: usize = 16 << 20;
    // Large sizes first, then all sizes that each have a list of free memory of their own.
    let sizes = (11..=16).rev().map(|power| 1 << power).chain((24..=1032).rev().step_by(16));
    // SAFETY: the memory that is allocated here is never used.
    unsafe {
        // Merges neighbours, and leaves less than a page at the end of the heap.
        libc::malloc_trim(0);
        let end = libc::sbrk(0) as isize - rustix::param::page_size().cast_signed();
        for size in sizes {
            for _ in 0..MAX_BYTES / size {
                let claimed = std::hint::black_box(libc::malloc(size));
                // Not freed: the memory that is freed last is allocated first.
                if claimed as isize >= end || claimed.is_null() {
                    break;
                }
            }
        }
    }
}

/// Other C libraries do not keep free memory in the same way.
#[cfg(not(target_env = "gnu"))]
fn claim_free_memory() {}

/// Takes the free blocks of Python's own allocator, for the same reason: workers get theirs from pools that are empty.
fn claim_free_blocks() {
    /// The size of a pool, to which it is aligned, and of what precedes its first block: Objects/obmalloc.c of CPython 3.10 and
    /// later, on 64-bit machines.
    const POOL_BYTES: usize = 16 << 10;
    const POOL_HEADER_BYTES: usize = 48;
    /// More than is free. In a Python that was built without this allocator, there are no pools.
    const MAX_BYTES: usize = 1 << 20;
    Python::attach(|_| {
        for size in (16..=512).step_by(16) {
            for _ in 0..MAX_BYTES / size {
                // SAFETY: the thread is attached, and the memory is never used.
                let claimed = unsafe { std::hint::black_box(pyo3::ffi::PyObject_Malloc(size)) };
                let is_first = claimed as usize % POOL_BYTES == POOL_HEADER_BYTES;
                // SAFETY: the header is on the same page as the block. It begins with the number of allocated blocks.
                if is_first && unsafe { claimed.byte_sub(POOL_HEADER_BYTES).cast::<u32>().read() } == 1 {
                    // The pool was empty.
                    break;
                }
            }
        }
    });
}

impl Template {
    /// Forks a worker for each request, until the supervisor closes its end.
    fn serve(self, control: &OwnedFd) -> Result<()> {
        claim_free_blocks();
        claim_free_memory();
        loop {
            // Between requests the kernel discards children that end, because nobody waits for them: the supervisor
            // watches their pidfds instead. While a worker is forked they are kept: a worker that ended before
            // `pidfd_open` would otherwise be gone, and its process id could already belong to another process.
            set_automatic_reaping(true);
            let Some((directory, worker_socket)) = receive(control)? else { return Ok(()) };
            set_automatic_reaping(false);
            // SAFETY: the process has one thread, and Python's fork hooks run before and after. The child never returns
            // from `run_worker`.
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
                0 => self.run_worker(&directory, worker_socket),
                1.. => send_worker(control, Pid::from_raw(child).context("a process id")?)?,
                // The existing workers go on, and a later request may succeed.
                _ => send_failure(control, &format!("fork: {}", std::io::Error::last_os_error()))?,
            }
        }
    }

    /// Runs a worker in the forked process until the relay closes its socket.
    fn run_worker(self, directory: &str, socket: OwnedFd) -> ! {
        let code = match self.confine_and_serve(directory, socket) {
            Ok(()) => 0,
            Err(error) => {
                eprintln!("a worker ended: {error:#}");
                1
            }
        };
        // Not `exit`: exit handlers and Python's shutdown belong to the zygote.
        // SAFETY: ends the process.
        unsafe { libc::_exit(code) }
    }

    fn confine_and_serve(self, directory: &str, socket: OwnedFd) -> Result<()> {
        // With a process namespace the kernel kills workers when the zygote, its first process, ends. Without one, this
        // signal does.
        set_parent_process_death_signal(Some(Signal::KILL))?;
        let socket = close_all_except(socket)?;
        let Self { config, mut layers, mount_point, readable, filter, runtime } = self;
        let workspace = if let Some(path) = mount_point {
            Workspace::Memory(path)
        } else {
            DirBuilder::new().mode(0o700).create(directory).with_context(|| directory.to_owned())?;
            let path = PathBuf::from(directory);
            runtime.use_workspace(&path)?;
            Workspace::Directory(path)
        };
        sandbox::confine_worker(&mut layers, &config, &workspace, &readable, &filter)?;
        runtime.serve(socket, &layers, &workspace)
    }
}

/// Closes every inherited descriptor except this socket, and redirects the standard streams to /dev/null.
fn close_all_except(socket: OwnedFd) -> Result<UnixStream> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").context("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let socket = UnixStream::from(socket);
    let number = socket.as_raw_fd();
    drop(null);
    ensure!(number > 2, "the socket has the number of a standard stream");
    // SAFETY: the other descriptors belong to the zygote, and nothing in this process uses them any more.
    unsafe {
        if number > 3 {
            libc::syscall(libc::SYS_close_range, 3, number - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, number + 1, libc::c_uint::MAX, 0);
    }
    Ok(socket)
}

/// Receives a request: the path of the worker's directory, created only without a workspace in memory, and its socket. Returns
/// `None` when the supervisor has closed its end.
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
    // The supervisor sends no message without a socket, so a read without one is the end of the stream.
    Ok(socket.map(|socket| (directory, socket)))
}

/// Switches between children that the kernel discards when they end, and children that stay until they are waited for.
fn set_automatic_reaping(automatic: bool) {
    let action = if automatic { libc::SIG_IGN } else { libc::SIG_DFL };
    // SAFETY: neither action is a handler that could run.
    unsafe { libc::signal(libc::SIGCHLD, action) };
    // Ignoring the signal affects only children that end from now on; those that have already ended are waited for
    // here.
    while automatic && wait(WaitOptions::NOHANG).is_ok_and(|ended| ended.is_some()) {}
}

/// Replies with the reason why there is no worker: a message without a descriptor.
fn send_failure(control: &OwnedFd, reason: &str) -> Result<()> {
    let mut no_descriptors = SendAncillaryBuffer::default();
    sendmsg(control, &[IoSlice::new(reason.as_bytes())], &mut no_descriptors, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Replies with a pidfd of the worker.
fn send_worker(control: &OwnedFd, worker: Pid) -> Result<()> {
    let pidfd = pidfd_open(worker, PidfdFlags::empty()).context("pidfd_open")?;
    let descriptors = [pidfd.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    ensure!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)), "no space for a descriptor");
    sendmsg(control, &[IoSlice::new(b"forked")], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}
