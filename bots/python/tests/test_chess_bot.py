"""The rules of ChessBot, run as plain Python. The numbers of positions (perft) are the published ones."""

import pathlib
import re
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

chess = load("chess_bot")
ChessBot = chess.ChessBot
FOOLS_MATE = ("f3", "e5", "g4", "Qh4")
SHUFFLE = ("Nf3", "Nf6", "Ng1", "Ng8")
PERFT = (
    (chess.START, (20, 400, 8902)),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", (48, 2039, 97862)),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", (14, 191, 2812)),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", (6, 264, 9467)),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", (44, 1486)),
    ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", (46, 2079)),
)


def begun(fen=None, labels=("alice", "bob", "carol"), **params):
    channel = FakeChannel(ChessBot, *labels, **params, **({"fen": fen} if fen else {}))
    channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)])
    return channel


def played(channel, *moves):
    for move in moves:
        posted = channel.post(channel.state["turn"], move)
    return posted


def count(position, depth):
    moves = position.legal()
    return len(moves) if depth == 1 else sum(count(position.after(move), depth - 1) for move in moves)


class Positions(unittest.TestCase):
    def test_the_numbers_of_positions_are_the_published_ones(self):
        for fen, numbers in PERFT:
            for depth, number in enumerate(numbers, 1):
                with self.subTest(fen=fen, depth=depth):
                    self.assertEqual(count(chess.read_fen(fen), depth), number)

    def test_a_position_and_its_fen_are_the_same(self):
        for fen, _ in PERFT:
            self.assertEqual(chess.read_fen(fen).fen(), fen)

    def test_the_fen_names_a_capture_en_passant_only_if_it_is_legal(self):
        for fen, move, passant in ((chess.START, "e2e4", "-"), ("4k3/8/8/8/3p4/8/4P3/4K3 w - - 0 1", "e2e4", "e3"),
                                   ("8/8/8/8/k2p3R/8/4P3/4K3 w - - 0 1", "e2e4", "-")):
            position = chess.read_fen(fen)
            [found] = [each for each in position.legal() if chess.uci(each) == move]
            self.assertEqual(position.after(found).fen().split()[3], passant, fen)

    def test_which_pieces_can_mate(self):
        for pieces, can in (("K k", False), ("KB k", False), ("KN k", False), ("KP k", True), ("KR k", True), ("KQ k", True),
                            ("KNN k", True), ("KBN k", True), ("KN kq", False), ("KN kr", True), ("KN kn", True), ("KN kb", True),
                            ("KN kp", True), ("KB kq", False), ("KB kr", False), ("KB kn", True), ("KB kp", True)):
            rows = "k7/8/11{:1<6}/8/8/11{:1<6}/8/7K".format(*(each[1:] for each in reversed(pieces.split())))
            self.assertEqual(chess.read_fen(f"{rows} w - - 0 1").can_mate(True), can, pieces)
            self.assertEqual(chess.read_fen(f"{rows.swapcase()} b - - 0 1").can_mate(False), can, pieces)

    def test_bishops_of_one_colour_of_cells_cannot_mate(self):
        for row, can in (("B1B1b1K1", False), ("B1Bb2K1", True), ("BB4K1", True), ("B2b2K1", True)):
            self.assertEqual(chess.read_fen(f"4k3/8/8/8/8/8/8/{row} w - - 0 1").can_mate(True), can, row)

    def test_fens_that_cannot_be_played_from_are_refused(self):
        for fen, word in (
            ("", "six fields"), (5, "six fields"), ([], "six fields"), ("8/8/8/8/8/8/8/8 w - -", "six fields"),
            ("4k3/8/8/8/8/8/8/4K3 x - - 0 1", "six fields"), ("4k3/8/8/8/8/8/8/4K3 w - - 0 99999", "six fields"),
            ("4k3/8/8/8/8/8/4K3 w - - 0 1", "8 rows"), ("4k3/8/8/8/8/8/8/4K4 w - - 0 1", "8 rows"),
            ("4k3/8/8/8/8/8/8/8 w - - 0 1", "one king"), ("4k3/8/8/8/8/8/8/K3K3 w - - 0 1", "one king"),
            ("4k3/8/8/QQQQQQQQ/QQQQQQQQ/8/8/4K3 w - - 0 1", "at most 16"),
            ("4k2P/8/8/8/8/8/8/4K3 w - - 0 1", "pawn on"), ("4k3/8/8/8/8/8/8/p3K3 w - - 0 1", "pawn on"),
            ("4k3/8/8/8/8/8/8/4K3 w K - 0 1", "castling"), ("r3k3/8/8/8/8/8/8/4K3 w k - 0 1", "castling"),
            ("4k3/8/8/8/8/8/8/4K3 w - e6 0 1", "en passant"), ("4k3/8/8/4p3/8/8/8/4K3 b - e6 0 1", "en passant"),
            ("4k3/8/8/8/8/8/4r3/4K3 b - - 0 1", "in check"), ("8/8/8/8/8/8/3k4/4K3 w - - 0 1", "in check"),
            ("7k/5Q2/6K1/8/8/8/8/8 b - - 0 1", "finished"), ("4k3/8/8/8/8/8/8/4K3 w - - 0 1", "finished"),
            ("4k3/8/8/8/8/8/8/R3K3 w - - 150 90", "finished"),
        ):
            with self.subTest(fen), self.assertRaisesRegex(ValueError, f"'fen' .*{word}"):
                chess.read_params({"fen": fen})
        chess.read_params({"fen": "4k3/8/8/3Pp3/8/8/8/4K3 w - e6 0 1"})


