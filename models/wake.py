"""microWakeWord: has one of the wake words been said?

    words = WakeWords([WakeWord.of_file(Path("okay_nabu.json"))])
    for detection in words.feed(block, sample): print(detection.word, detection.probability)

A model is a pair of files in the form of ESPHome and microWakeWord (version 2 of its JSON): `okay_nabu.json`, which
names the network, `okay_nabu.tflite`, and says from which probability on, averaged over how many steps of 30 ms, the
word counts as said. All words share one spectrogram (40 features every 10 ms, `pymicro-features`).

A network takes three spectra a step and keeps state from step to step, so what it makes of a sound depends on which
three: doubtful words were said in one phase and not in the next, up to 0.1 apart. Here three of each, a spectrum apart,
vote. A word that was said holds for 300 ms and more, one that only sounded like it for 200 ms at most: for two models
that is what tells them apart (`WINDOWS`). What that is worth: docs/wake.md.
"""

import json
import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pymicro_wakeword
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pymicro_wakeword import MicroWakeWord, MicroWakeWordFeatures
from pymicro_wakeword.wakeword import TfLiteWakeWord

from models.errors import ModelDamagedError, ModelMissingError, ModelRunError
from models.protocols import SAMPLE_RATE_HZ, Int16s, WakeDetection

CHUNK_SAMPLES = SAMPLE_RATE_HZ // 100  #: the spectrogram moves on by 10 ms
FEATURES = 40  #: of a spectrum
#: As ESPHome has it (micro_wake_word, MIN_SLICES_BEFORE_DETECTION): 100 steps of the spectrogram.
REFRACTORY_MS = 1000
#: Sensitivity 0 and 1 move the odds that a word must have by this factor, up and down: 0.85 becomes 0.96 and 0.59. More
#: than 0.996 no model ever says: the results are quantised to 8 bits.
SENSITIVITY_FACTOR = 4.0
#: A model is convinced 70 ms behind the word's end at the median, 190 ms at the 95th percentile. What was said since is
#: the command: of 134 words in one breath with a wake word Whisper had 9 wrong with 100 and 150 ms of it, 15 with 200,
#: 35 with 250, for then it hears the end of the wake word.
BEHIND_WORD_MS = 150.0
#: Models whose own window, 5 steps of 30 ms, lets near misses through ("Jarvis" alone for "Hey Jarvis"): the window in
#: its place, and how long behind the word's end the model is convinced then, in ms.
WINDOWS = {"hey_jarvis": (10, 300.0), "hey_mycroft": (10, BEHIND_WORD_MS)}
_QUANTISED = {3: "uint8", 9: "int8"}  # TfLiteType


