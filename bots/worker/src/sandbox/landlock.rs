//! Landlock: which files can be opened, whatever their modes say.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

/// The newest interface that is asked for; an older kernel gives what it has.
const VERSION: ABI = ABI::V6;

/// From here on only these paths can be read, and only the workspace written to. No program can be run.
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
