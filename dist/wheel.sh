#!/usr/bin/env bash
# Packs the stdio server as a Python wheel.
#
#   dist/wheel.sh [PROGRAM [PLATFORM]]     PLATFORM as in the names of wheels, such as macosx_11_0_arm64 (untested)
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

program=${1:-$stage/bin/mcp-multiplayer}
# What dist/check_glibc.sh has checked.
platform=${2:-manylinux_2_35_$machine}
[ -x "$program" ] || fail 'Run dist/programs.sh first.'
tool=$out/wheel-tool
python=$tool/bin/python
[ "${platform#win}" = "$platform" ] || python=$tool/Scripts/python.exe
if ! cmp -s dist/pypi/requirements.txt "$tool/installed.txt"; then
  rm -rf "$tool"
  python3 -m venv "$tool"
  "$python" -m pip install --quiet --disable-pip-version-check --no-input --require-hashes --only-binary :all: \
    --requirement dist/pypi/requirements.txt
  cp dist/pypi/requirements.txt "$tool/installed.txt"
fi

package=$out/wheel
rm -rf "$package"
mkdir -p "$package/program"
install -m 755 "$program" "$package/program/"
install -m 644 dist/pypi/program.py LICENSE-MIT LICENSE-APACHE \
  "$licenses" "$package/"
fill dist/pypi/pyproject.toml >"$package/pyproject.toml"
fill dist/pypi/README.md >"$package/README.md"
(cd "$package" && SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH WHEEL_PLATFORM=$platform "$python" -m hatchling build --target wheel --directory "$out/packages")
rm -rf "$package"
