"""A cloak with its detector and targets, ready for photos: the part that folders and ``fp.cloak`` share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from faceprobe.cloaks.attacks.targets import target_subjects
from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, Subject, no_tick
from faceprobe.cloaks.photos.barely_changed import apply_with_starts
from faceprobe.cloaks.registry import cloak_card, every_stem, file_card, file_cards, load_cloak
from faceprobe.core.errors import WrongUsage
from faceprobe.data.photo import Photo
from faceprobe.datasets import load_dataset
from faceprobe.faces.detect import Detector
from faceprobe.faces.weights import find_detector

if TYPE_CHECKING:
    from faceprobe.cloaks.attacks.surrogate import Surrogate

TARGETS = "synthetic?split=train&people=20&photos=2"
"""Clean photos of other people for cloaks that steer towards another person, unless others are given."""

BATCH_PIXELS = 24_000_000
"""A batch ends where its photos reach this many pixels, to bound the memory."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class LoadedCloak:
    """A cloak and what it needs: ``reference`` is the cloak whose PSNR it copies, None for all but
    ``noise[...]``; ``detector`` finds faces, None where they are known or not needed.
    """

    cloak: Cloak
    reference: Cloak | None
    detector: Detector | None
    seed: int

    @property
    def leader(self) -> Cloak:
        """The cloak that decides the batches: noise uses those of its reference, so that photos of both are
        computed alike.
        """
        return self.reference or self.cloak

    @property
    def surrogates(self) -> Sequence[Surrogate]:
        """The encoders that the cloak, or its reference, differentiates through."""
        return self.leader.surrogates

    def with_faces(self, photo: Photo) -> Photo:
        """``photo`` with the faces that the detector finds, unless its faces are known."""
        if photo.faces is not None or self.detector is None:
            return photo
        return replace(photo, faces=self.detector.detect(photo.pixels))

    def apply(self, subjects: Sequence[Subject], tick: Callable[[], None] = no_tick) -> list[Cloaked]:
        """Cloak one batch of ``subjects``, with the reference first where there is one; photos that come out
        barely changed get other starts.
        """
        if self.reference is not None:
            references = apply_with_starts(self.reference, subjects, seed=self.seed, tick=no_tick)
            subjects = [
                replace(s, noise_reference=r.pixels) for s, r in zip(subjects, references, strict=True)
            ]
        return apply_with_starts(self.cloak, subjects, seed=self.seed, tick=tick)


def cloak_cards(cloak: str) -> list[CloakCard]:
    """The card of ``cloak`` and, for ``noise[...]``, that of its reference; loads nothing.

    Raises :class:`WrongUsage` for bare names such as ``fawkes``, which mean files that come with a dataset,
    and what :func:`cloak_card` raises.
    """
    if file_card(cloak) is not None and cloak not in every_stem():
        raise _only_files(cloak)
    card = cloak_card(cloak)
    if not card.noise_reference:
        return [card]
    if file_card(card.noise_reference) is not None:
        raise _only_files(cloak)
    return [card, cloak_card(card.noise_reference)]


def detector_for(cards: Sequence[CloakCard], path: str | None, offline: bool) -> Detector | None:
    """The detector that cloaks of ``cards`` need, None for controls; raises what finding it raises."""
    return None if all(card.control for card in cards) else find_detector(path, offline)


def load_with_reference(
    cloak: str | Cloak,
    *,
    seed: int,
    detector: Detector | None,
    device: str = "auto",
    offline: bool = False,
    targets: str = TARGETS,
) -> LoadedCloak:
    """Load ``cloak`` and its reference; ``targets`` names a dataset of other people, if needed."""
    to_load = cloak if isinstance(cloak, str) else cloak.card.noise_reference
    cards = cloak_cards(to_load) if to_load else []
    people: list[Subject] = []
    if any(card.needs_targets for card in cards):
        table = load_dataset(targets).known_people()
        people = target_subjects(table, range(len(table)), detector)

    def load(name: str) -> Cloak:
        return load_cloak(name, device=device, offline=offline, targets=people)

    loaded = load(cloak) if isinstance(cloak, str) else cloak
    reference = loaded.card.noise_reference
    return LoadedCloak(loaded, load(reference) if reference else None, detector, seed)


def batches(pixels: Mapping[Key, int], most: int) -> Iterator[list[Key]]:
    """Keys of photos in order, at most ``most`` and about :data:`BATCH_PIXELS` pixels together; ``pixels``
    maps a photo's key to its number of pixels.
    """
    batch: list[Key] = []
    total = 0
    for key, size in pixels.items():
        if batch and (len(batch) == most or total + size > BATCH_PIXELS):
            yield batch
            batch, total = [], 0
        batch.append(key)
        total += size
    if batch:
        yield batch


def _only_files(cloak: str) -> WrongUsage:
    names = ", ".join(card.id for card in file_cards())
    return WrongUsage(
        f"{cloak}: the bare names {names} mean files that come with a dataset, such as the authors' own;"
        " write fawkes-1.0.2-mid or lowkey[bundled:face]"
    )
