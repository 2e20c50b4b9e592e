"""PriceBot: reads a number from a public JSON source, and posts it so that everybody has the same one.

The params say which source, and where in its response the number is. Everybody can read them:

    {"url": "https://api.coinbase.com/v2/prices/BTC-USD/spot", "path": "data.amount", "label": "BTC", "unit": "USD"}

`path` consists of names of objects and positions in lists, such as "data.rates.USD" or "results.0.price".
On `!price` (or `price`) the bot fetches the source and posts

    value        the number or text, with exactly the source's digits
    url, path    the source                status      the HTTP status of the response
    time         when it was fetched       body_sha256 the SHA-256 of the whole response

The relay performs and records the fetch, so that a replay gets the same response. That does not prove that the
source told the truth, nor what the price was at any other time. If the last price is younger than `cache_seconds`,
it is posted again instead of being fetched, with `cached` and its age.
"""

import datetime
import hashlib
import json

import requests

PARAMS = {"url": None, "path": None, "label": "Price", "unit": "", "cache_seconds": 10}
TIMEOUT = 4  # seconds: a hook may take 5
LARGEST = 200_000  # bytes of a response
WORDS = ("!price", "price", "price?")


class PriceBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.steps = self.params["path"].split(".") if self.params["path"] else []
        self.state = ctx.get_state() or {"asked": 0, "last": None}

    def on_init(self):
        self.ctx.post("bot", {"type": "ready", "source": self.source(),
                              "text": f"Post `!price` for the price of {self.params['label']}. I read {self.place()}."})
        self.ctx.set_state(self.state)

    def on_message(self, msg):
        if msg["sender"].startswith("bot:") or msg["kind"] != "user":
            return
        action = read(msg["body"] or {})
        if action == "price":
            self.ctx.post("bot", self.price())
            self.ctx.set_state(self.state)
        elif action == "status":
            self.ctx.post("bot", self.status())
        elif action == "help":
            self.ctx.post("bot", self.help())

    def on_private_message(self, slot_id, msg):
        if slot_id not in [player["slot_id"] for player in self.ctx.players]:
            return
        action = read(msg)
        if action == "price":  # everybody must get the same price
            self.ctx.dm(slot_id, "private", {"type": "error", "text": "Post `!price` in the channel: everybody sees it there."})
        else:
            self.ctx.dm(slot_id, "private", self.status() if action == "status" else self.help())

    # ---- The price -------------------------------------------------------------------

    def price(self):
        """Returns the answer to `!price`."""
        last = self.state["last"]
        if last and self.ctx.now - last["at"] < self.params["cache_seconds"]:
            return self.quoted(last, cached=True)
        self.state["asked"] += 1
        try:
            response = requests.get(self.params["url"], timeout=TIMEOUT, headers={"Accept": "application/json"})
        except requests.exceptions.Timeout:
            return self.failed("TIMEOUT", f"the source did not answer within {TIMEOUT} s. Try again later.")
        except requests.exceptions.RequestException as error:
            return self.failed("UNREACHABLE", f"the source can't be reached: {type(error).__name__}: {error}"[:500])
        if response.status_code != 200:
            return self.failed("BAD_STATUS", f"the source answered HTTP {response.status_code}.", response.status_code)
        if len(response.content) > LARGEST:
            return self.failed("TOO_LARGE", f"the source's response is {len(response.content)} bytes, more than {LARGEST}.")
        try:
            # Numbers are kept as texts, so that no digit is lost.
            answer = json.loads(response.content, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError):
            return self.failed("NOT_JSON", "the source's response is not JSON.", response.status_code)
        found, problem = follow(answer, self.steps)
        if problem:
            return self.failed("NO_SUCH_PATH", problem, response.status_code)
        self.state["last"] = {"at": self.ctx.now, "value": found, "status": response.status_code,
                              "body_sha256": hashlib.sha256(response.content).hexdigest()}
        return self.quoted(self.state["last"], cached=False)

    def quoted(self, quote, cached):
        age = round(self.ctx.now - quote["at"])
        when = f", {age} s ago" if cached else ""
        unit = f" {self.params['unit']}" if self.params["unit"] else ""
        return {"type": "price", "label": self.params["label"], "value": quote["value"], "unit": self.params["unit"],
                "time": timestamp(quote["at"]), "cached": cached, "age_seconds": age, "status": quote["status"],
                "body_sha256": quote["body_sha256"], **self.source(),
                "text": f"{self.params['label']}: {quote['value']}{unit}, from {self.place()} at "
                        f"{timestamp(quote['at'])}{when}."}

    def failed(self, reason, details, status=None):
        return {"type": "price_error", "reason": reason, "details": details, "status": status,
                "time": timestamp(self.ctx.now), **self.source(),
                "text": f"No {self.params['label']} price: {details}"}

    # ---- Status and help -------------------------------------------------------------

    def source(self):
        return {"url": self.params["url"], "path": self.params["path"]}

    def place(self):
        return f"`{self.params['path']}` of {self.params['url']}" if self.steps else self.params["url"]

    def status(self):
        last = self.state["last"]
        known = f"the last price is {last['value']}, of {timestamp(last['at'])}" if last else "no price yet"
        return {"type": "status", "asked": self.state["asked"], "last": last, "source": self.source(),
                "text": f"{self.params['label']}: {known}. Source: {self.place()}."}

    def help(self):
        return {"type": "help", "commands": ["!price", "!status", "!help"],
                "text": f"!price - {self.params['label']} now, from {self.place()}; !status; !help. "
                        "Programs post {\"type\": \"move\", \"action\": \"price\"} as data."}


