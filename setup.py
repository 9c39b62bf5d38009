"""Names the native extension for setuptools; everything else is in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["dsp/native/build.py:ffibuilder"])
