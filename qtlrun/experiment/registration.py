"""Registration of a plan before it is run: hashes of what it reads, and who has read it."""

from qtlrun import disk, store
from qtlrun.experiment import pretraining
from qtlrun.experiment.parts import Parts
from qtlrun.experiment.reading import count_readings
from qtlrun.experiment.session import Session, alone
from qtlrun.ledger import Readings
from qtlrun.plan import Plan, Variant, code, plugin


class Registration:
    """Facts of a plan's data that a seal records; nothing is trained."""

    def __init__(self, session: Session):
        self.session = session

    @alone
    def fingerprints(self, plan: Plan) -> dict[str, str]:
        """Hashes of data on each split, weights and plugins, by what they are of.

        A backbone that is pre-trained here is known by the items of its source task.
        """
        hashes = self._data("the composed model", plan.model, plan)
        hashes |= self._weights("the composed model", plan.model)
        for name, variant in plan.references.items():
            if variant.dataset != plan.model.dataset:
                hashes |= self._data(name, variant, plan)
            if (variant.backbone, variant.head) != (plan.model.backbone, plan.model.head):
                hashes |= self._weights(name, variant)
        if plan.settings.plugins:
            hashes["plugins"] = store.key(plugins=plugin.identity(plan.settings.plugins))
        for name, variant in {"the composed model": plan.model, **plan.references}.items():
            hashes |= _code(name, variant)
        return hashes

    @alone
    def readings(self, plan: Plan) -> Readings:
        """Largest counts of the plans that have read the test items on any split, or their pool."""
        variants = [plan.model.redrawn(redraw.change) for redraw in plan.redraws]
        return Readings.largest(
            count_readings(Parts(variant, self.session)) for variant in variants
        )

    def _data(self, name: str, variant: Variant, plan: Plan) -> dict[str, str]:
        """Fingerprint of a variant's dataset on each split."""
        hashes = {}
        for number, redraw in enumerate(plan.redraws):
            dataset = Parts(variant.redrawn(redraw.change), self.session).dataset
            where = f", split {number + 1}" if len(plan.redraws) > 1 else ""
            hashes[f"data of {name}{where}"] = dataset.fingerprint
        return hashes

    def _weights(self, name: str, variant: Variant) -> dict[str, str]:
        """Hashes of a variant's weights, or of the source task that the backbone learns here."""
        parts = Parts(variant, self.session)
        if pretraining.is_wanted(variant):
            hashes = {f"source task of {name}": pretraining.dataset(parts).fingerprint}
        else:
            hashes = {f"weights of {name}": pretraining.weights_key(parts)}
        if state := variant.head.get("state"):
            hashes[f"head.state of {name}"] = disk.file_digest(state)
        return hashes


def _code(name: str, variant: Variant) -> dict[str, str]:
    """Hashes of the user's files that a variant's parts name."""
    hashes = {}
    for group, part in variant.parts.items():
        key = variant.facts(group).code
        if key:
            hashes[f"{group}.{key} of {name}"] = store.key(code=code.identity(part[key]))
    return hashes
