#!/bin/sh
# Runs schemathesis against a relay of its own: each operation of /openapi.json with data that fit their schemas, with
# data that don't, and in sequences. Ends with 0 when no answer was a 5xx or broke the contract.
#
#     tests/schemathesis/run.sh [--max-examples N] [--seed N]
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
venv="$root/target/schemathesis/venv"
lock="$root/tests/schemathesis/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if ! { cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; }; then
    # Finds a Python that will do, or says what is missing.
    sh "$root/bots/python/setup.sh"
    echo "schemathesis: making target/schemathesis/venv"
    rm -rf "$venv"
    "$root/.venv/bin/python" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input \
        --require-hashes --only-binary :all: --requirement "$lock"
    cp "$lock" "$stamp"
fi
exec "$venv/bin/python" "$root/tests/schemathesis/run.py" "$@"
