//! Egress from a recording: answers a hook's requests with the responses that were recorded for them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use crate::egress::{BoxFuture, Egress, EgressErrorKind, EgressRequest, EgressResponse, HookEgress};
use crate::record::EgressExchange;

/// Gives the next hook its recording. Hooks run one at a time.
#[derive(Debug, Default)]
pub(super) struct RecordedEgress {
    next: Mutex<Option<VecDeque<EgressExchange>>>,
}

impl RecordedEgress {
    /// Sets the recording that the next hook gets; `None` if its bot has no network.
    pub(super) fn prepare(&self, exchanges: Option<Vec<EgressExchange>>) {
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = exchanges.map(VecDeque::from);
    }
}

impl Egress for RecordedEgress {
    fn open(&self, _: &str, _: &str, _: Instant, _: Arc<[String]>) -> Option<Box<dyn HookEgress>> {
        let recording = self.next.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Box::new(RecordedHookEgress(recording)))
    }
}

struct RecordedHookEgress(VecDeque<EgressExchange>);

impl HookEgress for RecordedHookEgress {
    fn ask(&mut self, request: EgressRequest) -> BoxFuture<'_, EgressResponse> {
        let recorded =
            self.0.pop_front().filter(|exchange| exchange.request == request).map(|exchange| exchange.response);
        Box::pin(std::future::ready(recorded.unwrap_or_else(|| {
            // After one request that was not recorded, none of the later responses can be trusted to fit.
            self.0.clear();
            EgressResponse::Failed {
                kind: EgressErrorKind::Refused,
                message: "the recording does not contain this request".to_owned(),
            }
        })))
    }
}
