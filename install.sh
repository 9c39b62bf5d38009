#!/usr/bin/env bash
# Sets Nearfield up on this machine, and with a flag shows or tests it:
#
#     ./install.sh            set up
#     ./install.sh --demo     set up, then hold a conversation with the real models
#     ./install.sh --test     set up, then run every check and every test
#     ./install.sh --service  make it a service of this machine, below /opt/nearfield (docs/service.md)
#
# Every step looks first whether its result is there, and afterwards whether it really is: so a run that was
# interrupted, or is repeated, does only what is missing. Nothing is written outside this folder but system
# packages, the models (see 'nearfield models') and wheels compiled here (~/.cache/nearfield).
# `source install.sh` defines the functions and runs nothing.

ROOT=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
STATE=$ROOT/.nearfield
LOG=$STATE/install.log
VENV=$ROOT/.venv
PY=$VENV/bin/python

# shellcheck source=firmware_scripts/install/machine.sh
source "$ROOT/firmware_scripts/install/machine.sh"
# shellcheck source=firmware_scripts/install/report.sh
source "$ROOT/firmware_scripts/install/report.sh"
# shellcheck source=firmware_scripts/install/runtimes.sh
source "$ROOT/firmware_scripts/install/runtimes.sh"
# shellcheck source=firmware_scripts/install/steps.sh
source "$ROOT/firmware_scripts/install/steps.sh"
# shellcheck source=firmware_scripts/install/service.sh
source "$ROOT/firmware_scripts/install/service.sh"
# shellcheck source=firmware_scripts/install/screen.sh
source "$ROOT/firmware_scripts/install/screen.sh"

usage() {
  cat <<'TEXT'
usage: ./install.sh [--demo] [--test] [--models none|tiny|base] [--llama-wheel FILE] [--whisper-wheel FILE]
                    [--no-apt] [--help]
       ./install.sh --service [--screen] [--no-start] [--network off|home|any] [as above]
       ./install.sh --uninstall-service [--purge]

Sets Nearfield up: system packages, .venv, the compiled runtimes, the GPIO driver of this board, the models.
Run it again after an interruption or an update: it does only what is missing.

  --demo                then hold a short conversation with the real models, and say where its recording is
  --test                then run the linters, the type checker and all tests (implies --models base)
  --models SET          none: fetch no model; tiny: the embedded default; base: tiny and whisper-base  [tiny]
                        (--test --models none leaves out the tests that need a model)
  --llama-wheel FILE    install this wheel of llama-cpp-python instead of compiling it (that takes 3 to 40 minutes)
  --whisper-wheel FILE  the same for pywhispercpp (2 to 30 minutes)
  --no-apt              install no system package; a missing one shows where it is needed
  --help                this text

  --service             a service of this machine: a user, /opt/nearfield, /etc/nearfield, /var/lib/nearfield, a unit of
                        systemd; started, and with the machine from now on. Takes root
  --screen              ... and its page on the screen of this machine: Chromium under cage, as a user of its own
  --no-start            ... but not started now
  --network WHAT        what the service may reach: off: this machine alone; home: the home's network; any    [off]
  --uninstall-service   takes all of that out again; asks before it deletes configuration and state
  --purge               ... and deletes them without asking

environment:
  PYTHON                 the Python to build .venv with (3.11 or newer); else the first suitable one found
  NEARFIELD_JOBS         compiler processes at a time; else by processors and free memory
  NEARFIELD_GPIO_DRIVER  RPi.GPIO, rpi-lgpio, Jetson.GPIO or none; else by the board and its kernel
  CMAKE_ARGS             more arguments for the builds of llama.cpp and whisper.cpp
TEXT
}

check() { # NAME COMMAND...: one line when it passes, all it said when not
  local name=$1 status
  shift
  set +e
  "$@" >"$STATE/check.out" 2>&1 </dev/null
  status=$?
  set -e
  if ((status == 0)); then
    printf 'check %-18s ok\n' "$name"
  else
    printf 'check %-18s failed (exit status %s):\n' "$name" "$status"
    cat "$STATE/check.out"
    if ((FIRST_FAILURE == 0)); then FIRST_FAILURE=$status; fi
  fi
  cat "$STATE/check.out" >>"$LOG"
}

