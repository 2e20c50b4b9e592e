"""A minimal browser: keeps cookies, follows redirects, and submits forms."""

import http.cookiejar
import urllib.error
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit


class Form(HTMLParser):
    """The first form of a page: its action, its fields, and its buttons by their text."""

    def __init__(self, page):
        super().__init__()
        self.action, self.fields, self.buttons = None, {}, {}
        self._button = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "form" and self.action is None:
            self.action = attributes.get("action", "")
        elif tag == "input" and "name" in attributes:
            self.fields[attributes["name"]] = attributes.get("value", "")
        elif tag == "button":
            self._button = attributes.get("name"), attributes.get("value", "")

    def handle_data(self, data):
        if self._button and data.strip():
            self.buttons[data.strip()] = self._button
            self._button = None


class Page(Exception):
    """The page at which the browser stopped: one that redirects no further."""

    def __init__(self, url, status, text):
        super().__init__(f"{status} at {url.split('?')[0]}")
        self.url, self.status, self.text = url, status, text


class Browser:
    def __init__(self):
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies, NoRedirect(), urllib.request.ProxyHandler({}))
        self.clicks = 0

    def visit(self, url, form=None):
        """Follows redirects until they leave the site; returns that URL. Raises `Page` if they end on the site."""
        home = urlsplit(url).netloc
        while True:
            status, location, text = self._request(url, form)
            if location is None:
                raise Page(url, status, text)
            url, form = urljoin(url, location), None
            if urlsplit(url).netloc != home:
                return url

    def allow(self, url, button="Allow", **typed):
        """Like `visit`, but presses a button if a page has it; `typed` fills fields of the form."""
        try:
            return self.visit(url)
        except Page as page:
            form = Form(page.text)
            if button not in form.buttons:
                raise
            self.clicks += 1
            name, value = form.buttons[button]
            fields = form.fields | typed | ({name: value} if name else {})
            return self.visit(urljoin(page.url, form.action), urlencode(fields).encode())

    def _request(self, url, form):
        headers = {"Accept": "text/html"}
        if form is not None:
            headers["Origin"] = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        try:
            reply = self.opener.open(urllib.request.Request(url, form, headers))
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return reply.status, reply.headers.get("Location"), reply.read().decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Returns redirects to the caller instead of following them."""

    def redirect_request(self, *_):
        return None
