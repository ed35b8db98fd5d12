"""Colour profiles inside pictures: named, and on request converted to sRGB."""

from __future__ import annotations

import io
import re
from typing import Any

from PIL import Image

MOST = 2**22
"""Bytes of a profile that is looked into; printers' largest have 2 MB."""


def profile_name(data: object) -> str:
    """What a profile calls itself; "" for sRGB, for none, and for one that cannot be read."""
    if not isinstance(data, bytes) or not 0 < len(data) <= MOST:
        return ""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        named = str(ImageCms.getProfileDescription(profile)).strip().splitlines()
    except Exception:  # whatever the colour library says of a damaged one
        return "a damaged colour profile"
    name = re.sub(r"[^\w .()\-+]", "", named[0])[:40].strip() if named else "an unnamed profile"
    return "" if re.match(r"(?i)(c2|sRGB|IEC ?61966)", name) else name


def to_srgb(data: bytes) -> Any:
    """A transform of RGB pixels to sRGB; None where the profile is damaged or not RGB's."""
    from PIL import ImageCms

    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), "RGB", "RGB")
    except Exception:  # as above
        return None


def applied(transform: Any, piece: Image.Image) -> Image.Image:
    """A piece in sRGB."""
    converted: Image.Image = transform.apply(piece)
    return converted
