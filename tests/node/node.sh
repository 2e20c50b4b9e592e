#!/bin/sh
# Prints the path of a node that is new enough: the machine's, or one that it installs under target/.
set -eu

home="$(cd "$(dirname "$0")/../.." && pwd)/target/node"
version=22.23.3

command -v npm >/dev/null || {
  printf '%s\n' 'npm is missing: https://nodejs.org has it, with node.' >&2
  exit 1
}

major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${major:-0}" -ge 22 ]; then
  command -v node
  exit
fi
node="$home/node_modules/node/bin/node"
if [ "$("$node" --version 2>/dev/null)" != "v$version" ]; then
  mkdir -p "$home"
  npm install --prefix "$home" --no-save --no-package-lock --no-audit --no-fund "node@$version" >&2
fi
echo "$node"
