"""What is said under a table: what the numbers allow to conclude, how to read them, what was held fixed, what failed."""
from pathlib import Path

from qtlrun import statistic
from qtlrun.row import Point

DEFECTS = (("freeze", "batch_norm", "train"), ("dataset", "validation", "test"), ("recipe", "schedule_step", "start"))


def contrasts(point: Point, margin: float) -> list[str]:
    """One sentence a contrast, named for what it isolates, saying what the numbers allow and no more."""
    lines = []
    for label, verdict in point.contrasts(margin).items():
        gap = verdict.interval
        noise = (f"training noise {gap.training:.3f}, picture noise {gap.pictures:.3f}; {gap.seeds} seeds" if gap.seeds > 1
                 else "one seed")
        detectable = ", the difference detectable, below the margin" if verdict.detectable else ""
        ending = {"better": f"{point.composed} is better.", "worse": f"{point.composed} is worse.",
                  "equivalent": f"equivalent within the margin of {margin:g}{detectable}.",
                  "undecided": f"undecided; {_would_decide(verdict)}"}[verdict.word]
        lines.append(f"{point.composed} - {label}, {point.isolates[label]}: {gap.mean:+z.3f} nats of NLL "
                     f"[{gap.low:+z.3f}, {gap.high:+z.3f}] ({noise}, {gap.items} pictures): {ending}")
    return lines


def foot(point: Point) -> list[str]:
    """How to read the table."""
    rows = [row for row in point.rows.values() if row.entries]
    if not rows:
        return []
    seeds, pictures = len(rows[0].seeds), len(rows[0].labels)
    if seeds == 1:
        lines = [f"One seed on {pictures} test pictures; 95 % intervals over pictures alone;"]
    else:
        lines = [f"{seeds} seeds on the same {pictures} test pictures; 95 % intervals over seeds and pictures;"]
    lines[0] += " trained: circuit + head + backbone; seconds per seed."
    if seeds == 2:
        lines.append("Two seeds: intervals may be too narrow, and there is no verdict.")
    if any(row.stored for row in rows):
        lines.append("† found in the store, not trained again.")
    return lines + sorted({row.caution for row in rows if row.caution})


def held(job: dict, rows: dict[str, dict]) -> str:
    """What all rows of a point have in common and no interval covers; and which of them keep a published defect."""
    backbone, recipe = job["backbone"], job["recipe"]
    weights = backbone.get("weights")
    name = weights if weights in (None, "none", "pretrain") else Path(weights).name
    seed = f" (seed {backbone['pretrain']['seed']})" if weights == "pretrain" else ""
    said = [f"split seed {job['dataset']['split_seed']}" if "split_seed" in job["dataset"] else "",
            f"weights {name}{seed}" if weights and _shared(rows, "backbone") else "",
            f"one untuned recipe ({recipe['optimizer']}, lr {recipe['lr']:g}, {recipe['epochs']} epochs)" if _shared(rows, "recipe") else ""]
    kept = [f"{group}.{key}={value} in {', '.join(having)}" for group, key, value in DEFECTS
            if (having := [name for name, row in rows.items() if row[group].get(key) == value and (
                key != "batch_norm" or row[group]["frozen"] != 0)])]
    defects = f" Published defects kept: {'; '.join(kept)}." if kept else ""
    return f"Held fixed for every row: {', '.join(filter(None, said))}.{defects}"


def _shared(rows: dict[str, dict], group: str) -> bool:
    first, *others = rows.values()
    return all(row[group] == first[group] for row in others)


def errors(point: Point) -> list[str]:
    """What failed, and where."""
    where = f" at {point.place}" if point.keys else ""
    lines = [f"{label}{where}: error: {words}" for label, words in point.errors.items()]
    lines += [f"{label}{where}, seed {seed}: error: {words}" for label, row in point.rows.items() for seed, words in row.errors.items()]
    return [line.rstrip(".") + "." for line in lines]


def _would_decide(verdict: statistic.Verdict) -> str:
    if verdict.interval.seeds < statistic.FEWEST:
        return "fewer than three seeds give no verdict."
    ways = [f"about {verdict.seeds} seeds on these pictures" if verdict.seeds else "",
            f"about {verdict.pictures} pictures with these seeds" if verdict.pictures else ""]
    return (" or ".join(filter(None, ways)) or "neither more seeds nor more pictures alone") + " would decide it."