class Moves(unittest.TestCase):
    def test_notations(self):
        start, promotion = chess.START, "6bk/P6p/8/3pP3/8/2P5/1P6/R3K2R w KQ d6 0 1"
        for fen, san, texts in (
            (start, "Nf3", ("Nf3", "nf3", "g1f3", "G1F3", "Ng1f3", "Ng1-f3", "ngf3", "g1-f3", "\u2658f3", " `Nf3!` ", "1. Nf3",
                            "1.nf3", "I play Nf3.", "I'll play nf3", "Nf3+?!", "move g1f3")),
            (start, "e4", ("e4", "E4", "e2e4", "e2-e4", "e2 e4", "Pe4", "pe2e4", "e2\u2013e4", "1. e4!")),
            (promotion, "a8=Q", ("a8=Q", "a8q", "a8Q+", "a7a8q", "a7-a8=Q", "a8(Q)", "a7a8=q")),
            (promotion, "a8=N", ("a8=N", "a7a8n")),
            (promotion, "O-O", ("O-O", "0-0", "o-o", "e1g1", "Kg1", "O-O!", "0-0+")),
            (promotion, "O-O-O", ("O-O-O", "0-0-0", "e1c1", "1. O-O-O")),
            (promotion, "exd6", ("exd6", "ed6", "exd6 e.p.", "exd6ep", "e5d6", "e5xd6", "e5:d6")),
            (promotion, "b4", ("b4", "B4", "b2b4", "B2B4")),
            ("4k3/8/8/8/8/3p4/8/2B1K3 w - - 0 1", "Bb2", ("Bb2", "bb2", "c1b2")),
        ):
            for text in texts:
                with self.subTest(text=text):
                    self.assertEqual(begun(fen).post("s1", text)[0].get("san", "").rstrip("+#"), san)
        for data in ({"move": "Nf3"}, {"move": "g1f3"}, {"type": "move", "action": "move", "value": "nf3"}):
            self.assertEqual(begun().post("s1", **data)[0]["uci"], "g1f3")

    def test_a_bishop_and_a_pawn_of_the_b_column(self):
        both, bishop, pawn = (f"4k3/8/8/8/2p5/{row}/8/4K3 w - - 0 1" for row in ("1P1B4", "3B4", "1P6"))
        for text, san in (("Bxc4", "Bxc4"), ("bxc4", "bxc4"), ("b3c4", "bxc4"), ("d3c4", "Bxc4"), ("Bc4", "Bxc4")):
            self.assertEqual(begun(both).post("s1", text)[0].get("san"), san, text)
        refused = begun(both).post("s1", "bc4")[0]
        self.assertEqual((refused["reason"], "bxc4, Bxc4" in refused["text"]), ("AMBIGUOUS_MOVE", True))
        self.assertEqual(begun(bishop).post("s1", "bc4")[0]["san"], "Bxc4")
        self.assertEqual(begun(pawn).post("s1", "bc4")[0]["san"], "bxc4")
        self.assertEqual(begun(pawn).post("s1", "Bxc4")[0]["reason"], "BAD_MOVE", "a capital is the bishop")

    def test_an_ambiguous_move_is_refused_with_its_candidates(self):
        for fen, text, listed in (
            ("4k3/8/8/8/8/8/4K3/R6R w - - 0 1", "Rd1", "Rad1, Rhd1"), ("4k3/8/8/R7/8/8/8/R3K3 w - - 0 1", "ra3", "R5a3, R1a3"),
            ("8/k6P/8/8/8/8/8/4K3 w - - 0 1", "h8", "h8=Q, h8=R, h8=B, h8=N"),
            ("8/k6P/8/8/8/8/8/4K3 w - - 0 1", "h7h8", "h8=Q, h8=R, h8=B, h8=N"),
            ("1k6/8/8/8/4Q2Q/8/8/K6Q w - - 0 1", "Qe1", "Qee1, Qh4e1, Q1e1"),
        ):
            refused = begun(fen).post("s1", text)[0]
            self.assertEqual((refused["reason"], refused["details"]), ("AMBIGUOUS_MOVE", f"`{text}` can be: {listed}."))
            for san in listed.split(", "):
                self.assertEqual(begun(fen).post("s1", san)[0]["san"].rstrip("+"), san)
        pinned = begun("4r2k/8/8/8/8/2N5/4N3/4K3 w - - 0 1")
        self.assertEqual(pinned.post("s1", "Nd5")[0]["san"], "Nd5", "a pinned piece is no candidate")

    def test_an_illegal_move_is_refused_with_the_reason(self):
        for fen, text, why in ((None, "e5", "`e5` is not legal. Legal moves: "), (None, "g8f6", "is not legal"),
                               (None, "O-O", "is not legal"), (None, "Ke2", "Nf3"),
                               ("4k3/8/8/8/8/8/4N3/K3r3 w - - 0 1", "Nc3", "would leave your king in check"),
                               ("4r2k/8/8/8/8/8/4N3/4K3 w - - 0 1", "Nc3", "leave your king in check. Legal moves: K"),
                               ("4k3/8/8/8/8/8/6n1/R3K3 w Q - 0 1", "O-O-O", "is not legal")):
            refused = begun(fen).post("s1", text)[0]
            self.assertEqual(refused["reason"], "BAD_MOVE", text)
            self.assertIn(why, refused["text"])
        for data in ({"move": "castle"}, {"move": None}, {"move": 5}, {"move": ["e4"]}, {"move": "x" * 9999}, {"move": {}},
                     {"type": "move", "action": "move"}, {"type": "move", "action": "move", "value": True}):
            self.assertEqual(begun().post("s1", **data)[0]["reason"], "BAD_MOVE")

    def test_castling(self):
        free = "r3k2r/8/8/8/8/8/8/R3K2R {} KQkq - 0 1"
        for side, move, row in (("w", "O-O", "R4RK1"), ("w", "O-O-O", "2KR3R"), ("b", "O-O", "r4rk1"), ("b", "O-O-O", "2kr3r")):
            board = played(begun(free.format(side)), move)[-1]["board"]["rows"]
            self.assertEqual(board["1" if side == "w" else "8"], chess.rows_of(row)[0])
        for rows, allowed in (
            ("8/8/8/8/8/7r/R3K2R", ("O-O", "O-O-O")), ("8/8/8/8/8/5r2/R3K2R", ("O-O-O",)), ("8/8/8/8/8/6r1/R3K2R", ("O-O-O",)),
            ("8/8/8/8/8/1r6/R3K2R", ("O-O", "O-O-O")), ("8/8/8/8/8/3r4/R3K2R", ("O-O",)), ("8/8/8/4r3/8/8/R3K2R", ()),
            ("8/8/8/8/8/8/RN2K1NR", ()), ("8/8/8/8/8/8/R2BK2R", ("O-O",)),
        ):
            fen = f"4k3/{rows} w KQ - 0 1"
            for move in ("O-O", "O-O-O"):
                self.assertEqual("san" in begun(fen).post("s1", move)[0], move in allowed, (fen, move))
        self.assertEqual(begun("4k3/8/8/8/8/8/8/R3K2R w - - 0 1").post("s1", "O-O")[0]["reason"], "BAD_MOVE")
        channel = begun(free.format("w"))
        self.assertEqual(played(channel, "Rxa8+")[-1]["fen"].split()[2], "Kk", "a rook that moves or is taken can't castle")
        self.assertEqual(played(channel, "Kf7", "Rb8", "Rxh1+")[-1]["fen"].split()[2], "-")

    def test_en_passant_is_possible_for_one_move(self):
        channel = begun()
        turn = played(channel, "e4", "a6", "e5", "d5")[-1]
        self.assertIn("e5d6", turn["actions"])
        self.assertEqual(turn["fen"].split()[3], "d6")
        taken = played(channel, "exd6")[-1]
        self.assertEqual((taken["board"]["rows"]["5"], taken["board"]["rows"]["6"]), ("........", "p..P...."))
        turn = played(begun(), "e4", "a6", "e5", "d5", "a3", "a5")[-1]
        self.assertNotIn("e5d6", turn["actions"])

    def test_conversation_is_ignored(self):
        channel = begun()
        for text in ("hello", "e4 is good", "let's go to b3 now", "", "10", "I never resign", "a draw?!, no", "knight", "e9"):
            self.assertEqual(channel.post("s1", text), [], text)
        self.assertEqual(channel.post("bot:other", "e4"), [])
        self.assertEqual(channel.post("s1", "e4", kind="aside"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])

    def test_garbage_never_fails(self):
        values = (None, True, 0, -1, 2.5, "", "e4", "\u0130", "O-O-O-O", "x" * 5000, [], [1, {}], {}, {"a": []}, "\n", "12.", "=Q")
        for params in ({}, {"base_seconds": 5}):
            for channel in (FakeChannel(ChessBot, "alice", "bob", **params), begun(**params)):
                channel.join("s1")
                for value in values:
                    for data in ({"move": value}, {"text": value}, {"type": "move", "action": value}, {"type": value},
                                 {"turn_id": value, "move": "a9"}, {"type": "move", "action": "move", "value": value},
                                 {"turn_id": value, "text": "claim"}, {"move": value, "claim": value},
                                 {"move": value, "claim": True}):
                        channel.post("s1", **data)
                    channel.run_hook("on_private_message", "s1", {"text": value, "move": value, "tenure": 1})
                    channel.run_hook("on_timer", str(value))


