use std::time::Duration;

use crate::clock::Clock;
use crate::quota::WindowBudget;

const HOUR: Duration = Duration::from_hours(1);

/// Lookups of names, connections, and bytes in both directions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Amounts {
    pub(super) lookups: u64,
    pub(super) connections: u64,
    pub(super) bytes: u64,
}

/// The budgets of each channel's bots for an hour, which begins with the first use.
#[derive(Debug)]
pub(super) struct HourlyBudgets {
    pub(super) lookups: WindowBudget<String>,
    pub(super) connections: WindowBudget<String>,
    pub(super) bytes: WindowBudget<String>,
}

impl HourlyBudgets {
    pub(super) fn new(per_hour: Amounts, clock: &Clock) -> Self {
        let budget = |limit| WindowBudget::new(limit, HOUR, clock);
        Self {
            lookups: budget(per_hour.lookups),
            connections: budget(per_hour.connections),
            bytes: budget(per_hour.bytes),
        }
    }
}
