#!/bin/sh
# Makes `target/peer/venv`: the Python environment of the original Python system, pinned by hashes, for
# `make bench PEER=path`. Safe to repeat; returns at once when nothing has changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
venv="$root/target/peer/venv"
lock="$here/requirements.txt"
stamp="$venv/.installed-requirements.txt"

if cmp -s "$lock" "$stamp" && "$venv/bin/python" -c '' 2>/dev/null; then
    exit 0
fi

# Finds a suitable Python, or reports what is missing.
sh "$root/bots/python/setup.sh"
echo 'Creating target/peer/venv, with the packages of the original system. They are downloaded once.'
rm -rf "$venv"
"$root/.venv/bin/python" -m venv "$venv"
# The file lists all dependencies. Without --no-deps, pip looks for them again and finds versions that are not pinned.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input --no-deps \
    --require-hashes --only-binary :all: --requirement "$lock"
cp "$lock" "$stamp"
