# tries: every name in the importable modules that could be a module or belong to the interpreter, three levels deep
# on: facades; held
# off: landlock, seccomp, namespaces; held
MODULES = """
    abc base64 bisect certifi charset_normalizer collections collections.abc copy dataclasses datetime decimal email
    email.message email.utils email.generator email.policy email.parser email.header email.charset enum fractions
    functools hashlib heapq hmac http http.client http.cookies http.cookiejar http.server idna io itertools json
    json.decoder json.encoder json.scanner json.tool math operator random re requests requests.adapters requests.utils
    requests.sessions requests.compat requests.certs requests.auth secrets socket ssl statistics string sys textwrap
    time traceback typing unicodedata urllib urllib.parse urllib.request urllib.error urllib.response urllib.robotparser
    urllib3 urllib3.util urllib3.connection urllib3.util.ssl_ urllib3.util.url urllib3.contrib uuid warnings weakref
    zoneinfo
""".split()
NAMES = """
    os sys builtins io posix subprocess importlib inspect linecache ctypes shutil tempfile codecs types gc marshal
    pickle copyreg tokenize threading select selectors signal glob pathlib platform zipfile zipimport multiprocessing
    mmap fcntl resource runpy pkgutil imp token contextlib functools operator socket socketserver mimetypes modules
    meta_path path_hooks compat utils adapters util ssl_ tool scanner decoder nturl2path bz2 winreg atexit array struct
    logging warnings weakref re random time datetime queue asyncio concurrent site sysconfig abc collections
""".split()


def search(value, path, depth, found):
    for name in NAMES:
        try:
            inner = getattr(value, name)
        except Exception:
            continue
        kind = type(inner).__name__
        if kind == "module":
            found.append((path + "." + name, inner))
        elif kind == "Facade" and depth:
            search(inner, path + "." + name, depth - 1, found)


def crawled(ctx):
    found = []
    for name in MODULES:
        try:
            search(IMPORT[name](), name, 2, found)
        except Exception:
            continue
    if not found:
        raise LookupError("only facades")
    REACHED.append([path for path, _ in found][:20])
    for path, module in found:
        if path.endswith(".os"):
            return loot(module, ctx.params)
    raise LookupError("no os")


def plain(name):
    # Without `__import__`, each import needs a statement of its own.
    if name == "email":
        import email.utils, email.generator, email.policy, email.parser, email.header, email.charset, email.message

        return email
    if name == "http":
        import http.client, http.cookies, http.cookiejar, http.server

        return http
    if name == "urllib":
        import urllib.request, urllib.robotparser, urllib.response, urllib.error

        return urllib
    if name == "requests":
        import requests.adapters, requests.utils, requests.sessions, requests.compat, requests.certs, requests.auth

        return requests
    if name == "urllib3":
        import urllib3.util.ssl_, urllib3.connection, urllib3.contrib

        return urllib3
    if name == "json":
        import json.tool, json.decoder, json.scanner

        return json
    if name == "sys":
        import sys

        return sys
    if name == "io":
        import io

        return io
    if name == "traceback":
        import traceback

        return traceback
    if name == "typing":
        import typing

        return typing
    if name == "warnings":
        import warnings

        return warnings
    if name == "dataclasses":
        import dataclasses

        return dataclasses
    if name == "enum":
        import enum

        return enum
    if name == "random":
        import random

        return random
    if name == "socket":
        import socket

        return socket
    if name == "ssl":
        import ssl

        return ssl
    if name == "uuid":
        import uuid

        return uuid
    if name == "zoneinfo":
        import zoneinfo

        return zoneinfo
    if name == "weakref":
        import weakref

        return weakref
    if name == "statistics":
        import statistics

        return statistics
    if name == "certifi":
        import certifi

        return certifi
    if name == "charset_normalizer":
        import charset_normalizer

        return charset_normalizer
    import collections.abc

    return collections


IMPORT = {name: (lambda name=name: plain(name.partition(".")[0])) for name in MODULES}
ATTEMPTS = [crawled]
