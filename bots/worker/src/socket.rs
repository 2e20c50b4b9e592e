//! The socket to the relay: handed over as standard input, and kept away from the bot.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use anyhow::{Context, ensure};

/// Takes the socket off descriptor 0, which then reads nothing.
pub(crate) fn from_stdin() -> anyhow::Result<UnixStream> {
    let stdin = rustix::stdio::stdin();
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(stdin)?.st_mode);
    ensure!(kind == rustix::fs::FileType::Socket, "standard input is not a socket");
    let socket: OwnedFd = rustix::io::fcntl_dupfd_cloexec(stdin, 3)?;
    let nothing = File::open("/dev/null").context("/dev/null")?;
    rustix::stdio::dup2_stdin(&nothing)?;
    Ok(UnixStream::from(socket))
}
