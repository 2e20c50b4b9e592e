//! Receipts: one file with a channel's log, and with all that is needed to verify it offline.
//!
//! A receipt is a text of JSON Lines: a header, the entries in order, the bots, their network traffic, and a checkpoint of the
//! whole log. That of a former member ends with the tenure; what later entries prove about it follows with proofs. [`Verifier`] reads it line by line; [`Receipt`] keeps all of it, for a replay.

mod later;
mod line;
mod report;
mod verifier;
mod whole;

pub use later::LaterLog;
pub use line::{FORMAT, Header, Later, LaterEntry, Line, LineError, ReceiptBot, ReceiptExchange, ReceiptSeed};
pub use report::{Agreed, BotSummary, Ending, PlayerSummary, Report};
pub use verifier::Verifier;
pub use whole::Receipt;