def follow(answer, steps):
    """Follows a path into `answer`: returns (text, None), or (None, problem)."""
    walked = []
    for step in steps:
        here = ".".join(walked) or "the response"
        if isinstance(answer, dict):
            if step not in answer:
                names = ", ".join(list(answer)[:12]) or "nothing"
                return None, f"{here} has no '{step}'; it has: {names[:300]}."
            answer = answer[step]
        elif isinstance(answer, list):
            if not (step.isascii() and step.isdigit()) or int(step) >= len(answer):
                return None, f"{here} is a list of {len(answer)} items, without a position '{step}'."
            answer = answer[int(step)]
        else:
            return None, f"{here} is a single value, without a '{step}'."
        walked.append(step)
    if isinstance(answer, bool) or not isinstance(answer, str) or not answer or len(answer) > 200:
        return None, f"{'.'.join(walked) or 'the response'} is neither a number nor a short text."
    return answer, None


def timestamp(seconds):
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def read_params(params):
    chosen = dict(PARAMS)
    for name in params:
        if name not in chosen:
            raise ValueError(f"PriceBot has no parameter '{name}'. It has: {', '.join(chosen)}.")
    chosen.update(params)
    url, seconds = chosen["url"], chosen["cache_seconds"]
    if not (isinstance(url, str) and url.startswith(("https://", "http://")) and len(url) < 2000):
        raise ValueError("'url' must be the http or https address of a JSON source.")
    if chosen["path"] is None:
        raise ValueError("'path' must say where the number is, such as \"data.rates.USD\", or \"\" for the whole response.")
    for name in ("path", "label", "unit"):
        if not isinstance(chosen[name], str) or len(chosen[name]) > 300:
            raise ValueError(f"'{name}' must be a text.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 86400:
        raise ValueError("'cache_seconds' must be a number from 0 to 86400.")
    return chosen


def read(body):
    """Parses a message: returns the action, or None for conversation."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "price"}
        return body["action"] if body.get("action") in ("price", "status", "help") else None
    text = str(body.get("text", "")).strip().lower()
    if text in WORDS:
        return "price"
    return text[1:] if text in ("!status", "!help") else None
