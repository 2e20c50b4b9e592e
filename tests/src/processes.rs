//! The machine's processes and signals to them. They are read from `/proc`, because minimal machines have neither
//! `ps` nor `kill`.

use std::fs;

use rustix::process::{Pid, Signal, kill_process};

/// A process of this machine.
#[derive(Clone, Debug)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Process id of the parent.
    pub parent: u32,
    /// Program and arguments, separated by spaces.
    pub command: String,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        // `pid (name) state parent …`, where the name may hold spaces and parentheses.
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace();
        let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
        if state == "Z" || state == "X" {
            return None;
        }
        let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&line).replace('\0', " ");
        Some(Self { pid, parent, command })
    }

    /// Returns the process id inside the process's own PID namespace, or `None` when it has ended.
    pub fn pid_in_namespace(&self) -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).ok()?;
        status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_whitespace().last()?.parse().ok()
    }
}

/// Lists the running processes. Zombies are left out.
///
/// Empty where there is no `/proc`.
pub fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return vec![] };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(Process::read).collect()
}

/// Sends a signal to a process. Panics if the process does not exist.
pub fn send_signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).expect("a process id is a positive i32");
    kill_process(pid, signal).expect("the process exists and belongs to this user");
}
