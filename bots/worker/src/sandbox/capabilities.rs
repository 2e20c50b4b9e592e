//! Capabilities: none are left, and no program can bring one back.

use anyhow::{Context as _, Result};
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// Drops every capability of the worker, also inside its namespace of users, and all chance to regain one.
pub(super) fn drop_all() -> Result<()> {
    for capability in CapabilitySet::all().iter() {
        // Those that the kernel does not know are not there to be dropped; without the right to drop, there is none.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).context("capset")?;
    set_no_new_privs(true).context("no_new_privs")?;
    // No core file, no tracer, and /proc/self belongs to root.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).context("dumpable")
}
