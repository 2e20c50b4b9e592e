use super::game::{Answer, Game, Post, Seat};
use super::turn::Turn;
use super::vote::Vote;

const LINES: [[usize; 3]; 8] = [[0, 1, 2], [3, 4, 5], [6, 7, 8], [0, 3, 6], [1, 4, 7], [2, 5, 8], [0, 4, 8], [2, 4, 6]];
/// The cells by preference: the centre, the corners, the sides.
const PREFERRED: [usize; 9] = [4, 0, 2, 6, 8, 1, 3, 5, 7];

/// A partner in the game of `TicTacToeBot`: wins if it can, else prevents the opponent from winning, else prefers the centre.
/// It looks one move ahead, so that a person can beat it.
#[derive(Debug, Default)]
pub(super) struct TicTacToe {
    turn: Turn,
    vote: Vote,
}

impl Game for TicTacToe {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        self.turn.read(seat, post);
        self.vote.read(seat, post);
    }

    fn answer(&self, _: &Seat, after: u64) -> Option<Answer> {
        let Some(offer) = self.turn.offer_after(after) else { return self.vote.answer(after) };
        let board: Vec<&str> =
            offer.field("board").as_array()?.iter().map(|mark| mark.as_str().unwrap_or("")).collect();
        let cell = choose(board.try_into().ok()?)?;
        Some(offer.take((cell + 1).to_string()))
    }
}

/// The cell of the player who is to move; `None` on a full board.
fn choose(board: [&str; 9]) -> Option<usize> {
    let count = |mark: &str| board.iter().filter(|cell| **cell == mark).count();
    // X begins.
    let (own, other) = if count("X") == count("O") { ("X", "O") } else { ("O", "X") };
    let completes = |mark: &str| {
        LINES.iter().find_map(|line| {
            let marked = line.iter().filter(|cell| board[**cell] == mark).count();
            line.iter().copied().find(|cell| marked == 2 && board[*cell].is_empty())
        })
    };
    completes(own).or_else(|| completes(other)).or_else(|| PREFERRED.into_iter().find(|cell| board[*cell].is_empty()))
}

#[cfg(test)]
mod tests {
    use super::choose;

    fn chosen(board: &str) -> Option<usize> {
        let cells: Vec<&str> = board.split(' ').map(|cell| if cell == "." { "" } else { cell }).collect();
        choose(cells.try_into().unwrap()).map(|cell| cell + 1)
    }

    #[test]
    fn it_wins_blocks_and_prefers_the_centre() {
        assert_eq!(chosen(". . . . . . . . ."), Some(5));
        assert_eq!(chosen("X . . . . . . . ."), Some(5));
        assert_eq!(chosen(". . . . X . . . ."), Some(1));
        assert_eq!(chosen("X X . . O . . . ."), Some(3), "blocks");
        assert_eq!(chosen("X X . O O . X . ."), Some(6), "wins rather than blocks");
        assert_eq!(chosen("X O X X O O O X X"), None);
    }
}
