# shellcheck shell=bash disable=SC2154,SC2153,SC2034
# `install.sh --service`: the steps that make this tree a service of the machine, each a pair as in steps.sh.
#
#     /opt/nearfield/releases/VERSION-HASH   this tree with a .venv of its own; /opt/nearfield/current points to one of them
#     /etc/nearfield                         the configuration; /var/lib/nearfield: state and models
#
# DESTDIR=/folder puts all of it below a folder, with no user and nothing started: for tests.

readonly SERVICE_STEPS=10
readonly SERVICE_USER=nearfield
readonly START_WITHIN_S=180
OPT=${DESTDIR:-}/opt/nearfield
ETC=${DESTDIR:-}/etc/nearfield
VAR=${DESTDIR:-}/var/lib/nearfield
CACHE=${DESTDIR:-}/var/cache/nearfield
COMMAND_FILE=${DESTDIR:-}/usr/local/bin/nearfield
UNITS=${DESTDIR:-}/etc/systemd/system
RULES=${DESTDIR:-}/etc/udev/rules.d
SERVICE_STATE=$OPT/.install

systemd_runs() { [[ -z ${DESTDIR:-} && -d /run/systemd/system ]]; }

has_group() { getent group "$1" >/dev/null; }

as_service() { # COMMAND...: as the user of the service, where the service has its files
  local run=(env HOME="$VAR" NEARFIELD_CONFIG="$ETC/nearfield.toml" XDG_CONFIG_HOME="${ETC%/*}" XDG_STATE_HOME="${VAR%/*}"
    XDG_DATA_HOME="${VAR%/*}" XDG_CACHE_HOME="$VAR/cache")
  if [[ -z ${DESTDIR:-} ]]; then run=(runuser -u "$SERVICE_USER" -- "${run[@]}"); fi
  (cd / && "${run[@]}" "$@")
}

owned() { # OWNER FILE...
  if [[ -z ${DESTDIR:-} ]]; then chown -h "$@"; fi
}

wants_restart() { : >"$SERVICE_STATE/restart"; } # what the running service has read has changed

put() { # MODE FROM TO: whole or not at all
  if cmp -s "$2" "$3"; then return; fi
  install -D -m "$1" "$2" "$3.new"
  mv -f "$3.new" "$3"
}

# ---------------------------------------------------------------- the release

release_files() { # what of this tree is part of a release, each name ended by NUL: no tests, nothing that was built here
  (cd "$ROOT" && find . -mindepth 1 \
    \( -path './.*' -o -path ./tests -o -path ./build -o -name __pycache__ -o -name '*.egg-info' \) -prune -o \
    -type f ! -name '*.so' ! -name _native.c ! -name '*.pyc' -print0) | sort -z
}

is_release() { [[ $(dirname "$ROOT") == "$OPT/releases" ]]; } # this tree is one that was set up, perhaps by an update

release_name() { # VERSION-HASH: the same files, the same name
  if is_release; then
    basename "$ROOT"
    return
  fi
  local version hash
  version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$ROOT/pyproject.toml" | head -n 1)
  hash=$(cd "$ROOT" && release_files | xargs -0 sha256sum | sha256sum | cut -c1-8)
  echo "$version-$hash"
}

# ---------------------------------------------------------------- 1: user

groups_wanted() { # that there are: for sound, pins, buses, and real-time priority where the system has a group for it
  local group
  for group in audio gpio i2c spi realtime; do if has_group "$group"; then echo "$group"; fi; done
}

groups_missing() {
  local group
  for group in $(groups_wanted); do
    if [[ " $(id -nG "$SERVICE_USER") " != *" $group "* ]]; then echo "$group"; fi
  done
}

user_ready() {
  if [[ -n ${DESTDIR:-} ]]; then return 0; fi
  id "$SERVICE_USER" && [[ -z $(groups_missing) ]]
}