class _Micro(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    probability_cutoff: float = Field(gt=0.0, lt=1.0)
    sliding_window_size: int = Field(ge=1, le=1000)


class _Config(BaseModel):
    """What is read of the JSON file of a model."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    wake_word: str = Field(min_length=1)
    model: str = Field(pattern=r"^[^/\\]+\.tflite$")
    micro: _Micro


@dataclass(frozen=True, slots=True)
class WakeWord:
    """A word to listen for: its network, and when it counts as said."""

    name: str
    phrase: str  #: as it is spoken
    network: Path
    cutoff: float  #: a mean probability above this is a detection
    window: int  #: probabilities are averaged over so many steps of the network
    behind_ms: float = BEHIND_WORD_MS  #: it is noticed so long after it has ended

    @classmethod
    def of_file(cls, config: Path, *, sensitivity: float = 0.5) -> "WakeWord":
        """The model that `config`, a JSON file, describes; its network lies beside it, its name is the file's.

        `sensitivity`, 0..1: 0.5 is the model's own. Raises ModelMissingError, ModelDamagedError.
        """
        if not config.is_file():
            raise ModelMissingError(f"no wake word {config}", hint="'nearfield models pull microwakeword' brings ours")
        try:
            described = _Config.model_validate(json.loads(config.read_text("utf-8")))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"])) or "the whole of it"
            raise _foreign(config, f"{where}: {first['msg']}") from error
        except (ValueError, OSError) as error:  # not JSON, not UTF-8, not readable
            raise _foreign(config, str(error)) from error
        network = config.parent / described.model
        if not network.is_file():
            raise ModelMissingError(f"{config} names {described.model}, which is not beside it", hint="add the file")
        cutoff = sensitive(described.micro.probability_cutoff, sensitivity)
        window, behind_ms = WINDOWS.get(config.stem, (described.micro.sliding_window_size, BEHIND_WORD_MS))
        return cls(config.stem, described.wake_word, network, cutoff, window, behind_ms)


def sensitive(cutoff: float, sensitivity: float) -> float:
    """The cut-off of a model at another sensitivity than its own, which is 0.5: its odds are scaled."""
    odds: float = cutoff / (1.0 - cutoff) * SENSITIVITY_FACTOR ** (1.0 - 2.0 * sensitivity)
    return odds / (1.0 + odds)


class WakeWords:
    """Listens for several words in one stream. Not thread-safe: one object a stream."""

    def __init__(self, words: Sequence[WakeWord], *, refractory_ms: float = REFRACTORY_MS) -> None:
        """`refractory_ms`: a word that was detected is not detected again for so long.

        Raises ModelDamagedError: a network cannot be read, or is none for wake words.
        """
        library = _library()
        self._listeners = [_Listener(word, library) for word in words]
        self._refractory = round(refractory_ms * SAMPLE_RATE_HZ / 1000)
        self._features = MicroWakeWordFeatures()
        self._pending = np.zeros(0, np.int16)
        self._start = 0  # of what is pending

    @property
    def words(self) -> tuple[WakeWord, ...]:
        """What is listened for."""
        return tuple(each.word for each in self._listeners)

    def feed(self, pcm: Int16s, sample: int) -> list[WakeDetection]:
        """`pcm`: (n,) int16 from sample `sample` on; what is no multiple of 10 ms waits for the next block.

        Raises ModelRunError.
        """
        if sample != self._start + self._pending.size:
            self.reset()
            self._start = sample
        self._pending = np.concatenate((self._pending, pcm))
        out: list[WakeDetection] = []
        while self._pending.size >= CHUNK_SAMPLES:
            chunk, self._pending = self._pending[:CHUNK_SAMPLES], self._pending[CHUNK_SAMPLES:]
            self._start += CHUNK_SAMPLES
            out += self._step(chunk)
        return out

    def _step(self, chunk: Int16s) -> list[WakeDetection]:
        out: list[WakeDetection] = []
        try:
            for features in self._features.process_streaming(chunk.tobytes()):
                for each in self._listeners:
                    probability = each.feed(features)
                    if probability <= each.word.cutoff or self._start < each.deaf_until:
                        continue
                    each.deaf_until = self._start + self._refractory
                    word_end = max(0, self._start - round(each.word.behind_ms * SAMPLE_RATE_HZ / 1000))
                    out.append(WakeDetection(each.word.name, each.word.phrase, self._start, word_end, probability))
        except Exception as error:  # a C library behind ctypes: what it raises is not documented
            raise ModelRunError(f"listening for the wake word failed: {error}") from error
        return out

    def reset(self) -> None:
        """Forget the past: the next samples begin a new stretch of audio."""
        self._pending = self._pending[:0]
        self._features.reset()
        for each in self._listeners:
            each.reset()

    def far_end(self) -> "WakeWords":
        """The same words for another stream, what the loudspeaker plays: at the highest sensitivity."""
        return WakeWords([replace(word, cutoff=sensitive(word.cutoff, 1.0)) for word in self.words])

    def close(self) -> None:
        """Free the networks; the object is of no use afterwards."""
        for each in self._listeners:
            each.close()


class _Listener:
    """A network for each phase of its step, and what they have said."""

    def __init__(self, word: WakeWord, library: Path) -> None:
        self.word = word
        self.deaf_until = 0
        stride = _check(word.network, library)
        try:
            self._networks = [
                MicroWakeWord(
                    word.name,
                    wake_word=word.phrase,
                    tflite_model=word.network,
                    probability_cutoff=word.cutoff,
                    sliding_window_size=1,  # the window is ours: over all phases
                    trained_languages=[],
                    libtensorflowlite_c_path=library,
                )
                for _ in range(stride)
            ]
        except Exception as error:  # as above
            raise _foreign(word.network, str(error)) from error
        self._spectra = 0
        self._said: deque[float] = deque(maxlen=word.window * stride)

    def feed(self, features: Any) -> float:
        """`features`: (1, 1, 40), 10 ms. The mean probability; 0 while there are not enough to tell."""
        stride = len(self._networks)
        for phase, network in enumerate(self._networks[: self._spectra + 1]):  # each begins a spectrum later
            probability = network.process_streaming_prob(features)
            if (self._spectra - phase) % stride == stride - 1:
                self._said.append(float(probability or 0.0))
        self._spectra += 1
        return sum(self._said) / len(self._said) if len(self._said) == self._said.maxlen else 0.0

    def reset(self) -> None:
        self.deaf_until = 0
        self._spectra = 0
        self._said.clear()
        for each in self._networks:
            each.reset()

    def close(self) -> None:
        for each in self._networks:
            each.close()


def _library() -> Path:
    """TensorFlow Lite's C library, which the package brings."""
    found = next((Path(pymicro_wakeword.__file__).parent / "lib").glob("*tensorflowlite_c.*"), None)
    if found is None:
        raise ModelRunError(
            "pymicro-wakeword was installed without TensorFlow Lite",
            hint="there are wheels of it for x86-64 and arm64; install one of those",
        )
    return found


def _check(network: Path, library: Path) -> int:
    """A file that is no such network ends the process inside the library, so it is looked at first.

    Returns how many spectra the network takes a step. Raises ModelDamagedError.
    """
    c: Any = TfLiteWakeWord(library).lib
    model = interpreter = None
    try:
        model = c.TfLiteModelCreateFromFile(str(network).encode())
        if not model:
            raise _foreign(network, "not a TensorFlow Lite model, or not all of one")
        interpreter = c.TfLiteInterpreterCreate(model, None)
        if not interpreter or c.TfLiteInterpreterAllocateTensors(interpreter) != 0:
            raise _foreign(network, "TensorFlow Lite refuses it")
        in_ = c.TfLiteInterpreterGetInputTensor(interpreter, 0)
        out = c.TfLiteInterpreterGetOutputTensor(interpreter, 0)
        shape = [c.TfLiteTensorDim(in_, i) for i in range(c.TfLiteTensorNumDims(in_))]
        if len(shape) != 3 or shape[0] != 1 or shape[1] < 1 or shape[2] != FEATURES:
            raise _foreign(network, f"it takes an array of {shape}, not spectra of {FEATURES} features")
        if c.TfLiteTensorType(in_) not in _QUANTISED or c.TfLiteTensorType(out) not in _QUANTISED:
            raise _foreign(network, "it is not quantised to 8 bits")
        if c.TfLiteTensorByteSize(out) != 1:
            raise _foreign(network, "it gives more than one probability")
        return int(shape[1])
    finally:
        if interpreter:
            c.TfLiteInterpreterDelete(interpreter)
        if model:
            c.TfLiteModelDelete(model)


def _foreign(path: Path, why: str) -> ModelDamagedError:
    first = re.sub(r"\s+", " ", why).strip()
    return ModelDamagedError(
        f"{path} is not a wake word of microWakeWord: {first}",
        hint="'nearfield models verify microwakeword' checks ours; see docs/wake.md for your own",
    )
