"""What is known of each dataset before it is opened: standing, consent, terms, size, where it lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from faceprobe.core.files import cache_dir
from faceprobe.datasets import DATASETS

LATER = "later step: reads from a folder"
PUBLIC_FIGURES = "none asked: public figures in photos from the web"


@dataclass(frozen=True)
class DatasetInfo:
    """``status``: "built-in", "your own", "available", "on request" or "withdrawn". ``download_mb`` is
    what the first use fetches (0 = nothing); ``source`` is where to get a set that is never fetched here.
    ``pairs`` counts the comparisons of its own list. ``non_commercial`` None = its authors do not say.
    ``use`` is how to name it, or :data:`LATER` where this version does not read it yet.
    """

    name: str
    title: str
    use: str
    status: str
    consent: str
    licence: str
    non_commercial: bool | None
    photos: int | None = None
    people: int | None = None
    pairs: int | None = None
    source: str = ""
    download_mb: float = 0.0
    note: str = ""


INFOS: tuple[DatasetInfo, ...] = (
    DatasetInfo(
        name="synthetic",
        title="Built-in world of drawn people",
        use="synthetic",
        status="built-in",
        consent="not needed: no real person is shown",
        licence="Apache-2.0",
        non_commercial=False,
        note="results say how an encoder does in the built-in world, nothing about real people",
    ),
    DatasetInfo(
        name="folder",
        title="Your own photos, <identity>/<photo>",
        use="folder:PATH[?people=N&photos=K&min_photos=M]",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="see RESPONSIBLE_USE.md",
    ),
    DatasetInfo(
        name="lfw",
        title="Labeled Faces in the Wild",
        use="lfw[:PATH][?pairs=FILE]",
        status="available",
        consent=PUBLIC_FIGURES + " (press)",
        licence="none stated; research use",
        non_commercial=None,
        photos=13_233,
        people=5_749,
        pairs=6_000,
        download_mb=181.0,
        note="its authors warn that no result on it shows that a system is fit for commercial use",
    ),
    DatasetInfo(
        name="insightface-bin",
        title="Verification pairs packed by insightface (.bin)",
        use="insightface-bin:FILE",
        status="your own",
        consent="that of the set inside the file",
        licence="that of the set inside the file",
        non_commercial=None,
        note="read with a restricted unpickler; names no people",
    ),
    DatasetInfo(
        name="celeba",
        title="CelebFaces Attributes",
        use="celeba:PATH[?split=test&group=Male]",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="non-commercial research agreement",
        non_commercial=True,
        photos=202_599,
        people=10_177,
        note="from mmlab.ie.cuhk.edu.hk/projects/CelebA.html; aligned photos 1.3 GB; read from a folder",
    ),
    DatasetInfo(
        name="perturbed-faces",
        title="CelebA photos with Fawkes and LowKey cloaks",
        use="perturbed-faces:PATH[?identities=FILE&control=png]",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="that of CelebA, from which it is made",
        non_commercial=True,
        photos=3_000,
        note="Hugging Face dataset aadityaubhat/perturbed_faces, 135 MB, folder or zip; it names no people",
    ),
    DatasetInfo(
        name="cloaked",
        title="Your own cloaked photos beside the clean ones",
        use="cloaked:PATH[?variant=clean,lowkey&control=png]",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own",
        non_commercial=None,
        note="by file names: *_attacked.png, *_cloaked.png, *_high_cloaked.png, or a cloak.json",
    ),
    DatasetInfo(
        name="ijb-b",
        title="IARPA Janus Benchmark B",
        use="ijb-b:PATH",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="its distributor's agreement",
        non_commercial=None,
        photos=227_630,
        note="from NIST on request; read from a folder with loose_crop/ and meta/",
        people=1_845,
    ),
    DatasetInfo(
        name="ijb-c",
        title="IARPA Janus Benchmark C",
        use="ijb-c:PATH",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="its distributor's agreement",
        non_commercial=None,
        photos=469_375,
        note="from NIST on request; read from a folder with loose_crop/ and meta/",
        people=3_531,
    ),
    DatasetInfo(
        name="distractors",
        title="Strangers around another dataset's people (MegaFace style)",
        use="distractors:PATH?of=DATASET",
        status="your own",
        consent="yours to obtain: face embeddings can be biometric data",
        licence="your own, and that of DATASET",
        non_commercial=None,
        note="every photo below PATH; for identification/megaface",
    ),
    DatasetInfo(
        name="megaface",
        title="MegaFace",
        use=LATER,
        status="withdrawn",
        consent="none asked: private people's photos from Flickr",
        licence="withdrawn by its authors; never downloaded by faceprobe",
        non_commercial=True,
        note="any folder of photos can be the strangers: distractors:PATH?of=DATASET",
    ),
    DatasetInfo(
        name="ms-celeb",
        title="MS-Celeb-1M and its derivatives (MS1M, Glint360K, ...)",
        use=LATER,
        status="withdrawn",
        consent=PUBLIC_FIGURES + ", and people who never were public figures",
        licence="withdrawn by its authors; never downloaded by faceprobe",
        non_commercial=True,
    ),
    DatasetInfo(
        name="vggface2",
        title="VGGFace2 (test part)",
        use="vggface2:PATH",
        status="withdrawn",
        consent=PUBLIC_FIGURES,
        licence="no longer given out by its authors; never downloaded by faceprobe",
        non_commercial=None,
        people=500,
        note="read from a folder of the test part: test/n000001/0001_01.jpg",
    ),
    DatasetInfo(
        name="rfw",
        title="Racial Faces in the Wild",
        use="rfw:PATH[?group=African], rfw:FILE.bin",
        status="on request",
        consent=PUBLIC_FIGURES + " (taken from MS-Celeb-1M)",
        licence="non-commercial research agreement",
        non_commercial=True,
        photos=40_607,
        pairs=24_000,
        source="http://whdeng.cn/RFW/testing.html",
        note="6,000 pairs in each of four groups; models trained on MS-Celeb-1M may have seen its people",
    ),
    DatasetInfo(
        name="cfp-fp",
        title="Celebrities in Frontal-Profile, frontal against profile",
        use="cfp-fp:PATH[?part=ff], cfp-fp:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="research use",
        non_commercial=None,
        photos=7_000,
        people=500,
        pairs=7_000,
        source="http://www.cfpw.io",
        note="part=ff is CFP-FF, frontal against frontal",
    ),
    DatasetInfo(
        name="agedb-30",
        title="AgeDB, pairs 30 years apart",
        use="agedb-30:PATH[?pairs=FILE.mat], agedb-30:FILE.bin",
        status="on request",
        consent=PUBLIC_FIGURES,
        licence="non-commercial research agreement",
        non_commercial=True,
        pairs=6_000,
        source="https://ibug.doc.ic.ac.uk/resources/agedb/",
    ),
    DatasetInfo(
        name="calfw",
        title="Cross-Age LFW",
        use="calfw:PATH[?images=original], calfw:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="none stated; research use",
        non_commercial=None,
        pairs=6_000,
        source="http://whdeng.cn/CALFW/",
    ),
    DatasetInfo(
        name="cplfw",
        title="Cross-Pose LFW",
        use="cplfw:PATH[?images=original], cplfw:FILE.bin",
        status="available",
        consent=PUBLIC_FIGURES,
        licence="none stated; research use",
        non_commercial=None,
        pairs=6_000,
        source="http://whdeng.cn/CPLFW/",
    ),
)


def list_datasets() -> list[dict[str, Any]]:
    """One object a dataset: the fields of :class:`DatasetInfo`, ``readable`` (this version opens it) and
    ``cached`` (whether the first use would fetch nothing). Registered third parties come last.
    """
    registered = set(DATASETS.names())
    rows = [asdict(info) | {"readable": info.name in registered, "cached": is_cached(info)} for info in INFOS]
    for name in sorted(registered - {info.name for info in INFOS}):
        third = DatasetInfo(name, "added by another package", name, "unknown", "unknown", "unknown", None)
        rows.append(asdict(third) | {"readable": True, "cached": False})
    return rows


def is_cached(info: DatasetInfo) -> bool:
    """Whether the dataset can be used without any download."""
    if not info.download_mb:
        return info.status in ("built-in", "your own")
    home = cache_dir("datasets", info.name)
    return (home / info.name).is_dir() and (home / "pairs.txt").is_file()
