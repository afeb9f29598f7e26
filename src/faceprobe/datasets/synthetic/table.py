"""``synthetic?people=300&photos=8&split=test&seed=0&size=112`` as a :class:`FaceTable`."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_bytes
from faceprobe.core.names import Name
from faceprobe.data.face_table import FaceTable, PhotoSource, face_table_columns
from faceprobe.data.photo import Photo, UnreadablePhoto
from faceprobe.datasets.base import Dataset, DatasetCard
from faceprobe.datasets.synthetic.people import GROUP_NOTE
from faceprobe.datasets.synthetic.render import DEFAULT_SIZE
from faceprobe.datasets.synthetic.world import SPLITS, WORLD_VERSION, World

OPTIONS = {"people", "photos", "split", "seed", "size"}
SPLIT_LENGTH = 10_000
NOTE = "Synthetic people drawn by faceprobe: figures hold in the built-in world only."


@dataclass(frozen=True)
class SyntheticSource(PhotoSource):
    """Draws the photo named ``"<split>/<person>/<photo>"``; its content hash is that of the pixels."""

    seed: int
    size: int
    world: World = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "world", World(self.seed))

    def read(self, image: str) -> Photo:
        try:
            _, person, photo = image.split("/")
            drawn = self.world.photo(int(person[1:]), int(photo), self.size)
        except ValueError as error:
            raise UnreadablePhoto(image, "no such photo in the built-in world") from error
        return Photo(drawn.pixels, sha256_bytes(drawn.pixels.tobytes()), drawn.faces)

    @property
    def drawn(self) -> bool:
        return True


@dataclass(frozen=True)
class Selection:
    """The part of the world that a dataset's name selects."""

    people: int
    photos: int
    split: str
    seed: int
    size: int

    @staticmethod
    def parse(name: Name) -> Selection:
        """Read the options of ``name``; :class:`WrongUsage` names a value that is out of range."""
        if name.body:
            raise WrongUsage(f"{name}: the built-in world has no path; write synthetic?people=300&photos=8")
        name.check_options(OPTIONS)
        split = name.option("split", "test")
        if split not in SPLITS:
            raise WrongUsage(f"{name}: unknown split {split!r}; known: {', '.join(SPLITS)}")
        return Selection(
            people=_whole(name, "people", 300, 1, SPLIT_LENGTH),
            photos=_whole(name, "photos", 8, 1, 1000),
            split=split,
            seed=_whole(name, "seed", 0, 0, 2**31 - 1),
            size=_whole(name, "size", DEFAULT_SIZE, 32, 2048),
        )

    def numbers(self) -> range:
        """The person numbers selected."""
        first = SPLITS[self.split]
        return range(first, first + self.people)

    def image(self, person: int, photo: int) -> str:
        return f"{self.split}/p{person:06d}/{photo:03d}"


def load(name: Name) -> FaceTable:
    """The built-in world as a dataset; a photo is drawn when it is read."""
    return _table(Selection.parse(name), str(name))


@cache
def _table(chosen: Selection, name: str) -> FaceTable:
    world = World(chosen.seed)
    shots = [(i, k, world.shot(i, k)) for i in chosen.numbers() for k in range(chosen.photos)]
    columns = face_table_columns(
        image=[chosen.image(i, k) for i, k, _ in shots],
        identity=[f"p{i:06d}" for i, _, _ in shots],
        event=[f"p{i:06d}/e{shot.event_number}" for i, _, shot in shots],
        group=[shot.people[0][0].group for _, _, shot in shots],
        split=[chosen.split] * len(shots),
        variant=["clean"] * len(shots),
    )
    return FaceTable(
        name=name,
        table=columns,
        source=SyntheticSource(chosen.seed, chosen.size),
        evidence="synthetic",
        licence="Apache-2.0 (drawn by this program)",
        notes=(NOTE, GROUP_NOTE, f"world version {WORLD_VERSION}"),
    )


def _whole(name: Name, key: str, default: int, low: int, high: int) -> int:
    text = name.option(key, str(default))
    try:
        value = int(text)
    except ValueError as error:
        raise WrongUsage(f"{name}: {key} must be a whole number, not {text!r}") from error
    if not low <= value <= high:
        raise WrongUsage(f"{name}: {key} must lie between {low} and {high}, not {value}")
    return value


DATASET = Dataset(
    card=DatasetCard(
        name="synthetic",
        title="Built-in world of drawn people",
        use="synthetic",
        status="built-in",
        consent="not needed: no real person is shown",
        licence="Apache-2.0",
        non_commercial=False,
        note="results say how an encoder does in the built-in world, nothing about real people",
    ),
    load=load,
    evidence="synthetic",
)
