#!/bin/sh
# The command `nearfield` of a machine where Nearfield runs as a service: it acts as the service's own user, on the service's
# configuration and state. install.sh --service puts it into /usr/local/bin.

release=/opt/nearfield/current/.venv/bin/nearfield
if [ ! -x "$release" ]; then
  echo "nearfield: $release is not there. Set it up again: sudo ./install.sh --service" >&2
  exit 1
fi

case "${1:-}" in --version | --help | -h | '') exec "$release" "$@" ;; esac

# where the service has its files (the same lines are in nearfield.service)
export HOME=/var/lib/nearfield
export NEARFIELD_CONFIG="${NEARFIELD_CONFIG:-/etc/nearfield/nearfield.toml}"
export XDG_CONFIG_HOME=/etc XDG_STATE_HOME=/var/lib XDG_DATA_HOME=/var/lib XDG_CACHE_HOME=/var/lib/nearfield/cache
export RUNTIME_DIRECTORY=/run/nearfield
umask 077 # as the service

who=$(id -un)
if [ "$who" = nearfield ]; then exec "$release" "$@"; fi
if [ "$(id -u)" != 0 ]; then
  if command -v sudo >/dev/null; then exec sudo -- "$0" "$@"; fi
  echo "nearfield: it belongs to the user nearfield, and you are $who. Run it as root" >&2
  exit 1
fi
case "$1" in
  # these write to /etc/nearfield and /opt/nearfield, and look at what only root sees
  setup | update | doctor)
    umask 022 # the service must be able to read a release
    # not the service's home: what lies there is the service's to write, and Python and pip would run it or obey it as root
    HOME=~root
    export PYTHONNOUSERSITE=1
    "$release" "$@"
    status=$?
    # what they left in the state folder must stay the service's; -execdir: no folder on the way can become a link meanwhile
    find /var/lib/nearfield -xdev -user root -execdir chown -h nearfield:nearfield {} +
    exit "$status"
    ;;
  *) exec runuser -u nearfield -- "$release" "$@" ;;
esac
