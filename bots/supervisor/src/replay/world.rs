//! The outside world as it was: answers what a record says, to the questions that it says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::egress::{BoxFuture, Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use crate::record::Step;

/// Gives the next hook its record; hooks run one at a time.
#[derive(Debug, Default)]
pub(super) struct RecordedWorld {
    next: Mutex<VecDeque<Step>>,
}

impl RecordedWorld {
    pub(super) fn prepare(&self, steps: &[Step]) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = steps.iter().cloned().collect();
    }
}

impl Egress for RecordedWorld {
    fn open(&self, _: &str, _: &str, _: Instant, _: Arc<[String]>) -> Box<dyn HookEgress> {
        Box::new(RecordedVisit(std::mem::take(&mut *self.next.lock().unwrap_or_else(PoisonError::into_inner))))
    }
}

struct RecordedVisit(VecDeque<Step>);

impl HookEgress for RecordedVisit {
    fn ask(&mut self, ask: EgressRequest) -> BoxFuture<'_, EgressResponse> {
        let recorded = self.0.pop_front().filter(|step| step.ask == ask).map(|step| step.answer);
        Box::pin(std::future::ready(recorded.unwrap_or_else(|| {
            self.0.clear();
            EgressResponse::Failed {
                kind: EgressErrorKind::Refused,
                message: "the record does not have this question".to_owned(),
            }
        })))
    }
}