user_make() {
  local group own=(--user-group)
  if ! id "$SERVICE_USER"; then
    if has_group "$SERVICE_USER"; then own=(--gid "$SERVICE_USER"); fi
    useradd --system "${own[@]}" --home-dir "$VAR" --no-create-home --shell /usr/sbin/nologin \
      --comment "Nearfield voice assistant" "$SERVICE_USER"
  fi
  for group in $(groups_missing); do usermod -aG "$group" "$SERVICE_USER"; done
  wants_restart
}

# ---------------------------------------------------------------- 2: folders

folders_ready() {
  local folder
  for folder in "$OPT/releases" "$ETC" "$VAR" "$CACHE"; do [[ -d $folder ]] || return 1; done
  # of an installation before this one, whose user had another number
  [[ -n ${DESTDIR:-} || ($(stat -c %U "$VAR") == "$SERVICE_USER" && $(stat -c %G "$ETC") == "$SERVICE_USER") ]]
}

folders_make() {
  install -d -m 755 "$OPT" "$OPT/releases" "$CACHE"
  install -d -m 750 "$ETC" "$VAR"
  owned -R "$SERVICE_USER:$SERVICE_USER" "$VAR"
  owned "root:$SERVICE_USER" "$ETC"
  if [[ -z ${DESTDIR:-} ]]; then # what was kept from before: secrets are readable by their owner alone
    find "$ETC" -nouser -exec chown -h "$SERVICE_USER" {} +
    find "$ETC" -nogroup -exec chgrp -h "$SERVICE_USER" {} +
  fi
}

# ---------------------------------------------------------------- 3: release

release_ready() { [[ -f $RELEASE/install.sh ]]; }

release_make() { # beside the others, at once or not at all
  rm -rf "$OPT/releases/.new."*
  local fresh=$OPT/releases/.new.$RELEASE_NAME
  mkdir -p "$fresh"
  release_files | tar -C "$ROOT" --null -T - --owner=0 --group=0 --mode='u+rwX,go+rX,go-w' -cf - | tar -C "$fresh" -xpf -
  sync -f "$fresh" 2>/dev/null || true
  mv -T "$fresh" "$RELEASE"
}

# ---------------------------------------------------------------- 4: python

python_ready() { [[ -f $RELEASE/.nearfield/complete ]] && as_service "$RELEASE/.venv/bin/nearfield" --version; }

