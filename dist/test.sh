#!/usr/bin/env bash
# Installs each package on a bare Debian, and plays a whole game with what was installed.
#
#   dist/test.sh [PACKAGE...]      tarball deb unit mcpb npm wheel container; all without arguments
#
#   SUITES='bookworm trixie'   the releases of Debian
#
# Needs root and debootstrap. The roots have no Python and no Rust, except what the package itself requires: Node for npm, and
# Python for the wheel. These two and the bundle contain only the stdio server; the relay is then the tarball's. The players are
# outside and launch the installed programs, as MCP clients do. Roots without packages are kept in target/dist/roots.
#
# In each root an ordinary user who has configured nothing plays a first game, keeps its receipt, and verifies it there, with a
# replay (dist/newcomer.py). Then a relay with settings is started, and two players play a game there (examples/demo).
#
# `unit` boots a Debian with systemd in a container, and has systemd start the relay; it needs systemd-nspawn.
# `container` builds the container image with podman, on the bare Debian 12 instead of the image that the Dockerfile names.
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

packages=${*:-tarball deb unit mcpb npm wheel container}
suites=${SUITES:-bookworm trixie}
say() { printf '\n== %s\n' "$*"; }
[ "$(id -u)" = 0 ] || fail 'A bare root can only be made by root: sudo make dist-test'
command -v systemd-nspawn >/dev/null || fail 'systemd-nspawn is missing (Debian, Ubuntu: sudo apt install systemd-container).'
command -v debootstrap >/dev/null || fail 'debootstrap is missing (Debian, Ubuntu: sudo apt install debootstrap).'
sh examples/demo/setup.sh
if [ $# = 0 ] && ! command -v podman >/dev/null; then
  echo 'NOT TESTED: the container image. podman is missing (Debian, Ubuntu: sudo apt install podman).' >&2
  packages=${packages% container}
fi
(cd "$out/packages" && sha256sum --quiet --check SHA256SUMS)

work=$(mktemp -d "${TMPDIR:-/var/tmp}/mcp-multiplayer-dist-XXXXXX")
holder= container=
leave() {
  if [ -n "$container" ]; then podman rm --force --volumes "$container" >/dev/null || true; container=; fi
  if [ -n "$holder" ]; then
    kill "$holder" 2>/dev/null || true
    exec {ready}<&-
    wait "$holder" 2>/dev/null || true
    holder=
  fi
}
finish() { leave; rm -rf --one-file-system "$work"; }
trap finish EXIT
chmod 755 "$work"
root=$work/root
# The players' files, at the same path inside and outside.
shared=$work/shared
bin=$work/bin

# Makes the bare root of a suite, or of a suite with some of its packages.
base() {
  local suite=$1 with=$2
  local base=$out/roots/$suite${with:+-${with// /-}}
  if [ ! -e "$base/complete" ]; then
    rm -rf "$base"
    mkdir -p "$base"
    if [ -z "$with" ]; then
      debootstrap --variant=minbase "$suite" "$base" ${MIRROR:-} >"$work/log" 2>&1 || { tail -n 5 "$work/log"; exit 1; }
    else
      base "$suite" ''
      cp --archive "$out/roots/$suite/." "$base/"
      rm "$base/complete"
      cp /etc/resolv.conf /etc/hosts "$base/etc/"
      chroot "$base" sh -c "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install --no-install-recommends $with" \
        >"$work/log" 2>&1 || { tail -n 5 "$work/log"; exit 1; }
    fi
    touch "$base/complete"
  fi
  rm -rf "$root"
  cp --archive "$base" "$root"
}

# Starts a process in a mount namespace whose root is the bare one: that is where the sandbox gets all that it asks for.
enter() {
  mkdir -p "$root/old" "$root$shared" "$shared" "$bin"
  exec {ready}< <(exec unshare --mount --propagation private bash -c '
    set -eu
    cd "$1"
    mount --bind . .
    cd "$1"
    mount -t proc proc proc
    mount --rbind /dev dev
    mount --bind "$2" ".$2"
    pivot_root . old
    exec chroot . sh -c "umount -l /old; echo ready; exec sleep infinity"' bash "$root" "$shared")
  holder=$!
  read -r -u "$ready" _ || fail 'The bare root could not be entered.'
}

inside() { nsenter --target "$holder" --mount -- env --ignore-environment PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root "$@"; }

# Makes a program of the root available to the players: NAME COMMAND...
launch() {
  local name=$1
  shift
  printf '#!/bin/sh\nexec nsenter --target %s --mount -- %s "$@"\n' "$holder" "$*" >"$bin/$name"
  chmod +x "$bin/$name"
}

# A first game of an ordinary user, whose client launches COMMAND... with no other settings than the variables that it names.
# The relay is the one that the stdio server starts; it stops when the client has left.
first_game() {
  inside useradd --create-home --shell /bin/sh alice
  mkdir "$work/alice"
  local bin=$work/alice home=/home/alice
  launch mcp-multiplayer "setpriv --reuid alice --regid alice --init-groups env --ignore-environment HOME=$home" \
    "PATH=/usr/local/bin:/usr/bin:/bin MCP_MULTIPLAYER_STOP_WHEN_IDLE_SECONDS=1 $*"
  .venv-clients/bin/python dist/newcomer.py "$bin" "$root$home/.local/share/mcp-multiplayer"
  # It locks this file as long as it runs.
  flock --shared --timeout 60 "$root$home/.local/share/mcp-multiplayer/relay.json" true || fail 'The relay did not stop.'
  rm -r "$bin"
}

unpack_tarball() {
  mkdir "$root/opt/mcp-multiplayer"
  tar --extract --file "$out/packages/mcp-multiplayer-$version-$machine-linux.tar.gz" --strip-components=1 --directory "$root/opt/mcp-multiplayer"
  # As somebody does who wants the programs on the PATH.
  ln -s /opt/mcp-multiplayer/bin/mcp-multiplayer-relay /opt/mcp-multiplayer/bin/mcp-multiplayer-bot "$root/usr/local/bin/"
}

relay_of_tarball() {
  launch mcp-multiplayer-relay /usr/local/bin/mcp-multiplayer-relay
  launch mcp-multiplayer-bot /opt/mcp-multiplayer/bin/mcp-multiplayer-bot
}

has_no_python() {
  ! inside sh -c 'command -v python3 || command -v cargo || command -v node' || fail "The root is not bare."
}

test_tarball() {
  base "$1" ''
  unpack_tarball
  enter
  has_no_python
  first_game /opt/mcp-multiplayer/bin/mcp-multiplayer
  launch mcp-multiplayer /opt/mcp-multiplayer/bin/mcp-multiplayer
  relay_of_tarball
  check_bots
  play
}

test_deb() {
  base "$1" ''
  local deb=mcp-multiplayer_${version}_$deb_arch.deb
  cp "$out/packages/$deb" "$root/"
  enter
  has_no_python
  inside dpkg --install "/$deb" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  first_game mcp-multiplayer
  for program in mcp-multiplayer mcp-multiplayer-relay mcp-multiplayer-bot; do launch $program /usr/bin/$program; done
  check_bots
  # As the unit does: with its configuration and as its user.
  [ "$(inside setpriv --reuid mcp-multiplayer --regid mcp-multiplayer --clear-groups mcp-multiplayer-relay \
    --config /etc/mcp-multiplayer/relay.toml token create --name bob | wc -l)" = 1 ] || fail 'The operator got no token.'
  play
  inside dpkg --purge mcp-multiplayer >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  [ -e "$root/var/lib/mcp-multiplayer/relay.db" ] || fail 'Removing the package has removed the data.'
  local left
  left=$(find "$root/usr" "$root/etc" -name '*mcp-multiplayer*' -o -name 'relay.toml')
  [ -z "$left" ] || fail "Removing the package has left: $left"
}

# systemd starts the relay in the sandbox of the unit; in it, the sandbox of bots gets all that it asks for, too.
test_unit() {
  base "$1" 'systemd systemd-sysv'
  cp "$out/packages/mcp-multiplayer_${version}_$deb_arch.deb" "$root/package.deb"
  # Its console says when it has started. It has a network of its own, so that port 8100 is free.
  exec {ready}< <(exec systemd-nspawn --quiet --keep-unit --register=no --private-network --console=read-only \
    --system-call-filter='seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self' \
    --directory "$root" \
    --bind-ro="$PWD/dist/deb/play.py:/play.py" --boot </dev/null 2>&1)
  holder=$!
  local line booted=
  while read -r -u "$ready" line; do
    case $line in *'Multi-User System'*) booted=1; break ;; esac
  done
  [ -n "$booted" ] || fail 'Debian did not start in the container.'
  cat <&"$ready" >/dev/null &
  local init
  init=$(pgrep --parent "$holder" | head -n 1)
  booted() { nsenter --target "$init" --mount --uts --ipc --net --pid --cgroup -- env --ignore-environment PATH=/usr/bin:/bin:/usr/sbin:/sbin "$@"; }
  booted dpkg --install /package.deb >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  ! booted systemctl is-active --quiet mcp-multiplayer-relay || fail 'The installation has started the relay.'
  booted systemctl start mcp-multiplayer-relay
  booted sh -c 'journalctl --unit mcp-multiplayer-relay --follow --lines=all --output=cat | grep -m 1 "bot sandbox tested"' >"$work/log"
  grep -q 'level="\?full' "$work/log" || { booted journalctl --unit mcp-multiplayer-relay --output=cat; fail 'A layer of the sandbox is missing.'; }
  booted setpriv --reuid mcp-multiplayer --regid mcp-multiplayer --clear-groups mcp-multiplayer-relay \
    --config /etc/mcp-multiplayer/relay.toml token create --name alice >"$root/token"
  booted /usr/lib/mcp-multiplayer/python/bin/python3 -I /play.py /token || fail 'The game failed.'
  # An upgrade goes on with the same data.
  booted dpkg --install /package.deb >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  booted systemctl is-active --quiet mcp-multiplayer-relay || fail 'The relay did not start again after an upgrade.'
  booted dpkg --remove mcp-multiplayer >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  ! booted systemctl is-active --quiet mcp-multiplayer-relay || fail 'The relay still runs after the package was removed.'
  booted systemctl poweroff --force --force || true
}

test_mcpb() {
  base "$1" ''
  unpack_tarball
  "$out/mcpb-tool/node_modules/.bin/mcpb" unpack "$out/packages/mcp-multiplayer-$version-linux-$node_arch.mcpb" "$root/opt/bundle" >"$work/log"
  enter
  has_no_python
  # What a client makes of the manifest, with its defaults, by the library that clients use: the program and its variables.
  local launched
  launched=$(cd "$out/mcpb-tool" && node --input-type=module -e '
    import { readFileSync } from "node:fs";
    import { getMcpConfigForManifest } from "@anthropic-ai/mcpb";
    const manifest = JSON.parse(readFileSync(process.argv[1]));
    const { command, args, env } = await getMcpConfigForManifest({ manifest, extensionPath: "/opt/bundle", systemDirs: {}, userConfig: {}, pathSeparator: "/" });
    // A setting that was left empty is an empty variable, which must count as none.
    if (Object.values(env).some((value) => value !== "") || args.length) throw new Error("unexpected: " + JSON.stringify({ args, env }));
    console.log(...Object.keys(env).map((name) => name + "="), command);' "$root/opt/bundle/manifest.json")
  first_game env "$launched"
  launch mcp-multiplayer env MCP_MULTIPLAYER_TOKEN= "${launched##* }"
  relay_of_tarball
  play
}

test_npm() {
  base "$1" nodejs
  unpack_tarball
  # npm names the file of a package @OWNER/NAME so.
  local npm_file=${npm_name#@}-$version.tgz
  npm_file=${npm_file//\//-}
  npm install --global --prefix "$root/usr/local" --offline --no-audit --no-fund --loglevel=error "$out/packages/$npm_file"
  enter
  first_game mcp-multiplayer
  launch mcp-multiplayer /usr/local/bin/mcp-multiplayer
  relay_of_tarball
  play
}

test_wheel() {
  base "$1" python3-venv
  unpack_tarball
  cp "$out"/packages/"${pypi_name//[-.]/_}-$version"-*.whl "$root/"
  enter
  inside sh -c 'python3 -m venv /opt/environment && /opt/environment/bin/pip install --quiet --no-index --disable-pip-version-check /*.whl'
  first_game /opt/environment/bin/mcp-multiplayer
  launch mcp-multiplayer /opt/environment/bin/mcp-multiplayer
  relay_of_tarball
  play
}

# The image's health check passes while the relay answers, and fails when it does not.
test_container() {
  # The image is of one Debian.
  [ "$1" = bookworm ] || { echo '  only on bookworm'; return; }
  base bookworm ''
  tar --create --directory "$root" . | podman import --quiet - localhost/mcp-multiplayer-base >"$work/log"
  # Health checks are no part of OCI's own format.
  podman build --quiet --format docker --network host --build-arg BASE=localhost/mcp-multiplayer-base --build-arg TARGETARCH="$deb_arch" \
    --file dist/docker/Dockerfile --tag localhost/mcp-multiplayer-relay "$out/packages" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
  # As in compose.yaml, with a network of its own.
  container=$(podman run --detach --init --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges --network none \
    localhost/mcp-multiplayer-relay)
  grep --quiet --max-count 1 'listening on' < <(podman logs --follow "$container" 2>&1) || { podman logs "$container"; fail 'The relay did not start.'; }
  podman healthcheck run "$container" || fail 'The health check failed, although the relay listens.'
  podman exec "$container" mcp-multiplayer-relay token create --name alice >"$work/token"
  podman exec --interactive "$container" sh -c 'cat >/tmp/token' <"$work/token"
  podman exec --interactive "$container" sh -c 'cat >/tmp/play.py' <dist/deb/play.py
  podman exec "$container" /usr/lib/mcp-multiplayer/python/bin/python3 -I /tmp/play.py /tmp/token || fail 'The game failed.'
  podman rm --force --volumes "$container" >"$work/log"
  container=$(podman run --detach --init --network none --env MCP_MULTIPLAYER_LISTEN=127.0.0.1:8101 localhost/mcp-multiplayer-relay)
  grep --quiet --max-count 1 'listening on' < <(podman logs --follow "$container" 2>&1) || { podman logs "$container"; fail 'The relay did not start.'; }
  ! podman healthcheck run "$container" >"$work/log" 2>&1 || fail 'The health check passed, although nothing listens on its port.'
  podman rm --force --volumes "$container" >"$work/log"
  container=
  podman rmi --force localhost/mcp-multiplayer-relay localhost/mcp-multiplayer-base >"$work/log"
}

# Every module that bots may import loads in the sandbox, and all layers of the sandbox are active.
check_bots() {
  .venv/bin/python - "$shared/bot.py" <<'PY'
import runpy
import sys

modules = sorted(runpy.run_path("bots/python/multiplayer/names.py")["MODULES"] - {"__future__"})
with open(sys.argv[1], "w") as file:
    file.writelines(f"import {module}\n" for module in modules)
    file.write("\nclass Imports:\n    def __init__(self, ctx, params):\n        self.ctx = ctx\n\n"
               "    def on_init(self):\n        self.ctx.post('bot', {'text': hashlib.sha256(b'').hexdigest()})\n")
PY
  local report
  report=$("$bin/mcp-multiplayer-bot" check "$shared/bot.py") || { echo "$report"; exit 1; }
  grep -q 'sandbox full' <<<"$report" || { echo "$report"; fail 'A layer of the sandbox is missing.'; }
  grep '  runtime' <<<"$report"
}

play() {
  env --ignore-environment PATH="$PATH" HOME="$work" TMPDIR="$shared" LANG=C.UTF-8 \
    .venv-clients/bin/python examples/demo/demo.py --fast --bin-dir "$bin" >"$work/game" 2>&1 || { cat "$work/game"; exit 1; }
  grep -m 1 "That's it" "$work/game" || { cat "$work/game"; fail 'Nobody has won the game.'; }
}

for suite in $suites; do
  for package in $packages; do
    say "$suite: $package"
    "test_$package" "$suite"
    leave
    rm -rf --one-file-system "$root" "$shared" "$bin"
  done
done
say "everything passed ($suites: $packages)"
