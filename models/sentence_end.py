"""Does a sentence end behind these words? What a language model expects there, in place of another word.

    ends = SentenceEnds(llama, PREFILL_TOKENS)
    head = ends.head("...<|im_start|>user\\nTurn on the light.<|im_end|>\\n...", "Turn on the light.", prompt)
    ends.read(prompt, head)         # 0..1: behind prompt[:head], which is behind "light"; all of `prompt` is evaluated

The marks that a recogniser has put there are left out, for it puts a full stop behind whatever it hears last. Of "Can I
have a large" SmolLM2 says 0.00, of "Can I have a larger espresso" 0.07, of "Turn on the light in the kitchen" 0.28:
evidence for the end-pointer (`device.dialogue.turn_end`). It is one more row of a pass that is made anyway: a pass of
its own for the words took 8 ms of 64 (two cores).
"""

from typing import Any

import llama_cpp
import numpy as np

from models.protocols import Floats

#: What ends a sentence, also behind quotation marks; an ellipsis does not.
_MARKS = (".", "?", "!", '."', '?"', '!"', ".\n", "?\n", "!\n", "\u3002", "\uff1f", "\uff01", "\u061f", "\u0964")
_LEFT_OUT = " \t\n.?!,;:\u2026\u3002\uff1f\uff01\u061f\u0964\"'\u201d\u2019"


class SentenceEnds:
    """The tokens of one model that end a sentence, and where in a prompt to look for them."""

    def __init__(self, llama: Any, batch_tokens: int) -> None:
        """`llama`: `llama_cpp.Llama`, loaded, that takes `batch_tokens` in one pass."""
        self._llama = llama
        self._batch_tokens = batch_tokens
        self._batch = llama_cpp.llama_batch_init(batch_tokens, 0, 1)
        vocab = llama_cpp.llama_model_get_vocab(llama.model)
        self._vocab_size = llama_cpp.llama_vocab_n_tokens(vocab)
        single = (llama.tokenize(mark.encode(), add_bos=False, special=False) for mark in _MARKS)
        over = {llama.token_eos(), llama_cpp.llama_vocab_eot(vocab)}
        self._ends = np.array(sorted({t[0] for t in single if len(t) == 1} | {t for t in over if t >= 0}))

    def head(self, rendered: str, question: str, prompt: list[int]) -> int:
        """How many tokens of `prompt`, which are those of `rendered`, reach to the last word of `question`.

        0: there is no word, or the model takes it and what follows for one token.
        """
        words = question.rstrip(_LEFT_OUT)
        at = rendered.rfind(question)
        if not words or at < 0:
            return 0
        head = self._llama.tokenize(rendered[: at + len(words)].encode(), add_bos=False, special=True)
        return len(head) if prompt[: len(head)] == head else 0

    def read(self, prompt: list[int], head: int) -> float | None:
        """Evaluate what the KV cache does not hold of `prompt`: how probable is a sentence's end behind prompt[:head]?

        None, and nothing is done: more is missing than one pass takes. Raises RuntimeError.
        """
        llama, batch = self._llama, self._batch
        held = min(llama.longest_token_prefix(llama.input_ids[: llama.n_tokens].tolist(), prompt), head - 1)
        rest = prompt[held:]
        if len(rest) > self._batch_tokens:
            return None
        if not llama_cpp.llama_memory_seq_rm(llama_cpp.llama_get_memory(llama.ctx), -1, held, -1):
            return None  # a model whose memory cannot be cut
        asked = head - 1 - held
        batch.n_tokens = len(rest)
        for i, token in enumerate(rest):
            batch.token[i], batch.pos[i] = token, held + i
            batch.seq_id[i][0], batch.n_seq_id[i] = 0, 1
            batch.logits[i] = i in (asked, len(rest) - 1)
        llama.n_tokens = held
        if code := llama_cpp.llama_decode(llama.ctx, batch):
            raise RuntimeError(f"llama_decode returned {code}")
        llama.input_ids[held : len(prompt)] = rest
        llama.n_tokens = len(prompt)
        row = llama_cpp.llama_get_logits_ith(llama.ctx, asked)
        return self._probability(np.ctypeslib.as_array(row, (self._vocab_size,)))

    def close(self) -> None:
        """Free what `read` needs."""
        llama_cpp.llama_batch_free(self._batch)

    def _probability(self, logits: Floats) -> float:
        odds = np.exp(logits - logits.max(), dtype=np.float64)
        return float(odds[self._ends].sum() / odds.sum())
