"""A chat model on llama.cpp, streamed.

    model = LlamaCpp(store.path("smollm2-135m-instruct-q8_0"))
    with contextlib.closing(model.reply([Message("user", "What is the capital of France?")])) as pieces:
        for piece in pieces: print(piece, end="", flush=True)

The KV cache keeps the longest common beginning of the last chat and the next; a chat that only grows is evaluated
once. `warm` fills it ahead of time. A model that is good at it may ask for a tool (`reply_with_tools`): once it begins
to, a grammar lets it write nothing but a valid call.
"""

import codecs
import itertools
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import models.process  # first: the runtime reads what it sets up

# isort: split
import llama_cpp
import numpy as np
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from models.chat_marks import plain, plain_messages
from models.chat_window import fit
from models.constrained import Grammar
from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.json_grammar import call_grammar
from models.loop_guard import LoopGuard
from models.protocols import Cancelled, Floats, Message, ToolRequest, ToolSpec, never
from models.sentence_end import SentenceEnds
from models.tools import (
    CALL_MARK,
    as_functions,
    begins_call,
    holds_result,
    parsed,
    with_instructions,
    without_tool_role,
)

#: Tokens evaluated between two looks at `cancelled`: a piece takes 0.05 s of a 135M model on two desktop cores and
#: some 0.5 s of a 1B model on a Pi 5; larger pieces gain little (see `bench/`).
PREFILL_TOKENS = 64
#: A call that waits for another one looks at `cancelled` this often.
_LOCK_POLL_S = 0.01
#: Greedy decoding repeats itself; this mild penalty on the last 64 tokens was enough for SmolLM2.
REPEAT_PENALTY = 1.1
#: Texts whose length in tokens is remembered: a chat of 400 messages and what is supposed meanwhile. The oldest go.
_LENGTHS = 1024
_SEED = 1
_GGUF = b"GGUF"
#: ChatML, for model files that carry no template of their own.
_CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


