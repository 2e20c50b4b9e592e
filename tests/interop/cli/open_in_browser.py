"""The browser that clients open for a login: `open_in_browser.py URL ACCESS_CODE`.

It enters the access code, presses "Allow", and follows the redirect back to the client.
"""

import sys
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "python"))

from browser import Browser  # noqa: E402

callback = Browser().allow(sys.argv[1], access_code=sys.argv[2])
with urllib.request.urlopen(callback) as page:
    page.read()
