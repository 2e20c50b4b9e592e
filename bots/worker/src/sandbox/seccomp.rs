//! The filter of system calls: what `syscalls.json` does not list fails with EPERM.

use anyhow::{Context as _, Result, anyhow};
use seccompiler::{BpfProgram, TargetArch, apply_filter, compile_from_json};
use serde_json::Value;

/// Every call that a worker makes, with why.
const SYSCALLS: &str = include_str!("syscalls.json");

/// A filter, ready to be applied.
#[derive(Debug)]
pub(crate) struct Filter(BpfProgram);

impl Filter {
    /// Compiles the list for this machine.
    pub(crate) fn compile() -> Result<Self> {
        let arch: TargetArch = std::env::consts::ARCH.try_into().map_err(|error| anyhow!("{error}"))?;
        let mut listed: Value = serde_json::from_str(SYSCALLS).context("syscalls.json")?;
        let legacy = listed.as_object_mut().and_then(|filters| filters.remove("x86_64")).unwrap_or_default();
        if let (TargetArch::x86_64, Some(legacy)) = (arch, legacy["filter"].as_array())
            && let Some(filter) = listed["worker"]["filter"].as_array_mut()
        {
            filter.extend(legacy.iter().cloned());
        }
        let mut compiled = compile_from_json(listed.to_string().as_bytes(), arch).context("syscalls.json")?;
        Ok(Self(compiled.remove("worker").context("syscalls.json has no filter 'worker'")?))
    }

    /// Puts it in force for this thread, which is the only one, for good.
    pub(crate) fn apply(&self) -> Result<()> {
        apply_filter(&self.0).context("seccomp")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_call_on_the_list_says_why() {
        let listed: Value = serde_json::from_str(SYSCALLS).unwrap();
        for filter in ["worker", "x86_64"] {
            for rule in listed[filter]["filter"].as_array().unwrap() {
                assert!(rule["comment"].as_str().is_some_and(|why| why.len() > 3), "{rule}");
            }
        }
        Filter::compile().unwrap();
    }
}
