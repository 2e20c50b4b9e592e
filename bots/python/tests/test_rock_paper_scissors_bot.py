"""The rules of RockPaperScissorsBot, run as plain Python."""

import json
import pathlib
import random
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fake_channel import FakeChannel, load, types  # noqa: E402
from multiplayer import boards  # noqa: E402

RockPaperScissorsBot = load("rock_paper_scissors_bot").RockPaperScissorsBot


def begun(*labels, **params):
    channel = FakeChannel(RockPaperScissorsBot, *(labels or ("alice", "bob", "carol")), **params)
    channel.join(*[f"s{number}" for number in range(1, len(channel.slots))])
    return channel


def send(channel, seat, text, **data):
    """Sends a private message; returns the bodies of all answers, private and public."""
    return [effect["body"] for effect in channel.dm_effects(seat, text, **data)]


def thrown(channel, *throws):
    """Has both players choose, for each of throws such as "rp"; returns the bot's answer to the last choice."""
    answer = []
    for one, two in throws:
        send(channel, "s1", one)
        answer = send(channel, "s2", two)
    return answer


class Play(unittest.TestCase):
    def test_the_game_starts_when_every_seat_is_taken(self):
        for labels in (("alice", "bob"), ("alice", "bob", "carol")):
            channel = FakeChannel(RockPaperScissorsBot, *labels)
            for number in range(1, len(labels)):
                self.assertEqual(channel.join(f"s{number}"), [])
            self.assertEqual(send(channel, "s1", "rock")[0]["reason"], "GAME_NOT_STARTED")
            start, turn = channel.join(f"s{len(labels)}")
            self.assertEqual((start["players"], start["rounds"]), (["s1", "s2"], 3))
            self.assertEqual((turn["turn"], turn["turn_id"], turn["round"], turn["throw"]), (["s1", "s2"], 1, 1, 1))
            self.assertEqual((turn["actions"], turn["private"]), (["rock", "paper", "scissors"], True))
        self.assertEqual(FakeChannel(RockPaperScissorsBot, "alice").join("s1"), [])

    def test_a_choice_is_secret_until_both_have_chosen(self):
        for first, second in (("s1", "s2"), ("s2", "s1")):
            channel = begun()
            [sealed] = send(channel, first, "scissors")
            self.assertEqual((sealed["type"], sealed["player"], sealed["turn"], sealed["turn_id"]), ("sealed", first, [second], 1))
            self.assertEqual((sealed["private"], sealed["actions"]), (True, ["rock", "paper", "scissors"]))
            said = json.dumps([effect["body"] for effect in channel.log if effect["body"]["type"] != "bot:turn"])
            self.assertEqual(said.count("scissors"), 2, "in the title and in the actions, not as a choice")
            for text in ("!status", "!help"):
                self.assertNotIn("choice\":", json.dumps(channel.post(second, text)))
                self.assertNotIn("scissors", json.dumps(channel.post(second, "!status")))
            revealed, turn = send(channel, second, "paper")
            self.assertEqual((revealed["choices"], revealed["winner"]), ({first: "scissors", second: "paper"}, first))
            self.assertEqual((turn["turn"], turn["turn_id"], turn["round"]), (["s1", "s2"], 2, 2))

    def test_what_beats_what(self):
        for one, two, winner in (("rock", "scissors", "s1"), ("scissors", "paper", "s1"), ("paper", "rock", "s1"),
                                 ("scissors", "rock", "s2"), ("paper", "scissors", "s2"), ("rock", "paper", "s2")):
            revealed = thrown(begun(), (one, two))[0]
            self.assertEqual((revealed["winner"], revealed["result"], revealed["score"][winner]), (winner, "won", 1), (one, two))

    def test_a_choice_cannot_be_changed(self):
        channel = begun()
        send(channel, "s1", "rock")
        for text in ("paper", "rock", "r"):
            self.assertEqual(channel.dm("s1", text)[0]["reason"], "ALREADY_SEALED")
        self.assertEqual(send(channel, "s2", "scissors")[0]["choices"], {"s1": "rock", "s2": "scissors"})
        self.assertEqual(types(send(channel, "s1", "paper")), ["sealed"], "the next round begins without choices")

    def test_a_choice_in_public_does_not_count(self):
        channel = begun()
        for data in ({"text": "rock"}, {"text": "I choose rock!"}, {"text": "x", "choice": "rock"}, {"type": "move", "action": "choose", "value": 1}):
            [refused] = channel.post("s1", **data)
            self.assertEqual((refused["reason"], refused["player"]), ("PUBLIC_CHOICE", "s1"))
        self.assertEqual(channel.post("s3", "rock"), [], "of somebody who watches it is conversation")
        self.assertEqual(channel.last("bot:turn")["turn"], ["s1", "s2"])
        self.assertEqual(types(send(channel, "s1", "rock")), ["sealed"])

    def test_ties_are_thrown_again_up_to_a_limit(self):
        channel = begun(replays=2)
        for throw in (1, 2):
            revealed, turn = thrown(channel, "rr")
            self.assertEqual((revealed["result"], revealed["winner"], revealed["throw"], "score" in revealed), ("tie", None, throw, False))
            self.assertEqual((turn["round"], turn["throw"], turn["turn_id"]), (1, throw + 1, throw + 1))
            self.assertIn(f"Round 1 of 3, throw {throw + 1}.", turn["text"])
        revealed, turn = thrown(channel, "pp")
        self.assertEqual((revealed["result"], revealed["winner"], revealed["score"]), ("drawn", None, {"s1": 0, "s2": 0}))
        self.assertEqual((turn["round"], turn["throw"]), (2, 1))
        self.assertEqual(thrown(begun(replays=0), "ss")[0]["result"], "drawn")

    def test_the_game_ends_when_it_is_decided(self):
        for rounds, throws, winner, score in (
                (1, ["rs"], "s1", [1, 0]), (3, ["rs", "rs"], "s1", [2, 0]), (3, ["rs", "sr", "pr"], "s1", [2, 1]),
                (3, ["rs", "rr", "rr"], "s1", [1, 0]), (3, ["rr", "rr", "rr"], None, [0, 0]), (3, ["rs", "sr", "pp"], None, [1, 1]),
                (5, ["sr"] * 3, "s2", [0, 3]), (5, ["rr", "rr", "rs", "rs"], "s1", [2, 0]), (15, ["rs"] * 8, "s1", [8, 0])):
            with self.subTest(rounds=rounds, throws=throws):
                channel = begun(rounds=rounds, replays=0)
                thrown(channel, *throws[:-1])
                self.assertEqual(channel.bodies("game_end"), [])
                end = thrown(channel, throws[-1])[-1]
                self.assertEqual((end["type"], end["winner"], end["reason"], end["score"]),
                                 ("game_end", winner, "rounds", {"s1": score[0], "s2": score[1]}))
                self.assertEqual((end["turn"], end["unsealed"], channel.persisted["unsealed"]), ([], True, 1))
                self.assertEqual(len(end["board"]["rows"]), len(throws))

    def test_the_board_is_a_table_of_rounds(self):
        channel = begun(turn_seconds=30)
        end = thrown(channel, "pp", "rr", "rs", "ps")
        self.assertEqual(end[0]["board"], {"kind": "table", "columns": ["", "alice", "bob", "won by"], "rows": [
            ["round 1 after 2 ties", "rock", "scissors", "alice"], ["round 2", "paper", "scissors", "bob"]]})
        send(channel, "s1", "paper")
        board = channel.advance(30)[-1]["board"]
        self.assertEqual(board["rows"][-1], ["round 3", "paper", "nothing", "alice"])
        self.assertIn("round 3               paper  nothing   alice", boards.text(board))

    def test_moves_as_text_and_as_data(self):
        for text in ("rock", " ROCK! ", "r", "`rock`", "I choose rock", "play rock", "my choice is rock", "R"):
            self.assertEqual(types(send(begun(), "s1", text)), ["sealed"], text)
        for data in ({"choice": "rock"}, {"choice": " R "}, {"type": "move", "action": "choose", "value": "rock"}):
            channel = begun()
            send(channel, "s1", "", **data)
            self.assertEqual(send(channel, "s2", "paper")[0]["choices"], {"s1": "rock", "s2": "paper"})

    def test_an_invalid_choice_is_refused_privately_and_costs_nothing(self):
        channel = begun()
        for choice in ("lizard", "", None, 1, True, ["rock"], {}, "rockpaper"):
            effects = channel.dm_effects("s1", "x", choice=choice)
            self.assertEqual([(effect["to"], effect["body"]["reason"]) for effect in effects], [("s1", "BAD_MOVE")], choice)
        self.assertEqual(channel.dm("s1", "lizard")[0]["type"], "help")
        self.assertEqual(channel.dm("s3", "rock")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(types(send(channel, "s1", "rock")), ["sealed"])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "rock is strong", "", "I never concede", "paper or scissors?"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "rock"), [])
        self.assertEqual(channel.post("s1", "rock", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_and_help(self):
        channel = begun()
        send(channel, "s2", "paper")
        status = channel.post("s1", "!status")[0]
        self.assertEqual((status["sealed"], status["turn_id"], "turn" in status), (["s2"], 1, False))
        self.assertIn("waiting for alice.", status["text"])
        self.assertEqual(channel.dm("s3", "!status"), channel.post("s1", "!status"))
        self.assertEqual(channel.dm("s3", "what?"), channel.post("s2", "!help"))
        self.assertEqual(FakeChannel(RockPaperScissorsBot, "alice", "bob").run_hook("on_private_message", "s1", {"text": "!help"}), [])

    def test_garbage_never_raises(self):
        choices = random.Random(5)
        atoms = [None, True, False, 0, 4, -1, 2**53, 1.5, "", "rock", "p", "start", "rematch", "concede", "!status", "x" * 2000, [], {}, [[]]]
        for params in ({}, {"rounds": 1, "replays": 0, "turn_seconds": 5, "on_timeout": "game"}):
            channel = begun(**params)
            for _ in range(800):
                names = choices.sample(("choice", "type", "action", "value", "turn_id", "text"), choices.randint(0, 4))
                body = {name: choices.choice(atoms) for name in names}
                if choices.random() < 0.3:
                    body.update(type="move", action=choices.choice(("choose", "concede", "start", "rematch", "!help", 3)))
                sender = choices.choice(("s1", "s2", "s3", "s9", "bot:x"))
                channel.run_hook("on_message", {"sender": sender, "kind": "user", "body": body})
                channel.run_hook("on_private_message", sender, body)
                if choices.random() < 0.05:
                    channel.advance(choices.choice((0, 5)))
            self.assertGreater(channel.state["game"], 1)
            self.assertLess(len(channel.persisted["state"]), 2000)


class Turns(unittest.TestCase):
    def test_a_move_for_another_turn_does_not_count(self):
        channel = begun()
        thrown(channel, "rs")
        for data in ({"text": "rock"}, {"text": "", "choice": "rock"}, {"text": "concede"}):
            for seat, turn_id in (("s2", 1), ("s1", 1), ("s2", 3), ("s2", "2"), ("s2", [2])):
                with self.subTest(data=data, seat=seat, turn_id=turn_id):
                    [refused] = send(channel, seat, **data, turn_id=turn_id)
                    self.assertEqual(refused["reason"], "STALE_TURN")
                    self.assertIn("turn 1 is over" if turn_id == 1 else "there is no such turn", refused["text"])
        self.assertEqual(types(send(channel, "s2", "rock", turn_id=2)), ["sealed"])

    def test_who_does_not_choose_in_time_loses_the_round(self):
        channel = begun(turn_seconds=60)
        self.assertEqual(channel.last("bot:turn")["deadline"], "2023-11-14T22:14:20.000Z")
        channel.advance(50)
        send(channel, "s1", "rock")
        self.assertEqual((channel.timers, channel.last("sealed")["deadline"]), ({"turn": 10}, "2023-11-14T22:14:20.000Z"))
        revealed, turn = channel.advance(10)
        self.assertEqual((revealed["choices"], revealed["winner"], revealed["result"]), ({"s1": "rock", "s2": None}, "s1", "time"))
        self.assertIn("Time is up, and bob did not choose. alice wins round 1.", revealed["text"])
        self.assertEqual((turn["turn_id"], channel.timers), (2, {"turn": 60}))
        revealed, turn = channel.advance(60)
        self.assertEqual((revealed["winner"], revealed["choices"], turn["round"]), (None, {"s1": None, "s2": None}, 3))
        self.assertIn("alice and bob did not choose", revealed["text"])
        end = channel.advance(60)[-1]
        self.assertEqual((end["type"], end["winner"], end["reason"], channel.timers), ("game_end", "s1", "rounds", {}))

    def test_who_does_not_choose_in_time_can_lose_the_game(self):
        for seat, winner in (("s1", "s1"), ("s2", "s2"), (None, None)):
            channel = begun(turn_seconds=60, on_timeout="game")
            if seat:
                send(channel, seat, "rock")
            [end] = channel.advance(60)
            self.assertEqual((end["winner"], end["reason"], channel.timers), (winner, "time", {}))

    def test_a_timer_of_an_earlier_turn_does_nothing(self):
        channel = begun(turn_seconds=60)
        channel.advance(30)
        thrown(channel, "rs")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [])
        self.assertEqual(channel.run_hook("on_timer", "other"), [])
        channel.post("s1", "concede")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [])


