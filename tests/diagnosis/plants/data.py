"""Datasets and batches with a fault of the data, by the code that names it."""

import tempfile
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from qtlrun.dataset.picture import Pictures
from qtlrun.dataset.split import Split


def draw(count, seed):
    """Points of two classes, one to the left and one to the right."""
    generator = torch.Generator().manual_seed(seed)
    items = torch.randn(count, 4, generator=generator, dtype=torch.float64)
    labels = torch.arange(count) % 2
    items[:, 0] += 4 * labels - 2
    return items, labels


class Planted:
    """Dataset without a fault; it takes the keys of dataset=moons and ignores them."""

    classes = ("left", "right")

    def __init__(
        self,
        points: int,
        noise: float,
        seed: int,
        validation: float,
        split_seed: int,
        train_size: int | None,
        fold: list[int] | None,
        test: float,
    ):
        self.train, self.validation, self.test = draw(60, 0), draw(400, 1), draw(400, 2)
        self.plant()

    def plant(self):
        pass


class Unscaled(Planted):
    def plant(self):
        self.train[0][:, 1] *= 1000


class Constant(Planted):
    def plant(self):
        for split in (self.train, self.validation, self.test):
            split[0][:] = 0.5
            split[0][:, 0] += 1e-9 * torch.arange(len(split[0]))


class Large(Planted):
    def plant(self):
        for split in (self.train, self.validation, self.test):
            split[0].mul_(1000)


class Absent(Planted):
    classes = ("left", "right", "above")


class Unbalanced(Planted):
    def plant(self):
        items, labels = draw(400, 0)
        chosen = torch.cat([(labels == 0).nonzero()[:, 0], (labels == 1).nonzero()[:10, 0]])
        self.train = items[chosen], labels[chosen]


class Leaking(Planted):
    def plant(self):
        self.test[0][:20] = self.train[0][:20]


class Contradicting(Planted):
    def plant(self):
        self.train[0][1:20:2] = self.train[0][0:20:2]


class Ordered(Planted):
    def plant(self):
        items, labels = self.train
        order = labels.argsort(stable=True)
        self.train = items[order], labels[order]
        self.sequence = lambda epoch: torch.arange(len(labels))


class Small(Planted):
    def plant(self):
        self.validation = draw(8, 1)
        self.validation[0][:2, 0] *= -1
        self.test = draw(20, 2)


class Alike(Planted):
    """Photographs, and in the test split their copies at half size."""

    def plant(self):
        folder = Path(tempfile.mkdtemp())
        generator = torch.Generator().manual_seed(0)
        photographs = [self.draw_photograph(generator) for _ in range(60)]
        copies = [each.resize((32, 32)) for each in photographs[:10]]
        self.train = self.save(folder / "train", photographs[:20])
        self.validation = self.save(folder / "validation", photographs[20:40])
        self.test = self.save(folder / "test", [*copies, *photographs[40:]])

    def draw_photograph(self, generator):
        coarse = torch.randint(256, (12, 12), generator=generator, dtype=torch.uint8)
        return Image.fromarray(coarse.numpy()).resize((64, 64), Image.Resampling.BICUBIC)

    def save(self, folder, images):
        folder.mkdir()
        paths = [folder / f"{number}.png" for number in range(len(images))]
        for path, image in zip(paths, images, strict=True):
            image.save(path)
        names = tuple(f"{folder.name}/{path.name}" for path in paths)
        return Split(Pictures(list(map(str, paths))), torch.arange(len(paths)) % 2, names, names)


class Thin(nn.Module):
    """Convolution whose outputs are averaged."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten())

    def forward(self, items):
        return self.layers(items)


def pictures(scale, shift=0.0):
    """Small network and a batch of bright and of dark pictures, in some scale."""
    labels = torch.arange(16) % 2
    items = torch.rand(16, 3, 8, 8) / 2 + labels.view(-1, 1, 1, 1) / 2
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    return network, items * scale - shift, labels


def q401():
    return pictures(255)


def q401_caffe():
    return pictures(255, 120)


def q401_divided_twice():
    return pictures(1 / 255)


def q402():
    return nn.Linear(4, 2), torch.ones(16, 4), torch.arange(16) % 2


def q403():
    items, labels = draw(32, 0)
    items[:, 3] *= 1000
    return nn.Linear(4, 2), items.float(), labels


def q404():
    items, labels = draw(32, 0)
    return nn.Linear(4, 2), items.float(), labels + 1


def q404_negative():
    items, labels = draw(32, 0)
    return nn.Linear(4, 2), items.float(), 2 * labels - 1


def q406():
    items, labels = draw(200, 0)
    chosen = torch.cat([(labels == 0).nonzero()[:, 0], (labels == 1).nonzero()[:4, 0]])
    return nn.Linear(4, 2), items[chosen].float(), labels[chosen]


def q409():
    items, labels = draw(32, 0)
    items[1:16:2] = items[0:16:2]
    return nn.Linear(4, 2), items.float(), labels


def q414():
    items, labels = draw(32, 0)
    order = labels.argsort(stable=True)[:16]
    return nn.Linear(4, 2), items[order].float(), labels[order]


def q415():
    items, labels = draw(32, 0)
    model = nn.Linear(4, 2)
    return model, 1000 * items.float(), labels, torch.optim.Adam(model.parameters(), lr=0.1)


def q416():
    items, labels = draw(32, 0)
    return nn.Linear(4, 1000), items.float(), labels


SMALL = ("backbone=identity", "recipe.epochs=1", "circuit.qubits=2", "circuit.depth=1")
DATA = (*SMALL, "compare=[]", "dataset=moons", "plugins=[FILE]")
PHOTOGRAPHS = (
    *("circuit.qubits=2", "circuit.depth=1", "compare=[]", "dataset=moons", "plugins=[FILE]"),
    *("backbone=file", "backbone.path=FILE:Thin", "backbone.size=12", "recipe.epochs=1"),
)

# Words of composed models by code; FILE stands for this file
COMPOSED = {
    "Q401": (
        *("backbone=file", "backbone.path=FILE:Thin", "backbone.size=8", "compare=[]"),
        *("backbone.mean=[0,0,0]", "backbone.std=[0.004,0.004,0.004]", "dataset=digits"),
        "recipe.epochs=1",
    ),
    "Q402": (*DATA, "dataset._target_=data.Constant"),
    "Q403": (*DATA, "dataset._target_=data.Unscaled", "recipe.scale=none"),
    "Q405": (*DATA, "dataset._target_=data.Absent"),
    "Q406": (*DATA, "dataset._target_=data.Unbalanced"),
    "Q407": (*DATA, "dataset._target_=data.Leaking"),
    "Q408": (*PHOTOGRAPHS, "dataset._target_=data.Alike"),
    "Q409": (*DATA, "dataset._target_=data.Contradicting"),
    "Q410": (*SMALL, "compare=[]", "dataset=moons", "dataset.validation=test"),
    "Q411": (*DATA, "dataset._target_=data.Small"),
    "Q412": (*DATA, "dataset._target_=data.Small"),
    "Q413": (*DATA, "dataset._target_=data.Planted", "seeds=1"),
    "Q414": (*DATA, "dataset._target_=data.Ordered"),
    "Q415": (*DATA, "dataset._target_=data.Large", "recipe.scale=none"),
}
