#!/bin/sh
# Installs the Model Context Protocol's conformance suite, and runs it: its part on authorization servers by
# authorization.py, the rest by tests/src/bin/conformance.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
home="$root/target/interop/conformance"
cd "$root"
programs=$(cd "${MCP_MULTIPLAYER_BIN_DIR:-target/debug}" && pwd)

node=$(sh "$here/../node.sh")
sh "$here/../npm.sh" conformance
suite="$home/node_modules/@modelcontextprotocol/conformance/dist/index.js"

# The suite writes its results into the working directory.
cd "$home"
"$root/.venv-clients/bin/python" "$here/authorization.py" "$node" "$suite"
exec "$programs/conformance" "$node" "$suite" "$here"
