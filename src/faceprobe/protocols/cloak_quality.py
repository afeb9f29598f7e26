"""The protocol of rows about cloaked photos themselves. A study measures them from pixels, without a model,
so this protocol is in no registry.
"""

from __future__ import annotations

from faceprobe.protocols.types import Protocol

QUALITY = Protocol(
    name="cloak/quality",
    version=1,
    kind="photos",
    title="how visible a cloak is",
    short=(
        "cloaked photo against its clean one, whole photos after rounding to 8 bits; psnr, ssim, dssim, "
        "delta_e and lpips over changed photos of equal size; mean over people of the mean over their photos"
    ),
    conventions={
        "psnr": "10 log10(255^2 / MSE) in dB, over all pixels and channels",
        "dssim": "(1 - SSIM) / 2, SSIM with a Gaussian window of 11 x 11, sigma 1.5, mean over channels",
        "delta_e": (
            "CIEDE2000 (kL = kC = kH = 1, sRGB, D65) by pixel, mean over the box of the face that changed "
            "most; delta_e_p95 is the 95th percentile of the same pixels"
        ),
        "dssim_crop_max": "the largest DSSIM of a face crop, by the cloak itself, before pasting back",
        "share_changed": "share of the photos to be cloaked of which at least one pixel changed",
        "face_found": "share of photos in which the detector finds a face, score at least .5",
    },
    citation="Z. Wang et al., Image quality assessment, IEEE TIP 13, 2004 (SSIM)",
)
