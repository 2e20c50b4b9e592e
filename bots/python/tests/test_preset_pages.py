"""Each preset has a page for the models that play: its size, its params and reasons, and its code, which is run here."""

import contextlib
import io
import pathlib
import re
import sys
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load  # noqa: E402

PAGES = pathlib.Path(__file__).parents[3] / "mcp/src/resources/presets"
FILES = {"GuessBot": "guess_bot", "TicTacToeBot": "tic_tac_toe_bot", "BlackjackBot": "blackjack_bot", "MemoryBot": "memory_bot",
         "ContractBot": "contract_bot", "PriceBot": "price_bot", "TlsBot": "tls_bot", "ChessBot": "chess_bot",
         "BargainBot": "bargain_bot", "AuctionBot": "auction_bot", "ConnectFourBot": "connect_four_bot",
         "RockPaperScissorsBot": "rock_paper_scissors_bot", "TriviaBot": "trivia_bot"}
MOST_BYTES = 3_550


def page(name):
    return (PAGES / f"{name}.md").read_text()


def blocks(name):
    return re.findall(r"```python\n(.*?)```", page(name), re.DOTALL)


def printed(code, **posts):
    """Runs a block of code with the bodies of posts as variables; returns what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as output:
        exec(compile(code, "page", "exec"), posts)
    return output.getvalue().split()


def created(name):
    """Makes the channel of a page's first block."""
    calls = mock.Mock()
    exec(blocks(name)[0], {"create_channel": calls})
    call = calls.call_args.kwargs
    assert (call["bot_preset"], call["join_as"]) == (name, "alice")
    labels = [slot.removeprefix("invite:") for slot in call["slots"] if slot.startswith("invite:")]
    channel = FakeChannel(getattr(load(FILES[name]), name), *labels, **call.get("bot_params", {}))
    channel.join(*[f"s{number}" for number in range(1, len(labels) + 1)])
    return channel


class EveryPage(unittest.TestCase):
    def test_belongs_to_a_preset_and_is_short(self):
        self.assertEqual(sorted(path.stem for path in PAGES.iterdir()), sorted(FILES))
        for name in FILES:
            self.assertTrue(page(name).startswith(f"# {name}\n"), name)
            self.assertLessEqual(len(page(name).encode()), MOST_BYTES, name)

    def test_names_each_parameter_and_each_reason(self):
        for name, file in FILES.items():
            module = load(file)
            source = pathlib.Path(module.__file__).read_text()
            reasons = set(re.findall(r'(?:violation\((?:\w+|msg\["sender"\]), |failed\(|return )"([A-Z_]+)"', source))
            for word in (set(getattr(module, "PARAMS", {})) - {"mode"}) | reasons:
                with self.subTest(name=name, word=word):
                    self.assertIn(f"`{word}`", page(name))

    def test_names_only_types_that_the_bot_posts(self):
        for name, file in FILES.items():
            source = pathlib.Path(load(file).__file__).read_text()
            table = page(name).split("| `type` |")[1].split("\n\n")[0]
            for row in table.splitlines()[2:]:
                for event in re.findall(r"`([a-z:_]+)`", row.split("|")[1]):
                    self.assertIn(f'"{event}"', source, name)

    def test_creates_a_channel(self):
        for name in FILES:
            with self.subTest(name):
                self.assertTrue(created(name).log)


