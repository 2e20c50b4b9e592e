use super::evaluation::{evaluate, worth};
use super::position::{Move, Position};

/// Value of a mate, less the number of half-moves to it.
const MATE: i32 = 100_000;
/// Half-moves that are looked at in full: the own move, and the reply. After that, only captures and ways out of check are.
const DEPTH: u32 = 2;
/// The same, where few pieces are left.
const ENDGAME_DEPTH: u32 = 3;
/// Maximum number of pieces for that, kings and pawns included.
const ENDGAME_PIECES: usize = 7;
/// Maximum number of captures in a row that are looked at.
const CAPTURES: u32 = 8;
/// Maximum number of positions after which captures are no longer looked at, so that a move takes milliseconds.
const POSITIONS: u32 = 10_000;

/// The best of the given legal moves, and its value for the side to move in hundredths of a pawn; `None` if there are no moves.
/// A move to one of the positions `drawn` is worth nothing to either side.
pub(super) fn best_move(position: &Position, moves: &[Move], drawn: &[Position]) -> Option<(usize, i32)> {
    let depth = if position.pieces().count() <= ENDGAME_PIECES { ENDGAME_DEPTH } else { DEPTH };
    let mut search = Search { positions: 0 };
    let mut best: Option<(usize, i32)> = None;
    for (place, move_) in moves.iter().enumerate() {
        let Some(next) = position.after(*move_) else { continue };
        let window = Window { low: best.map_or(-MATE, |(_, value)| value), high: MATE };
        let value = if drawn.contains(&next) { 0 } else { -search.value(&next, depth - 1, window.of_opponent()) };
        if best.is_none_or(|(_, best)| value > best) {
            best = Some((place, value));
        }
    }
    best
}

/// The values that still matter: below `low` the side to move has something better elsewhere, and a value of `high` or more is
/// prevented by the opponent.
#[derive(Clone, Copy)]
struct Window {
    low: i32,
    high: i32,
}

impl Window {
    fn of_opponent(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }
}

/// A minimax search with alpha-beta pruning.
struct Search {
    /// Number of positions that were looked at.
    positions: u32,
}

impl Search {
    /// The value of a position for the side to move, `depth` half-moves ahead.
    fn value(&mut self, position: &Position, depth: u32, window: Window) -> i32 {
        if depth == 0 {
            return self.value_of_captures(position, CAPTURES, window);
        }
        self.positions += 1;
        self.best(position, None, window, |search, next, window| search.value(next, depth - 1, window))
    }

    /// The value of a position after the captures that follow. A side that is not in check need not capture.
    fn value_of_captures(&mut self, position: &Position, captures: u32, window: Window) -> i32 {
        self.positions += 1;
        let is_over = captures == 0 || self.positions > POSITIONS;
        let rests = if position.is_in_check() && !is_over { None } else { Some(evaluate(position)) };
        if let Some(value) = rests
            && (is_over || value >= window.high)
        {
            return value;
        }
        self.best(position, rests, window, |search, next, window| search.value_of_captures(next, captures - 1, window))
    }

    /// The value of the best move, or of the best capture if the side can also rest.
    fn best(
        &mut self,
        position: &Position,
        rests: Option<i32>,
        mut window: Window,
        mut value: impl FnMut(&mut Self, &Position, Window) -> i32,
    ) -> i32 {
        let mut best = rests;
        for move_ in ordered(position, rests.is_some()) {
            let Some(next) = position.after(move_) else { continue };
            window.low = window.low.max(best.unwrap_or(-MATE));
            // A mate is worth less with each half-move before it.
            let found = -value(self, &next, window.of_opponent());
            let found = found - found.signum() * i32::from(found.abs() > MATE / 2);
            best = Some(best.map_or(found, |best| best.max(found)));
            if found >= window.high {
                break;
            }
        }
        best.unwrap_or_else(|| if position.is_in_check() { -MATE } else { 0 })
    }
}

/// The moves of a position, or only those that capture or promote. The best captures come first, because then more is pruned.
fn ordered(position: &Position, only_captures: bool) -> Vec<Move> {
    let gain = |move_: &Move| {
        let captured = position.captured(*move_).map(|piece| 10 * worth(piece) - worth(position.moved(*move_)) + 1_000);
        captured.unwrap_or(0) + if Position::promotes(*move_) { 5_000 } else { 0 }
    };
    let mut moves = position.moves();
    if only_captures {
        moves.retain(|move_| gain(move_) > 0);
    }
    moves.sort_by_key(|move_| -gain(move_));
    moves
}
