//! The system call filter: every call that `syscalls.json` does not list fails with EPERM.

use anyhow::{Context as _, Result, anyhow};
use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json};
use serde_json::Value;

/// Every system call that a worker needs, with the reason.
const SYSCALLS: &str = include_str!("syscalls.json");

/// A compiled filter.
#[derive(Debug)]
pub(crate) struct Filter(BpfProgram);

impl Filter {
    /// Compiles the list for this machine. A workspace in memory allows more calls than one on disk.
    pub(crate) fn compile(in_memory: bool) -> Result<Self> {
        let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| anyhow!("{error}"))?;
        let listed: Value = serde_json::from_str(SYSCALLS).context("syscalls.json")?;
        let legacy = matches!(arch, TargetArch::x86_64);
        let mut worker = listed["worker"].clone();
        let rules = worker["filter"].as_array_mut().context("syscalls.json has no filter 'worker'")?;
        for (section, applies) in [
            ("x86_64", legacy),
            ("workspace in memory", in_memory),
            ("workspace in memory, x86_64", in_memory && legacy),
        ] {
            let more = listed[section]["filter"].as_array().with_context(|| format!("no filter {section:?}"))?;
            rules.extend(more.iter().filter(|_| applies).cloned());
        }
        let listed = serde_json::json!({ "worker": worker }).to_string();
        let mut compiled = compile_from_json(listed.as_bytes(), arch).context("syscalls.json")?;
        Ok(Self(compiled.remove("worker").context("syscalls.json has no filter 'worker'")?))
    }

    /// Applies the filter to this thread, which must be the only one, for good.
    pub(crate) fn apply(&self) -> Result<()> {
        apply_filter(&self.0).context("seccomp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_call_has_a_reason() {
        let listed: Value = serde_json::from_str(SYSCALLS).unwrap();
        for (section, filter) in listed.as_object().unwrap() {
            for rule in filter["filter"].as_array().unwrap() {
                assert!(rule["comment"].as_str().is_some_and(|reason| reason.len() > 3), "{section}: {rule}");
            }
        }
        Filter::compile(true).unwrap();
        Filter::compile(false).unwrap();
    }
}
