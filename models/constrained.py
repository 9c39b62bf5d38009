"""Drawing tokens that a grammar allows.

    with Grammar(vocab, 'root ::= "yes" | "no"') as grammar:
        token = grammar.best(scores)      # scores: (n_vocab,) logits
        grammar.accept(token)

llama.cpp's own sampler asks the grammar about every token of the vocabulary, for each token that is written. Here it is
asked about the best one, then about the next 64, and about all only if none of them will do.
"""

import ctypes
from types import TracebackType
from typing import Any, Self

import numpy as np

import models.process  # noqa: F401 - first: the runtime reads what it sets up

# isort: split
import llama_cpp

from models.errors import ModelRunError
from models.protocols import Floats

_CANDIDATE = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])  # llama_token_data
_FEW = 64


class Grammar:
    """One pass through a grammar. Close it, or use it with `with`."""

    def __init__(self, vocab: Any, text: str) -> None:
        """`text`: GBNF. Raises ModelRunError: it does not parse."""
        self._sampler: Any = llama_cpp.llama_sampler_init_grammar(vocab, text.encode(), b"root")
        if not self._sampler:
            raise ModelRunError("the grammar of the tools does not parse", hint="please report it")

    def best(self, scores: Floats) -> int:
        """The token with the highest of `scores` (n_vocab,) that is allowed here. Raises ModelRunError: none is."""
        for count in (1, _FEW, len(scores)):
            ids = np.argpartition(-scores, count - 1)[:count] if count < len(scores) else np.arange(len(scores))
            allowed = self._allowed(ids.astype(np.int32))
            if len(allowed):
                return int(allowed[np.argmax(scores[allowed])])
        raise ModelRunError("the grammar of the tools allows nothing more")

    def accept(self, token: int) -> None:
        """`token`, which `best` gave, has been written."""
        llama_cpp.llama_sampler_accept(self._sampler, token)

    def close(self) -> None:
        """Free it; the object is of no use afterwards."""
        if self._sampler:
            llama_cpp.llama_sampler_free(self._sampler)
            self._sampler = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _allowed(self, ids: Any) -> Any:
        """Those of `ids` (n,) int32 that may come next."""
        candidates = np.zeros(len(ids), dtype=_CANDIDATE)
        candidates["id"] = ids
        array = llama_cpp.llama_token_data_array(
            data=candidates.ctypes.data_as(llama_cpp.llama_token_data_p), size=len(ids), selected=-1, sorted=False
        )
        llama_cpp.llama_sampler_apply(self._sampler, ctypes.byref(array))
        return ids[np.isfinite(candidates["logit"])]
