//! Landlock: restricts the files that can be opened, in addition to their permissions.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, Ruleset, RulesetAttr as _,
    RulesetCreatedAttr as _, RulesetStatus, Scope, path_beneath_rules,
};

/// Newest Landlock interface that is used. With an older kernel, the part that it has is used.
const VERSION: ABI = ABI::V6;

/// Oldest Landlock interface with which the layer counts as active.
///
/// Version 3 is the first that restricts truncation. Before it, a process that may read a file can empty it by opening
/// it with `O_TRUNC`, if the permissions of the file allow that, and bots may read the Python library, which often
/// belongs to the relay's user. What later versions add is not needed for files: 4 restricts network connections and 6
/// abstract sockets and signals, which the system call filter forbids altogether; 5 restricts `ioctl` of devices, of
/// which bots can open only `/dev/null` and `/dev/urandom`.
const REQUIRED: ABI = ABI::V3;

/// Restricts this process for good: it can read only these paths, write only to the workspace, and execute no program.
///
/// Fails on a kernel that can restrict only a part of that. The part that it has is in force nevertheless.
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
    let supported = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        _ => ABI::Unsupported,
    };
    check_enforced(&status.ruleset, supported)
}

/// Checks that access to files is fully restricted, on a kernel that supports this version.
fn check_enforced(ruleset: &RulesetStatus, supported: ABI) -> Result<()> {
    match ruleset {
        RulesetStatus::FullyEnforced => Ok(()),
        RulesetStatus::PartiallyEnforced if (REQUIRED..VERSION).contains(&supported) => Ok(()),
        RulesetStatus::PartiallyEnforced if supported < REQUIRED => bail!(
            "partially enforced: the kernel has version {} of Landlock, which does not restrict truncating files; \
             version {} is needed (Linux 6.2)",
            supported as i32,
            REQUIRED as i32
        ),
        RulesetStatus::PartiallyEnforced => bail!("partially enforced"),
        RulesetStatus::NotEnforced => bail!("the kernel has no Landlock"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layer_is_active_only_if_all_access_to_files_is_restricted() {
        let reason = |ruleset, supported| check_enforced(&ruleset, supported).err().map(|error| error.to_string());
        assert_eq!(reason(RulesetStatus::FullyEnforced, ABI::V6), None);
        for newer_parts_missing in [ABI::V3, ABI::V4, ABI::V5] {
            assert_eq!(reason(RulesetStatus::PartiallyEnforced, newer_parts_missing), None);
        }
        for too_old in [ABI::V1, ABI::V2] {
            let reason = reason(RulesetStatus::PartiallyEnforced, too_old).unwrap();
            assert!(reason.starts_with("partially enforced: ") && reason.contains("truncating"), "{reason}");
        }
        assert_eq!(reason(RulesetStatus::PartiallyEnforced, ABI::V6).as_deref(), Some("partially enforced"));
        let missing = reason(RulesetStatus::NotEnforced, ABI::Unsupported);
        assert_eq!(missing.as_deref(), Some("the kernel has no Landlock"));
    }
}