own_wheels() { # those that whoever runs this compiled before: compiling takes many minutes
  local home folder
  for home in "${HOME:-}" "$(getent passwd "${SUDO_USER:-root}" | cut -d: -f6)"; do
    for folder in "$home/.cache/nearfield/wheels"/*/; do
      if [[ -d $folder ]] && ! compgen -G "$CACHE/wheels/$(basename "$folder")/*.whl" >/dev/null; then
        mkdir -p "$CACHE/wheels"
        cp -R --no-preserve=ownership "$folder" "$CACHE/wheels/"
      fi
    done
  done
}

keep_gpio_driver() { # one that was named is that of this release and of those to come, of an update too
  local named=${NEARFIELD_GPIO_DRIVER:-}
  if [[ -z $named || $named == "$(gpio_driver_named)" ]]; then return; fi
  echo "$named" >"$SERVICE_STATE/gpio-driver"
  rm -f "$RELEASE/.nearfield/complete"
  wants_restart
}

gpio_driver_named() { cat "$SERVICE_STATE/gpio-driver" 2>/dev/null || true; }

python_make() {
  local arguments=(--models none) out=1
  if [[ $USE_APT == no ]]; then arguments+=(--no-apt); fi
  if [[ -n $LLAMA_WHEEL ]]; then arguments+=(--llama-wheel "$LLAMA_WHEEL"); fi
  if [[ -n $WHISPER_WHEEL ]]; then arguments+=(--whisper-wheel "$WHISPER_WHEEL"); fi
  own_wheels
  if { : >&8; } 2>/dev/null; then
    out=8
    echo >&8
  fi
  # its own steps are shown below ours; it closes what it does not need
  NEARFIELD_JOBS=${NEARFIELD_JOBS:-} "$RELEASE/install.sh" "${arguments[@]}" 2>&1 | tee -a "$LOG" | grep --line-buffered -v '^Ready' | sed -u 's/^/      /' >&"$out" ||
    give_up "the environment of the release could not be built; the reason stands above" "$AGAIN"
  mkdir -p "$RELEASE/.nearfield"
  : >"$RELEASE/.nearfield/complete"
}

# ---------------------------------------------------------------- 5: settings

settings_ready() {
  [[ -f $ETC/nearfield.toml ]] && as_service "$RELEASE/.venv/bin/nearfield" config check
}

settings_make() {
  if [[ -f $ETC/nearfield.toml ]]; then
    give_up "$ETC/nearfield.toml is wrong for this release: $(as_service "$RELEASE/.venv/bin/nearfield" config check 2>&1 | head -n 1)" \
      "mend it, or move it away: then a fresh one is made"
  fi
  local fresh=$SERVICE_STATE/nearfield.toml
  cp "$RELEASE/firmware_scripts/service/nearfield.toml" "$fresh"
  if screen_wanted; then printf '\n[web]\nenabled = true          # the page, for this machine alone: --screen\n' >>"$fresh"; fi
  put 640 "$fresh" "$ETC/nearfield.toml"
  rm -f "$fresh"
  owned "root:$SERVICE_USER" "$ETC/nearfield.toml"
}

# ---------------------------------------------------------------- 6: weights

weights_ready() { [[ $MODELS == none || -e $STATE/models-pulled ]]; }

weights_make() { # asked each time: what is there is verified, and what another release brought is shared
  as_service "$RELEASE/.venv/bin/nearfield" models pull --set "$MODELS"
  : >"$STATE/models-pulled"
}

# ---------------------------------------------------------------- 7: command

command_ready() { cmp -s "$RELEASE/firmware_scripts/service/nearfield.sh" "$COMMAND_FILE"; }

command_make() {
  if [[ -e $COMMAND_FILE ]] && ! grep -qF /opt/nearfield/current "$COMMAND_FILE"; then
    give_up "there is another $COMMAND_FILE, which is not this service's" "move it away"
  fi
  put 755 "$RELEASE/firmware_scripts/service/nearfield.sh" "$COMMAND_FILE"
}

# ---------------------------------------------------------------- 8: unit

systemd_version() { systemctl --version 2>/dev/null | sed -n '1s/^systemd \([0-9]*\).*/\1/p'; }

rules_wanted() {
  echo 60-nearfield-sound.rules
  if [[ $BOARD != other ]] && ! has_group gpio; then echo 60-nearfield-gpio.rules; fi
}

drop_ins_wanted() { # the restart's back-off, where it is known; the network as asked, else as it was
  local version network=$NETWORK
  version=$(systemd_version)
  if ((${version:-0} >= 254)); then echo backoff.conf; fi
  if [[ -z $network ]]; then
    if [[ -f $UNITS/nearfield.service.d/network-home.conf ]]; then network=home; fi
    if [[ -f $UNITS/nearfield.service.d/network-any.conf ]]; then network=any; fi
  fi
  if [[ $network == home || $network == any ]]; then echo "network-$network.conf"; fi
}

unit_ready() {
  local name from=$RELEASE/firmware_scripts
  cmp -s "$from/systemd/nearfield.service" "$UNITS/nearfield.service" || return 1
  for name in backoff network-home network-any; do
    if drop_ins_wanted | grep -qxF "$name.conf"; then
      cmp -s "$from/systemd/drop-ins/$name.conf" "$UNITS/nearfield.service.d/$name.conf" || return 1
    elif [[ -e $UNITS/nearfield.service.d/$name.conf ]]; then
      return 1
    fi
  done
  for name in $(rules_wanted); do cmp -s "$from/udev/$name" "$RULES/$name" || return 1; done
}

unit_make() {
  local name from=$RELEASE/firmware_scripts drop_ins
  drop_ins=$(drop_ins_wanted)
  put 644 "$from/systemd/nearfield.service" "$UNITS/nearfield.service"
  for name in backoff network-home network-any; do rm -f "$UNITS/nearfield.service.d/$name.conf"; done
  for name in $drop_ins; do put 644 "$from/systemd/drop-ins/$name" "$UNITS/nearfield.service.d/$name"; done
  for name in $(rules_wanted); do put 644 "$from/udev/$name" "$RULES/$name"; done
  if systemd_runs; then systemctl daemon-reload; fi
  if [[ -z ${DESTDIR:-} ]] && command -v udevadm >/dev/null && [[ -S /run/udev/control ]]; then
    udevadm control --reload
    udevadm trigger --subsystem-match=gpio --subsystem-match=spidev --subsystem-match=i2c-dev || true
  fi
  wants_restart
}

# ---------------------------------------------------------------- 9: current

current_ready() { [[ $(readlink "$OPT/current") == "releases/$RELEASE_NAME" ]]; }

way_back() { # NAME: 'nearfield update --rollback' leads there (device/update/releases.py)
  local mark=$OPT/releases/$1/.release.json
  if [[ ! -d ${mark%/*} ]]; then return; fi
  if [[ ! -e $mark ]]; then echo >"$mark"; fi # no manifest: it was made here, and to its end, for it has run
  close_journal "$1"
}

close_journal() { # PREVIOUS
  mkdir -p "$OPT/update"
  printf '{"previous": "%s", "doing": null}\n' "$1" >"$OPT/update/state.json.new"
  mv -f "$OPT/update/state.json.new" "$OPT/update/state.json"
}

to_disk() { sync -f "$OPT" 2>/dev/null || sync; }

point_current_to() { # NAME: by a rename: at no moment is there none, nor, after a power cut, one that is not there yet
  to_disk && ln -sfn "releases/$1" "$OPT/current.new" && mv -Tf "$OPT/current.new" "$OPT/current" && to_disk
}

current_make() {
  local before release
  before=$(readlink "$OPT/current" || true)
  if [[ -n $before ]]; then way_back "${before##*/}"; fi
  point_current_to "$RELEASE_NAME"
  for release in "$OPT/releases"/*; do # the one before stays, to go back to
    case ${release##*/} in "$RELEASE_NAME" | "${before##*/}") ;; *) rm -rf "$release" ;; esac
  done
  wants_restart
}