class Posts(unittest.TestCase):
    def test_what_a_move_and_a_turn_say(self):
        moved, turn = begun().post("s1", "e2e4")
        fen = "rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq - 0 1"
        self.assertEqual((moved["player"], moved["number"], moved["san"], moved["uci"]), ("s1", "1.", "e4", "e2e4"))
        self.assertEqual(moved["fen"], fen)
        self.assertEqual((turn["turn"], turn["turn_id"], turn["fen"], len(turn["actions"])), (["s2"], 2, fen, 20))
        self.assertEqual((turn["board"]["kind"], turn["board"]["pieces"], turn["board"]["columns"]), ("grid", "chess", "abcdefgh"))
        self.assertEqual((list(turn["board"]["rows"]), turn["board"]["rows"]["4"]), (list("87654321"), "....P..."))
        self.assertEqual((turn["board"]["last"], "clocks" in turn, "deadline" in turn), (["e2", "e4"], False, False))
        self.assertIn("bob, your move.\n8 r n b q k b n r\n", turn["text"])
        self.assertIn("check", begun("4k3/8/8/8/8/8/8/Q3K3 w - - 0 1").post("s1", "Qa4")[-1]["text"].lower())

    def test_a_position_in_which_black_moves_first(self):
        channel = begun("4k3/7p/8/8/8/8/8/4K3 b - - 3 40")
        self.assertEqual((channel.last("game_start")["players"], channel.last("bot:turn")["turn"]), (["s1", "s2"], ["s2"]))
        self.assertEqual(channel.post("s2", "h5")[0]["number"], "40...")
        played(channel, "Kf2", "h4")
        pgn = channel.post("s1", "resign")[-1]["pgn"]
        self.assertIn('[SetUp "1"]\n[FEN "4k3/7p/8/8/8/8/8/4K3 b - - 3 40"]\n', pgn)
        self.assertTrue(pgn.endswith("\n\n40... h5 41. Kf2 h4 0-1\n"))

    def test_the_pgn_of_a_game(self):
        channel = FakeChannel(ChessBot, 'al"ice\\', "bob")
        channel.join("s1", "s2")
        end = played(channel, *FOOLS_MATE)[-1]
        self.assertEqual(end["pgn"], '[Event "ChessBot"]\n[Site "chn_1"]\n[Date "2023.11.14"]\n[Round "1"]\n'
                                     '[White "al\\"ice\\\\"]\n[Black "bob"]\n[Result "0-1"]\n\n1. f3 e5 2. g4 Qh4# 0-1\n')

    def test_the_pgn_of_a_game_with_clocks(self):
        channel = begun(base_seconds=3600, increment_seconds=2)
        channel.advance(61.25)
        channel.post("s1", "e4")
        channel.advance(1)
        channel.post("s2", "e5")
        pgn = channel.close()[-1]["pgn"]
        self.assertIn('[Result "*"]\n[TimeControl "3600+2"]\n\n1. e4 {[%clk 0:59:00.7]} 1... e5 {[%clk 1:00:01.0]} *\n', pgn)

    def test_a_long_game_has_its_pgn_in_parts_that_fit_into_a_post(self):
        channel = begun(base_seconds=86400)
        state = channel.state
        state.update(moves=["Nf3", "Nf6", "Ng1", "Ng8"] * 700, times=[86_400_000] * 2800)
        channel.state = state
        *parts, end = channel.post("s1", "resign")
        self.assertEqual([part["type"] for part in parts], ["pgn_part"] * len(parts))
        pgn = "".join(body["pgn"] for body in (*parts, end))
        self.assertEqual((pgn.count("N"), pgn.count("%clk 24:00:00.0]}"), max(map(len, pgn.splitlines())) < 80), (2800, 2800, True))


