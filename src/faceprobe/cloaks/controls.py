"""Controls: what any image pipeline does to a photo by accident, as a baseline for cloaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from faceprobe.cloaks.base import Cloak, CloakCard, Cloaked, CloakFamily, Subject, no_tick, one_by_one
from faceprobe.cloaks.names import CloakName
from faceprobe.cloaks.purifiers import KINDS, VERSION, Purifier, parse_purifier
from faceprobe.core.errors import WrongUsage
from faceprobe.core.files import sha256_json

SAVED_AGAIN = (
    CloakCard("clean-png", "clean photos saved again as PNG, files of a dataset", control=True),
    CloakCard("clean-jpeg", "clean photos saved again as JPEG, files of a dataset", control=True),
)


@dataclass(frozen=True)
class Control(Cloak):
    """A purifier applied to whole photos, with or without faces; needs no torch and no seed."""

    card: CloakCard
    purifier: Purifier
    batch: int = 1

    @property
    def fingerprint(self) -> str:
        return sha256_json(["control", VERSION, self.purifier.name])

    def apply(
        self, subjects: Sequence[Subject], *, seed: int, tick: Callable[[], None] = no_tick
    ) -> list[Cloaked]:
        """Every photo through the purifier; ``seed`` changes nothing."""
        return one_by_one(subjects, lambda s: (self.purifier.apply(s.photo.pixels), ""), tick)


class ControlFamily(CloakFamily):
    """``jpeg-75``, ``resize-0.5``, ``blur-1`` and the same with other amounts."""

    modules = ("cv2", "skimage")

    def __init__(self, kind: str, files: Sequence[CloakCard] = ()) -> None:
        self.kind, self.files = kind, files
        self.stems = (f"{kind}-{KINDS[kind].default:g}",)

    def card(self, name: CloakName) -> CloakCard:
        """Raises :class:`WrongUsage` for an amount out of range, brackets or options."""
        if name.inside or name.options:
            raise WrongUsage(
                f"the control {name.stem} takes neither surrogates nor options; write {name.stem}"
            )
        purifier = parse_purifier(name.stem)
        kind = KINDS[self.kind]
        return CloakCard(
            id=purifier.name,
            about=f"control: {kind.about}, the whole photo",
            control=True,
            constants={kind.means: purifier.amount},
        )

    def load(
        self, name: CloakName, *, device: str = "cpu", offline: bool = False, targets: Sequence[Subject] = ()
    ) -> Control:
        return Control(self.card(name), parse_purifier(name.stem))


JPEG = ControlFamily("jpeg", files=SAVED_AGAIN)
RESIZE = ControlFamily("resize")
BLUR = ControlFamily("blur")