# ---------------------------------------------------------------- 10: start

runs_this_release() {
  local pid
  pid=$(systemctl show -p MainPID --value nearfield)
  ((pid > 0)) && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "/releases/$RELEASE_NAME/"
}

start_ready() {
  if [[ -n ${DESTDIR:-} ]] || ! command -v systemctl >/dev/null; then return 0; fi
  systemctl is-enabled nearfield || return 1
  if [[ $START == no ]] || ! systemd_runs; then return 0; fi
  [[ ! -e $SERVICE_STATE/restart ]] || return 1
  if systemctl is-active nearfield; then runs_this_release; else [[ -e $STATE/waits-for-card ]]; fi
}

start_make() {
  systemctl enable nearfield
  if [[ $START == no ]] || ! systemd_runs; then
    remark "not started: it starts with the machine, or now by 'systemctl start nearfield'"
    return
  fi
  rm -f "$SERVICE_STATE/restart"
  systemctl reset-failed nearfield || true
  systemctl restart --no-block nearfield
  local until=$((SECONDS + START_WITHIN_S)) state status opening=0
  while ((SECONDS < until)); do
    sleep 1
    state=$(systemctl is-active nearfield || true)
    status=$(systemctl show -p StatusText --value nearfield)
    case $state in
      active)
        remark "it runs: $status"
        return
        ;;
      failed) break ;;
    esac
    if [[ $status == *"the sound card"* ]] && ! card_is_there && ((++opening > 20)); then
      : >"$STATE/waits-for-card"
      remark "it waits for a sound card: plug one in, or see 'nearfield devices'"
      return
    fi
  done
  journalctl -u nearfield -n 20 --no-pager || true
  give_up "the service does not run ($state): $(journalctl -u nearfield -n 1 -o cat --no-pager || true)" \
    "journalctl -u nearfield; nearfield doctor"
}

