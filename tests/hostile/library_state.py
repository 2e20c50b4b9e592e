# tries: to change a library for its next hook
# on: guards, facades; held
# off: process; held
# says: attack, look
import copy
import dataclasses
import decimal
import email.charset
import functools
import http.client
import json
import random
import socket
import string
import urllib.parse
import urllib.request


def writing_a_module(ctx):
    json.loads = None


def writing_a_class(ctx):
    json.JSONEncoder.default = None


def writing_the_alphabet(ctx):
    string.ascii_letters = ""


def setting_by_text(ctx):
    setattr(http.client.HTTPResponse, "read", None)


def deleting(ctx):
    delattr(json, "dumps")


def by_cached_property(owner, name):
    cached = functools.cached_property(lambda self: "hostile")
    cached.__set_name__(None, name)
    cached.__get__(owner)


def by_dataclass(owner, name):
    dataclasses.make_dataclass("Made", [name]).__init__(owner, "hostile")


def by_copy(owner, name):
    copy.copy(type("Made", (), {"__reduce_ex__": lambda self, protocol: (lambda: owner, (), {name: "hostile"})})())


class Bot:
    def on_message(self, msg):
        if msg["body"]["text"] == "attack":
            refused = []
            for attempt in (writing_a_module, writing_a_class, writing_the_alphabet, setting_by_text, deleting):
                if not self.ctx.params["policy"]:
                    break
                try:
                    attempt(self.ctx)
                except (TypeError, AttributeError):
                    refused.append(attempt.__name__)
                    continue
                REACHED.append(attempt.__name__)
            http.client.responses[200] = "hostile"
            urllib.parse.uses_netloc.append("hostile")
            decimal.DefaultContext.prec = 3
            decimal.getcontext().prec = 4
            urllib.request.install_opener(None)
            socket.setdefaulttimeout(0.001)
            for write in (by_cached_property, by_dataclass, by_copy):
                if not self.ctx.params["policy"]:
                    break
                try:
                    write(json, "dumps")
                except (TypeError, AttributeError):
                    continue
            random.seed(1)
            random.gauss(0, 1)
            escaped = {}
        else:
            refused = ["asked"]
            escaped = {
                "responses": http.client.responses[200] == "hostile",
                "schemes": "hostile" in urllib.parse.uses_netloc,
                "time-out": socket.getdefaulttimeout() is not None,
                "facade": not callable(json.dumps),
                "digits": str(decimal.Decimal(1) / 3) != "0." + 28 * "3",
            }
            escaped = {name: found for name, found in escaped.items() if found and self.ctx.params["policy"]}
        self.ctx.post("bot", {"text": "over", "escaped": escaped, "refused": refused, "reached": REACHED})
