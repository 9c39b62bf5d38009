# shellcheck shell=bash disable=SC2154
# Steps 3 and 4 of install.sh: the runtimes of the language model and of the recogniser, compiled for this very processor:
#
#     runtime_plan whisper; runtime_ready whisper || runtime_make whisper
#
# The first argument of every function here is one of the two: llama or whisper.

runtime_distribution() { case $1 in llama) echo llama-cpp-python ;; whisper) echo pywhispercpp ;; esac }

runtime_version() { local pin; pin=$(pinned "$(runtime_distribution "$1")") && echo "${pin##*==}"; }

runtime_stem() { # how its wheels' file names begin
  local name
  name=$(runtime_distribution "$1")
  echo "${name//-/_}-$(runtime_version "$1")"
}

runtime_named() { # the wheel that the user named, or nothing
  case $1 in llama) echo "$LLAMA_WHEEL" ;; whisper) echo "$WHISPER_WHEEL" ;; esac
}

check_named_wheel() { # refuses a named wheel that is not there or is of something else; else makes its path absolute
  local wheel
  wheel=$(runtime_named "$1")
  if [[ -z $wheel ]]; then return; fi
  if [[ ! -f $wheel ]]; then refuse "--$1-wheel $wheel: no such file" 2; fi
  if [[ $wheel != *"$(runtime_stem "$1")"-*.whl ]]; then
    refuse "--$1-wheel wants $(runtime_stem "$1")-*.whl, not $(basename -- "$wheel")" 2
  fi
  printf -v "${1^^}_WHEEL" %s "$(realpath -- "$wheel")"
}

# The right version, loads on this processor, and comes from a file: a build for this processor does, and what pip put in
# its place from the index does not. whisper.cpp is loaded beside llama.cpp, as the program does it: each brings a ggml of
# its own, and one that took the other's would not load, or crash.
runtime_works() { # NAME [index]: with 'index', it must be the index's: another's may load and die of an instruction later
  "$PY" - "$1" "$(runtime_distribution "$1")" "$(runtime_version "$1")" "${2:-file}" <<'PYTHON'
import sys
from importlib.metadata import distribution

name, project, version, origin = sys.argv[1:]
import llama_cpp
if name == "whisper":
    import _pywhispercpp
    can = _pywhispercpp.whisper_print_system_info()
else:
    can = llama_cpp.llama_print_system_info().decode()
print(can)
if "AMX_INT8 = 1" in can:
    sys.exit(f"{project} was compiled with AMX, of which it dies at its first product")
found = distribution(project)
if found.version != version:
    sys.exit(f"{project} is {found.version}, not {version}")
comes_from = "index" if found.read_text("direct_url.json") is None else "file"
if comes_from != origin:
    sys.exit(f"{project} is of {comes_from} origin, not of {origin} origin")
PYTHON
}

runtime_key() { # what is wanted: the file the user named, else a build for this processor
  local wheel
  wheel=$(runtime_named "$1")
  if [[ -n $wheel ]]; then
    echo "file $(sha256sum "$wheel" | cut -c1-64)"
  else
    basename "$(wheel_cache "$(runtime_stem "$1")")"
  fi
}

runtime_plan() { # what the step is going to do, if it has to do anything
  local minutes
  case $1 in llama) minutes="3 to 40" ;; whisper) minutes="2 to 30" ;; esac
  if [[ -n $(runtime_named "$1") ]]; then
    echo "from $(runtime_named "$1")"
  elif stamp_is "$1" "index $(runtime_key "$1")"; then
    echo "from the package index, which is slower: compiling failed (to try again: rm .venv/stamps/$1)"
  elif compgen -G "$(wheel_cache "$(runtime_stem "$1")")/*.whl" >/dev/null; then
    echo "as compiled here before"
  else
    echo "compiled for this processor ($(compile_jobs) at a time; $minutes minutes, watch: tail -f .nearfield/install.log)"
  fi
}

runtime_ready() {
  local key stamp=""
  key=$(runtime_key "$1")
  if [[ -f $STAMPS/$1 ]]; then stamp=$(<"$STAMPS/$1"); fi
  case $stamp in
    "$key") runtime_works "$1" ;;
    "index $key") runtime_works "$1" index ;; # compiling failed: not tried at every run
    # a wheel that was named once stays until another is named, or it no longer fits
    file*) [[ -z $(runtime_named "$1") ]] && runtime_works "$1" ;;
    *) return 1 ;;
  esac
}

runtime_install() { # NAME WHEEL; joined by && because it is called in conditions, where 'set -e' sleeps
  "$PY" -m pip install --force-reinstall --no-deps "$2" &&
    # its own requirements; without them the step ends here: the wheel is right, and what was compiled is kept
    { pip_install "$2" || exit 1; } &&
    runtime_works "$1"
}

