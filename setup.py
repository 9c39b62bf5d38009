"""Names the native extensions for setuptools; everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["dsp/native/build.py:ffibuilder", "models/native/build.py:ffibuilder"])
