//! Ends this process when the relay is gone, however it went and whatever Python is doing.
//!
//! A native thread waits for the other end of the socket to close. Not `PR_SET_PDEATHSIG`: that
//! fires when the *thread* that started the process ends.

use std::os::unix::net::UnixStream;
use std::thread;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Signal, getpid, kill_process};

/// Starts the watch over the socket.
pub(crate) fn hold(socket: &UnixStream) -> std::io::Result<()> {
    let socket = socket.try_clone()?;
    thread::Builder::new().name("lifeline".to_owned()).stack_size(64 * 1024).spawn(move || wait_and_die(&socket))?;
    Ok(())
}

fn wait_and_die(socket: &UnixStream) {
    loop {
        // No events asked for: only the hang-up, which is always reported, ends the wait.
        let mut watched = [PollFd::new(socket, PollFlags::empty())];
        match poll(&mut watched, None) {
            Err(Errno::INTR) => {}
            Ok(_) if watched[0].revents().is_empty() => {}
            // Nothing may run after this, not even exit handlers: Python could be anywhere.
            _ => drop(kill_process(getpid(), Signal::KILL)),
        }
    }
}
