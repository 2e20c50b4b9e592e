# Names and versions that the scripts of this folder share. Sourced by them, at the root of the checkout.
# shellcheck shell=bash disable=SC2034

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' Cargo.toml | head -n 1)
out=$PWD/target/dist
# The installed files, as they are below /usr or in the tarball.
stage=$out/stage
# Python's output is UTF-8 on Windows, too.
export PYTHONUTF8=1
# Files of a release have the time of the commit, so that the same commit gives the same bytes.
# Not exported to cargo: crates that compile C would be built again for every commit.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}

# The licences of the crates in the programs, from dist/licenses.py.
licenses=$out/LICENSES-OF-DEPENDENCIES.txt

# aarch64 is untested. MACHINE names that of programs for other platforms, see dist/desktop.sh.
machine=${MACHINE:-$(uname -m)}
case $machine in
  x86_64) deb_arch=amd64 node_arch=x64 ;;
  aarch64 | arm64) deb_arch=arm64 node_arch=arm64 ;;
  *) echo "There are no packages for $machine: only for x86_64 and aarch64." >&2; exit 1 ;;
esac

. dist/names.sh
# Prints a file with the names and the version in the place of @NAMES@.
fill() {
  sed "s|@VERSION@|$version|g; s|@REPOSITORY@|$repository|g; s|@REGISTRY_NAME@|$registry_name|g; s|@NPM_NAME@|$npm_name|g
    s|@PYPI_NAME@|$pypi_name|g; s|@AUTHOR@|$author|g; s|@MAINTAINER@|$maintainer|g" "$1"
}

fail() { printf '%s\n' "$*" >&2; exit 1; }
