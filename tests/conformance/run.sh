#!/bin/sh
# Installs the Model Context Protocol's conformance suite, and node where the machine's is too old for it, under
# target/, and runs it: see tests/src/bin/conformance/main.rs. Called by make conformance.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
home="$root/target/conformance"
node_version=22.23.3

command -v npm >/dev/null || {
  printf '%s\n' 'npm is missing: https://nodejs.org has it, with node.' >&2
  exit 1
}

mkdir -p "$home/suite" "$home/node"
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/')
if [ "${major:-0}" -ge 22 ]; then
  node=$(command -v node)
else
  node="$home/node/node_modules/node/bin/node"
  if [ "$("$node" --version 2>/dev/null)" != "v$node_version" ]; then
    npm install --prefix "$home/node" --no-save --no-package-lock --no-audit --no-fund "node@$node_version"
  fi
fi

suite="$home/suite"
if ! cmp -s "$here/package-lock.json" "$suite/installed.json"; then
  cp "$here/package.json" "$here/package-lock.json" "$suite/"
  PATH="$(dirname "$node"):$PATH" npm ci --prefix "$suite" --ignore-scripts --no-audit --no-fund
  cp "$here/package-lock.json" "$suite/installed.json"
fi

# The suite writes its findings where it is run.
cd "$home"
exec "$root/target/debug/conformance" "$node" "$suite/node_modules/@modelcontextprotocol/conformance/dist/index.js" "$here"
