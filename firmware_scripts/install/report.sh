# shellcheck shell=bash disable=SC2154
# How install.sh says how it goes: one line a step, and on failure what failed, the log's end and the way out.

STEPS=8                # of a set-up; a service has its own
AGAIN="./install.sh" # what whoever was interrupted runs again

give_up() { # WHAT WAY_OUT: end the step; both are shown to whoever ran the script
  printf '%s\n' "$1" >"$STATE/failure"
  printf '%s\n' "$2" >>"$STATE/failure"
  exit 1
}

remark() { # LINE: shown below the step once it has ended well
  printf '%s\n' "$1" >"$STATE/remark"
}

refuse() { # LINE STATUS: end before anything has begun
  printf 'install.sh: %s\n' "$1" >&2
  exit "$2"
}

guess_way_out() { # the log's last lines -> what commonly helps
  case $1 in
    *"No space left on device"*) echo "the disk is full: 'df -h .' shows it; about 3 GB are needed" ;;
    *"Permission denied"* | *"Read-only file system"*) echo "make this folder and ~/.cache writable for $(id -un)" ;;
    *"Killed"* | *"signal terminated program"* | *"out of memory"*)
      echo "memory ran out: NEARFIELD_JOBS=1 ./install.sh, more swap, or --llama-wheel FILE"
      ;;
    *"name resolution"* | *"resolve"* | *"NewConnectionError"* | *"timed out"* | *"Network is unreachable"*)
      echo "the network did not answer: check the connection and the proxy settings"
      ;;
    *"dpkg was interrupted"* | *"Could not get lock"*) echo "another package manager is at work, or was cut off: sudo dpkg --configure -a" ;;
    *) echo "the log says more; mend what it names" ;;
  esac
}

fail() { # NUMBER NAME: show why a step failed and leave
  local last what="" way_out=""
  last=$(tail -n 12 "$LOG")
  if [[ -s $STATE/failure ]]; then
    { read -r what && read -r way_out; } <"$STATE/failure" || true
  fi
  {
    printf '\ninstall.sh: step %s of %s (%s) failed%s\n' "$1" "$STEPS" "$2" "${what:+: $what}"
    if [[ -z $what ]]; then
      printf '%s\n' "$last" | sed 's/^/    | /'
      way_out=$(guess_way_out "$last")
    fi
    printf '  way out: %s\n  log: %s\n  then run %s again: it goes on from here\n' "$way_out" "$LOG" "$AGAIN"
  } >&2
  exit 1
}

interrupted() { # SIGNAL_NUMBER
  trap - INT TERM HUP
  printf '\ninstall.sh: interrupted in %s. Nothing is half done: run %s again to go on. Log: %s\n' \
    "${CURRENT_STEP:-the preparation}" "$AGAIN" "$LOG" >&2
  exit $((128 + $1))
}

step() { # NUMBER NAME DOES: `NAME_ready` tells whether the result is there, `NAME_make` brings it about
  local number=$1 name=$2 does=$3 status started=$SECONDS
  CURRENT_STEP="step $number of $STEPS ($name)"
  printf '[%s/%s] %-10s %s ... ' "$number" "$STEPS" "$name" "$does"
  printf '\n==== %s: %s\n' "$CURRENT_STEP" "$does" >>"$LOG"
  rm -f "$STATE/failure" "$STATE/remark"
  if ("${name}_ready") >>"$LOG" 2>&1; then
    echo "already there"
    return
  fi
  # not in a condition: there, bash would switch 'set -e' off for all that the step does
  set +e
  (
    set -Eeuo pipefail
    "${name}_make"
  ) >>"$LOG" 2>&1 </dev/null
  status=$?
  set -e
  if ((status == 0)) && ! ("${name}_ready") >>"$LOG" 2>&1; then
    printf 'the step ended well, but its result is not there\n' >>"$LOG"
    status=1
  fi
  if ((status != 0)); then
    echo "failed"
    fail "$number" "$name"
  fi
  echo "done ($((SECONDS - started)) s)"
  if [[ -s $STATE/remark ]]; then printf '      %s\n' "$(<"$STATE/remark")"; fi
}

stamp_is() { # NAME TEXT
  [[ -f $STAMPS/$1 && $(<"$STAMPS/$1") == "$2" ]]
}

stamp_set() { # NAME TEXT, at once or not at all
  mkdir -p "$STAMPS"
  printf '%s\n' "$2" >"$STAMPS/$1.new"
  mv -f "$STAMPS/$1.new" "$STAMPS/$1"
}

