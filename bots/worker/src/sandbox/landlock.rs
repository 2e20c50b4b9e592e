//! Landlock: restricts the files that can be opened, in addition to their permissions.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

/// Newest Landlock interface that is used. With an older kernel, the part that it has is used.
const VERSION: ABI = ABI::V6;

/// Restricts this process for good: it can read only these paths, write only to the workspace, and execute no program.
pub(super) fn restrict(readable: &[PathBuf], workspace: &Path) -> Result<()> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::from_all(VERSION) & !AccessFs::Execute & !AccessFs::IoctlDev;
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(VERSION))?
        .handle_access(AccessNet::from_all(VERSION))?
        .scope(Scope::from_all(VERSION))?
        .create()?
        .add_rules(path_beneath_rules(readable, read))?
        .add_rules(path_beneath_rules([workspace], write))?
        .restrict_self()?;
    if status.ruleset == RulesetStatus::NotEnforced {
        bail!("the kernel has no Landlock");
    }
    Ok(())
}
