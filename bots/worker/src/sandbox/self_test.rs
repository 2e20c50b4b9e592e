//! The sandbox's self-test: attempts every forbidden action from within the sandbox, by direct system calls, as an
//! attacker who controls the worker would.
#![expect(unsafe_code, reason = "the test makes system calls as an attacker would")]

use std::ffi::CString;

use mcp_multiplayer_bot_supervisor::ForbiddenAction;

/// Attempts every action. `canary` is a file of the relay that no bot may read.
pub(crate) fn run(canary: &str) -> Vec<ForbiddenAction> {
    let canary = CString::new(canary).unwrap_or_default();
    let open = |path: &std::ffi::CStr, flags| {
        // SAFETY: a string that ends with a null byte, and no other pointer.
        unsafe { libc::open(path.as_ptr(), flags, 0o600) }
    };
    // SAFETY: each call gets numbers, valid pointers or null. One that succeeds harms nothing but this worker, which is
    // ended after the test.
    let results: [(&str, i64); 22] = unsafe {
        [
            ("read the relay's files", open(&canary, libc::O_RDONLY).into()),
            ("read /etc/passwd", open(c"/etc/passwd", libc::O_RDONLY).into()),
            ("read another process's environment", open(c"/proc/1/environ", libc::O_RDONLY).into()),
            ("write its own memory through /proc", open(c"/proc/self/mem", libc::O_RDWR).into()),
            ("write outside its workspace", create_in(c"/tmp").into()),
            ("make a network socket", libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0).into()),
            ("make a local socket", libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0).into()),
            ("run a program", libc::execv(c"/bin/true".as_ptr(), std::ptr::null()).into()),
            ("start a process", fork()),
            ("signal the relay", libc::kill(libc::getppid(), 0).into()),
            ("enter new namespaces", libc::unshare(libc::CLONE_NEWUSER).into()),
            ("mount", libc::mount(c"none".as_ptr(), c"/".as_ptr(), c"tmpfs".as_ptr(), 0, std::ptr::null()).into()),
            ("become another user", libc::syscall(libc::SYS_setuid, 12_345)),
            ("map memory to run", map(4096, READ | libc::PROT_WRITE | libc::PROT_EXEC, libc::MAP_PRIVATE)),
            ("share memory, which is not counted", map(4096, READ, libc::MAP_SHARED)),
            ("grow a stack, which is not counted", map(4096, READ, libc::MAP_PRIVATE | libc::MAP_GROWSDOWN)),
            ("fill page tables, which are not counted", map(1 << 36, READ, libc::MAP_PRIVATE | libc::MAP_NORESERVE)),
            ("have the kernel send signals", libc::fcntl(0, libc::F_SETOWN, libc::getpid()).into()),
            ("make an anonymous file", libc::syscall(libc::SYS_memfd_create, c"x".as_ptr(), 0)),
            ("set up io_uring", libc::syscall(libc::SYS_io_uring_setup, 1, std::ptr::null::<u8>())),
            ("load a BPF program", libc::syscall(libc::SYS_bpf, 0, std::ptr::null::<u8>(), 0)),
            // Last: the next signal, also one that is ignored, stops a traced process until its tracer continues it.
            ("trace a process", libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0)),
        ]
    };
    let action = |(name, result): (&str, i64)| ForbiddenAction { name: name.to_owned(), blocked: result < 0 };
    results.into_iter().map(action).collect()
}

/// Creates a file in a directory that everybody may write to, under an unused name, and removes it again.
unsafe fn create_in(directory: &std::ffi::CStr) -> libc::c_int {
    // SAFETY: the template ends with a null byte and with the six characters that the call replaces.
    unsafe {
        let mut template = [directory.to_bytes(), b"/mcp-multiplayer-self-test-XXXXXX\0"].concat();
        let created = libc::mkstemp(template.as_mut_ptr().cast());
        if created >= 0 {
            libc::unlink(template.as_ptr().cast());
        }
        created
    }
}

unsafe fn fork() -> i64 {
    // SAFETY: a child ends at once.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::_exit(0);
        }
        if child > 0 {
            // SIGCHLD must not come later, when it might stop this process.
            libc::waitpid(child, std::ptr::null_mut(), 0);
        }
        child.into()
    }
}

const READ: libc::c_int = libc::PROT_READ;

/// Maps anonymous memory at an address that the kernel chooses.
unsafe fn map(length: usize, access: libc::c_int, flags: libc::c_int) -> i64 {
    // SAFETY: no existing mapping is changed.
    let address = unsafe { libc::mmap(std::ptr::null_mut(), length, access, flags | libc::MAP_ANONYMOUS, -1, 0) };
    if address == libc::MAP_FAILED { -1 } else { 0 }
}
