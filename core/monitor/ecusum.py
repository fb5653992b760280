"""An e-CUSUM: evidence that calls have become worse than promised, which may be looked at any time.

Each bet multiplies its evidence by ``1 + stake * (bad / allowed - 1)``, and begins again at 1 when
it falls below. While no more than the share ``allowed`` of the calls is bad, that is worth 1 on
average, so that the mean over the bets reaches ``LIMIT`` at most once in ``LIMIT`` calls on average
(Shin, Ramdas & Rinaldo, arXiv 2203.03532). Calls that follow each other are alike: where ``block``
is over 1, that many are one bet, by their mean, so that one slow minute is not taken for a trend.

Only sums, products and comparisons in a fixed order: the same calls give the same bits everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 3000.0
STAKES = (0.05, 0.1, 0.2, 0.4)
_MOST_BLOCKS = 64  # which break any promise


@dataclass(slots=True)
class ECusum:
    """The evidence against one promise; ``calls`` were seen, ``bad`` of them were bad.

    ``since`` is the ``seq`` of the first call of the present rise, ``last`` that of the newest
    call; 0 before there is one.
    """

    block: int = 1
    calls: int = 0
    bad: int = 0
    since: int = 0
    last: int = 0
    bets: tuple[float, ...] = (1.0,) * len(STAKES)
    _open: int = field(default=0, repr=False)
    _sum: float = field(default=0.0, repr=False)
    _opened: int = field(default=0, repr=False)

    @property
    def evidence(self) -> float:
        """The mean of the bets, 1 at the beginning; a breach of the promise from ``LIMIT`` on."""
        return sum(self.bets) / len(self.bets)

    @property
    def standing(self) -> float:
        """What the next call's factor is multiplied with: at least 1."""
        return sum(max(bet, 1.0) for bet in self.bets) / len(self.bets)

    def could_break(self, calls: int, *, allowed: float) -> bool:
        """Whether so many more calls could break the promise, were all of them bad.

        ``allowed`` is the least share that any of them may be taken with.
        """
        blocks = min((self._open + calls) // self.block, _MOST_BLOCKS)
        return self.standing * (1.0 + max(STAKES) * (1.0 / allowed - 1.0)) ** blocks >= LIMIT

    @property
    def broken(self) -> bool:
        """Whether the promise is broken."""
        return self.evidence >= LIMIT

    def take(self, seq: int, *, bad: bool, allowed: float) -> None:
        """One more call, of which a share ``allowed`` (over 0, at most 1) may be bad."""
        self.take_bet(seq, bad / allowed - 1.0, bad=bad)

    def take_bet(self, seq: int, outcome: float, *, bad: bool) -> None:
        """One more call, of which ``outcome`` is 0 or less on average while the promise is kept.

        It is worth ``1 + stake * outcome``; from -2 on.
        """
        self.calls += 1
        self.bad += bad
        self.last = seq
        if not self._open:
            self._opened = seq
        self._open += 1
        self._sum += outcome
        if self._open < self.block:
            return
        mean = self._sum / self._open
        if self.evidence <= 1.0:
            self.since = self._opened
        self.bets = tuple(
            max(bet, 1.0) * (1.0 + stake * mean)
            for bet, stake in zip(self.bets, STAKES, strict=True)
        )
        self._open, self._sum = 0, 0.0

    def as_state(self) -> list[Any]:
        """All of it as JSON."""
        return [
            self.calls,
            self.bad,
            self.since,
            self.last,
            list(self.bets),
            self._open,
            self._sum,
            self._opened,
        ]

    @classmethod
    def restored(cls, block: int, state: Sequence[Any]) -> Self:
        """What ``as_state`` wrote.

        Raises:
            ValueError: it is something else.
        """
        calls, bad, since, last, evidence, opened, total, first = state
        if len(evidence) != len(STAKES):
            raise ValueError("it has another number of bets")
        return cls(
            block,
            int(calls),
            int(bad),
            int(since),
            int(last),
            tuple(map(float, evidence)),
            int(opened),
            float(total),
            int(first),
        )
