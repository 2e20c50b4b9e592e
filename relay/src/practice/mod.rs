//! Practice partners: programs of the relay that play in the seats of `practice:label` slots.
//!
//! A partner is a member like any other. It reads what its seat may read, posts through the same operations as players, and
//! is subject to the same rules and budgets. It only answers referees, never players, so that two partners do not talk with
//! each other. What it does is a function of what it has read: after a restart it reads again, and the idempotency key of
//! each move is made from the entry that the move answers, so that no turn gets two.
//!
//! - `follow`: the task of a channel, which wakes its partners;
//! - `partner`: one seat: reading, accepting the terms, posting;
//! - `game`: what a partner reads and answers, whatever the game; `by_preset` chooses the game;
//! - `turn`, `vote`: the offer of a turn, and the question whether to play again;
//! - `guess`, `tic_tac_toe`, `blackjack`, `contract`, `memory`: the games of presets;
//! - `offered`, `example`: bots of other kinds, by the moves that they offer;
//! - `strategy`: what `offered` asks first for the moves of a preset; `chess`, `connect_four`, `auction`, `bargain` are such.

mod auction;
mod bargain;
mod blackjack;
mod by_preset;
mod chess;
mod connect_four;
mod contract;
mod example;
mod follow;
mod game;
mod guess;
mod memory;
mod offered;
mod partner;
mod strategy;
mod tic_tac_toe;
mod turn;
mod vote;

pub(crate) use follow::start;
