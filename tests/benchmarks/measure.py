"""How a figure is measured: in turns with its floor, in time of the processor, for it is shared; the median of turns counts."""

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import process_time

TURNS = 7


@dataclass(frozen=True)
class Entry:
    """A figure. floor: what the bare tool underneath does with the same work, in the same run; None where there is none.

    ratio: 1 is as good as the floor, higher is better.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None


def seconds(*works: Callable[[], object], turns: int = TURNS) -> list[float]:
    """The median seconds of the processor that each takes, after a turn that does not count: A B C A B C …"""
    taken: list[list[float]] = [[] for _ in works]
    for turn in range(turns + 1):
        for work, times in zip(works, taken, strict=True):
            start = process_time()
            work()
            if turn:
                times.append(process_time() - start)
    return [median(times) for times in taken]


def throughput(name: str, many: int, taken: float, floor: float | None = None, unit: str = "households/s") -> Entry:
    """So many in that time, beside the time that the floor took for as many."""
    return Entry(name, many / taken, unit, *((many / floor, floor / taken) if floor else ()))


def duration(name: str, taken: float, floor: float | None = None) -> Entry:
    return Entry(name, taken, "s", *((floor, floor / taken) if floor else ()))
