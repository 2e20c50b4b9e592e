use serde_json::Value;

use super::game::{Answer, Game, Post, Seat};
use super::turn::{Offer, Turn};

/// A partner in the game of `BlackjackBot`: bets the minimum after a person has bet, and plays basic strategy.
#[derive(Debug, Default)]
pub(super) struct Blackjack {
    turn: Turn,
    /// `true` once a person has bet on the next round.
    person_has_bet: bool,
    /// `true` once a round was dealt.
    has_played: bool,
    chips: Option<i64>,
    /// Value of the card that the dealer shows, 11 for an ace.
    dealer: u32,
}

impl Game for Blackjack {
    fn read(&mut self, seat: &Seat, post: &Post<'_>) {
        self.turn.read(seat, post);
        let own_chips = post.field("chips");
        match post.type_() {
            "bet" if seat.is_person(post.field("player")) => self.person_has_bet = true,
            "player_joined" | "rebuy" if post.is_about(seat) => self.chips = own_chips.as_i64(),
            "dealt" => {
                let up = post.field("dealer").pointer("/up/0/card").and_then(Value::as_str);
                self.dealer = up.map_or(0, value);
            }
            "round_start" => {
                self.turn.end();
                (self.person_has_bet, self.has_played) = (false, true);
            }
            "round_end" => {
                self.person_has_bet = false;
                self.chips = own_chips.get(&seat.own).and_then(Value::as_i64);
            }
            "deal_cancelled" => self.person_has_bet = false,
            _ => {}
        }
    }

    fn answer(&self, seat: &Seat, after: u64) -> Option<Answer> {
        let offer = self.turn.offer_after(after)?;
        let texts = offer.texts();
        let is_betting = !texts.contains(&"stand");
        if !is_betting {
            return Some(offer.take(self.action(offer, &texts)));
        }
        // Partners that are alone play one round.
        if !self.person_has_bet && (!seat.only_partners || self.has_played) {
            return None;
        }
        let lowest = texts.iter().find(|text| text.starts_with("bet ")).copied();
        let can_pay = |text: &&str| {
            let amount = text.trim_start_matches("bet ").parse().ok();
            amount.is_none_or(|amount: i64| self.chips.is_none_or(|chips| amount <= chips))
        };
        let bet = lowest.filter(can_pay).or_else(|| texts.contains(&"rebuy").then_some("rebuy"))?;
        Some(offer.take(bet))
    }
}

impl Blackjack {
    /// The action of basic strategy, or what comes closest to it of the actions that are allowed.
    fn action(&self, offer: &Offer, allowed: &[&str]) -> &'static str {
        let cards = offer.field("hand").get("cards").and_then(Value::as_array);
        let cards = cards.into_iter().flatten().filter_map(|shown| shown.get("card").and_then(Value::as_str));
        let cards: Vec<u32> = cards.map(value).collect();
        let can = |action: &str| allowed.contains(&action);
        if can("split") && splits(cards.first().copied().unwrap_or(0), self.dealer) {
            return "split";
        }
        let (points, is_soft) = total(&cards);
        let best = if is_soft { best_soft(points, self.dealer) } else { best_hard(points, self.dealer) };
        match best {
            Best::Double if can("double") => "double",
            Best::Double if is_soft && points >= 18 => "stand",
            Best::Double | Best::Hit => "hit",
            Best::Stand => "stand",
        }
    }
}

enum Best {
    Hit,
    Stand,
    Double,
}

/// Returns whether a pair of cards of this value is split.
fn splits(card: u32, dealer: u32) -> bool {
    match card {
        11 | 8 => true,
        9 => !matches!(dealer, 7 | 10 | 11),
        7 | 3 | 2 => dealer <= 7,
        6 => dealer <= 6,
        4 => matches!(dealer, 5 | 6),
        _ => false,
    }
}

/// Basic strategy for a hand in which an ace counts 11. The dealer stands on soft 17.
fn best_soft(points: u32, dealer: u32) -> Best {
    let doubles = match points {
        13 | 14 => 5..=6,
        15 | 16 => 4..=6,
        17 | 18 => 3..=6,
        _ => 1..=1,
    };
    if doubles.contains(&dealer) {
        Best::Double
    } else if points <= 17 || points == 18 && dealer >= 9 {
        Best::Hit
    } else {
        Best::Stand
    }
}

/// Basic strategy for any other hand.
fn best_hard(points: u32, dealer: u32) -> Best {
    let (doubles, stands) = match points {
        ..=8 => (1..=1, 1..=1),
        9 => (3..=6, 1..=1),
        10 => (2..=9, 1..=1),
        11 => (2..=10, 1..=1),
        12 => (1..=1, 4..=6),
        13..=16 => (1..=1, 2..=6),
        17.. => (1..=1, 0..=11),
    };
    if doubles.contains(&dealer) {
        Best::Double
    } else if stands.contains(&dealer) {
        Best::Stand
    } else {
        Best::Hit
    }
}

