# shellcheck shell=bash disable=SC2154
# What machine this is, and what follows from it. Sourced by install.sh; every source of facts can be named, for tests:
#
#     NEARFIELD_BOARD_MODEL_FILE=model.txt board_kind "$(board_model)"

readonly COMPILE_JOB_MB=700 # the largest g++ on llama.cpp took 595 MB (GCC 12); and some for the linker

board_model() { # the board's own name, or nothing; the device tree ends it with a NUL
  local file=${NEARFIELD_BOARD_MODEL_FILE:-/proc/device-tree/model}
  if [[ -r $file ]]; then tr -d '\0' <"$file"; fi
}

board_kind() { # MODEL -> pi5 | pi | jetson | other
  case $1 in
    "Raspberry Pi "[5-9]* | "Raspberry Pi Compute Module "[5-9]*) echo pi5 ;; # 500 and later boards too
    "Raspberry Pi"*) echo pi ;;
    NVIDIA* | *Jetson*) echo jetson ;;
    *) echo other ;;
  esac
}

kernel_is_at_least() { # MAJOR MINOR; one that does not tell its version is taken for new
  local release major minor
  release=$(cat "${NEARFIELD_OSRELEASE_FILE:-/proc/sys/kernel/osrelease}" 2>/dev/null) || true
  if [[ ! $release =~ ^([0-9]+)\.([0-9]+) ]]; then return; fi
  major=${BASH_REMATCH[1]} minor=${BASH_REMATCH[2]}
  ((major > $1 || (major == $1 && minor >= $2)))
}

gpio_driver() { # KIND RUN_TESTS -> the distribution that provides GPIO there, or 'none'
  if [[ -n ${NEARFIELD_GPIO_DRIVER:-} ]]; then
    echo "$NEARFIELD_GPIO_DRIVER"
    return
  fi
  case $1 in
    pi5) echo rpi-lgpio ;; # RPi.GPIO pokes registers that a Pi 5 does not have
    # RPi.GPIO watches pins through sysfs, whose numbers have begun at 512 since 6.6: github.com/raspberrypi/linux/issues/6037
    pi) if kernel_is_at_least 6 6; then echo rpi-lgpio; else echo RPi.GPIO; fi ;;
    jetson) echo Jetson.GPIO ;;
    *) if [[ $2 == yes ]]; then echo rpi-lgpio; else echo none; fi ;; # the tests drive it over a pretended chip
  esac
}

compile_jobs() { # as many as there are processors and memory for, at least one
  if [[ -n ${NEARFIELD_JOBS:-} ]]; then
    echo "$NEARFIELD_JOBS"
    return
  fi
  local available_mb cores
  available_mb=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' "${NEARFIELD_MEMINFO_FILE:-/proc/meminfo}")
  cores=$(nproc)
  local jobs=$((${available_mb:-0} / COMPILE_JOB_MB))
  if ((jobs > cores)); then jobs=$cores; fi
  if ((jobs < 1)); then jobs=1; fi
  echo "$jobs"
}

# Intel's matrix unit (Xeons since 2023), left out of what is compiled for a processor that has it. ggml's code for it dies
# at its first product: gcc 12, Debian's, takes _tile_loadconfig for a look at 8 bytes and drops the rest of the
# configuration, and ggml asks the kernel for the unit in one thread only (llama.cpp #20824, #26954).
without_amx() { # -> the compiler's flags, a space before them; nothing where there is no such unit
  if grep -qw amx_tile "${NEARFIELD_CPUINFO_FILE:-/proc/cpuinfo}"; then echo " -mno-amx-tile -mno-amx-int8 -mno-amx-bf16"; fi
}

cpu_key() { # changes when code compiled for this processor may not run, may not be the best, or was asked for otherwise
  local file=${NEARFIELD_CPUINFO_FILE:-/proc/cpuinfo}
  { echo "$(uname -m) ${CMAKE_ARGS:-}$(without_amx)" && grep -E '^(flags|Features|CPU (implementer|part)|model name)' "$file" | sort -u; } |
    sha256sum | cut -c1-12
}

wheel_cache() { # NAME-VERSION as a wheel's file has them -> the folder of the wheel compiled for this Python and this processor
  local base=${XDG_CACHE_HOME:-${HOME:+$HOME/.cache}}
  local tag
  tag=$("$PY" -c 'import sys; print("cp%d%d" % sys.version_info[:2])')
  echo "${base:-$STATE/cache}/nearfield/wheels/$1-$tag-$(uname -m)-$(cpu_key)"
}

pinned() { # DISTRIBUTION -> 'distribution==version' as pyproject.toml has it: versions are written only there
  grep -oiE "\"$1==[^\"; ]+" "$ROOT/pyproject.toml" | head -n 1 | tr -d '"'
}

