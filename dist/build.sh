#!/usr/bin/env bash
# Makes the packages of a release in target/dist, with SHA256SUMS. dist/test.sh installs and tries them.
#
#   dist/build.sh [PACKAGE...]     python programs tarball deb mcpb npm wheel server_json; all without arguments
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

packages=${*:-python programs tarball deb mcpb npm wheel server_json}
sh bots/python/setup.sh
# All of them: nothing of an earlier version is left.
[ $# -gt 0 ] || rm -rf "$out/packages"
mkdir -p "$out/packages"
for package in $packages; do
  printf '\n== %s\n' "$package"
  [ -x "dist/$package.sh" ] || fail "unknown: $package"
  "dist/$package.sh"
done
(cd "$out/packages" && rm -f SHA256SUMS && sha256sum -- * >../SHA256SUMS && mv ../SHA256SUMS . && printf '\n' && cat SHA256SUMS)
