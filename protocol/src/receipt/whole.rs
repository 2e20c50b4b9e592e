use std::collections::BTreeMap;

use super::line::{Header, Later, LaterEntry, Line, LineError, Order, ReceiptBot, ReceiptExchange};
use crate::{BotId, Entry};

/// A whole receipt in memory.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// The first line.
    pub header: Header,
    /// The log.
    pub entries: Vec<Entry>,
    /// The log that these entries are the beginning of.
    pub later: Option<Later>,
    /// Entries of it.
    pub later_entries: Vec<LaterEntry>,
    /// The bots, by id.
    pub bots: BTreeMap<BotId, ReceiptBot>,
    /// Network traffic of hooks.
    pub exchanges: Vec<ReceiptExchange>,
    /// The signed checkpoint.
    pub checkpoint: Option<String>,
}

impl Receipt {
    /// Parses a text. It may end after any line.
    pub fn parse(text: &str) -> Result<Self, LineError> {
        let (mut order, mut lines) = (Order::default(), text.lines());
        let empty = LineError { line: 1, reason: "the file is empty".to_owned() };
        let Line::Header(header) = order.parse(lines.next().ok_or(empty)?)? else {
            unreachable!("the first line is a header, or refused")
        };
        let mut receipt = Self {
            header,
            entries: vec![],
            later: None,
            later_entries: vec![],
            bots: BTreeMap::new(),
            exchanges: vec![],
            checkpoint: None,
        };
        for text in lines {
            match order.parse(text)? {
                Line::Header(_) => unreachable!("a second header is refused"),
                Line::Entry(entry) => receipt.entries.push(entry),
                Line::Later(later) => receipt.later = Some(later),
                Line::LaterEntry(later) => receipt.later_entries.push(later),
                Line::Bot(bot) => drop(receipt.bots.insert(bot.bot_id.clone(), bot)),
                Line::Exchange(exchange) => receipt.exchanges.push(exchange),
                Line::Checkpoint(note) => receipt.checkpoint = Some(note),
            }
        }
        Ok(receipt)
    }

    /// Returns the lines.
    pub fn into_lines(self) -> impl Iterator<Item = Line> {
        let entries = self.entries.into_iter().map(Line::Entry);
        let later = self.later.into_iter().map(Line::Later);
        let later = later.chain(self.later_entries.into_iter().map(Line::LaterEntry));
        let bots = self.bots.into_values().map(Line::Bot);
        let exchanges = self.exchanges.into_iter().map(Line::Exchange);
        let checkpoint = self.checkpoint.into_iter().map(Line::Checkpoint);
        std::iter::once(Line::Header(self.header))
            .chain(entries)
            .chain(later)
            .chain(bots)
            .chain(exchanges)
            .chain(checkpoint)
    }
}
