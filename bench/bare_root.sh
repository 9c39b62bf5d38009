#!/usr/bin/env bash
# From a bare Debian to a running, healthy service: how long does `install.sh --service` take, and does it leave nothing?
#
#     sudo bench/bare_root.sh make FOLDER [SUITE]      a bare Debian (debootstrap, minbase and systemd)        [bookworm]
#     sudo bench/bare_root.sh install FOLDER [...]     boot it, set up the service, see that it hears and is watched
#     sudo bench/bare_root.sh update FOLDER            boot it, take signed releases, good and bad, and a power cut amid one
#     sudo bench/bare_root.sh remove FOLDER            boot it, take the service out again, list what is left
#
# Nothing of this machine is changed: the Debian is a folder, and systemd runs in it as the first process of name spaces of
# its own (processes, mounts, host name, control groups); the network is this machine's. The sound card is the virtual one
# of tests/virtual_card. Options of `install` and `make`, as often as needed:
#
#     --copy PATH      copy this file or folder of this machine to the same place there: the configuration of a mirror or a
#                      proxy for apt and pip, certificates
#     --bind PATH      show this folder there, read-only: a package index that is a folder
#     --environment V  take this variable along (HTTPS_PROXY, PIP_INDEX_URL ...)
#     --wheels         take along the wheels that were compiled here before (~/.cache/nearfield): it does not compile then
#     --within S       stop the set-up after so many seconds; a second call goes on, and its time is added
#     --screen         with the page on the screen: is its unit there, and does the page come up in it?
#     --models SET     as install.sh                                                                            [tiny]
#     --nice N         the service is no more important than that: where others are at work               [as in the unit]
#     --python FILE    the Python that makes the virtual card: one with this project's libraries   [.venv/bin/python]

set -Eeuo pipefail
HERE=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
PACKAGES=ca-certificates,systemd,systemd-sysv,dbus

usage() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
  exit 2
}

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

parse() {
  (($# >= 2)) || usage
  WHAT=$1 FOLDER=$(realpath -m -- "$2") SUITE=bookworm
  COPIES=() BINDS=() VARIABLES=() WHEELS=no SCREEN=() WITHIN=1800 MODELS=tiny NICE="" PYTHON=$HERE/.venv/bin/python
  shift 2
  while (($#)); do
    case $1 in
      --copy) COPIES+=("$2") && shift ;;
      --bind) BINDS+=("$2") && shift ;;
      --environment) VARIABLES+=("$2") && shift ;;
      --wheels) WHEELS=yes ;;
      --screen) SCREEN=(--screen) ;;
      --within) WITHIN=$2 && shift ;;
      --models) MODELS=$2 && shift ;;
      --nice) NICE=$2 && shift ;;
      --python) PYTHON=$2 && shift ;;
      -*) usage ;;
      *) SUITE=$1 ;;
    esac
    shift
  done
  ROOT=$FOLDER/root CARD=$FOLDER/card
  CARD_THERE=/srv/nearfield-card # not below /tmp, which the service does not see
}

make_root() {
  local started=$SECONDS
  mkdir -p "$FOLDER"
  if [[ ! -e $ROOT/etc/debian_version ]]; then
    "${DEBOOTSTRAP:-debootstrap}" --variant=minbase --include=$PACKAGES "$SUITE" "$ROOT" ${MIRROR:+"$MIRROR"} \
      >"$FOLDER/debootstrap.log" 2>&1 || { tail -n 5 "$FOLDER/debootstrap.log" && exit 1; }
  fi
  # what a folder on another machine must not do: touch the kernel's settings, devices, clock and consoles
  local unit
  for unit in systemd-sysctl systemd-udevd systemd-modules-load systemd-binfmt systemd-timesyncd console-getty getty@tty1; do
    ln -sf /dev/null "$ROOT/etc/systemd/system/$unit.service"
  done
  list_files >"$FOLDER/files.before"
  say "a bare Debian $SUITE: $(du -sm "$ROOT" | cut -f1) MB, $((SECONDS - started)) s"
}

list_files() { (cd "$ROOT" && find . -xdev \( -path ./dev -o -path ./proc -o -path ./sys -o -path ./run -o -path ./root \) -prune -o -print | sort); }