class Endings(unittest.TestCase):
    def ending(self, fen, *moves, **params):
        end = played(begun(fen, **params), *moves)[-1]
        return end.get("reason"), end.get("result"), end.get("winner")

    def test_checkmate(self):
        channel = begun()
        moved, end = played(channel, *FOOLS_MATE)
        self.assertEqual((moved["san"], end["reason"], end["result"], end["winner"]), ("Qh4#", "checkmate", "0-1", "s2"))
        self.assertEqual((end["turn"], end["board"]["rows"]["4"], channel.held_seconds), ([], "......Pq", 0))
        self.assertEqual(self.ending("7k/8/6K1/8/8/8/8/R7 w - - 0 1", "Ra8"), ("checkmate", "1-0", "s1"))
        self.assertEqual(self.ending("7k/8/6K1/8/8/8/8/R7 w - - 149 90", "Ra8")[0], "checkmate", "mate comes before the 75 moves")

    def test_stalemate_and_insufficient_material(self):
        self.assertEqual(self.ending("7k/8/6K1/8/8/8/5Q2/8 w - - 0 1", "Qf7"), ("stalemate", "1/2-1/2", None))
        self.assertEqual(self.ending("4k3/8/8/8/8/8/4r3/4KB2 w - - 0 1", "Kxe2"), ("insufficient_material", "1/2-1/2", None))
        self.assertEqual(self.ending("4k3/8/8/8/8/8/4r3/4KR2 w - - 0 1", "Kxe2")[0], None)

    def test_a_draw_can_be_claimed_after_three_occurrences(self):
        channel = begun()
        self.assertEqual(channel.post("s1", "claim draw")[0]["reason"], "BAD_CLAIM")
        played(channel, *SHUFFLE, *SHUFFLE[:3])
        self.assertEqual(channel.post("s2", "claim draw")[0]["reason"], "BAD_CLAIM")
        turn = played(channel, "Ng8")[-1]
        self.assertEqual(turn["actions"][-1], "claim draw")
        self.assertIn("You may `claim draw` (threefold_repetition).", turn["text"])
        self.assertEqual(channel.post("s2", "claim draw")[0]["reason"], "BAD_TURN")
        end = channel.post("s1", "I claim a draw!")[-1]
        self.assertEqual((end["reason"], end["result"], end["winner"]), ("threefold_repetition", "1/2-1/2", None))

    def test_the_right_to_claim_is_lost_by_moving(self):
        channel = begun()
        turn = played(channel, *SHUFFLE, *SHUFFLE, "e4")[-1]
        self.assertNotIn("claim draw", turn["actions"])
        self.assertEqual(len(channel.state["seen"]), 1, "positions before a pawn's move can't occur again")

    def test_positions_with_other_rights_are_not_the_same(self):
        around = ("Ke2", "Ke7", "Ke1", "Ke8")
        channel = begun("4k3/7p/8/8/8/8/8/4K2R w K - 0 1")
        self.assertNotIn("claim draw", played(channel, *around, *around)[-1]["actions"], "the first position had a right to castle")
        self.assertIn("claim draw", played(channel, *around)[-1]["actions"])
        channel = begun("4k3/8/8/8/3p4/8/4P3/4K3 w - - 0 1")
        channel.post("s1", "e4")
        back = ("Kd7", "Kd2", "Ke8", "Ke1")
        self.assertNotIn("claim draw", played(channel, *back, *back)[-1]["actions"], "en passant was possible")

    def test_the_fifth_occurrence_ends_the_game(self):
        posted = played(begun(), *SHUFFLE * 4)
        self.assertEqual((types(posted), posted[-1]["reason"]), (["moved", "game_end"], "fivefold_repetition"))

    def test_fifty_and_seventy_five_moves(self):
        channel = begun("4k3/8/8/8/8/8/8/R3K3 w - - 98 90")
        self.assertNotIn("claim draw", played(channel, "Ra2")[-1]["actions"])
        self.assertIn("claim draw", played(channel, "Kd7")[-1]["actions"])
        self.assertEqual(channel.post("s1", "claim")[-1]["reason"], "fifty_moves")
        self.assertEqual(self.ending("4k3/8/8/8/8/8/8/R3K3 w - - 149 90", "Ra2"), ("seventy_five_moves", "1/2-1/2", None))
        self.assertEqual(self.ending("4k3/8/8/8/8/8/7P/R3K3 w - - 149 90", "h4")[0], None)

    def test_a_draw_can_be_claimed_with_the_move_that_completes_it(self):
        for data in ({"text": "claim draw Ng8"}, {"text": "I claim a draw with f6g8!"}, {"move": "Ng8", "claim": True}):
            channel = begun()
            turn = played(channel, *SHUFFLE, *SHUFFLE[:3])[-1]
            self.assertEqual((turn["other_actions"][0], "claim draw" in turn["actions"]), ("claim draw f6g8", False))
            end = channel.post("s2", **data)[-1]
            self.assertEqual((end["reason"], end["result"], end["winner"]), ("threefold_repetition", "1/2-1/2", None))
            self.assertIn("bob claims a draw with 4... Ng8", end["text"])
            self.assertEqual((end["fen"], end["pgn"].split()[-3:]), (turn["fen"], ["4.", "Ng1", "1/2-1/2"]), "the move is not made")
        channel = begun("4k3/8/8/8/8/8/7P/R3K3 w - - 98 90")
        turn = played(channel, "Ra2")[-1]
        self.assertIn("claim draw e8d7", turn["other_actions"])
        self.assertEqual(channel.post("s2", "claim draw Kd7")[-1]["reason"], "fifty_moves")
        channel = begun("4k3/8/8/8/8/8/7P/R3K3 w - - 99 90")
        self.assertEqual(channel.post("s1", "claim draw h3")[-1]["reason"], "BAD_CLAIM", "a pawn's move is not quiet")

    def test_a_wrong_claim_with_a_move_has_no_effect(self):
        channel = begun()
        self.assertEqual(channel.post("s1", "claim draw Nf3")[0]["reason"], "BAD_CLAIM")
        self.assertEqual(channel.post("s1", "claim draw Nf6")[0]["reason"], "BAD_MOVE")
        self.assertEqual(channel.post("s2", "claim draw Nf6")[0]["reason"], "BAD_TURN")
        self.assertEqual(channel.post("s1", "claim draw Nf3", turn_id=7)[0]["reason"], "STALE_TURN")
        self.assertEqual(types(channel.post("s1", "Nf3")), ["moved", "bot:turn"])
        turn = played(channel, "Nf6", "Ng1", "Ng8")[-1]
        self.assertEqual(turn["other_actions"], ["offer draw", "resign"], "a third occurrence is not one move away")
        played(channel, *SHUFFLE)
        self.assertEqual(channel.post("s1", "claim draw e4")[-1]["reason"], "threefold_repetition", "it has occurred already")

    def test_the_offer_of_a_draw_can_be_accepted_at_once(self):
        channel = begun(base_seconds=60)
        channel.now += 5
        offer = channel.post("s2", "offer draw")[-1]
        self.assertEqual((offer["turn"], offer["turn_id"], offer["actions"][-1]), (["s1"], 1, "accept draw"))
        self.assertEqual((offer["other_actions"], offer["clocks"]["s1"]), (["resign"], 55000))
        self.assertEqual(channel.post("s1", "accept draw", turn_id=1)[-1]["reason"], "agreement")
        channel = begun()
        offer = channel.post("s1", "offer draw")[-1]
        self.assertEqual((offer["other_actions"], "accept draw" in offer["actions"]), (["resign"], False), "not the own offer")

    def test_black_sees_the_board_from_the_other_side(self):
        channel = begun()
        end = played(channel, *FOOLS_MATE)[-1]
        self.assertEqual(end["board"]["turned_for"], ["s2"])
        channel.post("s1", "rematch")
        self.assertEqual(channel.post("s2", "rematch")[-1]["board"]["turned_for"], ["s1"])

    def test_a_draw_by_agreement(self):
        for accept in ("accept draw", "I accept!", "draw?", "accept"):
            channel = begun()
            self.assertEqual(types(channel.post("s1", "offer draw")), ["draw_offer"])
            turn = channel.post("s1", "e4")[-1]
            self.assertEqual((turn["actions"][-1], "alice offers a draw" in turn["text"]), ("accept draw", True))
            end = channel.post("s2", accept)[-1]
            self.assertEqual((end["reason"], end["result"], end["winner"]), ("agreement", "1/2-1/2", None))

    def test_an_offer_stands_until_the_opponent_moves(self):
        channel = begun()
        self.assertEqual(channel.post("s1", "accept draw")[0]["reason"], "NO_OFFER")
        channel.post("s2", type="move", action="draw")
        self.assertEqual(channel.post("s2", "accept draw")[0]["reason"], "NO_OFFER", "nobody accepts the own offer")
        self.assertEqual(channel.post("s1", "!status")[0]["draw_offer"], "s2")
        self.assertNotIn("accept draw", channel.post("s1", "e4")[-1]["actions"])
        self.assertEqual(channel.post("s1", "accept draw")[0]["reason"], "NO_OFFER")

    def test_resigning_and_leaving(self):
        for text in ("resign", "I resign.", "concede"):
            end = begun().post("s2", text)[-1]
            self.assertEqual((end["reason"], end["result"], end["winner"]), ("resign", "1-0", "s1"))
        end = begun().leave("s1")[-1]
        self.assertEqual((end["reason"], end["result"], end["winner"]), ("leave", "0-1", "s2"))
        self.assertEqual(begun().leave("s3"), [])


