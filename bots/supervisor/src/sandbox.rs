//! The level of the bot sandbox on this machine, its layers, and the result of its self-test.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Degree to which bots are isolated, from the weakest to the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxLevel {
    /// A process of its own with resource limits, or a sandbox that failed its self-test.
    Process,
    /// System calls are filtered, and files outside of the workspace cannot be reached.
    Kernel,
    /// Every layer is active.
    Full,
}

impl SandboxLevel {
    /// `process`, `kernel` or `full`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Kernel => "kernel",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for SandboxLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The sandbox around every bot of a supervisor, as the self-test found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Its level; `Process` if the self-test failed, whatever the layers report.
    pub level: SandboxLevel,
    /// Its layers, active or not.
    pub layers: Vec<Layer>,
    /// The software that runs in it.
    pub runtime: RuntimeInfo,
    /// Results of the self-test; empty if it did not run because there are no layers, or if it failed without results.
    pub self_test: Vec<ForbiddenAction>,
    /// The reason why the self-test has no results although there are layers to test.
    pub failure: Option<String>,
}

/// A layer of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// True if it is active.
    pub active: bool,
    /// The reason why it is not active.
    pub reason: Option<String>,
}

/// Versions that a worker runs; a replay needs the same ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuntimeInfo {
    /// The worker's version.
    pub worker: String,
    /// Python's version, `3.11.7`.
    pub python: String,
    /// SHA-256 of the pinned package list, `sha256:<hex>`.
    pub lock_hash: String,
    /// Level of the sandbox according to the worker; the self-test may lower it.
    pub sandbox: SandboxLevel,
    /// Layers of the sandbox.
    #[serde(default)]
    pub layers: Vec<Layer>,
}

/// An action that the sandbox must block, attempted from within it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForbiddenAction {
    /// The action, such as `run a program`.
    pub name: String,
    /// True if the attempt failed, as it must.
    pub blocked: bool,
}

impl Sandbox {
    /// Combines what a worker reports with the self-test: one action that was not blocked, or a test without
    /// results, means that the layers cannot be relied on, so the level is `Process`.
    pub(crate) fn from_self_test(runtime: RuntimeInfo, self_test: Result<Vec<ForbiddenAction>, String>) -> Self {
        let (level, layers) = (runtime.sandbox, runtime.layers.clone());
        let untested = Self { level: SandboxLevel::Process, layers, runtime, self_test: Vec::new(), failure: None };
        if untested.layers.is_empty() {
            return untested;
        }
        match self_test {
            Err(reason) => Self { failure: Some(reason), ..untested },
            Ok(actions) if actions.is_empty() => {
                Self { failure: Some("no action was attempted".to_owned()), ..untested }
            }
            Ok(actions) if actions.iter().any(|action| !action.blocked) => Self { self_test: actions, ..untested },
            Ok(actions) => Self { level, self_test: actions, ..untested },
        }
    }

    /// Names the active layers that a worker with these layers lacks, each with the reason; `None` if it has all.
    pub(crate) fn missing_from(&self, layers: &[Layer]) -> Option<String> {
        let is_active = |wanted: &&Layer| layers.iter().any(|layer| layer.name == wanted.name && layer.active);
        let reason = |wanted: &Layer| {
            let found = layers.iter().find(|layer| layer.name == wanted.name);
            format!("{} ({})", wanted.name, found.and_then(|layer| layer.reason.as_deref()).unwrap_or("not reported"))
        };
        let missing: Vec<String> =
            self.layers.iter().filter(|layer| layer.active && !is_active(layer)).map(reason).collect();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// Summary of the self-test: `passed`, `not tested`, the reason why it has no results, or the actions that were not
    /// blocked.
    pub fn verdict(&self) -> String {
        let failed: Vec<&str> =
            self.self_test.iter().filter(|action| !action.blocked).map(|action| action.name.as_str()).collect();
        if let Some(reason) = &self.failure {
            format!("failed: {reason}")
        } else if self.self_test.is_empty() {
            "not tested".to_owned()
        } else if failed.is_empty() {
            "passed".to_owned()
        } else {
            format!("not blocked: {}", failed.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(name: &str, active: bool) -> Layer {
        Layer { name: name.to_owned(), active, reason: (!active).then(|| "refused".to_owned()) }
    }

    /// Reports of a worker with these layers.
    fn runtime(sandbox: SandboxLevel, layers: Vec<Layer>) -> RuntimeInfo {
        let text = String::new;
        RuntimeInfo { worker: text(), python: text(), lock_hash: text(), sandbox, layers }
    }

    #[test]
    fn one_action_that_is_not_blocked_lowers_the_level_to_process() {
        let action = |blocked| ForbiddenAction { name: "run a program".to_owned(), blocked };
        let tested =
            |actions| Sandbox::from_self_test(runtime(SandboxLevel::Full, vec![layer("root", true)]), Ok(actions));
        let sandbox = tested(vec![action(true)]);
        assert_eq!(sandbox.level, SandboxLevel::Full);
        assert_eq!(sandbox.verdict(), "passed");
        let sandbox = tested(vec![action(true), action(false)]);
        assert_eq!(sandbox.level, SandboxLevel::Process);
        assert_eq!(sandbox.verdict(), "not blocked: run a program");
    }

    #[test]
    fn without_layers_the_level_is_process() {
        let sandbox = Sandbox::from_self_test(runtime(SandboxLevel::Full, vec![]), Ok(vec![]));
        assert_eq!((sandbox.level, sandbox.verdict().as_str()), (SandboxLevel::Process, "not tested"));
    }

    #[test]
    fn a_worker_must_have_every_active_layer() {
        let actions = vec![ForbiddenAction { name: "run a program".to_owned(), blocked: true }];
        let layers = vec![layer("root", true), layer("landlock", false), layer("seccomp", true)];
        let sandbox = Sandbox::from_self_test(runtime(SandboxLevel::Kernel, layers.clone()), Ok(actions));
        assert_eq!(sandbox.missing_from(&layers), None);
        let more = [layer("root", true), layer("landlock", true), layer("seccomp", true)];
        assert_eq!(sandbox.missing_from(&more), None);
        let fewer = [layer("root", false), layer("landlock", true)];
        assert_eq!(sandbox.missing_from(&fewer).as_deref(), Some("root (refused), seccomp (not reported)"));
    }

    #[test]
    fn levels_are_ordered_by_strength() {
        assert!(SandboxLevel::Process < SandboxLevel::Kernel && SandboxLevel::Kernel < SandboxLevel::Full);
    }
}
