//! Chess: a search of two plies over a small board, so that a person can beat it. It never resigns and never offers a draw.

mod evaluation;
mod position;
mod search;

use position::{Move, Position};
use search::best_move;

use super::game::{Post, Seat};
use super::strategy::Strategy;
use super::turn::Offer;

/// A side that is ahead by more than this, in hundredths of a pawn, plays on rather than agree to a draw.
const AHEAD: i32 = 80;
/// Number of the move from which a level game may end in a draw by agreement.
const LATE: u32 = 40;

/// Moves in the game of `ChessBot`. They depend on the positions of the game alone.
#[derive(Debug, Default)]
pub(super) struct Chess {
    /// The positions of this game.
    seen: Vec<Position>,
}

impl Strategy for Chess {
    fn read(&mut self, _: &Seat, post: &Post<'_>) {
        match post.type_() {
            "game_start" => self.seen.clear(),
            "moved" => self.seen.extend(post.field("fen").as_str().and_then(Position::parse)),
            _ => {}
        }
    }

    fn choose(&self, _: &Seat, offer: &Offer) -> Option<String> {
        let fen = offer.field("fen").as_str()?;
        let position = Position::parse(fen)?;
        let texts = offer.texts();
        // Other texts are draws and the like.
        let moves: Vec<(&str, Move)> = texts.iter().filter_map(|text| Some((*text, Move::parse(text)?))).collect();
        let legal: Vec<Move> = moves.iter().map(|(_, move_)| *move_).collect();
        if texts.iter().any(|text| is_draw(text)) {
            let (_, value) = best_move(&position, &legal, &[])?;
            let number: u32 = fen.rsplit(' ').next()?.parse().unwrap_or(0);
            let agrees = value < -AHEAD || value <= AHEAD && number >= LATE;
            let wanted = |text: &&str| is_claim(text) && value <= AHEAD || is_draw(text) && agrees;
            if let Some(draw) = texts.iter().copied().find(wanted) {
                return Some(draw.to_owned());
            }
        }
        let (place, _) = best_move(&position, &legal, &self.seen)?;
        Some(moves[place].0.to_owned())
    }
}

fn is_claim(text: &str) -> bool {
    text.starts_with("claim draw")
}