runtime_make() {
  local cache wheel named
  # pip answers Ctrl-C with a plain failure, which bash would take for one of the compiler
  trap 'exit 130' INT
  named=$(runtime_named "$1")
  if [[ -n $named ]]; then
    if ! runtime_install "$1" "$named"; then
      give_up "$named is not $(runtime_distribution "$1") $(runtime_version "$1") for this machine" \
        "leave --$1-wheel out to compile it here, or name a wheel that install.sh made for $(uname -m)"
    fi
    stamp_set "$1" "$(runtime_key "$1")"
    return
  fi
  cache=$(wheel_cache "$(runtime_stem "$1")")
  for wheel in "$cache"/*.whl; do
    [[ -f $wheel ]] || continue
    if runtime_install "$1" "$wheel"; then
      stamp_set "$1" "$(runtime_key "$1")"
      return
    fi
    echo "$wheel does not work any more: compiling anew"
    rm -f "$wheel"
  done
  if runtime_compile "$1" "$cache" && runtime_install "$1" "$(echo "$cache"/*.whl)"; then
    stamp_set "$1" "$(runtime_key "$1")"
  elif [[ $1 == whisper ]]; then
    rm -rf "$cache" # what did not install now would not the next time
    whisper_from_index
  else
    return 1
  fi
}

whisper_from_index() { # compiling failed: there are wheels of pywhispercpp for "any" processor, and recognition goes on
  local pin
  pin=$(pinned pywhispercpp)
  echo "pywhispercpp could not be compiled here; the reason stands above. Taking the wheel of the package index"
  runtime_works whisper index || # it may be there from before
    "$PY" -m pip install --force-reinstall --no-deps --only-binary pywhispercpp "$pin"
  stamp_set whisper "index $(runtime_key whisper)"
  remark "compiling failed: the wheel of the package index is used, recognition is slower (why: .nearfield/install.log)"
}

# GGML_NATIVE: this processor's own instructions (ggml's default; said here because all speed rests on it).
# LLAVA_BUILD: the image models' library, which an assistant without eyes does not load.
# GGML_LLAMAFILE: the fast matrix product, which llama.cpp has by default and whisper.cpp has not.
# BUILD_SHARED_LIBS, CMAKE_POSITION..., -Bsymbolic: whisper.cpp in one file that keeps to its own ggml. Its shared libraries
# would be looked for where they were built, and have the names of llama.cpp's, of another version.
cmake_arguments() {
  case $1 in
    llama) echo "-DGGML_NATIVE=ON -DLLAVA_BUILD=OFF ${CMAKE_ARGS:-}" ;;
    whisper)
      echo "-DGGML_NATIVE=ON -DGGML_LLAMAFILE=ON -DBUILD_SHARED_LIBS=OFF -DCMAKE_POSITION_INDEPENDENT_CODE=ON" \
        "-DCMAKE_MODULE_LINKER_FLAGS=-Wl,-Bsymbolic ${CMAKE_ARGS:-}"
      ;;
  esac
}

runtime_compile() { # NAME FOLDER: the whole wheel appears there, or nothing; joined by && as runtime_install
  local building flags name version
  name=$(runtime_distribution "$1")
  flags=$(without_amx)
  # a compiler that knows nothing of it makes no use of it either
  # shellcheck disable=SC2086
  if ! "${CC:-cc}" $flags -fsyntax-only -x c /dev/null 2>/dev/null; then flags=""; fi
  version=$(runtime_version "$1")
  mkdir -p "$(dirname "$2")" &&
    rm -rf "$2".building.* && # of a run that was cut off
    building=$(mktemp -d "$2.building.XXXXXX") || return 1
  # --no-binary names this one alone: with ':all:', cmake itself would be compiled. Without PYWHISPERCPP_VERSION, the
  # source of pywhispercpp takes itself for 0.0.0.
  if PYWHISPERCPP_VERSION=$version CMAKE_ARGS=$(cmake_arguments "$1") CMAKE_BUILD_PARALLEL_LEVEL=$(compile_jobs) \
    CFLAGS="${CFLAGS:-}$flags" CXXFLAGS="${CXXFLAGS:-}$flags" \
    "$PY" -m pip wheel --no-deps --no-binary "$name" --no-cache-dir --wheel-dir "$building" -v "$name==$version"; then
    rm -rf "$2" && mv "$building" "$2"
  else
    rm -rf "$building"
    return 1
  fi
}

llama_ready() { runtime_ready llama; }
llama_make() { runtime_make llama; }
whisper_ready() { runtime_ready whisper; }
whisper_make() { runtime_make whisper; }
