"""Builds the native extension `models.native._native`: how long a turn of libgomp's waiting loop takes here.

    pip install --no-deps -e .        # in place, from the root of the repository, with dsp/native/build.py

Needs a C11 compiler. cffi in API mode; every call releases the GIL while it runs.
"""

from pathlib import Path

from cffi import FFI

NATIVE = Path("models/native")

ffibuilder = FFI()
ffibuilder.cdef("int64_t nf_spin_ns(uint32_t turns);")
ffibuilder.set_source(
    "models.native._native",
    '#include "spin.h"\n',
    sources=[str(NATIVE / "spin.c")],
    depends=[str(NATIVE / "spin.h")],
    include_dirs=[str(NATIVE)],
    extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra"],
    py_limited_api=True,
)

if __name__ == "__main__":
    ffibuilder.compile(tmpdir=".", verbose=True)