class LlamaCpp:
    """One loaded model; calls wait for each other. A `reply` holds the model until its generator ends or is closed."""

    last_prompt_tokens: int = 0  #: length of the last prompt
    last_reused_tokens: int = 0  #: how much of it the KV cache already held
    last_complete: bool = True  #: False: the last reply was cut off, maybe within a sentence
    sentence_end: float | None = None  #: of the question of the newest reply, once it has been read (`ExpectsEnds`)

    def __init__(
        self,
        path: Path,
        *,
        context_tokens: int = 2048,
        max_reply_tokens: int = 160,
        max_reply_s: float = 30.0,
        threads: int = 0,
        temperature: float = 0.0,
        seed: int = _SEED,
    ) -> None:
        """Load `path` (GGUF).

        `threads`: 0 is all cores. `temperature` 0 takes the likeliest token; above that the draw has a fixed `seed`, so
        that the same chat gets the same answer. `max_reply_s`: of work on one reply, its prompt included. Raises
        ModelMissingError, ModelDamagedError, and ValueError when a
        reply could fill more than half of the context.
        """
        if max_reply_tokens * 2 > context_tokens:
            raise ValueError(f"{max_reply_tokens} tokens of reply leave no room in a context of {context_tokens}")
        self._lock = threading.Lock()
        self._path = path
        self._context_tokens = context_tokens
        self._max_reply_tokens = max_reply_tokens
        self._max_reply_s = max_reply_s
        self._temperature = temperature
        self._seed = seed
        self._llama: Any = _load(path, context_tokens, models.process.worker_threads(threads, most=8), seed)
        self._vocab = llama_cpp.llama_model_get_vocab(self._llama.model)
        template = self._llama.metadata.get("tokenizer.chat_template", _CHATML)
        self._lists_tools = "tools" in template
        self._has_tool_role = "tool" in template
        mark = f"{CALL_MARK}\n".encode() if CALL_MARK in template else b""
        self._call_mark: list[int] = self._llama.tokenize(mark, add_bos=False, special=True) if mark else []
        self._ends = SentenceEnds(self._llama, PREFILL_TOKENS)
        self._offered: tuple[ToolSpec, ...] = ()  # in the newest reply: `warm` expects them again
        self._template = Jinja2ChatFormatter(
            template=template,
            eos_token=_token_text(self._vocab, self._llama.token_eos()),
            bos_token=_token_text(self._vocab, self._llama.token_bos()),
        )
        self._lengths: dict[str, int] = {}

    def reply(self, messages: Sequence[Message], *, cancelled: Cancelled = never, begun: str = "") -> Iterator[str]:
        """Yields the answer in pieces of whole characters. Raises ModelRunError.

        `begun`: the beginning of the answer, which somebody else has written; only what follows it is yielded.

        Ends at the model's end of turn, or once `cancelled`, or (then `last_complete` is False) after
        `max_reply_tokens` or `max_reply_s`, or when it begins to repeat itself. Not a piece within `max_reply_s` is an
        error. Close the generator when its rest is not wanted: until then it holds the model. A chat that is
        too long loses its oldest turns (`models.chat_window`).
        """
        if not holds_result(messages):
            self._offered = ()
        with self._replying(messages, (), cancelled, begun) as (prompt, until_s):
            if prompt:
                yield from self._generate(prompt, cancelled, until_s)

    def reply_with_tools(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> Iterator[str | ToolRequest]:
        """As `reply`, or one `ToolRequest` for one of `tools`: valid by their schemas, but for bounds of fractions.

        The model's first token decides which. No tools are offered for an answer to what a tool gave back. Raises
        ModelRunError also when a request comes to no end, and ValueError for a schema that is not known.
        """
        offered = () if holds_result(messages) else tuple(tools)
        self._offered = tuple(tools)
        with self._replying(messages, offered, cancelled) as (prompt, until_s):
            if not prompt:
                return
            pieces = self._generate(prompt, cancelled, until_s)
            start = _first_words(pieces)
            if offered and begins_call(start):
                pieces.close()
                if request := self._request(prompt, offered, cancelled, until_s):
                    yield request
                return
            yield from itertools.chain([start] if start else [], pieces)

    def request(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], *, cancelled: Cancelled = never
    ) -> ToolRequest | None:
        """One of `tools`, whatever the model would rather say; None: cancelled. Raises as `reply_with_tools` does."""
        with self._replying(messages, tuple(tools), cancelled) as (prompt, until_s):
            return self._request(prompt, tools, cancelled, until_s) if prompt else None

    def warm(self, messages: Sequence[Message], *, cancelled: Cancelled = never) -> None:
        """Evaluate `messages` now, so that a `reply` to them, or to a chat that goes on from them, starts sooner.

        Raises ModelRunError.
        """
        with self._held(cancelled) as mine:
            if not mine:
                return
            try:
                offered = () if holds_result(messages) else self._offered
                prompt, _ = self._prompt(messages, offered, read=False)
                if self._prefill(prompt, cancelled):
                    self._evaluate(prompt[:-1])
            except RuntimeError as error:
                self._llama.reset()
                raise ModelRunError(f"{self._path.name} failed: {error}") from error

    def close(self) -> None:
        """Free the model; the object is of no use afterwards."""
        with self._lock:
            if self._llama is not None:
                self._ends.close()
                self._llama.close()
                self._llama = None

    @contextmanager
    def _held(self, cancelled: Cancelled) -> Iterator[bool]:
        """Holds the model; False when the call was cancelled while it waited."""
        while not (mine := self._lock.acquire(timeout=_LOCK_POLL_S)):
            if cancelled():
                break
        try:
            if mine and self._llama is None:
                raise ModelRunError(f"{self._path.name} is closed")
            yield mine and not cancelled()
        finally:
            if mine:
                self._lock.release()

    @contextmanager
    def _replying(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec], cancelled: Cancelled, begun: str = ""
    ) -> Iterator[tuple[list[int], float]]:
        """Holds the model for one reply: the evaluated prompt ([]: cancelled), and until when it may take (s)."""
        with self._held(cancelled) as mine:
            if not mine:
                yield [], 0.0
                return
            until_s = time.monotonic() + self._max_reply_s
            self.last_complete = False  # unless it comes to its own end
            self.sentence_end = None
            try:
                prompt, head = self._prompt(messages, tools, begun)
                if not self._prefill(prompt, lambda: cancelled() or time.monotonic() > until_s, head):
                    if not cancelled():
                        raise ModelRunError(
                            f"{self._path.name} has not begun its answer within {self._max_reply_s:g} s",
                            hint="take a smaller language model, or raise llm.max_reply_s",
                        )
                    prompt = []
                yield prompt, until_s
            except RuntimeError as error:
                self._llama.reset()
                raise ModelRunError(f"{self._path.name} failed: {error}") from error

    def _prompt(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = (), begun: str = "", *, read: bool = True
    ) -> tuple[list[int], int]:
        """Tokens of the chat that fits, up to where the answer begins if it is the assistant's turn, and `begun`.

        And how many of them reach to the last word of the question; 0: it ends with none, or is not to be `read`.
        """
        budget = self._context_tokens - self._max_reply_tokens
        shown = plain_messages(messages)
        listed = as_functions(tools) if tools and self._lists_tools else None
        if tools and not self._lists_tools:
            shown = with_instructions(shown, tools)
        if not self._has_tool_role:
            shown = without_tool_role(shown)
        while True:
            kept = fit(shown, count=self._length, budget_tokens=budget)
            self._template.add_generation_prompt = bool(kept) and kept[-1].role in ("user", "tool")
            rendered = self._template(messages=[{"role": m.role, "content": m.text} for m in kept], tools=listed)
            tokens: list[int] = self._llama.tokenize(
                (rendered.prompt + plain(begun)).encode(), add_bos=False, special=True
            )
            excess = len(tokens) - (self._context_tokens - self._max_reply_tokens)
            if excess <= 0:
                asks = read and bool(messages) and messages[-1].role == "user" and not begun
                return tokens, self._ends.head(rendered.prompt, kept[-1].text, tokens) if asks else 0
            budget -= excess  # a template with more around a message than `chat_window` allows for

    def _length(self, text: str) -> int:
        """Tokens of `text`; remembered, because every turn asks again for the whole chat."""
        if text not in self._lengths:
            if len(self._lengths) >= _LENGTHS:
                del self._lengths[next(iter(self._lengths))]
            self._lengths[text] = len(self._llama.tokenize(text.encode(), add_bos=False, special=False))
        return self._lengths[text]

    def _prefill(self, prompt: list[int], cancelled: Cancelled, head: int = 0) -> bool:
        """Bring the KV cache to all of `prompt` but the last piece (1 to PREFILL_TOKENS); False if cancelled.

        That piece is left to `_generate`: short of its last token it would take as long, and that token a pass more.
        Where `head` tokens reach to the last word of the question it is evaluated here, to see what the model expects
        behind them.
        """
        llama = self._llama
        held = llama.input_ids[: llama.n_tokens].tolist()
        reused = min(llama.longest_token_prefix(held, prompt), max(0, len(prompt) - 1))
        self.last_prompt_tokens, self.last_reused_tokens = len(prompt), reused
        for end in range(reused + PREFILL_TOKENS, len(prompt), PREFILL_TOKENS):
            if cancelled():
                return False
            self._evaluate(prompt[:end])
        if head and not cancelled():
            self.sentence_end = self._ends.read(prompt, head)
        return not cancelled()

    def _evaluate(self, prompt: list[int]) -> None:
        """One token is drawn and thrown away: `generate` is the way in that also knows which caches can be cut."""
        if len(prompt) > 0:
            with self._drawing(prompt, temp=0.0) as tokens:
                next(tokens)

    @contextmanager
    def _drawing(self, prompt: list[int], **sampling: float) -> Iterator[Iterator[int]]:
        """The tokens that are drawn behind `prompt`; what drawing them takes is given back at the end.

        Left alone llama-cpp-python's sampler would hold some 0.6 MB outside of Python, a probability for every token of
        the vocabulary, until the garbage collector comes by: it refers to itself.
        """
        tokens = self._llama.generate(prompt, **sampling)
        try:
            yield tokens
        finally:
            tokens.close()
            sampler, self._llama._sampler = self._llama._sampler, None
            if sampler is not None:
                sampler.close()

    def _request(
        self, prompt: list[int], tools: Sequence[ToolSpec], cancelled: Cancelled, until_s: float
    ) -> ToolRequest | None:
        """A call, held to the grammar of `tools`; None: cancelled. Raises ModelRunError: it comes to no end."""
        prompt = prompt + self._call_mark
        draws = np.random.default_rng(self._seed)
        written = b""
        self._evaluate(prompt)
        with Grammar(self._vocab, call_grammar(tools)) as grammar:
            for _ in range(self._context_tokens - len(prompt) - 1):
                if cancelled():
                    return None
                token = grammar.best(self._scores(draws))
                if llama_cpp.llama_vocab_is_eog(self._vocab, token) or time.monotonic() > until_s:
                    break
                grammar.accept(token)
                written += _piece(self._vocab, token)
                self._llama.eval([token])
        request = parsed(written.decode("utf-8", errors="replace"))
        if request is None:
            raise ModelRunError(f"{self._path.name} began to ask for a tool and came to no end")
        self.last_complete = True
        return request

    def _scores(self, draws: np.random.Generator) -> Floats:
        """What the model thinks of every token (n_vocab,); the highest is the one that is drawn (Gumbel's trick)."""
        size = llama_cpp.llama_vocab_n_tokens(self._vocab)
        logits = np.ctypeslib.as_array(llama_cpp.llama_get_logits_ith(self._llama.ctx, -1), (size,))
        noise = draws.gumbel(size=size) if self._temperature > 0 else 0.0
        return np.asarray(logits / (self._temperature or 1.0) + noise, dtype=np.float32)

    def _generate(self, prompt: list[int], cancelled: Cancelled, until_s: float) -> Generator[str, None, None]:
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        guard = LoopGuard()
        with self._drawing(prompt, temp=self._temperature, repeat_penalty=REPEAT_PENALTY) as tokens:
            for count, token in enumerate(tokens, start=1):
                if cancelled():
                    break
                if llama_cpp.llama_vocab_is_eog(self._vocab, token):
                    self.last_complete = True
                    break
                if piece := decoder.decode(_piece(self._vocab, token)):
                    yield piece
                if count >= self._max_reply_tokens or guard.add(token) or time.monotonic() > until_s:
                    break
            if rest := decoder.decode(b"", final=True).replace("\ufffd", ""):
                yield rest


