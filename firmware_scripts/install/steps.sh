# shellcheck shell=bash disable=SC2154
# The steps of install.sh, each a pair: NAME_ready tells whether the result is there, NAME_make brings it about (the two
# that compile, 3 and 4, are in runtimes.sh).
# Both run in a subshell, NAME_make under 'set -e', and all they print goes to the log.

readonly MIN_PYTHON="3.11"
STAMPS=$VENV/stamps # inside .venv: whoever deletes that deletes what is known about it

# ---------------------------------------------------------------- step 1: system packages

packages_wanted() {
  echo build-essential cmake libportaudio2 libspeexdsp-dev
  # a Python that is not the system's brings its own headers and venv
  case ${BASE_PYTHON:-} in "" | /usr/bin/* | /bin/*) echo python3 python3-venv python3-dev ;; esac
  if [[ $RUN_TESTS == yes ]]; then echo shellcheck espeak-ng libasound2-dev dbus mosquitto chromium openssl; fi
  # there is no ready-made lgpio for newer Pythons (which the system's may be): it is compiled, through swig
  if [[ $GPIO == rpi-lgpio ]] && { [[ -z ${BASE_PYTHON:-} ]] || python_is_at_least 3 13 "$BASE_PYTHON"; }; then echo swig; fi
}

packages_missing() {
  # shellcheck disable=SC2046  # each word is a package
  not_installed $(packages_wanted)
}

not_installed() { # PACKAGE...: those of them that are missing
  local package
  for package; do
    if [[ $(dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null) != ii* ]]; then echo "$package"; fi
  done
}

system_ready() {
  if [[ $USE_APT == no ]] || ! command -v dpkg-query >/dev/null; then return 0; fi
  [[ -z $(packages_missing) ]]
}

system_make() {
  local missing
  mapfile -t missing < <(packages_missing)
  apt_install "${missing[@]}"
}

apt_install() { # PACKAGE...
  local missing=("$@") run=()
  if ! command -v apt-get >/dev/null; then
    give_up "these packages are missing, and there is no apt-get: ${missing[*]}" "install them by hand, then use --no-apt"
  fi
  if [[ $(id -u) != 0 ]]; then
    if ! command -v sudo >/dev/null; then
      give_up "these system packages are missing, and only root may install them: ${missing[*]}" \
        "as root: apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    fi
    run=(sudo)
    if [[ $INTERACTIVE == no ]]; then run=(sudo -n); fi
  fi
  run+=(env DEBIAN_FRONTEND=noninteractive)
  "${run[@]}" dpkg --configure -a # ends what an earlier, interrupted run of apt left open
  "${run[@]}" apt-get -q -o DPkg::Lock::Timeout=120 update
  "${run[@]}" apt-get -q -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "${missing[@]}"
  # the tests start a broker of their own: Debian's must not be left running for it
  if [[ " ${missing[*]} " == *" mosquitto "* ]] && command -v systemctl >/dev/null; then
    "${run[@]}" systemctl disable --now mosquitto || true
  fi
}

# ---------------------------------------------------------------- step 2: .venv

python_is_at_least() { # MAJOR MINOR PROGRAM
  "$3" -c "import sys; sys.exit(sys.version_info < ($1, $2))" >/dev/null 2>&1
}

find_python() { # the first interpreter that is new enough; nothing when there is none
  local candidate path
  if [[ -n ${PYTHON:-} ]]; then
    command -v "$PYTHON"
    return
  fi
  for candidate in python3 python3.13 python3.12 python3.11 /usr/bin/python3; do
    path=$(command -v "$candidate") || continue
    if python_is_at_least 3 11 "$path"; then
      echo "$path"
      return
    fi
  done
}

check_named_python() { # refuses a PYTHON that cannot be used, before anything is done
  if [[ -z ${PYTHON:-} ]]; then return; fi
  if ! command -v "$PYTHON" >/dev/null; then
    refuse "PYTHON=$PYTHON: no such program; name a Python $MIN_PYTHON or newer" 1
  fi
  if ! python_is_at_least 3 11 "$PYTHON"; then
    refuse "PYTHON=$PYTHON is not a Python $MIN_PYTHON or newer (it says: $("$PYTHON" --version 2>&1 | head -n 1))" 1
  fi
}

venv_version() { "$1" -c 'import platform; print(platform.python_version())'; }

venv_ready() {
  [[ -x $PY ]] || return 1
  python_is_at_least 3 11 "$PY" || return 1
  "$PY" -m pip --version || return 1
  head -n 3 "$VENV/bin/pip" | grep -qF "$VENV/" || return 1 # else the folder was moved, and every command in it is dead
  [[ -z ${PYTHON:-} || $(venv_version "$PYTHON") == "$(venv_version "$PY")" ]]
}

venv_make() {
  if [[ -z $BASE_PYTHON ]]; then BASE_PYTHON=$(find_python); fi
  if [[ -z $BASE_PYTHON ]]; then
    give_up "no Python $MIN_PYTHON or newer here (python3 is $(python3 --version 2>&1 || true))" \
      "Debian 12 and Raspberry Pi OS 12 bring one; else name one: PYTHON=/path/to/python3.11 ./install.sh"
  fi
  if ! "$BASE_PYTHON" -c 'import struct, sys; sys.exit(struct.calcsize("P") != 8)'; then
    give_up "$BASE_PYTHON is a 32 bit program; the model runtimes exist for 64 bit only" \
      "install the 64 bit edition of the operating system"
  fi
  if ! "$BASE_PYTHON" -c 'import venv, ensurepip'; then
    give_up "$BASE_PYTHON lacks the module venv" "sudo apt-get install python3-venv"
  fi
  rm -rf "$VENV"
  "$BASE_PYTHON" -m venv "$VENV"
  "$PY" -m pip install --upgrade pip
}

# ---------------------------------------------------------------- step 5: libraries

# PYPI: lgpio's own switch. Where it has to be compiled, its C library, which Debian has no package of, becomes part of it
# what our libraries bring has the version that the tests were run with
pip_install() { PYPI=1 "$PY" -m pip install -c "$ROOT/firmware_scripts/install/constraints.txt" "$@"; }

extras() { if [[ $RUN_TESTS == yes ]]; then echo dev; fi; }

libraries_key() { # a set-up for tests has all that one without them needs
  printf '%s ' "$(cat "$ROOT/pyproject.toml" "$ROOT/firmware_scripts/install/constraints.txt" | sha256sum | cut -c1-64)" "$(venv_version "$PY")" "$1"
}

# an install that was cut off can leave files without their list, or a list without its files; pip believes the list
drop_broken_distributions() {
  "$PY" - <<'PYTHON'
import csv, shutil, sysconfig
from pathlib import Path

site = Path(sysconfig.get_path("purelib"))
for left_over in site.glob("~*"):
    shutil.rmtree(left_over, ignore_errors=True)

def broken(info: Path) -> bool:
    try:
        rows = list(csv.reader((info / "RECORD").read_text("utf-8").splitlines()))
        return not rows or any(size and (site / name).stat().st_size != int(size) for name, _, size in rows)
    except (OSError, ValueError):
        return True

for info in site.glob("*.dist-info"):
    if broken(info):
        print("incomplete:", info.name)
        shutil.rmtree(info)
PYTHON
}

libraries_ready() {
  if [[ -n $(drop_broken_distributions | tee -a "$LOG") ]]; then
    rm -f "$STAMPS/libraries"
    return 1
  fi
  stamp_is libraries "$(libraries_key dev)" || { [[ $RUN_TESTS == no ]] && stamp_is libraries "$(libraries_key "")"; }
}

libraries_make() {
  local alone
  "$PY" - "$ROOT/pyproject.toml" "$(extras)" >"$STATE/requirements.txt" <<'PYTHON'
import sys, tomllib
from pathlib import Path

project = tomllib.loads(Path(sys.argv[1]).read_text("utf-8"))["project"]
extras = project["optional-dependencies"]
# an appliance that was set up can do all that its documentation says: the tools of MCP servers too
print("\n".join(project["dependencies"] + extras["mcp"] + extras.get(sys.argv[2], [])))
PYTHON
  pip_install -r "$STATE/requirements.txt"
  if [[ $(extras) == dev ]]; then
    mapfile -t alone < <("$PY" -c 'import sys, tomllib
print("\n".join(tomllib.load(open(sys.argv[1], "rb"))["project"]["optional-dependencies"]["dev-alone"]))' "$ROOT/pyproject.toml")
    "$PY" -m pip install --no-deps "${alone[@]}"
  fi
  "$PY" -m pip check || true # for the log
  stamp_set libraries "$(libraries_key "$(extras)")"
}

# ---------------------------------------------------------------- step 6: nearfield itself

nearfield_key() {
  {
    echo "$ROOT" && venv_version "$PY"
    find "$ROOT/pyproject.toml" "$ROOT/setup.py" "$ROOT/dsp/native" "$ROOT/models/native" -type f \
      \( -name '*.toml' -o -name '*.py' -o -name '*.c' -o -name '*.h' \) ! -name '_native.c' -print0 2>/dev/null |
      sort -z | xargs -0 sha256sum
  } | sha256sum | cut -c1-64
}

nearfield_ready() {
  [[ -x $VENV/bin/nearfield ]] && stamp_is nearfield "$(nearfield_key)" &&
    (cd / && "$PY" -c 'import device, models.native._native, dsp.native._native')
}

nearfield_make() {
  "$PY" -m pip install --no-deps --force-reinstall --editable "$ROOT"
  # a service may not write there: what Python compiles is compiled now
  if is_release; then "$PY" -m compileall -q "$ROOT/device" "$ROOT/models" "$ROOT/dsp"; fi
  stamp_set nearfield "$(nearfield_key)"
}

# ---------------------------------------------------------------- step 7: GPIO driver

drivers_present() { # all three bring a module named RPi: together they overwrite one another
  "$PY" - <<'PYTHON'
from importlib.metadata import PackageNotFoundError, version
for name in ("RPi.GPIO", "rpi-lgpio", "Jetson.GPIO"):
    try:
        print(f"{name}=={version(name)}")
    except PackageNotFoundError:
        pass
PYTHON
}

gpio_ready() {
  if [[ $GPIO == none ]]; then return 0; fi
  [[ $(drivers_present) == "$(pinned "$GPIO")" ]]
}

gpio_make() {
  local wrong
  mapfile -t wrong < <(drivers_present | cut -d= -f1)
  if ((${#wrong[@]})); then "$PY" -m pip uninstall -y "${wrong[@]}"; fi
  pip_install "$(pinned "$GPIO")"
}

# ---------------------------------------------------------------- step 8: models

models_ready() { [[ $MODELS == none || -e $STATE/models-pulled ]]; }

models_make() {
  local pull=("$VENV/bin/nearfield" models pull --set "$MODELS")
  if [[ -t 8 ]]; then # install.sh's own output: at a terminal, the bars are shown there
    echo >&8
    "${pull[@]}" 2>&8 || give_up "the models could not be fetched; the reason stands above" "${pull[*]}"
  else
    "${pull[@]}"
  fi
  : >"$STATE/models-pulled"
}
