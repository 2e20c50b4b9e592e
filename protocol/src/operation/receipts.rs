use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::receipt::Report;
use crate::{ChannelId, SlotId, printable};

/// Most sentences of each list in a summary. The file has all of them.
const MAX_SENTENCES: usize = 24;
/// Longest sentence in a summary, in characters.
const MAX_SENTENCE: usize = 240;

/// Arguments of `get_receipt`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GetReceipt {
    /// 'chn_…'
    pub channel_id: ChannelId,
    /// Your seat, if several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_id: Option<SlotId>,
}

/// Result of [`GetReceipt`]: the place of the receipt, and what it proves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReceiptSummary {
    /// Path of the file on the computer of the stdio server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Page from which a browser saves the file. Whoever has the link can do so, until it expires or the token that asked
    /// for it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Minutes until the link expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link_minutes: Option<u32>,
    /// The program that checked it: on the caller's computer, or the relay about itself.
    pub checked_by: String,
    /// Number of entries that follow the rules.
    pub entries: u64,
    /// Statements that are proven.
    pub holds: Vec<String>,
    /// Statements that are refuted.
    pub fails: Vec<String>,
    /// Statements that the file can neither prove nor refute.
    pub unknown: Vec<String>,
}

impl ReceiptSummary {
    /// Creates a summary of a report, without the place of the file.
    pub fn new(report: &Report, checked_by: &str) -> Self {
        Self {
            file: None,
            link: None,
            link_minutes: None,
            checked_by: checked_by.to_owned(),
            entries: report.entries,
            holds: shortened(&report.holds),
            fails: shortened(&report.fails),
            unknown: shortened(&report.unknown),
        }
    }
}

fn shortened(sentences: &[String]) -> Vec<String> {
    let short = |text: &String| {
        let text = printable(text);
        if text.chars().count() <= MAX_SENTENCE {
            return text;
        }
        text.chars().take(MAX_SENTENCE).chain(['…']).collect()
    };
    let mut list: Vec<String> = sentences.iter().take(MAX_SENTENCES).map(short).collect();
    if sentences.len() > MAX_SENTENCES {
        list.push(format!("And {} more.", sentences.len() - MAX_SENTENCES));
    }
    list
}
