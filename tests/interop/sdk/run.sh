#!/bin/sh
# Installs fastmcp and the SDKs for TypeScript, and runs test_sdk.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv="$root/target/interop/sdk/venv"
lock="$here/requirements.txt"
stamp="$venv/.installed-requirements.txt"

node=$(sh "$here/../node.sh")
sh "$here/../npm.sh" sdk
if ! { cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; }; then
    echo "Installing fastmcp into target/interop/sdk/venv."
    rm -rf "$venv"
    "$root/.venv/bin/python" -m venv "$venv"
    if ! "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --requirement "$lock"; then
        cat >&2 <<MSG
interop: the packages of the peer 'sdk' could not be installed. The command that failed:
  $venv/bin/python -m pip install --require-hashes --only-binary :all: --requirement $lock
Make the Python package index (PyPI) reachable, and run this again.
MSG
        exit 1
    fi
    cp "$lock" "$stamp"
fi
NODE="$node" exec "$venv/bin/python" -m unittest discover --verbose --start-directory "$here"
