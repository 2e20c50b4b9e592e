//! The memory of the machine, on which a default depends.

/// Memory that this process can use, in bytes: that of the machine, or of its control group if that has less. `None`
/// where it cannot be read, as on macOS.
pub(super) fn memory_bytes() -> Option<u64> {
    let read = |path: &str| std::fs::read_to_string(path).ok();
    // In a container, the path of its own control group is `/`.
    let group = read("/proc/self/cgroup").and_then(|groups| {
        Some(groups.lines().find_map(|line| line.strip_prefix("0::"))?.trim_end_matches('/').to_owned())
    });
    let limit = group.and_then(|group| read(&format!("/sys/fs/cgroup{group}/memory.max")));
    usable_bytes(&read("/proc/meminfo")?, limit.as_deref())
}

/// The smaller of `MemTotal` in the text of `/proc/meminfo` and the limit in the text of `memory.max`.
fn usable_bytes(meminfo: &str, limit: Option<&str>) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = line.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? * 1024;
    // Without a limit the text is `max`.
    let limit = limit.and_then(|limit| limit.trim().parse().ok()).unwrap_or(u64::MAX);
    Some(machine.min(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_of_machine_and_control_group_counts() {
        let meminfo = "MemTotal:        8000000 kB\nMemFree:          100000 kB\n";
        let machine = 8_000_000 * 1024;
        assert_eq!(usable_bytes(meminfo, None), Some(machine));
        assert_eq!(usable_bytes(meminfo, Some("max\n")), Some(machine));
        assert_eq!(usable_bytes(meminfo, Some("536870912\n")), Some(512 << 20));
        assert_eq!(usable_bytes(meminfo, Some("99999999999999\n")), Some(machine));
        assert_eq!(usable_bytes("", None), None);
    }
}
