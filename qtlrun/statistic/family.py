"""Families of paired results whose truth is known, and the rates of verdicts on them."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from qtlrun.statistic.dead import dead
from qtlrun.statistic.judge import Verdict, verdict_rows
from qtlrun.statistic.power import enough

ERROR = 0.25  # standard error of the mean, in margins: of equal rows most are equivalent
GUESS = math.log(4)  # nats, of four classes
LEVEL = 0.4  # nats, the mean NLL of a living training
DEATH_RATE = 0.1  # of trainings, in the family whose trainings die
CARRIER_RATE = 0.05  # of pictures, in the family in which few differ
REST = 0.05  # of the squared error, from the residual

Draw = tuple[np.ndarray, np.ndarray]  # NLL (seeds, pictures) of a composed row and its reference


@dataclass(frozen=True)
class Simulated:
    """Family of effects of seeds and pictures that add up, one of FAMILIES.

    name: in FAMILIES
    scale: standard error of the mean at any size, nats; half of its square is of pictures
    """

    name: str
    scale: float
    guess: float = GUESS

    @property
    def death_rate(self) -> float:
        """Rate at which the composed row's trainings die."""
        return DEATH_RATE if self.name == "dying" else 0.0

    @property
    def cost(self) -> float:
        """Nats that a death costs."""
        return GUESS - LEVEL

    def draw(
        self, seeds: int, pictures: int, difference: float, generator: np.random.Generator
    ) -> Draw:
        """Rows whose living trainings differ by this many nats in the mean."""
        half = math.sqrt((1 - REST) / 2)
        seed = self.scale * half * math.sqrt(seeds) * _seeds(self.name, seeds, generator)
        picture = (
            self.scale * half * math.sqrt(pictures) * _pictures(self.name, pictures, generator)
        )
        rest = generator.standard_normal((seeds, pictures))
        rest *= self.scale * math.sqrt(REST * seeds * pictures)
        gap = difference + picture + rest
        if self.name == "zero-inflated":
            carriers = generator.random(pictures) < CARRIER_RATE
            # The mean of all pictures and their squared error stay as they are.
            gap = carriers * (difference / CARRIER_RATE + picture / math.sqrt(CARRIER_RATE) + rest)
        gap = gap + seed[:, None]
        reference = np.broadcast_to(LEVEL * generator.standard_exponential(pictures), gap.shape)
        composed = reference + gap
        dying = generator.random(seeds) < self.death_rate
        composed[dying] = GUESS + 0.01 * generator.standard_normal((int(dying.sum()), pictures))
        return composed, reference


FAMILIES = ("normal", "t3", "skewed", "dying", "zero-inflated")


@dataclass(frozen=True)
class Resampled:
    """Family of seeds and pictures drawn with replacement from two rows that were trained.

    composed, reference: NLL (seeds, pictures)
    guess: NLL of guessing, nats
    """

    composed: np.ndarray
    reference: np.ndarray
    guess: float

    @property
    def living(self) -> np.ndarray:
        """Whether each of the composed row's trainings is alive."""
        return ~dead(self.composed.mean(1), self.guess)

    @property
    def death_rate(self) -> float:
        """Rate at which the composed row's trainings die."""
        return float(1 - self.living.mean())

    @property
    def cost(self) -> float:
        """Nats that a death costs."""
        return self.guess - float(self.composed[self.living].mean())

    def draw(
        self, seeds: int, pictures: int, difference: float, generator: np.random.Generator
    ) -> Draw:
        """Rows whose living trainings differ by this many nats in the mean."""
        rows = generator.integers(len(self.composed), size=seeds)
        columns = generator.integers(self.composed.shape[1], size=pictures)
        both = self.living & ~dead(self.reference.mean(1), self.guess)
        shift = difference - float((self.composed - self.reference)[both].mean())
        shifts = np.where(self.living, shift, 0.0)[rows]
        picked = np.ix_(rows, columns)
        return self.composed[picked] + shifts[:, None], self.reference[picked]


Family = Simulated | Resampled


@dataclass(frozen=True)
class Rates:
    """Rates of verdicts on a family at one size, in [0, 1].

    judged: draws in which a word could be given, of equal rows
    covered: of these, intervals that hold the truth
    false_equivalent: equivalent, though the true difference is exactly the margin: with or without
        a condition about living trainings, or without one about all
    false_difference: equal rows called better or worse
    words: equal rows that a word is given about
    equivalent: equal rows called equivalent, with or without a condition
    draws: of each rate
    """

    judged: float
    covered: float
    false_equivalent: float
    false_difference: float
    words: float
    equivalent: float
    draws: int


def rates(
    family: Family, seeds: int, pictures: int, *, margin: float, draws: int, number: int = 0
) -> Rates:
    """Rates of verdicts on a family at one size; `number` seeds the draws."""
    generator = np.random.default_rng((number, seeds, pictures))

    def judge(difference: float) -> list[Verdict]:
        return [
            verdict_rows(*family.draw(seeds, pictures, difference, generator), margin, family.guess)
            for _ in range(draws)
        ]

    equal = judge(0.0)
    same = judge(margin)
    false_equivalent = _share(same, lambda each: each.equivalent)
    if family.death_rate:
        # So that the mean over all trainings, the dead ones too, is the margin
        lost = family.death_rate * family.cost
        whole = judge((margin - lost) / (1 - family.death_rate))
        plain = _share(whole, lambda each: each.word == "equivalent")
        false_equivalent = max(false_equivalent, plain)
    judged = [each for each in equal if _is_judged(each)]
    return Rates(
        judged=len(judged) / draws,
        covered=_share(judged, lambda each: each.interval.low <= 0 <= each.interval.high),
        false_equivalent=false_equivalent,
        false_difference=_share(equal, lambda each: each.word in ("better", "worse")),
        words=_share(equal, lambda each: each.word != "undecided"),
        equivalent=_share(equal, lambda each: each.equivalent),
        draws=draws,
    )


def _is_judged(verdict: Verdict) -> bool:
    """Whether a verdict could have been a word."""
    lost = verdict.deaths is not None and verdict.deaths.total
    return enough(verdict.interval) and not verdict.hangs and not lost


def _share(verdicts: list[Verdict], holds: Callable[[Verdict], bool]) -> float:
    return sum(map(holds, verdicts)) / len(verdicts) if verdicts else math.nan


def _seeds(name: str, count: int, generator: np.random.Generator) -> np.ndarray:
    """Effects of seeds of mean 0 and variance 1."""
    if name == "t3":
        return generator.standard_t(3, count) / math.sqrt(3)
    return generator.standard_normal(count)


def _pictures(name: str, count: int, generator: np.random.Generator) -> np.ndarray:
    """Effects of pictures of mean 0 and variance 1; skewed ones are log-normal."""
    normal = generator.standard_normal(count)
    if name == "skewed":
        return (np.exp(normal) - math.exp(0.5)) / math.sqrt((math.e - 1) * math.e)
    return normal
