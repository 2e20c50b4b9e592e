"""PriceBot against sources on loopback: `requests` is real here, the network of the relay has tests of its own."""

import hashlib
import http.server
import pathlib
import sys
import threading
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from table import Table, load, types  # noqa: E402

price_bot = load("price_bot")


class Source(http.server.BaseHTTPRequestHandler):
    """Answers /STATUS with what the test put there."""

    answer = b""
    asked = 0

    def do_GET(self):
        type(self).asked += 1
        self.send_response(int(self.path[1:]))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *arguments):
        pass


class PriceTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source)
        cls.thread = threading.Thread(target=cls.server.serve_forever, kwargs={"poll_interval": 0.01})
        cls.thread.start()
        cls.url = f"http://127.0.0.1:{cls.server.server_port}"
        proxies = mock.patch.dict("os.environ", {"NO_PROXY": "127.0.0.1"})
        proxies.start()
        cls.addClassCleanup(proxies.stop)

    @classmethod
    def tearDownClass(cls):
        cls.server.shutdown()
        cls.thread.join()
        cls.server.server_close()

    def table(self, answer, path="data.amount", status=200, **params):
        Source.answer, Source.asked = answer, 0
        table = Table(price_bot.PriceBot, "alice", "bob",
                      **dict({"url": f"{self.url}/{status}", "path": path, "label": "BTC", "unit": "USD"}, **params))
        table.join("s1", "s2")
        return table

    def test_the_value_comes_digit_by_digit(self):
        for written, value in (('"114609.375"', "114609.375"), ("114609.375", "114609.375"), ("1e3", "1e3"),
                               ("12345678901234567890.10", "12345678901234567890.10"), ("-5", "-5")):
            answer = b'{"data": {"amount": ' + written.encode() + b"}}"
            [said] = self.table(answer).say("s1", "!price")
            self.assertEqual((said["type"], said["value"], said["status"], said["cached"]), ("price", value, 200, False))
            self.assertEqual(said["body_sha256"], hashlib.sha256(answer).hexdigest())
            self.assertEqual(said["time"], "2023-11-14T22:13:20Z")
            self.assertIn(f"BTC: {value} USD", said["text"])

    def test_paths(self):
        answer = b'{"data": {"rates": {"USD": "1.5"}, "list": [{"x": 7}], "flag": true}, "7": 8}'
        for path, value in (("data.rates.USD", "1.5"), ("data.list.0.x", "7"), ("7", "8")):
            self.assertEqual(self.table(answer, path).say("s1", "price")[0]["value"], value)
        self.assertEqual(self.table(b"42", "").say("s1", "price")[0]["value"], "42")
        for path, word in (("data.rate", "data has no 'rate'; it has: rates, list, flag"), ("data.list.1", "a list of 1"),
                           ("data.list.x", "none of its positions"), ("data.rates.USD.x", "a single value"),
                           ("data", "neither a number"), ("data.flag", "neither a number")):
            [said] = self.table(answer, path).say("s1", "price")
            self.assertEqual((said["type"], said["reason"]), ("price_error", "NO_SUCH_PATH"))
            self.assertIn(word, said["text"])

    def test_a_source_that_fails_is_said_in_words(self):
        for answer, status, reason in ((b"gone", 404, "BAD_STATUS"), (b"<html>", 200, "NOT_JSON"), (b"\xff\xfe\xfd", 200, "NOT_JSON"),
                                       (b"[" * 100_000, 200, "NOT_JSON"), (b'"' + b"x" * 200_001 + b'"', 200, "TOO_LARGE")):
            with self.subTest(reason):
                [said] = self.table(answer, status=status).say("s1", "!price")
                self.assertEqual((said["type"], said["reason"]), ("price_error", reason))
        table = self.table(b"1", "", url="http://127.0.0.1:1/")
        self.assertEqual(table.say("s1", "price")[0]["reason"], "UNREACHABLE")
        with mock.patch.object(price_bot.requests, "get", side_effect=price_bot.requests.exceptions.ReadTimeout):
            self.assertEqual(table.say("s1", "price")[0]["reason"], "TIMEOUT")

    def test_a_young_price_is_told_again(self):
        table = self.table(b"1", "")
        table.say("s1", "price")
        table.now += 9
        [said] = table.say("s2", "!price")
        self.assertEqual((said["cached"], said["age_seconds"], Source.asked), (True, 9, 1))
        table.now += 1
        self.assertEqual((table.say("s2", "price")[0]["cached"], Source.asked), (False, 2))
        self.assertEqual(table.say("s1", "!status")[0]["asked"], 2)

    def test_words_and_data(self):
        table = self.table(b"1", "")
        self.assertEqual(types(table.say("s1", type="move", action="price")), ["price"])
        self.assertEqual(types(table.say("s1", "!help") + table.say("s1", type="move", action="status")), ["help", "status"])
        for text in ("the price is high", "hello", ""):
            self.assertEqual(table.say("s1", text), [])
        self.assertEqual(table.say("bot:other", "price"), [])
        self.assertEqual(table.hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        self.assertEqual(types(table.dm("s1", "!status") + table.dm("s1", "price")), ["status", "error"])

    def test_params(self):
        for params, word in (({}, "'url'"), ({"url": "ftp://x"}, "'url'"), ({"url": "https://x"}, "'path'"),
                             ({"url": "https://x", "path": 3}, "'path'"), ({"ur": 1}, "no parameter 'ur'"),
                             ({"url": "https://x", "path": "", "cache_seconds": -1}, "'cache_seconds'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                Table(price_bot.PriceBot, "alice", **params)


if __name__ == "__main__":
    unittest.main()
