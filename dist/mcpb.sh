#!/usr/bin/env bash
# Packs the stdio server as an MCP bundle, which Claude Desktop installs with a click. `mcpb` validates and packs it.
#
#   dist/mcpb.sh [PROGRAM [PLATFORM]]     platforms: linux, darwin (untested), win32 (untested)
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

program=${1:-$stage/bin/mcp-multiplayer}
platform=${2:-linux}
[ -x "$program" ] || fail 'Run dist/programs.sh first.'
command -v npm >/dev/null || fail 'npm is missing (Debian, Ubuntu: sudo apt install npm).'
tool=$out/mcpb-tool
if ! cmp -s dist/mcpb/package-lock.json "$tool/installed.json"; then
  mkdir -p "$tool"
  cp dist/mcpb/package.json dist/mcpb/package-lock.json "$tool/"
  npm ci --prefix "$tool" --ignore-scripts --no-audit --no-fund --loglevel=error
  cp dist/mcpb/package-lock.json "$tool/installed.json"
fi

bundle=$out/mcpb
rm -rf "$bundle"
mkdir -p "$bundle/server"
install -m 755 "$program" "$bundle/server/"
install -m 644 dist/mcpb/icon.png LICENSE-MIT LICENSE-APACHE "$licenses" "$bundle/"
fill dist/mcpb/manifest.json | sed "s/@PROGRAM@/$(basename "$program")/; s/@PLATFORM@/$platform/" >"$bundle/manifest.json"
PATH=$tool/node_modules/.bin:$PATH
mcpb validate "$bundle/manifest.json"
mcpb pack "$bundle" "$out/packages/mcp-multiplayer-$version-$platform-$node_arch.mcpb"
rm -rf "$bundle"
