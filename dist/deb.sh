#!/usr/bin/env bash
# Packs target/dist/stage as a Debian package, with a systemd unit for the relay.
set -euo pipefail
cd "$(dirname "$0")/.."
. dist/variables.sh

[ -d "$stage" ] || fail 'Run dist/programs.sh first.'
root=$out/deb
rm -rf "$root"
mkdir -p "$root/DEBIAN" "$root/usr" "$root/usr/lib/systemd/system" "$root/etc/mcp-multiplayer"
cp --archive "$stage/." "$root/usr/"
install -m 644 dist/deb/mcp-multiplayer-relay.service "$root/usr/lib/systemd/system/"
install -m 644 dist/deb/relay.toml "$root/etc/mcp-multiplayer/"
echo /etc/mcp-multiplayer/relay.toml >"$root/DEBIAN/conffiles"
install -m 755 dist/deb/postinst dist/deb/prerm dist/deb/postrm "$root/DEBIAN/"
{
  echo 'License: MIT OR Apache-2.0, see LICENSE-MIT and LICENSE-APACHE here.'
  echo 'The crates in the programs: LICENSES-OF-DEPENDENCIES.txt. The bundled Python and its libraries:'
  echo '/usr/lib/mcp-multiplayer/python/licenses.'
} >"$root/usr/share/doc/mcp-multiplayer/copyright"
size=$(du --summarize --apparent-size --block-size=1024 --exclude=DEBIAN "$root" | cut -f 1)
fill dist/deb/control | sed "s/@ARCHITECTURE@/$deb_arch/; s/@SIZE@/$size/" >"$root/DEBIAN/control"
(cd "$root" && find usr etc -type f -print0 | sort -z | xargs -0 md5sum >DEBIAN/md5sums)
chmod -R u+w,go+rX,go-w "$root"
# Bytes depend on SOURCE_DATE_EPOCH, not on the time of the build.
SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH dpkg-deb --build --root-owner-group -Zxz "$root" "$out/packages/mcp-multiplayer_${version}_$deb_arch.deb"
rm -rf "$root"
du -h "$out/packages/mcp-multiplayer_${version}_$deb_arch.deb"