check_libraries() { # known faults of what is installed; where nobody can be asked that is said, and is no failure
  local status
  set +e
  "$PY" .ci/audit.py >"$STATE/check.out" 2>&1 </dev/null
  status=$?
  set -e
  cat "$STATE/check.out" >>"$LOG"
  if ((status == 77)); then
    printf 'check %-18s left out: %s\n' "known faults" "$(tail -n 1 "$STATE/check.out")"
  elif ((status == 0)); then
    printf 'check %-18s ok: %s\n' "known faults" "$(tail -n 1 "$STATE/check.out")"
  else
    printf 'check %-18s failed (exit status %s):\n' "known faults" "$status"
    cat "$STATE/check.out"
    if ((FIRST_FAILURE == 0)); then FIRST_FAILURE=$status; fi
  fi
}

# conversions that no set of models has, and a test each
TESTED_MODELS=(whisper-tiny.en-q8_0 whisper-base-q8_0)

run_tests() { # runs all, ends with pytest's summary and the status of the first that failed
  local scripts=() selection=() status
  FIRST_FAILURE=0
  check "ruff check" "$VENV/bin/ruff" check .
  check "ruff format" "$VENV/bin/ruff" format --check .
  check "mypy" "$VENV/bin/mypy"
  check "import contracts" "$VENV/bin/lint-imports"
  mapfile -t scripts < <(grep -rIlE '^#!.*\b(ba)?sh\b|shellcheck shell=' install.sh .ci firmware_scripts | sort)
  if command -v shellcheck >/dev/null; then
    check "shellcheck" shellcheck -x "${scripts[@]}"
  else
    echo "check shellcheck         left out: not installed (apt-get install shellcheck)"
  fi
  check_libraries
  if [[ $MODELS == none ]]; then
    selection=(-m "not models")
  elif ! "$VENV/bin/nearfield" models pull "${TESTED_MODELS[@]}" >/dev/null; then
    echo "check models in 8 bits   left out: the reason stands above"
  fi
  set +e
  "$VENV/bin/python" -m pytest --two-at-a-time "${selection[@]}" </dev/null
  status=$?
  set -e
  if ((FIRST_FAILURE == 0)); then FIRST_FAILURE=$status; fi
  return "$FIRST_FAILURE"
}

parse_arguments() {
  RUN_DEMO=no RUN_TESTS=no USE_APT=yes MODELS="" LLAMA_WHEEL="" WHISPER_WHEEL="" PRINT_BOARD=no
  DO=set-up START=yes NETWORK="" PURGE=no SCREEN=no
  while (($#)); do
    case $1 in
      --help | -h)
        usage
        exit 0
        ;;
      --demo) RUN_DEMO=yes ;;
      --test) RUN_TESTS=yes ;;
      --no-apt) USE_APT=no ;;
      --service) DO=service ;;
      --uninstall-service) DO=uninstall ;;
      --no-start) START=no ;;
      --screen) SCREEN=yes ;;
      --purge) PURGE=yes ;;
      --network=*) NETWORK=${1#*=} ;;
      --models | --llama-wheel | --whisper-wheel | --network)
        if (($# < 2)); then refuse "$1 needs a value; see ./install.sh --help" 2; fi
        case $1 in
          --models) MODELS=$2 ;;
          --llama-wheel) LLAMA_WHEEL=$2 ;;
          --network) NETWORK=$2 ;;
          *) WHISPER_WHEEL=$2 ;;
        esac
        shift
        ;;
      --models=*) MODELS=${1#*=} ;;
      --llama-wheel=*) LLAMA_WHEEL=${1#*=} ;;
      --whisper-wheel=*) WHISPER_WHEEL=${1#*=} ;;
      --print-board) PRINT_BOARD=yes ;; # for the tests, and for a report of a problem
      *) refuse "unknown argument '$1'; see ./install.sh --help" 2 ;;
    esac
    shift
  done
  case $MODELS in
    "") if [[ $RUN_TESTS == yes ]]; then MODELS=base; else MODELS=tiny; fi ;;
    tiny) if [[ $RUN_TESTS == yes ]]; then MODELS=base; fi ;;
    none | base) ;;
    *) refuse "--models takes none, tiny or base, not '$MODELS'" 2 ;;
  esac
  case $NETWORK in
    "" | off | home | any) ;;
    *) refuse "--network takes off, home or any, not '$NETWORK'" 2 ;;
  esac
  if [[ $DO != service && ($START == no || -n $NETWORK || $SCREEN == yes) ]]; then
    refuse "--screen, --no-start and --network belong to --service" 2
  fi
  if [[ $DO != uninstall && $PURGE == yes ]]; then refuse "--purge belongs to --uninstall-service" 2; fi
  if [[ $DO != set-up && ($RUN_TESTS == yes || $RUN_DEMO == yes) ]]; then
    refuse "--demo and --test are for a set-up in this folder, not for a service" 2
  fi
  check_named_wheel llama
  check_named_wheel whisper
  case ${NEARFIELD_GPIO_DRIVER:-none} in
    none | RPi.GPIO | rpi-lgpio | Jetson.GPIO) ;;
    *) refuse "NEARFIELD_GPIO_DRIVER is RPi.GPIO, rpi-lgpio, Jetson.GPIO or none, not '$NEARFIELD_GPIO_DRIVER'" 2 ;;
  esac
  case ${NEARFIELD_JOBS:-1} in
    *[!0-9]* | 0*) refuse "NEARFIELD_JOBS is a number from 1 up, not '$NEARFIELD_JOBS'" 2 ;;
  esac
}

