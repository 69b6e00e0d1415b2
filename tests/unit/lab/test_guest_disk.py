# Copyright: Contributors to baremetal.vmsite
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The image is verified before it is used, and an overlay is used only on the image that it was made on."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ansible_collections.baremetal.vmsite.lab.guest.access import Access
from ansible_collections.baremetal.vmsite.lab.guest.image import Image, Images
from ansible_collections.baremetal.vmsite.lab.guest.overlay import Overlay
from ansible_collections.baremetal.vmsite.lab.guest.qemu import Qemu
from ansible_collections.baremetal.vmsite.lab.progress import Progress

NEW = b"a new image"


class FakeBuild(Images):
    """Images whose build is a few bytes."""

    built = 0

    def _build(self, qemu: Qemu, mirror: str, progress: Progress) -> Image:
        self.built += 1
        return self.put(NEW)

    def put(self, content: bytes) -> Image:
        image = Image(self._file, hashlib.sha256(content).hexdigest())
        image.file.parent.mkdir(exist_ok=True)
        image.file.write_bytes(content)
        self._content.write_text(f"{image.content}  {image.file.name}\n")
        return image


@pytest.fixture
def images(tmp_path: Path) -> FakeBuild:
    access = Access(tmp_path / "access")
    access.make_keys()
    return FakeBuild(tmp_path / "image", access)


def use(images: FakeBuild, tmp_path: Path) -> Image:
    return images.verified_or_built(Qemu(tmp_path), "http://mirror.invalid", Progress())


def test_a_whole_image_is_used(images: FakeBuild, tmp_path: Path) -> None:
    image = images.put(b"whole")
    assert use(images, tmp_path) == image
    assert images.built == 0


def test_a_damaged_image_is_built_anew_and_the_reason_is_printed(
    images: FakeBuild, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = images.put(b"whole")
    image.file.write_bytes(b"whale")
    assert use(images, tmp_path).content == hashlib.sha256(NEW).hexdigest()
    assert images.built == 1
    assert f"the image is damaged: {image.file}" in capsys.readouterr().out


@pytest.mark.parametrize("suffix", [".qcow2", ".sha256"])
def test_half_an_image_is_none(images: FakeBuild, tmp_path: Path, suffix: str) -> None:
    """A build that was killed between its two last steps, or a file that someone removed."""
    images.put(b"whole").file.with_suffix(suffix).unlink()
    assert images.recorded() is None
    use(images, tmp_path)
    assert images.built == 1


def test_other_keys_are_another_image(images: FakeBuild, tmp_path: Path) -> None:
    """Those of the old one would not let anyone in."""
    images.put(b"whole")
    for file in (tmp_path / "access").iterdir():
        file.unlink()
    Access(tmp_path / "access").make_keys()
    assert images.recorded() is None


def test_an_overlay_fits_its_own_image_alone(images: FakeBuild, tmp_path: Path) -> None:
    overlay = Overlay(tmp_path / "overlay.qcow2")
    image = images.put(b"whole")
    assert not overlay.fits(image)
    overlay.file.write_bytes(b"what a guest wrote")
    assert not overlay.fits(image), "nothing says on which image it was made"
    overlay.file.with_suffix(".base").write_text(f"{image.content}  {image.file}\n")
    assert overlay.fits(image)
    assert not overlay.fits(images.put(NEW)), "of the same name, with other content"
