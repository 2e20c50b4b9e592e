//! The socket to the relay, which the process gets as its standard input.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, ensure};

/// Moves the socket from descriptor 0 to another one, so that code of the bot that reads standard input gets nothing.
pub(crate) fn from_stdin() -> anyhow::Result<UnixStream> {
    let stdin = rustix::stdio::stdin();
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(stdin)?.st_mode);
    ensure!(kind == rustix::fs::FileType::Socket, "standard input is not a socket");
    let socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let null = File::open("/dev/null").context("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    Ok(UnixStream::from(socket))
}