class Verification(unittest.TestCase):
    def test_of_guess_bot(self):
        channel = created("GuessBot")
        channel.post("s1", "guess 42", turn_id=1)
        channel.close()
        posts = {"commit": channel.last("bot:commit"), "reveal": channel.last("bot:reveal")}
        self.assertEqual(printed(blocks("GuessBot")[-1], **posts), ["True"])
        posts["reveal"]["target"] += 1
        self.assertEqual(printed(blocks("GuessBot")[-1], **posts), ["False"])

    def test_of_tic_tac_toe_bot(self):
        channel = created("TicTacToeBot")
        for cell in ("b2", "a1", "c3"):
            channel.post(channel.state["turn"], cell)
        channel.post(channel.state["turn"], "concede")
        posts = {"placed": channel.bodies("placed"), "game_end": channel.last("game_end")}
        self.assertEqual(printed(blocks("TicTacToeBot")[-1], **posts), ["True"])
        posts["game_end"]["board"]["rows"]["2"] = ".O."
        self.assertEqual(printed(blocks("TicTacToeBot")[-1], **posts), ["False"])
        posts["placed"].reverse()
        posts["placed"][0]["cell"] = "a1"
        with self.assertRaises(AssertionError):
            printed(blocks("TicTacToeBot")[-1], **posts)

    def test_of_connect_four_bot(self):
        channel = created("ConnectFourBot")
        for column in "ababaca":
            channel.post(channel.state["turn"], column)
        posts = {"dropped": channel.bodies("dropped"), "game_end": channel.last("game_end")}
        self.assertEqual(printed(blocks("ConnectFourBot")[-1], **posts), ["True", "['a1',", "'a2',", "'a3',", "'a4']"])
        posts["game_end"]["board"]["rows"]["1"] = "......."
        self.assertEqual(printed(blocks("ConnectFourBot")[-1], **posts)[0], "False")
        posts["dropped"][2]["cell"] = "a5"
        with self.assertRaises(AssertionError):
            printed(blocks("ConnectFourBot")[-1], **posts)

    def test_of_rock_paper_scissors_bot(self):
        channel = created("RockPaperScissorsBot")
        for choices in ("rr", "rs", "sr", "pr"):
            for seat, choice in zip(("s1", "s2"), choices):
                channel.dm_effects(seat, choice)
        channel.post("s2", "concede")
        posts = {"revealed": channel.bodies("revealed"), "game_end": channel.last("game_end")}
        code = blocks("RockPaperScissorsBot")[-1]
        self.assertEqual(printed(code, **posts), ["True"])
        posts["game_end"]["score"]["s1"] += 1
        self.assertEqual(printed(code, **posts), ["False"])
        posts["revealed"][1]["choices"]["s1"] = "paper"
        with self.assertRaises(AssertionError):
            printed(code, **posts)

    def test_of_blackjack_bot(self):
        channel = created("BlackjackBot")
        for seat in ("s1", "s2"):
            channel.post(seat, "bet 50")
        channel.close()
        posts = {name: channel.last(name) for name in ("round_start", "dealt", "dealer", "shoe_opened")}
        code = blocks("BlackjackBot")[-1]
        self.assertEqual(printed(code, decks=channel.last("rules")["rules"]["decks"], **posts), ["True"] * 4)
        posts["shoe_opened"]["shoe"].reverse()
        self.assertEqual(printed(code, decks=2, **posts)[::3], ["False", "False"])

    def test_of_trivia_bot(self):
        check = blocks("TriviaBot")[-1]
        prepared = {"questions": [{"question": "Which bird?", "choices": ["swallow", "ostrich"], "answers": ["ostrich"]}]}
        posted = {}
        with mock.patch("builtins.print", lambda *shown: posted.update(hash=shown[0])):
            exec(blocks("TriviaBot")[1], prepared)
        channel = FakeChannel(load("trivia_bot").TriviaBot, "carol", "alice", "bob", pack_hash=posted["hash"], quizmaster="carol")
        channel.join("s1", "s2", "s3")
        channel.dm_effects("s1", "", pack=prepared["pack"])
        for seat, answer in (("s2", "A"), ("s3", "ostrich")):
            channel.dm_effects(seat, answer)
        posts = {name: channel.last(name) for name in ("game_start", "game_end", "pack_opened")}
        posts.update(source=pathlib.Path(load("trivia_bot").__file__).read_text(), scoring="all",
                     questions=channel.bodies("question"), results=channel.bodies("result"))
        self.assertEqual((printed(check, **posts), posts["game_end"]["scores"]), (["True"] * 3, {"s2": 0, "s3": 1}))
        posts["results"][0]["answers"]["s2"] = "B"
        self.assertEqual(printed(check, **posts), ["True", "False", "True"])
        posts["questions"][0]["question"] = "Another?"
        self.assertEqual(printed(check, **posts)[0], "False")
        posts["pack_opened"]["pack"]["salt"] += "x"
        self.assertEqual(printed(check, **posts)[2], "False")

    def test_of_contract_bot(self):
        channel = created("ContractBot")
        terms = channel.last("terms")
        self.assertEqual(printed(blocks("ContractBot")[-1], terms=terms["terms"]), [terms["terms_hash"]])
        for seat in ("s1", "s2"):
            channel.post(seat, f"accept {terms['terms_hash']}")
        for _ in range(3):
            channel.post("s2", 'claim deliver {"url": "https://example.com/r", "pages": 1.0}')
            channel.post("s1", "object deliver {}")
        channel.advance(3600)
        issues = channel.last("issues")
        self.assertEqual(printed(blocks("ContractBot")[-1], terms=issues["issues"]), [issues["issues_hash"]])

    def test_of_chess_bot(self):
        channel = created("ChessBot")
        for move in "e4 Nf6 e5 d5 exd6 Ng8 Nf3 Bf5 Be2 Qd7 O-O Nc6 d4 O-O-O dxc7 e6 cxd8=Q+".split():
            channel.post(channel.state["turn"], move)
        channel.close()
        posts = {"start": channel.last("game_start"), "moved": channel.bodies("moved"), "end": channel.last("game_end")}
        self.assertEqual((len(posts["moved"]), printed(blocks("ChessBot")[-1], **posts)), (17, ["True", "True"]))
        posts["moved"][10]["uci"] = "e1f1"
        self.assertEqual(printed(blocks("ChessBot")[-1], **posts), ["False", "True"])
        posts["moved"][3]["san"] = "d6"
        self.assertEqual(printed(blocks("ChessBot")[-1], **posts), ["False", "False"])

    def test_of_bargain_bot(self):
        channel = created("BargainBot")
        for seat, price, days in (("s1", 7001, 14), ("s2", 7100, 7)):
            channel.dm_effects(seat, price=price, days=days)
        posts = {"game_start": channel.last("game_start"), "sealed": channel.bodies("sealed"), "game_end": channel.last("game_end")}
        code = blocks("BargainBot")[-1]
        self.assertEqual(printed(code, **posts), ["True", "True", "[{'price':", "7050,", "'days':", "10}]"])
        self.assertEqual(posts["game_end"]["deal"], {"price": 7050, "days": 10})
        opened = posts["game_end"]["opened"][1]
        opened["text"] = opened["text"].replace("7100", "7300")
        self.assertEqual(printed(code, **posts)[:4], ["True", "False", "[{'price':", "7150,"])

    def test_of_auction_bot(self):
        channel = created("AuctionBot")
        channel.dm_effects("s1", "reserve 100")
        channel.dm_effects("s2", "bid 150")
        channel.dm_effects("s3", "bid 120")
        posts = {name: channel.last(name) for name in ("game_start", "reserve_sealed", "game_end")}
        posts["sealed"], code = channel.bodies("sealed"), blocks("AuctionBot")[-1]
        self.assertEqual(printed(code, **posts), ["True", "True", "True", "s2", "120"])
        end = posts["game_end"]
        self.assertEqual((end["winner"], end["price"]), ("s2", 120))
        end["bids"][1]["text"] = end["bids"][1]["text"].replace("120", "149")
        end["reserve_proof"]["text"] = end["reserve_proof"]["text"].replace("100", "160")
        self.assertEqual(printed(code, **posts), ["False", "True", "False", "unsold"])


if __name__ == "__main__":
    unittest.main()
