//! The system call filter: every call that `syscalls.json` does not list fails with EPERM.
//!
//! It is long, and the kernel takes a while to check and compile it. So most of it is applied once, to the zygote, and every
//! worker inherits it: it allows what a worker needs and what sets a worker up. Each worker only adds a short filter, which
//! refuses what sets a worker up.

use anyhow::{Context as _, Result, anyhow};
use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json};
use serde_json::{Value, json};

/// Every system call that a worker needs, or that sets it up, with the reason.
const SYSCALLS: &str = include_str!("syscalls.json");

/// The filter that a worker adds to its zygote's.
#[derive(Debug)]
pub(crate) struct WorkerFilter(BpfProgram);

impl WorkerFilter {
    /// Applies it to this thread, which must be the only one, for good.
    pub(crate) fn apply(&self) -> Result<()> {
        apply_filter(&self.0).context("seccomp")
    }
}

/// Applies the zygote's filter to this thread, which must be the only one, for good. Returns the one for its workers. A workspace
/// in memory allows more calls than one on disk.
pub(crate) fn restrict_zygote(in_memory: bool) -> Result<WorkerFilter> {
    let (zygote, worker) = compile(in_memory)?;
    apply_filter(&zygote).context("seccomp")?;
    Ok(WorkerFilter(worker))
}

/// Compiles the filters of the zygote and of a worker for this machine.
fn compile(in_memory: bool) -> Result<(BpfProgram, BpfProgram)> {
    let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| anyhow!("{error}"))?;
    let listed: Value = serde_json::from_str(SYSCALLS).context("syscalls.json")?;
    let (mut allowed, mut setup) = (vec![], vec![]);
    for (section, applies) in [
        ("worker", true),
        ("worker, x86_64", cfg!(target_arch = "x86_64")),
        ("workspace in memory", in_memory),
        ("workspace in memory, x86_64", in_memory && cfg!(target_arch = "x86_64")),
        ("setup", true),
        ("setup, x86_64", cfg!(target_arch = "x86_64")),
    ] {
        let rules = listed[section].as_array().with_context(|| format!("syscalls.json has no section {section:?}"))?;
        let rules = rules.iter().filter(|_| applies).cloned();
        if section.starts_with("setup") { setup.extend(rules) } else { allowed.extend(rules) }
    }
    allowed.extend(setup.iter().cloned());
    let filters = json!({
        "zygote": {"match_action": "allow", "mismatch_action": {"errno": 1}, "filter": allowed},
        "worker": {"match_action": {"errno": 1}, "mismatch_action": "allow", "filter": setup},
    });
    let mut compiled = compile_from_json(filters.to_string().as_bytes(), arch).context("syscalls.json")?;
    let mut take = |name| compiled.remove(name).with_context(|| format!("no filter {name:?}"));
    Ok((take("zygote")?, take("worker")?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_listed_call_has_a_reason() {
        let listed: Value = serde_json::from_str(SYSCALLS).unwrap();
        for (section, rules) in listed.as_object().unwrap() {
            for rule in rules.as_array().unwrap() {
                assert!(rule["comment"].as_str().is_some_and(|reason| reason.len() > 3), "{section}: {rule}");
            }
        }
        compile(true).unwrap();
        compile(false).unwrap();
    }

    #[test]
    #[expect(unsafe_code, reason = "makes system calls as an attacker would")]
    fn a_worker_can_make_none_of_the_calls_that_set_it_up() {
        let calls = [
            ("recvmsg", libc::SYS_recvmsg),
            ("sendmsg", libc::SYS_sendmsg),
            ("clone", libc::SYS_clone),
            ("clone3", libc::SYS_clone3),
            ("set_robust_list", libc::SYS_set_robust_list),
            ("rseq", libc::SYS_rseq),
            ("set_tid_address", libc::SYS_set_tid_address),
            ("wait4", libc::SYS_wait4),
            ("pidfd_open", libc::SYS_pidfd_open),
            ("prctl", libc::SYS_prctl),
            ("dup3", libc::SYS_dup3),
            ("close_range", libc::SYS_close_range),
            ("unshare", libc::SYS_unshare),
            ("mount", libc::SYS_mount),
            ("chdir", libc::SYS_chdir),
            ("capset", libc::SYS_capset),
            ("prlimit64", libc::SYS_prlimit64),
            ("landlock_create_ruleset", libc::SYS_landlock_create_ruleset),
            ("landlock_add_rule", libc::SYS_landlock_add_rule),
            ("landlock_restrict_self", libc::SYS_landlock_restrict_self),
            ("seccomp", libc::SYS_seccomp),
        ];
        let listed: Value = serde_json::from_str(SYSCALLS).unwrap();
        let listed = listed["setup"].as_array().unwrap().iter().map(|rule| rule["syscall"].as_str().unwrap());
        assert!(listed.eq(calls.map(|(name, _)| name)));
        // Returns whether the kernel refuses a call before it looks at the arguments, which are invalid.
        let is_refused = |number| {
            // SAFETY: null pointers, and numbers that name nothing. A process that is forked ends with the one that forks.
            let result = unsafe { libc::syscall(number, 0, 0, 0, 0, 0, 0) };
            result == -1 && std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
        };
        super::super::trial::run(|| {
            let worker = restrict_zygote(true)?;
            let refused = calls.iter().find(|(_, number)| *number != libc::SYS_clone && is_refused(*number));
            anyhow::ensure!(refused.is_none(), "the zygote cannot make {refused:?}");
            worker.apply()?;
            let allowed = calls.iter().find(|(_, number)| !is_refused(*number));
            anyhow::ensure!(allowed.is_none(), "a worker can make {allowed:?}");
            Ok(())
        })
        .unwrap();
    }

    #[test]
    fn no_call_that_sets_a_worker_up_is_one_that_a_worker_may_make() {
        let listed: Value = serde_json::from_str(SYSCALLS).unwrap();
        let (setup, worker): (Vec<_>, Vec<_>) =
            listed.as_object().unwrap().iter().partition(|(section, _)| section.starts_with("setup"));
        let names = |sections: Vec<(&String, &Value)>| -> HashSet<String> {
            let rules = sections.into_iter().flat_map(|(_, rules)| rules.as_array().unwrap());
            rules.map(|rule| rule["syscall"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(setup).intersection(&names(worker)).collect::<Vec<_>>(), Vec::<&String>::new());
    }
}
