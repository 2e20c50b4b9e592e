#!/bin/sh
# Makes `.venv-clients` at the root of the checkout: the Python of the demo and of tests/python, with the
# official MCP SDK, pinned and hashed. Apart from `.venv`, which holds what bots may import and nothing else.
# Safe to repeat; returns at once when nothing changed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv-clients"
lock="$root/examples/demo/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

# Finds a Python that will do, or says what is missing: PYTHON=/path/to/python3 chooses another.
sh "$root/bots/python/setup.sh"

echo "Making .venv-clients: the MCP client that plays in the demo and the tests. It is downloaded once."
rm -rf "$venv"
"$root/.venv/bin/python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: --requirement "$lock"
"$venv/bin/python" -c 'import mcp.client'
cp "$lock" "$stamp"
