"""Word errors as the field counts them: what the benchmarks of recognition and of speech share.

    errors, words = count_errors("set a timer for 10 minutes", "Set a timer for ten minutes.")

Both sides go through the English normaliser of the Whisper paper (package whisper-normalizer): case, punctuation,
numbers as figures, spelling, contractions.
"""

from functools import cache
from typing import Any

import jiwer


@cache
def _normaliser() -> Any:
    from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415  slow to import

    return EnglishTextNormalizer()


def normalised(text: str) -> str:
    """`text` as it is compared."""
    return str(_normaliser()(text)).strip()


def count_errors(reference: str, heard: str) -> tuple[int, int]:
    """Substitutions, deletions and insertions of `heard`, and the words of `reference` (which must have some)."""
    out = jiwer.process_words(normalised(reference), normalised(heard))
    return out.substitutions + out.deletions + out.insertions, len(normalised(reference).split())
