//! Capabilities: drops all of them, and every way to regain one.

use anyhow::{Context as _, Result};
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Drops every way to regain a capability by executing a program, for this process and all that it forks. It keeps its
/// capabilities.
pub(super) fn drop_bounding_set() {
    for capability in CapabilitySet::all().iter() {
        // Fails harmlessly for capabilities that this kernel does not have, and for a process without CAP_SETPCAP,
        // which has no capabilities to regain: executing a program with file capabilities is ruled out by no_new_privs
        // in `drop_all`.
        let _ = remove_capability_from_bounding_set(capability);
    }
}

/// Drops every capability of the worker, including those that it has only within its user namespace.
pub(super) fn drop_all() -> Result<()> {
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).context("capset")?;
    set_no_new_privs(true).context("no_new_privs")?;
    // Prevents core dumps and tracing, and makes root the owner of /proc/self.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).context("dumpable")
}
