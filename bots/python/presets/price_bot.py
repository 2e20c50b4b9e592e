"""PriceBot: reads one number from one public JSON source, for everybody at the same moment.

Which source, and where in its answer the number stands, is in the params, which everybody can read:

    {"url": "https://api.coinbase.com/v2/prices/BTC-USD/spot", "path": "data.amount", "label": "BTC", "unit": "USD"}

`path` goes into the JSON step by step: names of objects, positions of lists, such as "data.rates.USD" or
"results.0.price". On `!price` (or `price`) the bot fetches the source and posts

    value        the number or text as the source wrote it, digit by digit
    url, path    where it is from          status      the source's HTTP status
    time         when it was asked         body_sha256 the SHA-256 of the whole answer

The relay performs and records the fetch, so that a replay judges this code by the same answer. What it
can't show is that the source told the truth, or that another minute had the same price. A price that is
younger than `cache_seconds` is told again instead of being fetched again, with `cached` and its age.
"""

import datetime
import hashlib
import json

import requests

PARAMS = {"url": None, "path": None, "label": "Price", "unit": "", "cache_seconds": 10}
TIMEOUT = 4  # seconds: a hook may take 5
LARGEST = 200_000  # bytes of an answer
WORDS = ("!price", "price", "price?")


class PriceBot:
    def __init__(self, ctx, params):
        self.ctx = ctx
        self.params = read_params(params or {})
        self.steps = self.params["path"].split(".") if self.params["path"] else []
        self.state = ctx.get_state() or {"asked": 0, "last": None}

    def on_init(self):
        self.ctx.post("bot", {"type": "ready", "source": self.source(),
                              "text": f"{self.params['label']}: say `!price`. I read {self.place()}."})
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
        if action == "price":  # a price is for everybody, or it would be no common knowledge
            self.ctx.dm(slot_id, "private", {"type": "error", "text": "Ask `!price` in the channel: all read it then."})
        else:
            self.ctx.dm(slot_id, "private", self.status() if action == "status" else self.help())

    # ---- The price -------------------------------------------------------------------

    def price(self):
        """The post that answers `!price`."""
        last = self.state["last"]
        if last and self.ctx.now - last["at"] < self.params["cache_seconds"]:
            return self.told(last, cached=True)
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
            return self.failed("TOO_LARGE", f"the source's answer is {len(response.content)} bytes, more than {LARGEST}.")
        try:
            # Numbers stay the texts that they are: no digit is lost on the way.
            answer = json.loads(response.content, parse_float=str, parse_int=str, parse_constant=str)
        except (ValueError, RecursionError):
            return self.failed("NOT_JSON", "the source's answer is not JSON.", response.status_code)
        found, problem = follow(answer, self.steps)
        if problem:
            return self.failed("NO_SUCH_PATH", problem, response.status_code)
        self.state["last"] = {"at": self.ctx.now, "value": found, "status": response.status_code,
                              "body_sha256": hashlib.sha256(response.content).hexdigest()}
        return self.told(self.state["last"], cached=False)

    def told(self, quote, cached):
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

    # ---- Small things ----------------------------------------------------------------

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
    """What stands in `answer` at the end of the path: (text or None, problem or None)."""
    walked = []
    for step in steps:
        here = ".".join(walked) or "the answer"
        if isinstance(answer, dict):
            if step not in answer:
                names = ", ".join(list(answer)[:12]) or "nothing"
                return None, f"{here} has no '{step}'; it has: {names[:300]}."
            answer = answer[step]
        elif isinstance(answer, list):
            if not (step.isascii() and step.isdigit()) or int(step) >= len(answer):
                return None, f"{here} is a list of {len(answer)}; '{step}' is none of its positions."
            answer = answer[int(step)]
        else:
            return None, f"{here} is a single value, so there is no '{step}' in it."
        walked.append(step)
    if isinstance(answer, bool) or not isinstance(answer, str) or not answer or len(answer) > 200:
        return None, f"{'.'.join(walked) or 'the answer'} is neither a number nor a short text."
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
        raise ValueError("'path' must say where the number is, such as \"data.rates.USD\"; \"\" if it is the answer.")
    for name in ("path", "label", "unit"):
        if not isinstance(chosen[name], str) or len(chosen[name]) > 300:
            raise ValueError(f"'{name}' must be a text.")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 <= seconds <= 86400:
        raise ValueError("'cache_seconds' must be a number from 0 to 86400.")
    return chosen


def read(body):
    """What a message asks for, or None for ordinary talk."""
    if body.get("type") == "move":  # as data: {"type": "move", "action": "price"}
        return body["action"] if body.get("action") in ("price", "status", "help") else None
    text = str(body.get("text", "")).strip().lower()
    if text in WORDS:
        return "price"
    return text[1:] if text in ("!status", "!help") else None
