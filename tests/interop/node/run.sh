#!/bin/sh
# Installs OAuth clients for Node, and runs test_node_clients.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)

node=$(sh "$here/../node.sh")
sh "$here/../npm.sh" node
NODE="$node" exec "$root/.venv-clients/bin/python" -m unittest discover --start-directory "$here"