class Clocks(unittest.TestCase):
    def test_each_player_has_a_clock(self):
        channel = begun(base_seconds=60, increment_seconds=5)
        turn = channel.last("bot:turn")
        self.assertEqual((turn["clocks"], turn["deadline"]), ({"s1": 60_000, "s2": 60_000}, "2023-11-14T22:14:20.000Z"))
        channel.advance(10.25)
        moved, turn = channel.post("s1", "e4")
        self.assertEqual((moved["clocks"], turn["clocks"]), ({"s1": 54_750, "s2": 60_000},) * 2)
        self.assertEqual((turn["deadline"], round(channel.timers["flag"])), ("2023-11-14T22:14:30.250Z", 60))
        self.assertIn("alice: 0:00:54.7\nbob: 0:01:00.0", turn["text"])
        channel.advance(20)
        self.assertEqual(channel.post("s3", "!status")[0]["clocks"], {"s1": 54_750, "s2": 40_000})
        end = channel.post("s2", "resign")[-1]
        self.assertEqual((end["clocks"], channel.timers), ({"s1": 54_750, "s2": 40_000}, {}))
        self.assertEqual(channel.post("s1", "!status")[0]["clocks"], end["clocks"])

    def test_a_flag_falls(self):
        channel = begun(base_seconds=60)
        channel.advance(30)
        channel.post("s1", "e4")
        end = channel.advance(61)[-1]
        self.assertEqual((end["reason"], end["result"], end["winner"]), ("time", "1-0", "s1"))
        self.assertEqual(end["clocks"], {"s1": 30_000, "s2": 0})
        self.assertEqual((channel.timers, channel.post("s2", "e5")[0]["reason"]), ({}, "GAME_OVER"))

    def test_a_move_after_the_deadline_does_not_count_even_if_the_timer_is_late(self):
        channel = begun(base_seconds=60)
        channel.now += 60
        self.assertEqual([body.get("reason") for body in channel.post("s1", "e4")], ["time", "GAME_OVER"])
        for name, *arguments in (("leave", "s2"), ("leave", "s1"), ("close",), ("post", "s3", "!help"), ("post", "s2", "resign")):
            channel = begun(base_seconds=60)
            channel.now += 60
            end = getattr(channel, name)(*arguments)[0]
            self.assertEqual((end["winner"], end["reason"]), ("s2", "time"), name)

    def test_a_timer_that_fires_early_ends_nothing(self):
        channel = begun(base_seconds=60)
        self.assertEqual(channel.run_hook("on_timer", "flag"), [])
        self.assertEqual(FakeChannel(ChessBot, "alice").run_hook("on_timer", "flag"), [])

    def test_a_fallen_flag_is_a_draw_if_the_opponent_cannot_mate(self):
        for fen, winner in (("4k3/8/8/8/8/8/8/R3K3 w - - 0 1", None), ("4k3/8/8/8/8/8/8/R3K3 b - - 0 1", "s1"),
                            ("4k1n1/8/8/8/8/8/8/Q3K3 w - - 0 1", None), ("4k1n1/8/8/8/8/8/8/R3K3 w - - 0 1", "s2"),
                            ("4k3/7p/8/8/8/8/8/R3K3 w - - 0 1", "s2")):
            end = begun(fen, base_seconds=10).advance(11)[-1]
            result = {"s1": "1-0", "s2": "0-1", None: "1/2-1/2"}[winner]
            self.assertEqual((end["reason"], end["winner"], end["result"]), ("time", winner, result), fen)
            self.assertEqual("could mate" in end["text"], not winner)