prepare() { # the log, and the lock against a second run in this folder
  mkdir -p "$STATE" 2>/dev/null || refuse "cannot write to $ROOT: make it writable for $(id -un)" 1
  exec 9>"$STATE/lock" || refuse "cannot write to $STATE: make it writable for $(id -un)" 1
  flock -n 9 || refuse "another install.sh is at work in this folder; wait for it, or end it" 1
  if [[ -f $LOG ]]; then mv -f "$LOG" "$LOG.1"; fi
  { date && uname -a && echo "board: ${BOARD_MODEL:-unknown} ($BOARD)" && echo "install.sh $*"; } >"$LOG" ||
    refuse "cannot write the log $LOG: is the disk full?" 1
  export PIP_NO_INPUT=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_USER=0
  unset PYTHONHOME PYTHONPATH
  # meant for this script; the program reads its settings from NEARFIELD_... and would wonder
  export -n NEARFIELD_JOBS NEARFIELD_GPIO_DRIVER NEARFIELD_BOARD_MODEL_FILE NEARFIELD_MEMINFO_FILE NEARFIELD_CPUINFO_FILE NEARFIELD_OSRELEASE_FILE
  rm -f "$STATE/models-pulled"
}

main() {
  set -Eeuo pipefail
  parse_arguments "$@"
  BOARD_MODEL=$(board_model)
  BOARD=$(board_kind "$BOARD_MODEL")
  if [[ -z ${NEARFIELD_GPIO_DRIVER:-} ]] && is_release; then NEARFIELD_GPIO_DRIVER=$(gpio_driver_named); fi
  GPIO=$(gpio_driver "$BOARD" "$RUN_TESTS")
  if [[ $PRINT_BOARD == yes ]]; then
    printf '%s %s %s\n' "$BOARD" "$GPIO" "${BOARD_MODEL:-unknown}"
    exit 0
  fi
  if [[ $DO == uninstall ]]; then
    uninstall_service
    exit
  fi
  cd "$ROOT"
  check_named_python
  if is_release; then
    export XDG_CACHE_HOME=${CACHE%/*} PIP_NO_CACHE_DIR=1 # what is compiled for one release serves the next
  fi
  if [[ -t 0 ]]; then INTERACTIVE=yes; else INTERACTIVE=no; fi
  trap 'interrupted 2' INT
  trap 'interrupted 15' TERM
  trap 'interrupted 1' HUP
  exec 8>&1 # for a step that has something to show
  if [[ $DO == service ]]; then
    service_main "$@"
    exit
  fi
  prepare "$@"
  BASE_PYTHON=$(find_python || true)
  printf 'Nearfield on %s (%s), log in %s\n' "${BOARD_MODEL:-this machine}" "$(uname -m)" "$LOG"

  local packages="none missing"
  if [[ $USE_APT == no ]]; then
    packages="left alone"
  elif ! system_ready; then
    packages="apt-get install $(packages_missing | xargs)"
  fi
  step 1 system "system packages: $packages"
  step 2 venv "Python environment in .venv"
  step 3 llama "llama-cpp-python $(runtime_version llama), $(runtime_plan llama)"
  step 4 whisper "pywhispercpp $(runtime_version whisper), $(runtime_plan whisper)"
  step 5 libraries "Python libraries of pyproject.toml$(if [[ $RUN_TESTS == yes ]]; then echo ' and the test tools'; fi)"
  step 6 nearfield "the native extensions and the command 'nearfield'"
  step 7 gpio "GPIO driver: $GPIO"
  step 8 models "models: $MODELS"
  CURRENT_STEP="what follows the set-up"
  exec 8>&- 9>&- # what follows may run for long, and beside another install.sh

  if [[ $RUN_DEMO == yes ]]; then "$VENV/bin/nearfield" demo; fi
  if [[ $RUN_TESTS == yes ]]; then
    run_tests
  elif [[ $RUN_DEMO == no ]]; then
    echo "Ready. Try: .venv/bin/nearfield demo, or .venv/bin/nearfield run"
  fi
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then main "$@"; fi
