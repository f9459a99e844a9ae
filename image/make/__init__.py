# SPDX-License-Identifier: MIT
"""The parts of image/build and image/debian-rootfs."""
