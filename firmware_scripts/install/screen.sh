# shellcheck shell=bash disable=SC2154,SC2153
# `install.sh --service --screen`: the device's page on its own screen, one step more behind those of service.sh. Once
# there it stays, with every release, until --uninstall-service: the unit starts what is in /opt/nearfield/current.

readonly SCREEN_USER=nearfield-kiosk
# cage of Debian 12 does not start without Xwayland, which it only recommends
readonly SCREEN_PACKAGES=(chromium cage xwayland curl)
SCREEN_UNIT=$UNITS/nearfield-kiosk.service

screen_wanted() { [[ $SCREEN == yes || -e $SCREEN_UNIT ]]; }

screen_packages_missing() {
  if [[ -n ${DESTDIR:-} || $USE_APT == no ]] || ! command -v dpkg-query >/dev/null; then return; fi
  not_installed "${SCREEN_PACKAGES[@]}"
}

screen_groups() { # for the picture and for touch and keys, as far as there are such
  local group
  for group in video render input; do if has_group "$group"; then echo "$group"; fi; done
}

page_is_on() {
  as_service "$RELEASE/.venv/bin/nearfield" config show |
    awk '/^\[/ { web = $1 == "[web]" } web && /^enabled = true/ { on = 1 } END { exit !on }'
}

screen_ready() {
  [[ -z $(screen_packages_missing) ]] || return 1
  cmp -s "$RELEASE/firmware_scripts/kiosk/nearfield-kiosk.service" "$SCREEN_UNIT" || return 1
  if [[ -n ${DESTDIR:-} ]]; then return 0; fi
  id "$SCREEN_USER" || return 1
  ! command -v systemctl >/dev/null || systemctl is-enabled nearfield-kiosk
}

screen_make() {
  local missing
  mapfile -t missing < <(screen_packages_missing)
  if ((${#missing[@]})); then apt_install "${missing[@]}"; fi
  if [[ -z ${DESTDIR:-} ]] && ! id "$SCREEN_USER"; then
    useradd --system --user-group --create-home --groups "$(screen_groups | paste -sd,)" --shell /usr/sbin/nologin \
      --comment "Nearfield's page on the screen" "$SCREEN_USER"
  fi
  put 644 "$RELEASE/firmware_scripts/kiosk/nearfield-kiosk.service" "$SCREEN_UNIT"
  if [[ -z ${DESTDIR:-} ]] && command -v systemctl >/dev/null; then
    if systemd_runs; then systemctl daemon-reload; fi
    systemctl enable nearfield-kiosk
    if [[ $START == yes ]] && systemd_runs; then systemctl restart --no-block nearfield-kiosk; fi
  fi
  if ! page_is_on; then
    remark "the page is switched off: say yes to it in 'sudo nearfield setup', or set web.enabled = true in $ETC/nearfield.toml"
  fi
}

screen_remove() {
  if [[ -z ${DESTDIR:-} && -e $SCREEN_UNIT ]] && command -v systemctl >/dev/null; then
    if systemd_runs; then systemctl disable --now nearfield-kiosk; else systemctl disable nearfield-kiosk; fi >/dev/null 2>&1 || true
  fi
  rm -f "$SCREEN_UNIT"
  if [[ -z ${DESTDIR:-} ]] && id "$SCREEN_USER" >/dev/null 2>&1; then userdel -r "$SCREEN_USER" 2>/dev/null || true; fi
}
