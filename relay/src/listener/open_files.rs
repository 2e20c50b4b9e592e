use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Open files besides clients' connections: the database, workers' pipes, what bots look at outside.
const OTHERS: u64 = 1_024;

/// Lets the process open as many files as so many connections take, as far as the system allows it.
pub(super) fn make_room(connections: usize) {
    let needed = (connections as u64).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    let raised = raised(limit, needed);
    if raised != limit
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(error.cause = %error, "the limit of open files cannot be raised");
    }
    if let Some(most) = raised.current.filter(|most| *most < needed) {
        tracing::warn!(
            "the system lets the relay open {most} files, which is too few for {connections} connections: \
             raise the limit (ulimit -Hn, LimitNOFILE= of systemd) or lower --connections"
        );
    }
}

/// The soft limit as high as needed, or as high as it may be.
fn raised(limit: Rlimit, needed: u64) -> Rlimit {
    let Some(current) = limit.current else { return limit };
    let most = limit.maximum.unwrap_or(u64::MAX);
    Rlimit { current: Some(current.max(needed.min(most))), ..limit }
}

#[cfg(test)]
mod tests {
    use rustix::process::Rlimit;

    use super::raised;

    #[test]
    fn a_limit_is_raised_as_far_as_it_must_and_may_be() {
        let limit = |current, maximum| Rlimit { current, maximum };
        assert_eq!(raised(limit(Some(1_024), Some(524_288)), 11_024), limit(Some(11_024), Some(524_288)));
        assert_eq!(raised(limit(Some(1_024), None), 11_024), limit(Some(11_024), None));
        assert_eq!(raised(limit(Some(1_024), Some(4_096)), 11_024), limit(Some(4_096), Some(4_096)));
        for enough in [limit(Some(65_536), Some(65_536)), limit(None, None)] {
            assert_eq!(raised(enough, 11_024), enough);
        }
    }
}
