"""The rules of TicTacToeBot, run as plain Python."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from fake_channel import FakeChannel, load, types  # noqa: E402
from multiplayer import boards  # noqa: E402

TicTacToeBot = load("tic_tac_toe_bot").TicTacToeBot
CELLS = "a1 b1 c1 a2 b2 c2 a3 b3 c3".split()


def begun(**params):
    channel = FakeChannel(TicTacToeBot, "alice", "bob", "carol", **params)
    channel.join("s1", "s2", "s3")
    return channel


def played(channel, *cells):
    for cell in cells:
        posted = channel.post(channel.state["turn"], str(cell))
    return posted


class Play(unittest.TestCase):
    def test_the_game_starts_when_every_seat_is_taken(self):
        for labels in (("alice", "bob"), ("alice", "bob", "carol")):
            channel = FakeChannel(TicTacToeBot, *labels)
            for number in range(1, len(labels)):
                self.assertEqual(channel.join(f"s{number}"), [])
            self.assertEqual(channel.post("s1", "5")[0]["reason"], "GAME_NOT_STARTED")
            start, turn = channel.join(f"s{len(labels)}")
            self.assertEqual((start["players"], start["marks"], turn["player"]), (["s1", "s2"], {"s1": "X", "s2": "O"}, "s1"))

    def test_two_can_start_while_seats_are_empty(self):
        channel = FakeChannel(TicTacToeBot, "alice", "bob", "carol")
        channel.join("s3")
        self.assertEqual(types(channel.post("s3", "start")), ["status"])
        channel.join("s1")
        [vote] = channel.post("s3", "start")
        self.assertEqual((vote["type"], vote["ready"]), ("start_vote", ["s3"]))
        start = channel.post("s1", type="move", action="rematch")[0]
        self.assertEqual((start["game"], start["players"], channel.held_seconds), (1, ["s3", "s1"], 3600))
        self.assertEqual(channel.join("s2"), [], "the game goes on when the last seat is taken")

    def test_one_seat_starts_no_game(self):
        self.assertEqual(FakeChannel(TicTacToeBot, "alice").join("s1"), [])

    def test_each_line_wins(self):
        module = load("tic_tac_toe_bot")
        for line in module.LINES:
            channel = begun()
            others = [cell for cell in range(9) if cell not in line]
            safe = next([a, b] for a in others for b in others if a != b)
            end = played(channel, line[0] + 1, safe[0] + 1, line[1] + 1, safe[1] + 1, line[2] + 1)[-1]
            self.assertEqual((end["winner"], end["reason"], end["line"]), ("s1", "line", [CELLS[at] for at in line]))
            self.assertEqual((end["board"]["line"], end["board"]["last"]), (end["line"], [CELLS[line[2]]]))

    def test_the_board_has_the_names_that_moves_have(self):
        channel = begun()
        turn = channel.last("bot:turn")
        self.assertEqual(turn["board"], {"kind": "grid", "pieces": "marks", "columns": "abc", "last": [], "line": [],
                                         "rows": {"1": "...", "2": "...", "3": "..."}})
        placed, turn = channel.post("s1", "c1")
        self.assertEqual((placed["cell"], placed["text"]), ("c1", "alice puts X on c1."))
        self.assertEqual((turn["board"]["rows"], turn["board"]["last"]), ({"1": "..X", "2": "...", "3": "..."}, ["c1"]))
        turn = channel.post("s2", "7")[-1]
        self.assertEqual(turn["board"]["rows"], {"1": "..X", "2": "...", "3": "O.."})
        self.assertEqual(turn["text"], "alice, your move:\n1 . . X\n2 . . .\n3 O . .\n  a b c")
        self.assertIn("\nlast: a3", boards.text(turn["board"]))
        self.assertTrue(boards.text(turn["board"]).startswith(turn["text"].split("move:\n")[1]), "the same picture")
        self.assertEqual(channel.post("s1", "!status")[0]["board"], turn["board"])

    def test_a_full_board_is_a_draw(self):
        end = played(begun(), 5, 1, 2, 8, 4, 6, 3, 7, 9)[-1]
        self.assertEqual((end["type"], end["winner"], end["reason"]), ("game_end", None, "full"))

    def test_the_last_cell_can_win(self):
        end = played(begun(), 1, 4, 2, 5, 6, 3, 7, 8, 9)
        self.assertEqual(end[-1]["reason"], "full")
        end = played(begun(), 1, 2, 5, 3, 6, 4, 8, 7, 9)[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "line"))

    def test_moves_as_text_and_as_data(self):
        for text in ("5", "b2", " B2! ", "`5`", "I take 5", "place b2", "play cell 5", "put x on 5"):
            with self.subTest(text):
                self.assertEqual(begun().post("s1", text)[0].get("cell"), "b2")
        for data in ({"cell": 5}, {"cell": "b2"}, {"cell": " B2 "}, {"type": "move", "action": "place", "value": "5"}):
            self.assertEqual(begun().post("s1", **data)[0]["cell"], "b2")
        for number, name in enumerate(CELLS, 1):
            self.assertEqual((begun().post("s1", str(number))[0]["cell"], begun().post("s1", name)[0]["cell"]), (name, name))

    def test_an_invalid_move_does_not_cost_a_turn(self):
        channel = begun()
        for data in ({"cell": 0}, {"cell": 10}, {"cell": None}, {"cell": True}, {"cell": [5]}, {"cell": "d4"}, {"cell": "55"}, {"cell": ""}, {"cell": "\u00b2"}, {"cell": {}}):
            self.assertEqual(channel.post("s1", **data)[0]["reason"], "BAD_MOVE")
        channel.post("s1", "5")
        self.assertEqual(channel.post("s1", "1")[0]["reason"], "BAD_TURN")
        self.assertEqual(channel.post("s2", "5")[0]["reason"], "BAD_MOVE")
        self.assertEqual(channel.post("s3", "1")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(types(channel.post("s2", "1")), ["placed", "bot:turn"])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "5 is good", "a1 steak", "", "10", "I never concede", "let's take 5 minutes"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "5"), [])
        self.assertEqual(channel.post("s1", "5", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_status_and_help(self):
        channel = begun()
        self.assertEqual(channel.post("s1", "!status")[0]["free"], CELLS)
        self.assertEqual(channel.dm("s3", "!status"), channel.post("s1", "!status"))
        self.assertEqual(channel.dm("s3", "what?"), channel.post("s2", "!help"))


class Turns(unittest.TestCase):
    def test_each_turn_has_its_number_its_free_cells_and_its_deadline(self):
        channel = begun(turn_seconds=90)
        turn = channel.last("bot:turn")
        self.assertEqual((turn["turn"], turn["turn_id"], turn["deadline"]), (["s1"], 1, "2023-11-14T22:14:50.000Z"))
        self.assertEqual(turn["actions"], CELLS)
        turn = channel.post("s1", "5", turn_id=1)[-1]
        self.assertEqual((turn["turn"], turn["turn_id"], turn["actions"]), (["s2"], 2, [cell for cell in CELLS if cell != "b2"]))
        self.assertEqual({"free", "seconds"} & set(turn), set(), "actions and deadline say it")
        self.assertNotIn("deadline", begun().last("bot:turn"))
        self.assertEqual(channel.post("s2", "concede", turn_id=2)[-1]["turn"], [])
        channel.post("s1", "rematch")
        channel.post("s2", "rematch")
        self.assertEqual(channel.last("bot:turn")["turn_id"], 3, "the numbers go on in the next game")

    def test_a_move_for_another_turn_does_not_count(self):
        channel = begun()
        played(channel, 5)
        for data in ({"text": "1"}, {"cell": 1}, {"text": "concede"}):
            for seat, turn_id in (("s2", 1), ("s1", 1), ("s2", 3), ("s2", "2"), ("s2", [2])):
                with self.subTest(data=data, seat=seat, turn_id=turn_id):
                    [refused] = channel.post(seat, **data, turn_id=turn_id)
                    self.assertEqual(refused["reason"], "STALE_TURN")
                    why = "turn 1 is over" if turn_id == 1 else "there is no such turn"
                    self.assertIn(f": {why}; this is turn 2, bob's.", refused["text"])
        self.assertEqual(types(channel.post("s2", cell=1, turn_id=2)), ["placed", "bot:turn"])

    def test_the_status_offers_no_turn(self):
        status = begun().post("s1", "!status")[0]
        self.assertEqual((status["current_turn"], status["turn_id"], "turn" in status), ("s1", 1, False))


class WaitingForRandomness(unittest.TestCase):
    def pending(self, *labels):
        channel = FakeChannel(TicTacToeBot, *labels, first="random", contributors=["s2"])
        channel.is_slow = True
        self.assertEqual(channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)]), [])
        return channel

    def test_the_game_starts_when_the_randomness_is_there(self):
        channel = self.pending("alice", "bob")
        self.assertEqual((channel.held_seconds, channel.timers), (3600, {}))
        self.assertEqual(channel.post("s1", "5")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(types(channel.post("s1", "start") + channel.post("s2", "start") + channel.post("s2", "!status")), ["status"] * 3)
        start, turn = channel.answer_start()
        self.assertIn("Drawn with randomness from: bob; alice gave none.", start["text"])
        self.assertEqual((start["entropy_from"], start["missing"], turn["turn_id"]), (["s2"], ["s1"], 1))

    def test_it_does_not_start_if_a_player_left(self):
        channel = self.pending("alice", "bob", "carol")
        self.assertEqual(channel.leave("s1"), [])
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.held_seconds, channel.persisted["stream"]), (0, None))
        channel.is_slow = False
        channel.post("s2", "start")
        self.assertEqual(sorted(channel.post("s3", "start")[0]["players"]), ["s2", "s3"])

    def test_after_a_failed_start_the_players_can_ask_again(self):
        for text in ("start", "5"):
            channel = self.pending("alice", "bob")
            channel.fail_to_start()
            channel.post("s1", text)
            self.assertIn("game_start", types(channel.answer_start()), text)

    def test_a_channel_that_is_closed_before_has_no_game(self):
        self.assertEqual(self.pending("alice", "bob").close(), [])

    def test_a_beginner_who_is_not_drawn_needs_no_randomness(self):
        channel = FakeChannel(TicTacToeBot, "alice", "bob")
        channel.is_slow = True
        self.assertEqual(types(channel.join("s1", "s2")), ["game_start", "bot:turn"])


class ClosingAndHolding(unittest.TestCase):
    def test_closing_in_mid_game_ends_it_and_reveals_the_draw(self):
        channel = begun(first="random", turn_seconds=60)
        played(channel, 5)
        [end] = channel.close()
        self.assertEqual((end["type"], end["winner"], end["reason"]), ("game_end", None, "closed"))
        self.assertNotIn("rematch", end["text"])
        self.assertNotIn("draw", end["text"])
        self.assertIsNone(channel.persisted["stream"])
        self.assertEqual((channel.timers, channel.held_seconds), ({}, 0))
        self.assertEqual(channel.close(), [])

    def test_a_game_holds_the_seats_and_moves_renew_it(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.post("s2", "5")
        self.assertEqual(channel.held_seconds, 600, "an invalid move renews nothing")
        channel.post("s1", "5")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s2", "concede")
        self.assertEqual(channel.held_seconds, 0)


class BetweenGames(unittest.TestCase):
    def test_conceding_and_leaving_end_the_game_and_a_rematch_starts_one(self):
        channel = begun()
        self.assertEqual(channel.post("s2", "concede")[-1]["winner"], "s1")
        self.assertEqual(types(channel.post("s1", "rematch") + channel.post("s1", "rematch")), ["start_vote"] * 2)
        start = channel.post("s2", "again!")[0]
        self.assertEqual((start["game"], start["players"]), (2, ["s2", "s1"]))
        end = channel.leave("s2")[-1]
        self.assertEqual((end["winner"], end["reason"]), ("s1", "leave"))
        channel.post("s3", "rematch")
        self.assertEqual(channel.post("s1", "rematch")[0]["players"], ["s1", "s3"])

    def test_further_players_wait_for_the_next_game(self):
        channel = FakeChannel(TicTacToeBot, "alice", "bob")
        channel.join("s1", "s2")
        channel.leave("s2")
        self.assertEqual(channel.join("s2"), [])
        self.assertEqual(channel.post("s2", "5")[0]["reason"], "GAME_NOT_STARTED")
        channel.post("s1", "start")
        self.assertIn("game_start", types(channel.post("s2", "start")))

    def test_the_first_player_can_be_drawn_with_the_players_entropy(self):
        firsts = set()
        for _ in range(40):
            channel = begun(first="random")
            start = channel.last("game_start")
            firsts.add(start["players"][0])
            self.assertEqual((start["entropy_from"], channel.persisted["stream"]), (["s1", "s2", "s3"], ["s1", "s2", "s3"]))
            self.assertIn("Drawn with randomness from: alice, bob, carol.", start["text"])
        self.assertEqual(firsts, {"s1", "s2"})
        channel.post("s1", "concede")
        self.assertIsNone(channel.persisted["stream"])

    def test_a_turn_that_times_out_loses(self):
        channel = begun(turn_seconds=10)
        channel.advance(9)
        channel.post("s1", "5")
        self.assertEqual(channel.run_hook("on_timer", "turn"), [], "of a turn that is over")
        end = channel.advance(10)[-1]
        self.assertEqual((end["winner"], end["reason"], channel.timers), ("s1", "time", {}))

    def test_invalid_params_are_refused(self):
        for params, word in (({"size": 4}, "no parameter"), ({"first": "me"}, "'first'"), ({"turn_seconds": 0}, "seconds")):
            with self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
