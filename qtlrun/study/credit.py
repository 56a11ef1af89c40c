"""Credit of the parts of the composed head: what training each of them brings."""

from dataclasses import dataclass

import pandas as pd

from qtlrun.credit.backbone import credit_backbone, find_label, train_backbone
from qtlrun.credit.description import describe_games
from qtlrun.credit.game import Game, play_game
from qtlrun.credit.player import FEWEST_PLAYERS, MAX_PLAYERS, list_players
from qtlrun.error import UsageError
from qtlrun.experiment import Experiment
from qtlrun.experiment.parts import Parts
from qtlrun.plan import Plan, Variant, check_single
from qtlrun.report.report import Report
from qtlrun.report.sentence import Note, count


@dataclass(frozen=True)
class Credit:
    """Train every coalition of a head's parts, and share the gain of all among them.

    References whose heads have such parts have games of their own.
    """

    def check(self, plans: list[Plan], experiment: Experiment) -> None:
        """Refuse several points, a backbone that is trained, and a head of fewer than two parts."""
        check_single(plans, "credit", idle=())
        plan = plans[0]
        first = plan.model.redrawn(plan.redraws[0].change)
        experiment.explore(first, _check_parts)

    def run(
        self, plans: list[Plan], experiment: Experiment, report: Report
    ) -> tuple[pd.DataFrame, bool]:
        """Frame of all figures, and whether no training failed."""
        plan = plans[0]
        games: list[Game] = []
        left_out = {}
        whole = find_label(plan, train_backbone(plan.model))
        for name, label in plan.labels.names.items():
            game = play_game(label, plan.variants[name], plan, experiment)
            if game is not None:
                games.append(game)
            elif label != whole:
                left_out[label] = plan.variants[name]
        contributions, notes = credit_backbone(plan, games[0], experiment)
        notes += [*_name_left_out(left_out, plan, experiment), *map(Note, plan.notes)]
        sections = describe_games(games, plan, contributions, notes)
        report.finish_sections(plans, sections)
        figures = [section.frames.get("credit") for section in sections]
        frame = next((each for each in figures if each is not None), pd.DataFrame())
        return frame, not any(section.is_failed for section in sections)


def _check_parts(parts: Parts) -> None:
    """Refuse a model whose parts cannot be trained apart."""
    if parts.recipe.augment or not parts.freeze.fixed(parts.bare):
        raise UsageError(
            "the parts of the head are trained on features that do not change",
            "use freeze=backbone and recipe.augment=false; +compare=D adds what the backbone gains",
            key="study",
            value="credit",
        )
    if parts.generated:
        raise UsageError(
            "its weights are generated, so no part of them is trained alone",
            "use parametrization=direct",
            key="study",
            value="credit",
        )
    players = len(list_players(parts))
    if not FEWEST_PLAYERS <= players <= MAX_PLAYERS:
        raise UsageError(
            f"this head has {count(players, 'part')} that can be trained alone or held, and"
            f" {FEWEST_PLAYERS} to {MAX_PLAYERS} can share a gain",
            "head=quantum, mari2019 and twin have three",
            key="study",
            value="credit",
        )


def _name_left_out(left_out: dict[str, Variant], plan: Plan, experiment: Experiment) -> list[Note]:
    """Rows without a game, by the reason: a trained backbone, or a head of too few parts."""
    labels: dict[str, list[str]] = {}
    for label, variant in left_out.items():
        is_frozen = experiment.has_frozen_backbone(variant.redrawn(plan.redraws[0].change))
        reason = "Without parts to train apart" if is_frozen else "With a backbone that is trained"
        labels.setdefault(reason, []).append(label)
    return [
        Note(f"{reason}, and so without shares: {', '.join(each)}.")
        for reason, each in labels.items()
    ]