fn is_draw(text: &str) -> bool {
    is_claim(text) || text == "accept draw"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Chess, Move, Offer, Position, Post, Seat, Strategy as _, best_move};

    /// The texts that `ChessBot` offers in a position, castling apart.
    fn legal(position: &Position) -> Vec<String> {
        let moves = position.moves().into_iter().filter(|move_| position.after(*move_).is_some());
        moves.map(|move_| move_.to_string()).collect()
    }

    fn offer(fen: &str, more: &[&str]) -> Offer {
        let mut actions = legal(&Position::parse(fen).unwrap());
        actions.extend(more.iter().map(|text| (*text).to_owned()));
        let body = json!({ "fen": fen, "actions": actions });
        Offer { to: 1, seed: 0, fields: body.as_object().unwrap().clone() }
    }

    fn chosen(fen: &str, more: &[&str]) -> String {
        Chess::default().choose(&Seat::default(), &offer(fen, more)).unwrap()
    }

    #[test]
    fn moves_are_those_of_chess() {
        fn count(position: &Position, depth: u32) -> usize {
            let after = position.moves().into_iter().filter_map(|move_| position.after(move_));
            if depth == 1 { after.count() } else { after.map(|next| count(&next, depth - 1)).sum() }
        }
        // Known counts. Nobody can castle in either position, and the second one has captures en passant.
        let start = Position::parse("rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1").unwrap();
        assert_eq!(count(&start, 3), 8_902);
        let endgame = Position::parse("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1").unwrap();
        assert_eq!(count(&endgame, 3), 2_812);
    }

    #[test]
    fn it_takes_a_hanging_queen_and_no_protected_pawn() {
        assert_eq!(chosen("rnb1kbnr/pppp1ppp/8/4p1q1/4P3/3P4/PPP2PPP/RNBQKBNR w KQkq - 0 3", &[]), "c1g5");
        let protected = chosen("rnbqkbnr/ppp2ppp/3p4/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R w KQkq - 0 3", &[]);
        assert_ne!(protected, "f3e5");
    }

    #[test]
    fn it_saves_its_attacked_queen() {
        let fen = "rnbqkb1r/pppp1ppp/5n2/3Qp3/4P3/8/PPPP1PPP/RNB1KBNR w KQkq - 4 4";
        let position = Position::parse(fen).unwrap();
        let after = position.after(Move::parse(&chosen(fen, &[])).unwrap()).unwrap();
        let queens = |position: &Position| position.pieces().filter(|(_, piece)| *piece == b'Q').count();
        let takes = after.moves().into_iter().filter_map(|reply| after.after(reply)).find(|next| queens(next) == 0);
        assert_eq!(takes, None);
    }

    #[test]
    fn it_recaptures() {
        assert_eq!(chosen("rnbqkbnr/ppp1pppp/8/3P4/8/8/PPPP1PPP/RNBQKBNR b KQkq - 0 2", &[]), "d8d5");
        assert_eq!(chosen("r1bqkb1r/pppp1ppp/2B2n2/4p3/4P3/5N2/PPPP1PPP/RNBQK2R b KQkq - 0 4", &[])[2..], *"c6");
    }

    #[test]
    fn it_mates_in_one_rather_than_take_a_queen() {
        assert_eq!(chosen("6k1/5ppp/8/8/8/8/q4PPP/1R4K1 w - - 0 30", &[]), "b1b8");
        assert_eq!(chosen("rnbqkbnr/pppp1ppp/8/4p3/6P1/5P2/PPPPP2P/RNBQKBNR b KQkq - 0 2", &[]), "d8h4");
    }

    #[test]
    fn it_prevents_a_mate_in_one() {
        // White threatens to take on f7.
        let fen = "r1bqkbnr/pppp1ppp/2n5/4p2Q/2B1P3/8/PPPP1PPP/RNB1K1NR b KQkq - 3 3";
        let position = Position::parse(fen).unwrap();
        let after = position.after(Move::parse(&chosen(fen, &[])).unwrap()).unwrap();
        let is_mate = |next: &Position| next.is_in_check() && legal(next).is_empty();
        assert!(!after.moves().into_iter().filter_map(|reply| after.after(reply)).any(|next| is_mate(&next)));
    }

    #[test]
    fn it_promotes_and_does_not_stalemate() {
        assert_eq!(chosen("8/P6k/8/8/8/8/7K/8 w - - 0 50", &[]), "a7a8q");
        // A queen on g6 would leave no move to the king in the corner.
        let fen = "7k/8/8/6Q1/8/8/8/K7 w - - 0 60";
        let after = Position::parse(fen).unwrap().after(Move::parse(&chosen(fen, &[])).unwrap()).unwrap();
        assert_ne!(legal(&after), [] as [&str; 0]);
    }

    #[test]
    fn it_mates_with_a_rook_against_any_defence() {
        let mut position = Position::parse("8/8/8/4k3/8/8/8/R3K3 w - - 0 1").unwrap();
        let mut seen = vec![];
        for _ in 0..100 {
            let moves: Vec<Move> = legal(&position).iter().filter_map(|text| Move::parse(text)).collect();
            let Some((place, _)) = best_move(&position, &moves, &seen) else { break };
            position = position.after(moves[place]).unwrap();
            seen.push(position.clone());
        }
        assert!(position.is_in_check() && legal(&position).is_empty(), "{position:?}");
    }

    #[test]
    fn it_agrees_to_a_draw_when_behind_and_not_when_ahead() {
        let draws = ["resign", "offer draw", "accept draw"];
        let (ahead, behind) = ("4k3/8/8/8/8/8/8/Q3K2R w - - 0 60", "4k2r/q7/8/8/8/8/8/4K3 w - - 0 60");
        assert_eq!(chosen(behind, &draws), "accept draw");
        assert_ne!(chosen(ahead, &draws), "accept draw");
        let level = |number: u32| format!("r3k3/pppp4/8/8/8/8/PPPP4/R3K3 w - - 0 {number}");
        assert_ne!(chosen(&level(10), &draws), "accept draw");
        assert_eq!(chosen(&level(50), &draws), "accept draw");
        assert_eq!(chosen(&level(10), &["accept draw", "claim draw"]), "claim draw");
        assert_ne!(chosen(ahead, &["claim draw"]), "claim draw");
        for quiet in [&["resign"][..], &["resign", "offer draw"]] {
            assert!(Move::parse(&chosen(behind, quiet)).is_some());
        }
    }

    #[test]
    fn it_does_not_repeat_positions_when_ahead() {
        let fen = "4k3/8/8/8/8/8/8/Q3K2R w - - 0 60";
        let first = chosen(fen, &[]);
        let after = Position::parse(fen).unwrap().after(Move::parse(&first).unwrap()).unwrap();
        let mut chess = Chess { seen: vec![after] };
        assert_ne!(chess.choose(&Seat::default(), &offer(fen, &[])).unwrap(), first);
        let start = json!({ "type": "game_start" });
        chess.read(&Seat::default(), &Post { id: 1, seed: 0, is_private: false, body: start.as_object().unwrap() });
        assert_eq!(chess.choose(&Seat::default(), &offer(fen, &[])).unwrap(), first, "in another game");
    }
}
