"""What is wrong in a file of the owner's, in one line.

    complaints.append(Complaint("skills.d/coffee.yaml", 7, "there is no skill 'brew'"))

What is complained of is left out; the rest of the file, and all other files, are used.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Complaint:
    """`line` counts from 1; 0: it concerns the whole file."""

    where: str  #: path, or what else skills come from
    line: int
    reason: str

    def __str__(self) -> str:
        place = f"{self.where}:{self.line}" if self.line else self.where
        return f"{place}: {' '.join(self.reason.split())}"
