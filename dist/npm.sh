#!/usr/bin/env bash
# Packs the stdio server as an npm package, which carries the program of one or more platforms.
#
#   dist/npm.sh [PLATFORM-ARCH=PROGRAM...]     names of Node, such as darwin-arm64; that of dist/stage without arguments
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

programs=("$@")
[ ${#programs[@]} -gt 0 ] || programs=("linux-$node_arch=$stage/bin/mcp-multiplayer")
command -v npm >/dev/null || fail 'npm is missing (Debian, Ubuntu: sudo apt install npm).'
package=$out/npm
rm -rf "$package"
for entry in "${programs[@]}"; do
  [ -x "${entry#*=}" ] || fail "${entry#*=} is missing. Run dist/programs.sh first."
  mkdir -p "$package/programs/${entry%%=*}"
  install -m 755 "${entry#*=}" "$package/programs/${entry%%=*}/"
done
install -m 755 dist/npm/launch.js "$package/"
install -m 644 LICENSE-MIT LICENSE-APACHE "$licenses" "$package/"
fill dist/npm/package.json >"$package/package.json"
fill dist/npm/README.md >"$package/README.md"
npm pack "$package" --pack-destination "$out/packages" --loglevel=error
rm -rf "$package"
