#!/bin/sh
# Runs the OAuth clients of others that are written for node; see test_node_clients.py.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)

node=$(sh "$here/node.sh")
sh "$here/packages.sh" "$here" "$root/target/node-clients"
NODE="$node" exec "$root/.venv-clients/bin/python" -m unittest discover --start-directory "$here"
