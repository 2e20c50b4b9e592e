#!/usr/bin/env bash
# Makes the Python that packages of a release bring along, in target/dist/python.
#
#   dist/python.sh
#
# It is Debian 12's CPython 3.11 with its standard library, the shared libraries that a bare Debian lacks, and the packages
# of bots/python/requirements.txt. apt checks the signatures of what it downloads; which versions these are is written to
# python/VERSIONS. Modules are left out whose libraries have a copyleft licence (readline, gdbm, Berkeley DB), and those that
# bots cannot use (terminal, tests, tkinter).
#
#   MIRROR=URL            the mirror, instead of http://deb.debian.org/debian
#   SECURITY_MIRROR=URL   that of the security updates, instead of http://deb.debian.org/debian-security
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/target/dist/python
work=$PWD/target/dist/python-build
suite=bookworm
version=3.11
# Libraries that the modules kept below need. libc6 and libgcc-s1 are on every Debian.
libraries='libssl3 zlib1g libbz2-1.0 liblzma5 libuuid1'
own="libpython$version libpython$version-stdlib libpython$version-minimal"

fail() { printf '%s\n' "$*" >&2; exit 1; }
for tool in apt-get apt-cache dpkg-deb dpkg-source cc; do
  command -v $tool >/dev/null || fail "$tool is missing. Build on Debian or Ubuntu: sudo apt install apt dpkg-dev gcc"
done
[ -e /usr/share/keyrings/debian-archive-keyring.gpg ] || fail 'The keys of Debian are missing: sudo apt install debian-archive-keyring'

