"""PriceBot with sources on loopback, through the real `requests`. Egress through the relay is tested elsewhere."""

import hashlib
import http.server
import pathlib
import sys
import threading
import unittest
from unittest import mock

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

from fake_channel import FakeChannel, load, types  # noqa: E402

price_bot = load("price_bot")


class Source(http.server.BaseHTTPRequestHandler):
    """Responds to /STATUS with that status and the body in `answer`."""

    answer = b""
    request_count = 0

    def do_GET(self):
        type(self).request_count += 1
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

    def channel(self, answer, path="data.amount", status=200, **params):
        Source.answer, Source.request_count = answer, 0
        channel = FakeChannel(price_bot.PriceBot, "alice", "bob",
                      **dict({"url": f"{self.url}/{status}", "path": path, "label": "BTC", "unit": "USD"}, **params))
        channel.join("s1", "s2")
        return channel

    def test_the_value_is_posted_exactly_as_written(self):
        for written, value in (('"114609.375"', "114609.375"), ("114609.375", "114609.375"), ("1e3", "1e3"),
                               ("12345678901234567890.10", "12345678901234567890.10"), ("-5", "-5")):
            answer = b'{"data": {"amount": ' + written.encode() + b"}}"
            [posted] = self.channel(answer).post("s1", "!price")
            self.assertEqual((posted["type"], posted["value"], posted["status"], posted["cached"]), ("price", value, 200, False))
            self.assertEqual(posted["body_sha256"], hashlib.sha256(answer).hexdigest())
            self.assertEqual(posted["time"], "2023-11-14T22:13:20Z")
            self.assertIn(f"BTC: {value} USD", posted["text"])

    def test_paths_select_a_number(self):
        answer = b'{"data": {"rates": {"USD": "1.5"}, "list": [{"x": 7}], "flag": true}, "7": 8}'
        for path, value in (("data.rates.USD", "1.5"), ("data.list.0.x", "7"), ("7", "8")):
            self.assertEqual(self.channel(answer, path).post("s1", "price")[0]["value"], value)
        self.assertEqual(self.channel(b"42", "").post("s1", "price")[0]["value"], "42")
        for path, word in (("data.rate", "data has no 'rate'; it has: rates, list, flag"), ("data.list.1", "a list of 1"),
                           ("data.list.x", "without a position"), ("data.rates.USD.x", "a single value"),
                           ("data", "neither a number"), ("data.flag", "neither a number")):
            [posted] = self.channel(answer, path).post("s1", "price")
            self.assertEqual((posted["type"], posted["reason"]), ("price_error", "NO_SUCH_PATH"))
            self.assertIn(word, posted["text"])

    def test_failures_of_the_source_are_explained(self):
        for answer, status, reason in ((b"gone", 404, "BAD_STATUS"), (b"<html>", 200, "NOT_JSON"), (b"\xff\xfe\xfd", 200, "NOT_JSON"),
                                       (b"[" * 100_000, 200, "NOT_JSON"), (b'"' + b"x" * 200_001 + b'"', 200, "TOO_LARGE")):
            with self.subTest(reason):
                [posted] = self.channel(answer, status=status).post("s1", "!price")
                self.assertEqual((posted["type"], posted["reason"]), ("price_error", reason))
        channel = self.channel(b"1", "", url="http://127.0.0.1:1/")
        self.assertEqual(channel.post("s1", "price")[0]["reason"], "UNREACHABLE")
        with mock.patch.object(price_bot.requests, "get", side_effect=price_bot.requests.exceptions.ReadTimeout):
            self.assertEqual(channel.post("s1", "price")[0]["reason"], "TIMEOUT")

    def test_a_recent_price_is_posted_from_the_cache(self):
        channel = self.channel(b"1", "")
        channel.post("s1", "price")
        channel.now += 9
        [posted] = channel.post("s2", "!price")
        self.assertEqual((posted["cached"], posted["age_seconds"], Source.request_count), (True, 9, 1))
        channel.now += 1
        self.assertEqual((channel.post("s2", "price")[0]["cached"], Source.request_count), (False, 2))
        self.assertEqual(channel.post("s1", "!status")[0]["asked"], 2)

    def test_commands_as_text_and_as_data(self):
        channel = self.channel(b"1", "")
        self.assertEqual(types(channel.post("s1", type="move", action="price")), ["price"])
        self.assertEqual(types(channel.post("s1", "!help") + channel.post("s1", type="move", action="status")), ["help", "status"])
        for text in ("the price is high", "hello", ""):
            self.assertEqual(channel.post("s1", text), [])
        self.assertEqual(channel.post("bot:other", "price"), [])
        self.assertEqual(channel.run_hook("on_message", {"sender": "s1", "kind": "user", "body": None}), [])
        self.assertEqual(types(channel.dm("s1", "!status") + channel.dm("s1", "price")), ["status", "error"])

    def test_invalid_params_are_refused(self):
        for params, word in (({}, "'url'"), ({"url": "ftp://x"}, "'url'"), ({"url": "https://x"}, "'path'"),
                             ({"url": "https://x", "path": 3}, "'path'"), ({"ur": 1}, "no parameter 'ur'"),
                             ({"url": "https://x", "path": "", "cache_seconds": -1}, "'cache_seconds'")):
            with self.subTest(params), self.assertRaisesRegex(ValueError, word):
                FakeChannel(price_bot.PriceBot, "alice", **params)


if __name__ == "__main__":
    unittest.main()
