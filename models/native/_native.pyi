# cffi writes the module; its calls are declared, with their types, in build.py.
from typing import Any

ffi: Any
lib: Any