class Ending(unittest.TestCase):
    def test_closing_in_mid_game_ends_it_and_opens_the_messages(self):
        channel = begun(turn_seconds=60)
        thrown(channel, "rs")
        send(channel, "s1", "rock")
        [end] = channel.close()
        self.assertEqual((end["type"], end["winner"], end["reason"], end["score"]), ("game_end", None, "closed", {"s1": 1, "s2": 0}))
        self.assertNotIn("rematch", end["text"])
        self.assertIn("Nobody wins", end["text"])
        self.assertEqual((channel.timers, channel.held_seconds, channel.persisted["unsealed"]), ({}, 0, 1))
        self.assertEqual(channel.close(), [])

    def test_without_the_right_to_unseal_the_game_ends_all_the_same(self):
        channel = begun(rounds=1)
        channel.unseals = False
        end = thrown(channel, "rs")[-1]
        self.assertEqual((end["winner"], end["unsealed"], channel.persisted["unsealed"]), ("s1", False, 0))
        self.assertNotIn("open now", end["text"])

    def test_a_game_holds_the_seats_and_choices_renew_it(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        send(channel, "s2", "x", choice="lizard")
        self.assertEqual(channel.held_seconds, 600, "an invalid choice renews nothing")
        send(channel, "s1", "rock")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s2", "concede")
        self.assertEqual(channel.held_seconds, 0)

    def test_conceding_in_public_and_privately(self):
        channel = begun()
        self.assertEqual(channel.post("s3", "concede")[0]["reason"], "NOT_A_PLAYER")
        end = channel.post("s2", "concede")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "concede"))
        self.assertEqual(send(channel, "s1", "rock")[0]["reason"], "GAME_OVER")
        self.assertEqual(send(begun(), "s1", "I concede.")[-1]["winner"], "s2")

    def test_leaving_ends_the_game_and_a_rematch_starts_one(self):
        channel = begun()
        send(channel, "s2", "rock")
        [end] = channel.leave("s2")
        self.assertEqual((end["winner"], end["reason"]), ("s1", "leave"))
        self.assertEqual(types(channel.post("s3", "rematch") + channel.post("s3", "rematch")), ["start_vote"] * 2)
        start, turn = channel.post("s1", "again!")
        self.assertEqual((start["game"], start["players"], turn["turn_id"]), (2, ["s1", "s3"], 2))
        self.assertEqual(channel.last("start_vote")["ready"], ["s3"])
        self.assertEqual(channel.join("s2"), [])
        self.assertEqual(types(channel.post("s2", "start")), ["status"])

    def test_no_choice_is_left_over_for_a_rematch(self):
        channel = begun()
        send(channel, "s1", "rock")
        channel.post("s2", "concede")
        channel.post("s2", "rematch")
        start, turn = channel.post("s1", "rematch")
        self.assertEqual((start["players"], turn["turn"], turn["turn_id"]), (["s1", "s2"], ["s1", "s2"], 2))
        self.assertEqual(channel.last("bot:turn")["round"], 1)

    def test_a_player_whose_leaving_could_not_be_handled_does_not_stop_the_bot(self):
        channel = begun(turn_seconds=60)
        send(channel, "s1", "rock")
        channel.leave("s2", hook_fails=True)
        self.assertEqual(channel.advance(60)[0]["winner"], "s1")
        self.assertEqual(channel.post("s1", "!status")[0]["sealed"], [])

    def test_two_can_start_while_seats_are_empty(self):
        channel = FakeChannel(RockPaperScissorsBot, "alice", "bob", "carol")
        channel.join("s3")
        self.assertEqual(types(channel.post("s3", "start")), ["status"])
        channel.join("s1")
        channel.post("s3", "start")
        start = channel.post("s1", type="move", action="rematch")[0]
        self.assertEqual((start["game"], start["players"], channel.held_seconds), (1, ["s3", "s1"], 3600))
        self.assertEqual(channel.join("s2"), [], "the game goes on when the last seat is taken")

    def test_invalid_params_are_refused(self):
        for params, word in (({"size": 4}, "no parameter"), ({"rounds": 2}, "odd"), ({"rounds": 17}, "odd"), ({"rounds": "3"}, "odd"),
                             ({"replays": -1}, "replays"), ({"replays": 21}, "replays"), ({"turn_seconds": 0}, "seconds"),
                             ({"on_timeout": "pass"}, "on_timeout"), ({"on_timeout": ["game"]}, "on_timeout")):
            with self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
