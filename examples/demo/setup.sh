#!/bin/sh
# Makes `.venv-clients` at the root of the checkout: the Python environment of the demo and of tests/python, with the
# official MCP SDK, pinned by hashes. It is separate from `.venv`, which contains only what bots may import.
# Safe to repeat; returns at once when nothing has changed.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/.venv-clients"
lock="$root/examples/demo/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

# Finds a suitable Python, or reports what is missing: PYTHON=/path/to/python3 selects another.
sh "$root/bots/python/setup.sh"

echo "Creating .venv-clients, with the MCP client for the demo and the tests. The packages are downloaded once."
rm -rf "$venv"
"$root/.venv/bin/python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
    --require-hashes --only-binary :all: --requirement "$lock"
"$venv/bin/python" -c 'import mcp.client'
cp "$lock" "$stamp"