/// Value of a card such as `10H`, an ace as 11.
fn value(card: &str) -> u32 {
    let rank = &card[..card.len().saturating_sub(1)];
    match rank {
        "A" => 11,
        "J" | "Q" | "K" => 10,
        _ => rank.parse().unwrap_or(0),
    }
}

/// Points of a hand, and whether an ace counts 11 in it.
fn total(cards: &[u32]) -> (u32, bool) {
    let (mut points, mut aces) = (cards.iter().sum(), cards.iter().filter(|card| **card == 11).count());
    while points > 21 && aces > 0 {
        (points, aces) = (points - 10, aces - 1);
    }
    (points, aces > 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Blackjack, Game as _};
    use crate::practice::game::{Post, Seat};

    fn seat() -> Seat {
        Seat { own: "s1".to_owned(), partners: vec!["s1".to_owned()], ..Seat::default() }
    }

    fn read(game: &mut Blackjack, id: u64, body: &Value) {
        game.read(&seat(), &Post { id, seed: 0, is_private: false, body: body.as_object().unwrap() });
    }

    fn played(cards: &[&str], dealer: &str, actions: &[&str]) -> String {
        let mut game = Blackjack::default();
        read(&mut game, 1, &json!({ "type": "dealt", "dealer": { "up": [{ "place": 1, "card": dealer }] } }));
        let shown: Vec<Value> = cards.iter().map(|card| json!({ "place": 0, "card": card })).collect();
        let hand = json!({ "cards": shown });
        read(&mut game, 2, &json!({ "type": "turn", "turn": ["s1"], "turn_id": 3, "actions": actions, "hand": hand }));
        game.answer(&seat(), 0).unwrap().text
    }

    #[test]
    fn hands_are_played_by_basic_strategy() {
        let all = ["hit", "stand", "double", "split"];
        let three = ["hit", "stand", "double"];
        assert_eq!(played(&["8H", "8D"], "KS", &all), "split");
        assert_eq!(played(&["KH", "QD"], "6S", &three), "stand");
        assert_eq!(played(&["5H", "6D"], "KS", &three), "double");
        assert_eq!(played(&["2H", "4D", "5C"], "KS", &["hit", "stand"]), "hit");
        assert_eq!(played(&["10H", "6D"], "7S", &three), "hit");
        assert_eq!(played(&["10H", "6D"], "6S", &three), "stand");
        assert_eq!(played(&["AH", "7D"], "AS", &three), "hit");
        assert_eq!(played(&["AH", "2D", "5C"], "5S", &["hit", "stand"]), "stand");
    }

    #[test]
    fn it_bets_the_minimum_once_after_a_person() {
        let mut game = Blackjack::default();
        let offer = json!({ "turn": ["s1", "s2"], "turn_id": 1, "actions": ["bet 10", "bet 20"] });
        let offered = |type_: &str, more: Value| {
            let mut body = offer.clone();
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            body["type"] = type_.into();
            body
        };
        read(&mut game, 5, &offered("player_joined", json!({ "player": "s1", "chips": 1000 })));
        assert_eq!(game.answer(&seat(), 0), None);
        assert!(game.answer(&Seat { only_partners: true, ..seat() }, 0).is_some(), "alone, it begins");
        read(&mut game, 7, &offered("bet", json!({ "player": "s2", "amount": 50 })));
        read(&mut game, 8, &offered("bet", json!({ "player": "s2", "amount": 60 })));
        let answer = game.answer(&seat(), 0).unwrap();
        assert_eq!((answer.to, answer.text.as_str(), &answer.data["turn_id"]), (5, "bet 10", &json!(1)));
        assert_eq!(game.answer(&seat(), 5), None, "the same turn");
    }

    #[test]
    fn it_asks_for_chips_when_it_has_none() {
        let mut game = Blackjack::default();
        let actions = json!(["bet 10", "rebuy"]);
        let end = json!({ "type": "round_end", "chips": { "s1": 0, "s2": 90 }, "turn": ["s1", "s2"], "turn_id": 4, "actions": actions });
        read(&mut game, 5, &end);
        read(
            &mut game,
            6,
            &json!({ "type": "bet", "player": "s2", "turn": ["s1"], "turn_id": 4, "actions": ["rebuy"] }),
        );
        assert_eq!(game.answer(&seat(), 0).unwrap().text, "rebuy");
        let rebuy = json!({ "type": "rebuy", "player": "s1", "chips": 1000, "turn": ["s1"], "turn_id": 4, "actions": ["bet 10"] });
        read(&mut game, 8, &rebuy);
        assert_eq!(game.answer(&seat(), 5).unwrap().text, "bet 10");
    }
}
