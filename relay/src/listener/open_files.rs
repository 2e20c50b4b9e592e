use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides clients' connections: the database, workers' sockets, bots' outgoing connections.
const OTHER_FILES: u64 = 1_024;

/// Raises the process's limit on open files to what this many connections take, as far as the system allows it.
pub(super) fn raise_limit(connections: usize) {
    let needed = (connections as u64).saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    let raised = raised(limit, needed);
    if raised != limit
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(error.cause = %error, "cannot raise the limit on open files");
    }
    if let Some(limit) = raised.current.filter(|limit| *limit < needed) {
        tracing::warn!(
            "the relay can open only {limit} files, too few for {connections} connections: \
             raise the limit (ulimit -Hn, or LimitNOFILE= in systemd) or lower --connections"
        );
    }
}

/// The limit with its soft part raised to what is needed, or to the hard part if that is lower.
fn raised(limit: Rlimit, needed: u64) -> Rlimit {
    let Some(current) = limit.current else { return limit };
    let maximum = limit.maximum.unwrap_or(u64::MAX);
    Rlimit { current: Some(current.max(needed.min(maximum))), ..limit }
}

#[cfg(test)]
mod tests {
    use rustix::process::Rlimit;

    use super::raised;

    #[test]
    fn the_soft_limit_is_raised_as_needed_up_to_the_hard_limit() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(raised(limit(Some(1_024), Some(524_288)), 11_024), limit(Some(11_024), Some(524_288)));
        assert_eq!(raised(limit(Some(1_024), None), 11_024), limit(Some(11_024), None));
        assert_eq!(raised(limit(Some(1_024), Some(4_096)), 11_024), limit(Some(4_096), Some(4_096)));
        for enough in [limit(Some(65_536), Some(65_536)), limit(None, None)] {
            assert_eq!(raised(enough, 11_024), enough);
        }
    }
}