class Turns(unittest.TestCase):
    def test_a_move_for_another_turn_does_not_count(self):
        channel = begun()
        played(channel, "e4")
        for data in ({"text": "e5"}, {"move": "e5"}, {"text": "resign"}, {"text": "offer draw"}, {"text": "claim"}):
            for seat, turn_id in (("s2", 1), ("s1", 1), ("s2", 3), ("s2", "2"), ("s2", [2])):
                with self.subTest(data=data, seat=seat, turn_id=turn_id):
                    [refused] = channel.post(seat, **data, turn_id=turn_id)
                    self.assertEqual(refused["reason"], "STALE_TURN")
                    why = "turn 1 is over" if turn_id == 1 else "there is no such turn"
                    self.assertIn(f": {why}; this is turn 2, bob's.", refused["text"])
        self.assertEqual(types(channel.post("s2", move="e5", turn_id=2)), ["moved", "bot:turn"])

    def test_an_invalid_move_does_not_cost_a_turn(self):
        channel = begun()
        self.assertEqual(channel.post("s2", "e5")[0]["reason"], "BAD_TURN")
        self.assertEqual(channel.post("s3", "e4")[0]["reason"], "NOT_A_PLAYER")
        self.assertEqual(channel.post("s1", "e5")[0]["reason"], "BAD_MOVE")
        self.assertEqual(types(channel.post("s1", "e4")), ["moved", "bot:turn"])

    def test_status_and_help(self):
        channel = begun()
        status = channel.post("s1", "!status")[0]
        self.assertEqual((status["current_turn"], status["turn_id"], status["fen"]), ("s1", 1, chess.START))
        self.assertNotIn("turn", status)
        self.assertEqual(channel.dm("s3", "!status"), [status])
        self.assertEqual(channel.dm("s3", "e4"), channel.post("s2", "!help"))
        self.assertEqual(FakeChannel(ChessBot, "alice").run_hook("on_private_message", "s1", {"text": "x"}), [])


