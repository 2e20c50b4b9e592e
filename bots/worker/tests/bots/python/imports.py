import base64, bisect, collections, copy, datetime, decimal, email, fractions, hashlib, heapq, hmac, io
import itertools, functools, json, math, operator, random, re, secrets, socket, ssl, statistics, string, sys
import textwrap, time, traceback, typing, unicodedata, urllib, urllib3, uuid, warnings, weakref, zoneinfo
import certifi, charset_normalizer, idna, requests, http
import http.client, http.cookies, urllib.parse, urllib.request, urllib.error, email.message, collections.abc, requests.exceptions
import urllib.parse as parse
from collections import Counter, deque
from datetime import timedelta
from email.mime.text import MIMEText
from http import HTTPStatus
from json import JSONDecodeError
from typing import Any, Callable, Iterator, TypedDict
from urllib.parse import urlencode, urlparse
from zoneinfo import ZoneInfo

try:
    import numpy
except ImportError:
    numpy = None

class Options(TypedDict, total=False):
    limit: int

class Bot:
    def on_init(self):
        out = []
        out.append([numpy, math.floor(math.pi), json.loads(json.dumps({'a': [1]})), base64.b64encode(b'a').decode()])
        out.append([hashlib.sha256(b'x').hexdigest()[:8], hmac.new(b'k', b'm', 'sha256').hexdigest()[:4], len(secrets.token_hex(4))])
        out.append(re.findall(r'guess\s+(\d+)', 'guess 42, guess 7'))
        out.append([Counter('aab').most_common(1), list(deque([1, 2], maxlen=1)), bisect.bisect([1, 3], 2), heapq.nsmallest(1, [3, 2])])
        out.append([str(decimal.Decimal('0.1') + decimal.Decimal('0.2')), str(fractions.Fraction(1, 3)), statistics.mean([1, 3])])
        when = datetime.datetime.fromtimestamp(self.ctx.now, datetime.timezone.utc)
        out.append([when.isoformat(), (when + timedelta(days=1)).strftime('%Y-%m-%d'), when.astimezone(ZoneInfo('Europe/Paris')).hour])
        out.append([urlencode({'a': 'b c'}), urlparse('https://x.org/p').netloc, parse.quote('/'), urllib.parse.unquote('%41')])
        out.append([list(itertools.islice(itertools.count(), 3)), functools.reduce(operator.add, [1, 2]), operator.attrgetter('real')(2), operator.methodcaller('upper')('a')])
        out.append([string.ascii_lowercase[:3], string.Template('$a').substitute(a=1), string.Formatter().format('{0}', 2), textwrap.shorten('a b c', 4, placeholder='')])
        out.append([HTTPStatus.OK.value, issubclass(requests.exceptions.ConnectionError, OSError), callable(requests.get), http.client.OK])
        out.append([isinstance([], collections.abc.Sequence), copy.deepcopy({'a': [1]}), unicodedata.name('a'), str(uuid.UUID(int=1))[-1]])
        out.append([sys.version_info >= (3, 11), sys.maxsize > 0, sys.argv, time.time() > 0, socket.AF_INET == 2])
        text = io.StringIO()
        print('to a file', end='', file=text)
        out.append([text.getvalue(), io.BytesIO(b'x').read().decode(), MIMEText('hi').get_payload()])
        try:
            json.loads('{')
        except JSONDecodeError as error:
            out.append(traceback.format_exc().splitlines()[-1][:21])
        out.append([random.Random(5).randint(1, 1), sorted(random.sample(range(3), 3)), random.choice('a')])
        self.ctx.post('bot', {'out': out})
