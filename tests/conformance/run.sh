#!/bin/sh
# Installs the Model Context Protocol's conformance suite under target/, and runs it: see
# tests/src/bin/conformance/main.rs. Called by make conformance.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home="$root/target/conformance"

node=$(sh "$root/tests/node/node.sh")
sh "$root/tests/node/packages.sh" "$here" "$home/suite"

suite="$home/suite/node_modules/@modelcontextprotocol/conformance/dist/index.js"

# The suite writes its findings where it is run.
cd "$home"
"$root/.venv-clients/bin/python" "$here/authorization.py" "$node" "$suite"
exec "$root/target/debug/conformance" "$node" "$suite" "$here"