rm -rf "$python" "$work"
mkdir -p "$python/lib" "$python/bin" "$python/licenses" "$work"/{lists/partial,cache,debs,root,source}
touch "$work/status"
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
main=${MIRROR:-http://deb.debian.org/debian}
security=${SECURITY_MIRROR:-http://deb.debian.org/debian-security}
for kind in deb deb-src; do
  echo "$kind $signed $main $suite main"
  echo "$kind $signed $security $suite-security main"
done >"$work/debian.list"
# Settings of its own, so that the packages are Debian 12's wherever this runs.
debian() {
  local program=$1
  shift
  "$program" -qq -o Dir::Etc::SourceList="$work/debian.list" -o Dir::Etc::SourceParts=- -o Dir::State::Lists="$work/lists" \
    -o Dir::State::Status="$work/status" -o Dir::Cache="$work/cache" -o APT::Sandbox::User=root "$@"
}

echo "Downloading CPython $version of Debian $suite."
debian apt-get update
# shellcheck disable=SC2086 # one argument for each package
(cd "$work/debs" && debian apt-get download $own $libraries)
for package in "$work"/debs/*.deb; do
  dpkg-deb --extract "$package" "$work/root"
  dpkg-deb --show "$package"
done | tr '\t' ' ' >"$python/VERSIONS"
root=$work/root

# Debian's Expat uses arc4random_buf of glibc 2.36. The same source does without: it has getrandom.
# The newest source that the mirror has; mirrors do not always carry the sources of security updates.
expat=
for candidate in $(debian apt-cache showsrc expat | sed -n 's/^Version: //p' | sort --version-sort --reverse --unique); do
  if (cd "$work/source" && debian apt-get source "expat=$candidate") >"$work/source.log" 2>&1; then expat=$candidate; break; fi
done
[ -n "$expat" ] || { cat "$work/source.log" >&2; fail 'The source of Expat could not be downloaded.'; }
echo "expat (built from source) $expat" >>"$python/VERSIONS"
source=$(echo "$work"/source/expat-*/expat/lib)
: >"$work/source/expat_config.h"
cc -O2 -fPIC -fvisibility=hidden -fstack-protector-strong -D_FORTIFY_SOURCE=2 -shared -Wl,-soname,libexpat.so.1 -Wl,-z,relro,-z,now \
  -DHAVE_EXPAT_CONFIG_H -DXML_ENABLE_VISIBILITY=1 -DBYTEORDER=1234 -DHAVE_GETRANDOM -DXML_DEV_URANDOM -DXML_NS -DXML_DTD -DXML_GE=1 -DXML_CONTEXT_BYTES=1024 \
  -I "$work/source" -I "$source" "$source"/xmlparse.c "$source"/xmlrole.c "$source"/xmltok.c -o "$python/lib/libexpat.so.1"
symbols() { nm --dynamic "$1" "$2" | awk '{ print $NF }' | grep ^XML_ | sort; }
missing=$(comm -13 <(symbols --defined-only "$python/lib/libexpat.so.1") \
  <(symbols --undefined-only "$(echo "$root"/usr/lib/*/"libpython$version.so.1.0")"))
[ -z "$missing" ] || fail "The Expat that was built lacks: $missing"
cp "$work"/source/expat-*/debian/copyright "$python/licenses/expat"

echo 'Assembling the bundle.'
for name in "libpython$version.so.1.0" libssl.so.3 libcrypto.so.3 libz.so.1 libbz2.so.1.0 liblzma.so.5 libuuid.so.1; do
  found=$(find "$root/lib" "$root/usr/lib" -maxdepth 2 -name "$name" | head -n 1)
  [ -n "$found" ] || fail "$name is in none of the packages."
  cp --dereference "$found" "$python/lib/$name"
done
cp --recursive "$root/usr/lib/python$version" "$python/lib/"
library=$python/lib/python$version
# Debian's sitecustomize is a link to a file of the machine on which Python runs.
rm -rf "$library"/{sitecustomize.py,EXTERNALLY-MANAGED,config-*,ensurepip,idlelib,tkinter,turtle.py,turtledemo,test,unittest/test,lib2to3,pydoc_data,curses,dbm,sqlite3,ctypes}
rm -f "$library"/lib-dynload/{readline,_curses,_curses_panel,_dbm,_gdbm,nis,_crypt,ossaudiodev,_sqlite3,_tkinter,_ctypes,_ctypes_test,_test*,_xx*,xx*}.*
for package in $own $libraries; do
  cp --dereference "$root/usr/share/doc/$package/copyright" "$python/licenses/$package" 2>/dev/null || true
done
[ -s "$python/licenses/libssl3" ] && [ -s "$python/licenses/libpython$version-minimal" ] || fail 'Licences are missing.'

.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input --no-compile --require-hashes --only-binary :all: \
  --target "$python/lib/python3/dist-packages" --requirement bots/python/requirements.txt
rm -rf "$python/lib/python3/dist-packages/bin"
# DT_RPATH, which also applies to the libraries that extension modules need, as in the worker.
cc -O2 -o "$python/bin/python3" dist/python.c "$python/lib/libpython$version.so.1.0" -Wl,--disable-new-dtags,-rpath,'$ORIGIN/../lib' \
  -Wl,--allow-shlib-undefined
# Byte code that depends neither on times nor on this directory.
"$python/bin/python3" -I -m compileall -q -j 0 --invalidation-mode unchecked-hash -s "$python" -p python "$python/lib"
chmod -R u+w,go+rX,go-w "$python"

# Everything that bots may import must load, and from the bundle alone.
"$python/bin/python3" -I - "$python" bots/python/multiplayer/names.py <<'PY'
import importlib
import re
import runpy
import sys

bundle, names = sys.argv[1], runpy.run_path(sys.argv[2])
for module in [*sorted(names["MODULES"]), *names["PREPARED"], "RestrictedPython"]:
    importlib.import_module(module)
loaded = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
glibc = re.compile(r"/(libc|libm|ld-linux-[\w-]+)\.so\.\d$")
foreign = [path for path in {*loaded, *sys.path} if not path.startswith(bundle) and not glibc.search(path)]
if foreign:
    sys.exit("These files are not from the bundle: " + ", ".join(sorted(foreign)))
PY
rm -rf "$work"
echo "Python: $(du -sh "$python" | cut -f 1) in target/dist/python"
