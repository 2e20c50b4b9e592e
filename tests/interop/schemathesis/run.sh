#!/bin/sh
# Installs schemathesis, and runs it against a relay: for each operation of /openapi.json it sends data that fit the
# schema, data that don't, and chains of requests. Fails when a reply is a 5xx or breaks the contract.
#
#     tests/interop/schemathesis/run.sh [--max-examples N] [--seed N]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
venv="$root/target/interop/schemathesis/venv"
lock="$here/requirements.txt"
stamp="$venv/.installed-requirements.txt"

install() {
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --requirement "$lock"
}

if ! { cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; }; then
    # Finds a suitable Python, or reports what is missing.
    sh "$root/bots/python/setup.sh"
    echo "Installing schemathesis into target/interop/schemathesis/venv."
    rm -rf "$venv"
    "$root/.venv/bin/python" -m venv "$venv"
    if ! install; then
        cat >&2 <<MSG
interop: the peer 'schemathesis' could not be installed. The command that failed:
  $venv/bin/python -m pip install --require-hashes --only-binary :all: --requirement $lock
Make the Python package index (PyPI) reachable, and run this again.
MSG
        exit 1
    fi
    cp "$lock" "$stamp"
fi
exec "$venv/bin/python" "$here/run.py" "$@"
