"""A person's browser, without the pictures: keeps cookies, reads the page, presses the button."""

import http.cookiejar
import urllib.error
import urllib.request
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit


class Form(HTMLParser):
    """The first form of a page: where it goes, what is in it, and its buttons by their text."""

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
    """What a person would be looking at when nothing went on by itself."""

    def __init__(self, url, status, text):
        super().__init__(f"{status} at {url.split('?')[0]}")
        self.url, self.status, self.text = url, status, text


class Browser:
    def __init__(self):
        keep = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(keep, StaysPut(), urllib.request.ProxyHandler({}))
        self.clicks = 0

    def visit(self, url, answer=None):
        """Follows a link to where it ends: the address of another site, which is returned, or a `Page`."""
        home = urlsplit(url).netloc
        while True:
            status, location, text = self._request(url, answer)
            if location is None:
                raise Page(url, status, text)
            url, answer = urljoin(url, location), None
            if urlsplit(url).netloc != home:
                return url

    def allow(self, url, button="Allow", **typed):
        """Follows a link, and presses a button if a page asks; returns the address that it all leads to."""
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

    def _request(self, url, answer):
        headers = {"Accept": "text/html"}
        if answer is not None:
            headers["Origin"] = "{0.scheme}://{0.netloc}".format(urlsplit(url))
        try:
            reply = self.opener.open(urllib.request.Request(url, answer, headers))
        except urllib.error.HTTPError as error:
            reply = error
        with reply:
            return reply.status, reply.headers.get("Location"), reply.read().decode()


class StaysPut(urllib.request.HTTPRedirectHandler):
    """Leaves it to the caller whether to follow."""

    def redirect_request(self, *_):
        return None