class Starting(unittest.TestCase):
    def pending(self, *labels):
        channel = FakeChannel(ChessBot, *labels, first="random", contributors=["s2"])
        channel.is_slow = True
        self.assertEqual(channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)]), [])
        return channel

    def test_the_game_starts_when_every_seat_is_taken_or_two_say_start(self):
        channel = FakeChannel(ChessBot, "alice", "bob", "carol")
        channel.join("s3")
        self.assertEqual(types(channel.post("s3", "start")), ["status"])
        channel.join("s1")
        self.assertEqual(channel.post("s1", "e4")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(channel.post("s3", "start")[0]["ready"], ["s3"])
        start = channel.post("s1", "start")[0]
        self.assertEqual((start["game"], start["players"], channel.held_seconds), (1, ["s3", "s1"], 3600))
        self.assertEqual(channel.join("s2"), [])
        self.assertEqual(FakeChannel(ChessBot, "alice").join("s1"), [])
        self.assertEqual(begun().last("game_start")["players"], ["s1", "s2"])

    def test_white_can_be_drawn(self):
        firsts = set()
        for _ in range(40):
            channel = begun(first="random")
            start = channel.last("game_start")
            firsts.add(start["players"][0])
            self.assertEqual(channel.last("bot:turn")["turn"], start["players"][:1])
            self.assertIn("Drawn with randomness from: alice, bob, carol.", start["text"])
        self.assertEqual(firsts, {"s1", "s2"})
        channel.post("s1", "resign")
        self.assertIsNone(channel.persisted["stream"])

    def test_the_game_waits_for_the_randomness(self):
        channel = self.pending("alice", "bob")
        self.assertEqual(channel.held_seconds, 3600)
        self.assertEqual(channel.post("s1", "e4")[0]["reason"], "GAME_NOT_STARTED")
        self.assertEqual(types(channel.post("s1", "start") + channel.post("s2", "!status")), ["status"] * 2)
        start, turn = channel.answer_start()
        self.assertEqual((start["entropy_from"], start["missing"], turn["turn_id"]), (["s2"], ["s1"], 1))
        self.assertIn("Drawn with randomness from: bob; alice gave none.", start["text"])

    def test_it_does_not_start_if_a_player_left(self):
        channel = self.pending("alice", "bob", "carol")
        self.assertEqual(channel.leave("s1"), [])
        self.assertEqual(types(channel.answer_start()), ["start_cancelled"])
        self.assertEqual((channel.held_seconds, channel.persisted["stream"]), (0, None))
        channel.is_slow = False
        channel.post("s2", "start")
        self.assertEqual(sorted(channel.post("s3", "start")[0]["players"]), ["s2", "s3"])

    def test_after_a_failed_start_the_players_can_ask_again(self):
        for text in ("start", "e4"):
            channel = self.pending("alice", "bob")
            channel.fail_to_start()
            channel.post("s1", text)
            self.assertIn("game_start", types(channel.answer_start()), text)

    def test_in_a_rematch_the_colours_swap(self):
        channel = begun("4k3/7p/8/8/8/8/8/R3K3 w - - 0 1", base_seconds=60)
        channel.advance(7)
        played(channel, "Ra2", "h6")
        channel.post("s1", "offer draw")
        channel.post("s2", "resign")
        self.assertEqual(types(channel.post("s1", "rematch") + channel.post("s1", "rematch")), ["start_vote"] * 2)
        start, turn = channel.post("s2", "again!")
        self.assertEqual((start["game"], start["players"], turn["turn"], turn["turn_id"]), (2, ["s2", "s1"], ["s2"], 4))
        self.assertEqual((turn["fen"], turn["clocks"]["s1"], turn["board"]["last"]), (start["fen"], 60_000, []))
        self.assertNotIn("accept draw", turn["actions"])
        end = channel.leave("s2")[-1]
        self.assertEqual((end["winner"], end["result"]), ("s1", "0-1"))
        self.assertTrue(re.search(r'\[Round "2"\]\n\[White "bob"\]\n\[Black "alice"\]', end["pgn"]))
        channel.post("s3", "start")
        self.assertEqual(channel.post("s1", "start")[0]["players"], ["s1", "s3"])

    def test_closing_in_mid_game_ends_it_and_reveals_the_draw(self):
        channel = begun(first="random", base_seconds=60)
        played(channel, "e4")
        [end] = channel.close()
        self.assertEqual((end["winner"], end["reason"], end["result"]), (None, "closed", "*"))
        self.assertIn("Nobody wins", end["text"])
        self.assertNotIn("rematch", end["text"])
        self.assertEqual((channel.timers, channel.held_seconds, channel.persisted["stream"]), ({}, 0, None))
        self.assertEqual((channel.close(), self.pending("alice", "bob").close()), ([], []))

    def test_a_game_holds_the_seats_and_moves_renew_it(self):
        channel = begun()
        self.assertEqual(channel.held_seconds, 3600)
        channel.advance(3000)
        channel.post("s2", "e5")
        self.assertEqual(channel.held_seconds, 600, "an invalid move renews nothing")
        channel.post("s1", "e4")
        self.assertEqual(channel.held_seconds, 3600)
        channel.post("s2", "resign")
        self.assertEqual(channel.held_seconds, 0)
        self.assertEqual(begun(base_seconds=5400).held_seconds, 9000)
        self.assertEqual(begun(base_seconds=86400).held_seconds, 86400)

    def test_invalid_params_are_refused(self):
        for params, word in (({"size": 4}, "no parameter"), ({"first": "me"}, "'first'"), ({"base_seconds": 0}, "base_seconds"),
                             ({"base_seconds": True}, "base_seconds"), ({"increment_seconds": 2}, "needs 'base_seconds'"),
                             ({"base_seconds": 9, "increment_seconds": 3601}, "increment_seconds")):
            with self.assertRaisesRegex(ValueError, word):
                begun(**params)


if __name__ == "__main__":
    unittest.main()