prepare_root() {
  local path
  for path in /etc/resolv.conf "${COPIES[@]}"; do
    mkdir -p "$ROOT$(dirname "$path")"
    rm -rf "${ROOT:?}$path"
    cp -aL "$path" "$ROOT$path"
  done
  rm -rf "$ROOT/root/nearfield"
  mkdir -p "$ROOT/root/nearfield"
  (cd "$HERE" && tar --exclude=./.venv --exclude=./.git --exclude=./.nearfield --exclude='*.so' --exclude=__pycache__ -cf - .) |
    tar -C "$ROOT/root/nearfield" -xf -
  if [[ $WHEELS == yes ]]; then
    mkdir -p "$ROOT/root/.cache/nearfield"
    cp -a "$HOME/.cache/nearfield/wheels" "$ROOT/root/.cache/nearfield/"
  fi
}

make_card() { # a folder with the plugin, the card's time line and an asound.conf, seen by the service at the same path
  mkdir -p "$CARD" "$ROOT/etc/systemd/system/nearfield.service.d"
  (cd "$HERE" && PYTHONPATH=$HERE:$HERE/tests "$PYTHON" - "$CARD" "$CARD_THERE" <<'PYTHON'
import sys
from pathlib import Path

from virtual_card.alsa_card import AlsaCard
from virtual_card.stage import build_plugin

folder, there = Path(sys.argv[1]), sys.argv[2]
plugin = build_plugin(folder).name
AlsaCard.make(folder / "vcard.timeline", rate_hz=16_000, seconds=3600)
(folder / "asound.conf").write_text(
    f'pcm_type.nearfield {{ lib "{there}/{plugin}" }}\n'
    f'pcm.vcard {{ type nearfield timeline "{there}/vcard.timeline" }}\n'
    'pcm.default { type plug slave.pcm "vcard" }\n'
)
PYTHON
  )
  chmod -R a+rwX "$CARD"
  cat >"$ROOT/etc/systemd/system/nearfield.service.d/test-card.conf" <<CONF
[Service]
Environment=ALSA_CONFIG_PATH=$CARD_THERE/asound.conf VIRTUAL_CARDS=$CARD_THERE
ReadWritePaths=$CARD_THERE
${NICE:+Nice=$NICE}
CONF
}

make_screen() { # a picture that nobody sees, in the place of a console: what cage and Chromium do behind it is the same
  mkdir -p "$ROOT/etc/systemd/system/nearfield-kiosk.service.d"
  cat >"$ROOT/etc/systemd/system/nearfield-kiosk.service.d/test-screen.conf" <<CONF
[Service]
PAMName=
TTYPath=
TTYReset=no
TTYVHangup=no
UtmpIdentifier=
StandardInput=null
RuntimeDirectory=nearfield-kiosk
Environment=XDG_RUNTIME_DIR=/run/nearfield-kiosk
Environment=WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman
${NICE:+Nice=$NICE}
CONF
}

pages() { # how many connections the page has: the WebSocket of a page that is shown, and its requests
  awk '$2 == "0100007F:223D" && $4 == "01"' "/proc/$PID/net/tcp" | wc -l
}

check_screen() {
  local started=$SECONDS
  until (($(pages) > 0)); do
    ((SECONDS - started < 180)) || {
      inside journalctl -u nearfield-kiosk --no-pager -n 20
      say "no page on the screen"
      exit 1
    }
    sleep 1
  done
  say "the page is on the screen after $((SECONDS - started)) s: $(pages) connection(s), user $(inside systemctl show -p User --value nearfield-kiosk), restarts: $(inside systemctl show -p NRestarts --value nearfield-kiosk)"
}

