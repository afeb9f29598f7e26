"""Find a cloak by name: the longest known start of the name is its family, the rest its mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from faceprobe.cloaks.base import Cloak, CloakCard, CloakFamily, Subject
from faceprobe.cloaks.names import CloakName, parse_cloak
from faceprobe.core.errors import UnknownName, WrongUsage
from faceprobe.core.registry import Registry

CLOAKS: Registry[CloakFamily] = Registry(
    "cloak",
    "cloaks",
    {
        "fawkes": "faceprobe.cloaks.attacks.fawkes.cloak:FAMILY",
        "lowkey": "faceprobe.cloaks.attacks.lowkey:FAMILY",
        "pgd": "faceprobe.cloaks.attacks.pgd:FAMILY",
        "opom": "faceprobe.cloaks.attacks.opom:FAMILY",
        "tip-im": "faceprobe.cloaks.attacks.tip_im:FAMILY",
        "noise": "faceprobe.cloaks.noise:FAMILY",
        "jpeg": "faceprobe.cloaks.controls:JPEG",
        "resize": "faceprobe.cloaks.controls:RESIZE",
        "blur": "faceprobe.cloaks.controls:BLUR",
    },
)


def load_cloak(
    text: str, *, device: str = "auto", offline: bool = False, targets: Sequence[Subject] = ()
) -> Cloak:
    """A cloak that is ready to run, e.g. ``"fawkes-1.0.2-mid[bundled:face]"``.

    ``targets`` are clean photos of other people, for cloaks whose card says ``needs_targets``. Raises
    :class:`UnknownName` with the nearest names, :class:`WrongUsage` for options or surrogates that the cloak
    cannot use, and what loading a surrogate raises.
    """
    name = parse_cloak(text)
    return family_of(name).load(name, device=device, offline=offline, targets=targets)


def cloak_card(text: str) -> CloakCard:
    """What is known of a cloak without loading its surrogates; its ``id`` is the name in result rows.

    Raises :class:`UnknownName` with the nearest names and :class:`WrongUsage` for options or surrogates that
    the cloak cannot use.
    """
    name = parse_cloak(text)
    return family_of(name).card(name)


def with_surrogate(text: str, *surrogates: str) -> str:
    """The cloak's name ``text`` with ``surrogates`` (model names) in its brackets, in place of any others.

    The perceptual term and the options stay. In ``noise[CLOAK]`` the surrogates go to the cloak in brackets:
    ``with_surrogate("noise[pgd]", "own:mine")`` is ``"noise[pgd[own:mine]]"``. Raises :class:`WrongUsage` for
    a text that is no cloak's name, and for a control, which has no surrogate.
    """
    name = parse_cloak(text)
    card = cloak_card(text)
    if card.noise_reference:
        inside = with_surrogate(card.noise_reference, *surrogates)
        return str(replace(name, surrogates=(), perceptual="", inside=inside))
    if card.control:
        raise WrongUsage(f"{text} is a control and has no surrogate; leave surrogate= out")
    return str(replace(name, surrogates=surrogates, inside=""))


def reference_card(card: CloakCard) -> CloakCard | None:
    """The card of the cloak whose PSNR ``card`` copies; None for all but ``noise[...]``."""
    other = card.noise_reference
    return (file_card(other) or cloak_card(other)) if other else None


def file_card(name: str) -> CloakCard | None:
    """The card of a variant that only comes as files of a dataset, such as bare ``fawkes``, the authors' own
    output files; None for every other name.
    """
    return next((card for card in file_cards() if card.id == name), None)


def file_cards() -> list[CloakCard]:
    """The cards of all variants that only come as files of a dataset."""
    return [card for algorithm in CLOAKS.names() for card in CLOAKS.get(algorithm).files]


def family_of(name: CloakName) -> CloakFamily:
    """The family of ``name``; :class:`UnknownName` where there is none."""
    known = [a for a in CLOAKS.names() if name.stem == a or name.stem.startswith(f"{a}-")]
    if not known:
        raise UnknownName("cloak", name.stem, every_stem())
    return CLOAKS.get(max(known, key=len))


def every_stem() -> list[str]:
    """All names of all cloaks, without brackets and options."""
    return [stem for algorithm in CLOAKS.names() for stem in CLOAKS.get(algorithm).stems]