def _load(path: Path, context_tokens: int, threads: int, seed: int) -> Any:
    if not path.is_file():
        raise ModelMissingError(f"no model file {path}", hint="fetch it with 'nearfield models pull'")
    repair = "check it with 'nearfield models verify'"
    with path.open("rb") as file:
        if file.read(4) != _GGUF:
            raise ModelDamagedError(f"{path} is not a GGUF model", hint=repair)
    try:
        return llama_cpp.Llama(
            str(path),
            n_ctx=context_tokens,
            n_batch=PREFILL_TOKENS,
            n_ubatch=PREFILL_TOKENS,
            n_threads=threads,
            n_threads_batch=threads,
            seed=seed,
            use_mmap=True,
            verbose=False,
        )
    except (ValueError, RuntimeError, AssertionError) as error:
        raise ModelDamagedError(f"{path} cannot be loaded: {error}", hint=repair) from error


def _first_words(pieces: Iterator[str]) -> str:
    """The first piece that is not empty space, with what was before it; "" when there is none."""
    start = ""
    for piece in pieces:
        start += piece
        if start.strip():
            break
    return start


def _token_text(vocab: Any, token: int) -> str:
    text = llama_cpp.llama_vocab_get_text(vocab, token) if token >= 0 else b""
    return (text or b"").decode("utf-8", errors="replace")


def _piece(vocab: Any, token: int) -> bytes:
    """The bytes of `token`: not always whole characters. Marks of the template have none."""
    size = 64
    while True:
        buffer = (llama_cpp.ctypes.c_char * size)()
        written = llama_cpp.llama_token_to_piece(vocab, llama_cpp.llama_token(token), buffer, size, 0, False)
        if written >= 0:
            return bytes(buffer[:written])
        size = -written
