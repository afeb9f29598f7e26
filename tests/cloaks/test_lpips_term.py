"""The perceptual term: LPIPS where AlexNet's weights lie in torchvision's cache, else DSSIM, said aloud."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lpips")

from faceprobe.cloaks import cloak_card, load_cloak  # noqa: E402
from faceprobe.cloaks.attacks import lpips as lpips_term  # noqa: E402
from faceprobe.core.errors import BadInput, Unreachable, WrongUsage  # noqa: E402


@pytest.fixture(autouse=True)
def empty_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    return tmp_path / "hub" / "checkpoints"


def no_network(*_: object, **__: object) -> None:
    raise urllib.error.URLError("no network")


def test_without_weights_dssim_stands_in_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: pytest.fail("asked the network"))
    card = cloak_card("lowkey")
    assert card.id == "lowkey[bundled:face;dssim]" and lpips_term.DSSIM_INSTEAD in card.notes
    assert load_cloak("lowkey", device="cpu").card == card
    with pytest.raises(Unreachable, match=r"--offline is set.*write ;dssim"):
        load_cloak("lowkey[bundled:face;lpips]", device="cpu", offline=True)


def test_lpips_asked_for_and_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    assert cloak_card("lowkey[bundled:face;lpips]").id == "lowkey[bundled:face;lpips]"
    with pytest.raises(Unreachable, match="does not answer"):
        load_cloak("lowkey[bundled:face;lpips]", device="cpu")
    with pytest.raises(WrongUsage, match="unknown perceptual term"):
        lpips_term.choose("ssim")


def test_lpips_with_weights_in_the_cache(empty_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AlexNet of random weights under a name that carries their own hash: the real file cannot be had here,
    the path through cache, check, library and gradient is the same.
    """
    from torchvision.models import alexnet

    torch.manual_seed(0)
    empty_hub.mkdir(parents=True)
    torch.save(alexnet().state_dict(), empty_hub / "made.pth")
    digest = hashlib.sha256((empty_hub / "made.pth").read_bytes()).hexdigest()
    weights = empty_hub / lpips_term.FILE
    (empty_hub / "made.pth").rename(weights)
    with pytest.raises(BadInput, match="damaged"):
        lpips_term.load_perceptual("lpips", device=torch.device("cpu"), offline=True)

    monkeypatch.setattr(lpips_term, "PREFIX", digest[:8])
    card = cloak_card("lowkey")
    assert card.id == "lowkey[bundled:face;lpips]" and lpips_term.DSSIM_INSTEAD not in card.notes
    distance, told = lpips_term.load_perceptual("lpips", device=torch.device("cpu"), offline=True)
    assert told == f"lpips {digest}"
    clean = torch.rand(2, 3, 64, 48)
    changed = (clean + 0.1 * torch.randn_like(clean)).requires_grad_()
    import lpips

    reference = lpips.LPIPS(net="alex", verbose=False)(changed, clean, normalize=True)
    found = distance(changed, clean)
    torch.testing.assert_close(found, reference.flatten())
    found.sum().backward()
    assert changed.grad is not None and bool(changed.grad.isfinite().all())
    assert float(changed.grad.abs().max()) > 0
    smallest = torch.rand(1, 3, lpips_term.SMALLEST, lpips_term.SMALLEST)
    assert float(distance(smallest, smallest)) == 0
