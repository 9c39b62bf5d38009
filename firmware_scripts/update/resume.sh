#!/bin/sh
# Before the service starts: takes back an update that a power cut ended before it was known to work (docs/update.md).
#
#     ExecStartPre=+-/opt/nearfield/current/firmware_scripts/update/resume.sh
#
# Where nothing was cut off, which is nearly always, it costs one grep. Else the release that ran before does it: that one
# is known to work.

root=${1:-/opt/nearfield}
journal=$root/update/state.json
grep -q '"phase"' "$journal" 2>/dev/null || exit 0
back=$(sed -n 's/.*"back": "\([A-Za-z0-9][A-Za-z0-9._+-]*\)".*/\1/p' "$journal")
for release in "$root/releases/$back" "$root/current"; do
  if [ -x "$release/.venv/bin/nearfield" ]; then
    exec "$release/.venv/bin/nearfield" update --resume --set "update.root=$root" >&2 # the unit throws standard output away
  fi
done
echo "nearfield: there is no release in $root that could take back what was cut off" >&2
exit 1