card_is_there() { compgen -G '/dev/snd/pcm*c' >/dev/null; }

# ---------------------------------------------------------------- all of them, and out again

update_is_open() { grep -q '"phase"' "$OPT/update/state.json" 2>/dev/null; }

in_journal() { # KEY: the name of a release, or nothing
  sed -n "s/.*\"$1\": \"\([A-Za-z0-9][A-Za-z0-9._+-]*\)\".*/\1/p" "$OPT/update/state.json"
}

# an update that is open would be taken back at the next start, and what is set up now with it
close_update() {
  local said back
  if ! update_is_open; then return; fi
  said=$(env XDG_CONFIG_HOME="${ETC%/*}" XDG_STATE_HOME="${VAR%/*}" XDG_DATA_HOME="${VAR%/*}" XDG_CACHE_HOME="$VAR/cache" \
    NEARFIELD_CONFIG="$ETC/nearfield.toml" sh "$ROOT/firmware_scripts/update/resume.sh" "$OPT" 2>&1) || true
  printf '%s\n' "$said" >>"$LOG"
  if ! update_is_open; then return; fi
  # the lock of device/update/releases.py: whoever is at work holds it, and nobody begins while we do
  exec 7>>"$OPT/update/lock"
  flock -n 7 || refuse "an update is at work: wait for it to end ('nearfield update --list')" 1
  if update_is_open; then
    said=$(sed '/^[[:space:]]*$/d' <<<"$said" | tail -n 1)
    said=${said#nearfield: }
    back=$(in_journal back)
    go_back_to "$back" || refuse "the update that was cut off cannot be taken back (${said:-it did not say why}): delete $OPT/update/state.json to go on without it" 1
    # models are asked for anew in what follows, so the link and the journal are all that is left to do
    close_journal "$(in_journal previous)"
    echo "The update that was cut off cannot be taken back by nearfield itself (${said:-it did not say why}); $back is in its place, and is gone on from."
  fi
  exec 7>&-
}

go_back_to() { # NAME: fails where that release is not whole
  if [[ -n $1 && $(readlink "$OPT/current") == "releases/$1" ]]; then return; fi
  [[ -n $1 && -e $OPT/releases/$1/.release.json && -x $OPT/releases/$1/.venv/bin/nearfield ]] || return 1
  point_current_to "$1"
}

service_main() {
  if [[ -z ${DESTDIR:-} && $(id -u) != 0 ]]; then
    refuse "a service takes root: sudo ./install.sh --service" 1
  fi
  umask 022
  STEPS=$SERVICE_STEPS AGAIN="./install.sh --service"
  if screen_wanted; then STEPS=$((SERVICE_STEPS + 1)) AGAIN="$AGAIN --screen"; fi
  STATE=$SERVICE_STATE LOG=$SERVICE_STATE/install.log
  mkdir -p "$SERVICE_STATE" || refuse "cannot write to $OPT" 1
  prepare "$@"
  rm -f "$STATE/waits-for-card"
  close_update
  RELEASE_NAME=$(release_name)
  RELEASE=$OPT/releases/$RELEASE_NAME
  keep_gpio_driver
  printf 'Nearfield %s as a service of %s (%s), log in %s\n' "$RELEASE_NAME" "${BOARD_MODEL:-this machine}" "$(uname -m)" "$LOG"
  step 1 user "user $SERVICE_USER, groups: $(groups_wanted | xargs)"
  step 2 folders "$OPT, $ETC, $VAR"
  step 3 release "$RELEASE"
  step 4 python "its Python environment (compiling takes 5 to 70 minutes the first time)"
  step 5 settings "$ETC/nearfield.toml"
  step 6 weights "models: $MODELS, in $VAR/models"
  step 7 command "$COMMAND_FILE"
  step 8 unit "$UNITS/nearfield.service, $RULES"
  step 9 current "$OPT/current -> releases/$RELEASE_NAME"
  step 10 start "systemctl enable$(if [[ $START == yes ]]; then echo ' and start'; fi) nearfield"
  if screen_wanted; then step 11 screen "the page on the screen: ${SCREEN_PACKAGES[*]}, user $SCREEN_USER, $SCREEN_UNIT"; fi
  echo "Set up. How it is: systemctl status nearfield. What it says: journalctl -u nearfield. Out again: install.sh --uninstall-service"
}

keeps_state() { # asks, where there is somebody to answer
  if [[ $PURGE == yes ]] || [[ ! -e $ETC && ! -e $VAR ]]; then return 1; fi
  if [[ ! -t 0 ]]; then return 0; fi
  local answer=""
  read -r -p "Delete the configuration ($ETC), and conversations, timers and models ($VAR) too? [y/N] " answer || true
  [[ $answer != [yY]* ]]
}

users_remove() { # says what is still in use, as by a process of that user: that is no reason to end half-way
  if id "$SERVICE_USER" >/dev/null 2>&1 && ! userdel "$SERVICE_USER" 2>/dev/null; then
    echo "the user $SERVICE_USER is still in use: userdel $SERVICE_USER later"
  fi
  if has_group "$SERVICE_USER" && ! groupdel "$SERVICE_USER" 2>/dev/null; then
    echo "the group $SERVICE_USER is still in use: groupdel $SERVICE_USER later"
  fi
}

uninstall_service() {
  if [[ -z ${DESTDIR:-} && $(id -u) != 0 ]]; then
    refuse "that takes root: sudo ./install.sh --uninstall-service" 1
  fi
  local keep=no
  if keeps_state; then keep=yes; fi
  cd /
  if [[ -z ${DESTDIR:-} ]] && command -v systemctl >/dev/null; then
    if systemd_runs; then systemctl disable --now nearfield; else systemctl disable nearfield; fi >/dev/null 2>&1 || true
  fi
  screen_remove
  rm -rf "$UNITS/nearfield.service" "$UNITS/nearfield.service.d" "$RULES/60-nearfield-sound.rules" "$RULES/60-nearfield-gpio.rules"
  if [[ -e $COMMAND_FILE ]] && grep -qF /opt/nearfield/current "$COMMAND_FILE"; then rm -f "$COMMAND_FILE"; fi
  if systemd_runs; then
    systemctl daemon-reload
    systemctl reset-failed nearfield 2>/dev/null || true
  fi
  if [[ -z ${DESTDIR:-} && -S /run/udev/control ]]; then udevadm control --reload || true; fi
  rm -rf "$OPT" "$CACHE" "${DESTDIR:-}/run/nearfield"
  if [[ $keep == no ]]; then rm -rf "$ETC" "$VAR"; fi
  local in_use="" users=", and their users"
  if [[ -z ${DESTDIR:-} ]]; then in_use=$(users_remove); fi
  if [[ -n $in_use ]]; then users=""; fi
  echo "Removed: the service, $OPT, $CACHE, $COMMAND_FILE, its udev rules, the page on the screen$users."
  if [[ -n $in_use ]]; then echo "$in_use"; fi
  if [[ $keep == yes ]]; then
    echo "Kept: $ETC and $VAR. To delete them: sudo rm -r $ETC $VAR (a new --service takes them over)."
  fi
  echo "System packages were left alone: cmake, build-essential, libportaudio2, libspeexdsp-dev (with --screen ${SCREEN_PACKAGES[*]}) and what they brought."
}
