#!/usr/bin/env bash
# Makes the entry for the MCP registry, and checks it against the registry's schema.
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

sh examples/demo/setup.sh
url=https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json
hash=3fba09590c99f61735d234822279f4223fab9e300c0a81e81c91ab62a4114de0
schema=$out/server.schema.json
matches() { echo "$hash  $schema" | sha256sum --quiet --check >/dev/null 2>&1; }
matches || curl --silent --show-error --fail --location --max-time 30 --output "$schema" "$url" || true
if ! matches; then
  rm -f "$schema"
  echo "NOT CHECKED: server.json. Its schema could not be downloaded, or has changed: $url" >&2
  schema=
fi
export repository registry_name npm_name pypi_name
.venv-clients/bin/python dist/server_json.py "$version" "$out/packages" "$schema" >"$out/server.json"
mv "$out/server.json" "$out/packages/server.json"
[ -z "$schema" ] || echo 'server.json is valid.'
