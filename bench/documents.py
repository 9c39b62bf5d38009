"""How well questions are answered from the documents that come with the support persona.

python bench/documents.py                       # precision and recall of both halves of the questions, by threshold
python bench/documents.py --wrong tune          # the questions of one half that come out wrong

Questions: tests/personas/questions.tsv, with the title of the section that answers each. A question that a section
answers in part ("Title|-") counts as right either way. The half "tune" was looked at when the index and the synonyms
were made, the half "held" was not.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from device.documents.index import LEAST_COVERAGE, DocumentIndex

ROOT = Path(__file__).resolve().parent.parent
QUESTIONS = ROOT / "tests/personas/questions.tsv"
DOCUMENTS = ROOT / "device/personas/support/documents"


@dataclass(frozen=True)
class Question:
    half: str
    text: str
    titles: frozenset[str]  # "-": none answers it


def questions(path: Path = QUESTIONS) -> list[Question]:
    rows = [line.split("\t") for line in path.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return [Question(half, text, frozenset(titles.split("|"))) for half, text, titles in rows]


@dataclass
class Score:
    """An answer is right when it is from a section that answers; `answered` counts those that were given."""

    answerable: int = 0
    unanswerable: int = 0
    answered: int = 0
    right: int = 0
    refused: int = 0  # of the unanswerable

    @property
    def precision(self) -> float:
        return self.right / self.answered if self.answered else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.answerable if self.answerable else 1.0


def is_right(question: Question, title: str | None) -> bool:
    return (title.split(": ")[-1] if title is not None else "-") in question.titles


def score(index: DocumentIndex, asked: list[Question]) -> tuple[Score, list[str]]:
    out, wrong = Score(), []
    for question in asked:
        found = index.search(question.text)
        title = found.title if found.sentences else None
        right = is_right(question, title)
        both = "-" in question.titles and len(question.titles) > 1
        if not both:
            out.answerable += "-" not in question.titles
            out.unanswerable += "-" in question.titles
            out.answered += title is not None
            out.right += right and title is not None
            out.refused += right and title is None
        if not right:
            wrong.append(
                f"{question.text}  [{found.coverage:.2f} {found.title or 'nothing'}; {'|'.join(question.titles)}]"
            )
    return out, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", choices=["tune", "held"], help="list what comes out wrong")
    args = parser.parse_args()
    asked = questions()
    print("half  threshold  answered right  of answerable  precision  recall  refused  of unanswerable")
    for half in ("tune", "held"):
        for least in sorted({0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.8, LEAST_COVERAGE}):
            result, _ = score(DocumentIndex(DOCUMENTS, least), [q for q in asked if q.half == half])
            print(
                f"{half}  {least:9.2f}  {result.answered:8} {result.right:5}  {result.answerable:13}  "
                f"{result.precision:9.1%}  {result.recall:6.1%}  {result.refused:7}  {result.unanswerable:15}"
            )
    index = DocumentIndex(DOCUMENTS)
    if args.wrong:
        print(*score(index, [q for q in asked if q.half == args.wrong])[1], sep="\n")
    began = time.process_time()
    for question in asked:
        index.search(question.text)
    print(f"{(time.process_time() - began) / len(asked) * 1000:.2f} ms of processor time a question")


if __name__ == "__main__":
    main()