boot() { # systemd as the first process there; its id on this machine: $PID
  local waited=0
  GROUP=$(findmnt -n -t cgroup2 -o TARGET | head -n 1)/nearfield-bare-root-$$
  mkdir -p "$GROUP"
  (
    echo "$BASHPID" >"$GROUP/cgroup.procs"
    # shellcheck disable=SC2016  # that shell's variables
    exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child=KILL bash -c '
      set -e
      root=$1 card=$2 card_there=$3
      shift 3
      mount --make-rprivate /
      mount --bind "$root" "$root"
      mount -t proc proc "$root/proc"
      mount --bind "$root/proc/sys" "$root/proc/sys"
      mount -o remount,bind,ro "$root/proc/sys"
      mount -t sysfs -o ro sysfs "$root/sys"
      mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
      mount -t tmpfs -o mode=755 tmpfs "$root/run"
      mount -t tmpfs -o mode=755 tmpfs "$root/dev"
      for node in null zero full random urandom tty; do
        touch "$root/dev/$node"
        mount --bind "/dev/$node" "$root/dev/$node"
      done
      mkdir "$root/dev/pts" "$root/dev/shm"
      mount -t devpts -o newinstance,ptmxmode=666,mode=620 devpts "$root/dev/pts"
      ln -s pts/ptmx "$root/dev/ptmx"
      ln -s /proc/self/fd "$root/dev/fd"
      ln -s /proc/self/fd/1 "$root/dev/stdout"
      ln -s /proc/self/fd/2 "$root/dev/stderr"
      mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
      mkdir -p "$root$card_there"
      mount --bind "$card" "$root$card_there"
      for shown; do
        mkdir -p "$root$shown"
        mount --bind "$shown" "$root$shown"
        mount -o remount,bind,ro "$root$shown"
      done
      hostname bare-root
      cd "$root"
      mkdir -p .outside
      pivot_root . .outside
      umount -l /.outside
      rmdir /.outside
      exec setpriv --bounding-set -sys_module,-sys_time,-sys_rawio,-syslog,-mknod \
        env -i container=bare-root PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-target=journal
    ' bash "$ROOT" "$CARD" "$CARD_THERE" "${BINDS[@]}" >"$FOLDER/boot.log" 2>&1 </dev/null
  ) &
  UNSHARE=$!
  trap end EXIT
  until PID=$(pgrep -P "$UNSHARE") && inside systemctl is-system-running 2>/dev/null | grep -qE 'running|degraded'; do
    if ((++waited > 60)) || ! kill -0 "$UNSHARE" 2>/dev/null; then
      say "systemd does not come up: $(tail -n 3 "$FOLDER/boot.log")"
      exit 1
    fi
    sleep 0.5
  done
  say "booted: $(inside systemctl --version | head -n 1)"
}

