#!/usr/bin/env bash
# UNTESTED. Makes a draft of a release on GitHub out of the packages of all platforms.
#
#   dist/draft.sh DIRECTORY TAG     the directory with the packages that dist/build.sh and dist/desktop.sh have made
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

from=$1 tag=$2
[ "$tag" = "v$version" ] || fail "The tag $tag is not that of version $version."
rm -rf "$out/packages"
mkdir -p "$out/packages" "$out/programs"
find "$from" -type f ! -name SHA256SUMS ! -name server.json ! -name '*.tgz' -exec cp {} "$out/packages/" \;

# One npm package for all platforms.
python3 dist/licenses.py >"$licenses"
programs=()
for machine in x86_64 aarch64; do
  case $machine in x86_64) name=linux-x64 ;; aarch64) name=linux-arm64 ;; esac
  mkdir -p "$out/programs/$name"
  tar --extract --to-stdout --file "$out/packages/mcp-multiplayer-$version-$machine-linux.tar.gz" \
    "mcp-multiplayer-$version-$machine-linux/bin/mcp-multiplayer" >"$out/programs/$name/mcp-multiplayer"
  programs+=("$name=$out/programs/$name/mcp-multiplayer")
done
for name in darwin-arm64 darwin-x64 win32-x64; do
  program=mcp-multiplayer
  [ $name != win32-x64 ] || program=mcp-multiplayer.exe
  mkdir -p "$out/programs/$name"
  unzip -p "$out/packages/mcp-multiplayer-$version-$name.mcpb" "server/$program" >"$out/programs/$name/$program"
  programs+=("$name=$out/programs/$name/$program")
done
chmod -R +x "$out/programs"
dist/npm.sh "${programs[@]}"
dist/server_json.sh
(cd "$out/packages" && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS .)
gh release create "$tag" --draft --verify-tag --title "$tag" "$out"/packages/*
