//! Ends this process when the relay has ended, for whatever reason and whatever Python is doing.
//!
//! A native thread waits until the other end of the socket is closed. `PR_SET_PDEATHSIG` would not do: it fires when
//! the *thread* that started the process ends, and the relay's threads come and go.

use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

/// Starts the thread that watches the socket to the relay.
pub(crate) fn start(socket: &UnixStream) -> std::io::Result<()> {
    let socket = socket.try_clone()?;
    let thread = thread::Builder::new().name("relay-watch".to_owned()).stack_size(64 * 1024);
    thread.spawn(move || exit_when_closed(&socket))?;
    Ok(())
}

fn exit_when_closed(socket: &UnixStream) {
    loop {
        // No event is requested, so that only a hang-up, which is always reported, ends the wait.
        let mut watched = [PollFd::new(socket, PollFlags::empty())];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => {}
            Ok(_) if watched[0].revents().is_empty() => {}
            // A signal rather than `exit`: no exit handler may run, because Python can be in any state.
            _ => drop(kill_process(getpid(), Signal::KILL)),
        }
    }
}