end() {
  kill -KILL "$UNSHARE" 2>/dev/null || true # and with it all that runs there
  wait "$UNSHARE" 2>/dev/null || true
  sleep 0.5
  find "$GROUP" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

inside() { # COMMAND...: there, with a clean environment and the variables that were named
  local name variables=()
  for name in "${VARIABLES[@]}"; do if [[ -n ${!name:-} ]]; then variables+=("$name=${!name}"); fi; done
  nsenter -t "$PID" --mount --pid --ipc --uts --cgroup --root -- \
    env -i --chdir=/root HOME=/root PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "${variables[@]}" "$@"
}

service_value() { inside systemctl show -p "$1" --value nearfield; }

install_there() {
  local before started spent status=0 pid
  prepare_root
  make_card
  if ((${#SCREEN[@]})); then make_screen; fi
  boot
  before=$(cat "$FOLDER/spent" 2>/dev/null || echo 0)
  started=$SECONDS
  inside timeout -s INT "$WITHIN" ./nearfield/install.sh --service "${SCREEN[@]}" --models "$MODELS" || status=$?
  spent=$((before + SECONDS - started))
  echo "$spent" >"$FOLDER/spent"
  if ((status != 0)); then
    say "stopped with status $status after $spent s in all; call it again to go on"
    exit "$status"
  fi
  say "set up and running after $((spent / 60)) min $((spent % 60)) s ($spent s)"
  pid=$(service_value MainPID)
  say "state $(service_value ActiveState), '$(service_value StatusText)', user $(inside stat -c %U "/proc/$pid"), watchdog $(service_value WatchdogUSec)"
  inside systemd-analyze security --no-pager nearfield | tail -n 1
  inside nearfield --version
  inside nearfield ctl status
  if ((${#SCREEN[@]})); then check_screen; fi
  # is it watched? A process that stands still is found, and another one takes its place
  inside kill -STOP "$pid"
  say "process $pid stopped (SIGSTOP)"
  started=$SECONDS
  until [[ $(service_value MainPID) != "$pid" && $(service_value ActiveState) == active ]]; do
    ((SECONDS - started < 120)) || { say "nothing came in its place"; exit 1; }
    sleep 1
  done
  say "another one runs $((SECONDS - started)) s later, restarts: $(service_value NRestarts)"
  # does it begin anew, in the same process and without a restart?
  pid=$(service_value MainPID)
  started=$SECONDS
  inside systemctl reload nearfield
  sleep 2
  until [[ $(service_value ActiveState) == active && $(service_value StatusText) != "begins anew" ]]; do
    ((SECONDS - started < 120)) || { say "it does not come back from a reload"; exit 1; }
    sleep 1
  done
  say "begun anew $((SECONDS - started)) s after systemctl reload, process $pid is $(service_value MainPID), restarts: $(service_value NRestarts)"
  inside journalctl -u nearfield --no-pager -o short-monotonic | tail -n 25
}

# ---------------------------------------------------------------- update

# Releases that pass their self-test and are no good as a service: one raises at its start, one never says that it is up, one
# does not answer at its socket. Each line: its name, a file of the tree, and what is added to that.
BAD_RELEASES='
raises  device/cli/run.py          raise RuntimeError("made to fail")
silent  device/cli/run.py          __import__("time").sleep(3600)
deaf    device/cli/ctl_command.py  raise SystemExit(1)
'
UNHEALTHY_S=90 # update.healthy_within_s there: how long a bad one is given

give_version() { # TREE: one that is newer than all before
  NEWEST=$((NEWEST + 1))
  sed -i "s/^version = .*/version = \"0.$NEWEST.0\"/" "$1/pyproject.toml"
}

make_bundle() { # NAME [FILE TEXT]: a signed release of this tree, newer than all before, there in /root/bundles/NAME
  local work=$FOLDER/release
  rm -rf "$work"
  mkdir -p "$work"
  (cd "$HERE" && tar --exclude=./.venv --exclude=./.git --exclude=./.nearfield --exclude=./tests --exclude='*.so' \
    --exclude=__pycache__ -cf - .) | tar -C "$work" -xf -
  give_version "$work"
  if (($# > 1)); then printf '\n%s\n' "$3" >>"$work/$2"; fi
  git -C "$work" init -q
  git -C "$work" add -A
  git -C "$work" -c user.name=bare_root -c user.email=bare_root@localhost commit -qm "$1"
  rm -rf "$ROOT/root/bundles/$1"
  "$PYTHON" "$HERE/firmware_scripts/update/make_release.py" --tree "$work" --key "$FOLDER/key" --output "$ROOT/root/bundles/$1"
}

make_bundles() {
  local name file text
  mkdir -p "$ROOT/root/bundles"
  NEWEST=$(current_there | cut -d. -f2)
  (cd "$HERE" && "$PYTHON" -c '
import sys
from pathlib import Path
from minisign import KeyPair

pair = KeyPair.generate()
Path(sys.argv[1]).write_bytes(bytes(pair.secret_key))
Path(sys.argv[2]).write_bytes(bytes(pair.public_key))' "$FOLDER/key" "$ROOT/etc/nearfield/update.pub")
  make_bundle good
  while read -r name file text; do
    if [[ -n $name ]]; then make_bundle "$name" "$file" "$text"; fi
  done <<<"$BAD_RELEASES"
  rm -rf "$ROOT/root/bundles/altered"
  cp -r "$ROOT/root/bundles/good" "$ROOT/root/bundles/altered"
  sed -i 's/"version": *"[^"]*"/"version":"99.0.0"/' "$ROOT/root/bundles/altered/manifest.json"
}

current_there() { basename "$(readlink "$ROOT/opt/nearfield/current")"; }

judge() { # WHAT SECONDS STATUS WANTED_STATUS RELEASE: did it end like that, and does RELEASE run now, healthily?
  local wrong="" pid since=$SECONDS
  [[ $3 == "$4" ]] || wrong+=" exit status $3, not $4;"
  [[ $(current_there) == "$5" ]] || wrong+=" current is $(current_there), not $5;"
  until [[ $(service_value ActiveState) == active ]]; do
    ((SECONDS - since < 120)) || { wrong+=" the service is $(service_value ActiveState);" && break; }
    sleep 1
  done
  pid=$(service_value MainPID)
  inside cat "/proc/$pid/cmdline" 2>/dev/null | tr '\0' ' ' | grep -qF "/releases/$5/" || wrong+=" another release runs;"
  inside nearfield ctl status >"$FOLDER/status" 2>&1 || wrong+=" it does not answer: $(tail -n 1 "$FOLDER/status");"
  grep -q '"phase"' "$ROOT/opt/nearfield/update/state.json" 2>/dev/null && wrong+=" the journal is open;"
  find "$ROOT/opt/nearfield/releases" -mindepth 1 -maxdepth 1 -name '.*' | grep -q . && wrong+=" remains of a release;"
  if [[ -n $wrong ]]; then WRONG=$((WRONG + 1)); fi
  say "$(printf '%-44s %4d s  %s' "$1" "$2" "${wrong:+WRONG:$wrong}")$([[ -n $wrong ]] || echo "ok, $5 runs")"
}

update_step() { # WHAT WANTED_STATUS RELEASE COMMAND...: there, and judged
  local what=$1 wanted=$2 release=$3 status=0 started=$SECONDS
  shift 3
  inside timeout 900 "$@" >"$FOLDER/said" 2>&1 || status=$?
  judge "$what" $((SECONDS - started)) "$status" "$wanted" "$release"
  tail -n 2 "$FOLDER/said" | sed 's/^/            /'
}

bundle_name() { sed -n 's/.*"name": *"\([^"]*\)".*/\1/p' "$ROOT/root/bundles/$1/manifest.json" | head -n 1; }

cut_off() { # an update is killed with -9 while a release that never says that it is up is on trial
  local since=$SECONDS
  inside "${take[@]}" /root/bundles/silent >"$FOLDER/said" 2>&1 &
  until [[ $(current_there) == "$(bundle_name silent)" ]]; do
    ((SECONDS - since < 300)) || { say "it comes to no trial: $(tail -n 1 "$FOLDER/said")" && exit 1; }
    sleep 0.2
  done
  sleep 3
  # shellcheck disable=SC2016  # that shell's variables
  inside sh -c 'for p in /proc/[0-9]*; do
    if tr "\0" " " <$p/cmdline | grep -q "nearfield updat[e] --set"; then kill -KILL "${p#/proc/}"; fi
  done' 2>/dev/null
}

update_there() {
  local first good name pid take=(nearfield update --set "update.healthy_within_s=$UNHEALTHY_S" --from)
  [[ -e $ROOT/opt/nearfield/current ]] || { say "there is no service: first 'install'" && exit 1; }
  WRONG=0
  prepare_root
  make_card
  make_bundles
  first=$(current_there)
  good=$(bundle_name good)
  boot
  judge "the service, after a start of the machine" 0 0 0 "$first"
  update_step "a manifest that was altered" 1 "$first" "${take[@]}" /root/bundles/altered
  update_step "a good release" 0 "$good" "${take[@]}" /root/bundles/good
  update_step "the same again" 0 "$good" "${take[@]}" /root/bundles/good
  for name in raises silent deaf; do
    update_step "a bad one: $name" 1 "$good" "${take[@]}" "/root/bundles/$name"
  done
  # the power goes while a release is on trial: the update first, which would see systemd die; then all; and the machine starts
  cut_off
  end
  make_card
  boot
  judge "a power cut amid the trial, then a start" 0 0 0 "$good"
  inside journalctl -b -u nearfield --no-pager -o cat >"$FOLDER/said"
  grep -m 1 "update to $(bundle_name silent) was cut off" "$FOLDER/said" | sed 's/^/            /' || { WRONG=$((WRONG + 1)) && say "WRONG: the journal does not tell of it"; }
  update_step "back to the one before" 0 "$first" nearfield update --rollback
  update_step "forth again" 0 "$good" nearfield update --rollback
  # an upgrade by install.sh over a release whose update was cut off; then once more, which must not touch it
  cut_off
  give_version "$ROOT/root/nearfield"
  name=$(cd "$ROOT/root/nearfield" && bash -c 'source ./install.sh; release_name')
  update_step "install.sh --service with a newer tree" 0 "$name" ./nearfield/install.sh --service --models "$MODELS"
  pid=$(service_value MainPID)
  update_step "install.sh --service with the same tree" 0 "$name" ./nearfield/install.sh --service --models "$MODELS"
  if [[ $(service_value MainPID) != "$pid" ]]; then WRONG=$((WRONG + 1)) && say "WRONG: it was restarted for nothing"; fi
  update_step "back from what install.sh has set up" 0 "$good" nearfield update --rollback
  update_step "forth again" 0 "$name" nearfield update --rollback
  update_step "a release that is older than what runs" 1 "$name" "${take[@]}" /root/bundles/good
  inside nearfield update --list
  if ((WRONG)); then say "$WRONG went wrong" && exit 1; fi
}

remove_there() {
  make_card
  boot
  inside ./nearfield/install.sh --uninstall-service --purge
  rm -rf "$ROOT/etc/systemd/system/nearfield.service.d" "$ROOT/etc/systemd/system/nearfield-kiosk.service.d"
  list_files | grep -vxF ".$CARD_THERE" >"$FOLDER/files.after"
  say "left with the name in it: $(comm -13 "$FOLDER/files.before" "$FOLDER/files.after" | grep -ci nearfield || true) files, " \
    "users: $(grep -c '^nearfield' "$ROOT/etc/passwd" "$ROOT/etc/group" | xargs)"
  comm -13 "$FOLDER/files.before" "$FOLDER/files.after" | grep -i nearfield || true
}

if [[ ${BASH_SOURCE[0]} != "$0" ]]; then return; fi
parse "$@"
case $WHAT in
  make) make_root ;;
  install) install_there ;;
  update) update_there ;;
  remove) remove_there ;;
  *) usage ;;
esac
