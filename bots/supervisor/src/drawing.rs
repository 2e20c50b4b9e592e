//! Drawings of boards, which `bots/python/multiplayer/boards.py` makes in a worker of its own, and the last of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_multiplayer_protocol::Hash;
use serde::Deserialize;
use thiserror::Error;

use crate::error::Unavailable;

/// Maximum size of one SVG image, in bytes. The largest board of 19 by 19 takes a third of it.
const SVG_BYTES: usize = 288 << 10;
/// Maximum size of the text, in bytes.
const TEXT_BYTES: usize = 64 << 10;
/// Maximum size of all drawings that are kept, in bytes.
const KEPT_BYTES: usize = 4 << 20;
/// Size of what is kept of a board beside its drawing, in bytes; an estimate.
const OVERHEAD_BYTES: usize = 256;

/// A board as text and as images.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drawing {
    /// Lines of text for a fixed-width font.
    pub text: String,
    /// SVG image for a light page, without scripts, styles and references.
    pub svg: String,
    /// The same for a dark page.
    pub svg_dark: String,
}

impl Drawing {
    fn bytes(&self) -> usize {
        self.text.len() + self.svg.len() + self.svg_dark.len()
    }

    /// Returns whether it is as small as drawings may be.
    pub(crate) fn is_small(&self) -> bool {
        self.text.len() <= TEXT_BYTES && self.svg.len().max(self.svg_dark.len()) <= SVG_BYTES
    }
}

/// Failure to draw a board.
#[derive(Debug, Error)]
pub enum DrawError {
    /// It is no board, or too large a one: the reason, without a full stop.
    #[error("{0}")]
    Rejected(Arc<str>),
    /// No worker could draw it.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Drawing of a board, or the reason why there is none.
pub(crate) type Drawn = Result<Arc<Drawing>, Arc<str>>;

/// The last drawings, by the hashes of their boards and of the side that they are seen from.
#[derive(Debug, Default)]
pub(crate) struct Drawings {
    kept: Mutex<VecDeque<(Hash, Drawn)>>,
}

impl Drawings {
    pub(crate) fn get(&self, board: Hash) -> Option<Drawn> {
        self.lock().iter().find(|(kept, _)| *kept == board).map(|(_, drawn)| drawn.clone())
    }

    /// Keeps a drawing, and drops the oldest ones while all together are too large.
    pub(crate) fn insert(&self, board: Hash, drawn: &Drawn) {
        let mut kept = self.lock();
        kept.retain(|(other, _)| *other != board);
        kept.push_back((board, drawn.clone()));
        let mut bytes: usize = kept.iter().map(|(_, drawn)| bytes_of(drawn)).sum();
        while bytes > KEPT_BYTES {
            let Some((_, dropped)) = kept.pop_front() else { break };
            bytes -= bytes_of(&dropped);
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Hash, Drawn)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn bytes_of(drawn: &Drawn) -> usize {
    OVERHEAD_BYTES + drawn.as_ref().map_or_else(|reason| reason.len(), |drawing| drawing.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawing(size: usize) -> Drawing {
        Drawing { text: String::new(), svg: "x".repeat(size), svg_dark: String::new() }
    }

    #[test]
    fn the_oldest_drawings_are_dropped() {
        let drawings = Drawings::default();
        let boards: Vec<Hash> = (0..5_u8).map(|number| Hash::of(&[&[number]])).collect();
        for board in &boards {
            drawings.insert(*board, &Ok(Arc::new(drawing(1 << 20))));
        }
        let kept: Vec<bool> = boards.iter().map(|board| drawings.get(*board).is_some()).collect();
        assert_eq!(kept, [false, false, true, true, true]);
    }

    #[test]
    fn a_board_that_is_drawn_again_is_kept_once() {
        let (drawings, board) = (Drawings::default(), Hash::of(&[b"board"]));
        for _ in 0..10 {
            drawings.insert(board, &Ok(Arc::new(drawing(1 << 20))));
        }
        drawings.insert(Hash::of(&[b"other"]), &Err("no board".into()));
        assert!(drawings.get(board).is_some());
    }

    #[test]
    fn a_drawing_over_the_limit_is_not_small() {
        assert!(drawing(SVG_BYTES).is_small());
        assert!(!drawing(SVG_BYTES + 1).is_small());
    }
}
