#!/usr/bin/env bash
# Fails if a program or library below these files and directories needs a newer glibc than the oldest that is supported:
# 2.35, of Ubuntu 22.04. Prints the newest symbol version that is needed.
#
#   dist/check_glibc.sh PATH...
set -euo pipefail

oldest=2.35
command -v objdump >/dev/null || { echo 'objdump is missing (Debian, Ubuntu: sudo apt install binutils).' >&2; exit 1; }

newest=0 count=0
while IFS= read -r -d '' file; do
  [ "$(head -c 4 "$file" | tail -c 3)" = ELF ] || continue
  count=$((count + 1))
  needed=$(objdump -T "$file" | sed -n 's/.*(\?GLIBC_\([0-9.]*\)).*/\1/p' | sort --version-sort | tail -n 1)
  [ -n "$needed" ] || continue
  if [ "$(printf '%s\n' "$needed" "$oldest" | sort --version-sort | tail -n 1)" != "$oldest" ]; then
    echo "$file needs glibc $needed:" >&2
    objdump -T "$file" | grep -F "GLIBC_$needed" | awk '{ print "  " $NF }' >&2
    exit 1
  fi
  newest=$(printf '%s\n' "$needed" "$newest" | sort --version-sort | tail -n 1)
done < <(find "$@" -type f -print0)
[ "$count" -gt 0 ] || { echo "There is no program in $*" >&2; exit 1; }
echo "glibc: $count files need at most $newest"
