#!/usr/bin/env bash
# Runs the README's commands on a bare Debian, as somebody does who has just installed it.
#
#   tests/fresh/run.sh [WAY...]       namespaces, refused, user; all three without arguments
#
#   SUITE=bookworm    or trixie: the release of Debian
#   TARGETS='demo test'   the make targets
#   KEEP=1            keeps the root, to look at
#
# The root is made by debootstrap. It holds what the README's `apt install` line names, without recommended packages,
# and the Rust toolchain of this machine; crates that are downloaded already are shared. Needs root and debootstrap.
#
#   namespaces  root, in a root file system of its own, where the sandbox gets all that it asks for
#   refused     root, without CAP_SYS_ADMIN and in a chroot, where the kernel refuses namespaces, as containers do
#   user        an ordinary user, otherwise as `namespaces`, after root has used the same machine
set -euo pipefail
cd "$(dirname "$0")/../.."

suite=${SUITE:-bookworm}
targets=${TARGETS:-demo test}
ways=${*:-namespaces refused user}
say() { printf '\n== %s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail 'A bare root can only be made by root: sudo make fresh'
command -v debootstrap >/dev/null || fail 'debootstrap is missing (Debian, Ubuntu: sudo apt install debootstrap).'
packages=$(sed -n 's/^sudo apt install //p' README.md | head -n 1)
[ -n "$packages" ] || fail "README.md has no line 'sudo apt install …'."

root=$(mktemp -d "${TMPDIR:-/var/tmp}/mcp-multiplayer-fresh-XXXXXX")
finish() {
  if [ -n "${KEEP:-}" ]; then echo "kept: $root"; else rm -rf --one-file-system "$root"; fi
}
trap finish EXIT
chmod 755 "$root"

say "a bare $suite"
# A machine behind a proxy or with authorities of its own passes them on.
debootstrap --variant=minbase "$suite" "$root" ${MIRROR:-} >"$root.log" 2>&1 || { tail -n 5 "$root.log"; exit 1; }
rm -f "$root.log"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
# shellcheck disable=SC2086 # one argument for each package
chroot "$root" sh -c "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $packages" \
  >"$root/packages.log" 2>&1 || { tail -n 5 "$root/packages.log"; exit 1; }
certificates=/etc/ssl/certs/ca-certificates.crt
[ ! -e "$certificates" ] || cp "$certificates" "$root$certificates"
[ ! -e /etc/pip.conf ] || cp /etc/pip.conf "$root/etc/"

say "the Rust toolchain and this checkout"
sysroot=$(rustc --print sysroot)
[ -x "$sysroot/bin/cargo" ] || fail "There is no cargo in $sysroot/bin; Rust must come from rustup."
mkdir "$root/opt/rust" "$root/srv/cargo" "$root/old"
cargo fetch --locked --quiet
registry=${CARGO_HOME:-$HOME/.cargo}/registry
mkdir "$root/srv/cargo/registry"
cp -r "$registry/index" "$registry/cache" "$root/srv/cargo/registry/"
git clone --quiet . "$root/srv/mcp-multiplayer"
chroot "$root" useradd --create-home tester

cat >"$root/srv/commands" <<'INNER'
# Nothing of this machine's environment, except how it reaches the package registries.
for name in $(compgen -e); do
  case $name in *_proxy | *_PROXY | PIP_CERT | PIP_INDEX_URL | SSL_CERT_FILE | SSL_CERT_DIR) ;; *) unset "$name" ;; esac
done
export HOME=~ PATH=/opt/rust/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin CARGO_HOME=/srv/cargo LANG=C.UTF-8
cd /srv/mcp-multiplayer
failed=0
for target in $1; do
  began=$(date +%s)
  if make "$target"; then result=passed; else result=FAILED failed=1; fi
  echo "make $target $result in $(( $(date +%s) - began )) s"
done
exit $failed
INNER

# $1 says what runs; the mounts are gone with the namespace that they are in.
within() {
  unshare --mount --fork --pid --propagation private bash -c '
    set -eu
    cd "$1"
    mount --bind . .
    cd "$1"
    mount -t proc proc proc
    mount --rbind /dev dev
    mount --bind "$2" opt/rust
    mount -o remount,ro,bind opt/rust
    run=$3; shift 3
    "$run" "$@"' bash "$root" "$sysroot" "$@"
}
export -f within

run_namespaces='pivot_root . old; exec chroot . bash -c "umount -l /old; exec bash /srv/commands \"\$1\"" bash "$1"'
run_refused='exec setpriv --inh-caps=-sys_admin --bounding-set=-sys_admin chroot . bash /srv/commands "$1"'
run_user='pivot_root . old; exec chroot . bash -c "umount -l /old; chown -R tester: /srv; exec su tester --shell /bin/bash --command \"bash /srv/commands \\\"\$1\\\"\"" bash "$1"'

failed=
for way in $ways; do
  case $way in namespaces) run=$run_namespaces ;; refused) run=$run_refused ;; user) run=$run_user ;; *) fail "unknown: $way" ;; esac
  say "$suite, $way: make $targets"
  within bash -c "$run" bash "$targets" || failed="$failed $way"
done
[ -z "$failed" ] || fail "$suite: FAILED:$failed"
say "$suite: everything passed ($ways)"
