#!/bin/sh
# Installs the clients that people use, and runs test_cli.py; CLIENTS="-k Codex" runs some of its tests.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
modules="$root/target/interop/cli/node_modules"

node=$(sh "$here/../node.sh")
sh "$here/../npm.sh" cli
# Packages are installed without their scripts. These two put the program for this platform in its place.
PATH="$(dirname "$node"):$PATH"
(cd "$modules/@anthropic-ai/claude-code" && node install.cjs)
(cd "$modules/opencode-ai" && node postinstall.mjs)
# The words of CLIENTS are arguments.
# shellcheck disable=SC2086
NODE="$node" exec "$root/.venv-clients/bin/python" -m unittest discover --verbose --start-directory "$here" ${CLIENTS:-}
