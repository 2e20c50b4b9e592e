use super::auction::Auction;
use super::bargain::Bargain;
use super::blackjack::Blackjack;
use super::chess::Chess;
use super::connect_four::ConnectFour;
use super::contract::Contract;
use super::game::Game;
use super::guess::Guess;
use super::memory::Memory;
use super::offered::Offered;
use super::tic_tac_toe::TicTacToe;

/// A partner in the game of a bot: of the preset of this name, or of a bot of another kind.
pub(super) fn game_of(preset: Option<&str>) -> Box<dyn Game> {
    match preset {
        Some("GuessBot") => Box::<Guess>::default(),
        Some("TicTacToeBot") => Box::<TicTacToe>::default(),
        Some("BlackjackBot") => Box::<Blackjack>::default(),
        Some("ContractBot") => Box::<Contract>::default(),
        Some("MemoryBot") => Box::<Memory>::default(),
        Some("ChessBot") => Box::new(Offered::with(Chess::default())),
        Some("ConnectFourBot") => Box::new(Offered::with(ConnectFour)),
        Some("AuctionBot") => Box::new(Offered::with(Auction::default())),
        Some("BargainBot") => Box::new(Offered::with(Bargain::default())),
        // That is all that there is to do in RockPaperScissorsBot, and in TriviaBot without knowing the answers.
        _ => Box::<Offered>::default(),
    }
}
