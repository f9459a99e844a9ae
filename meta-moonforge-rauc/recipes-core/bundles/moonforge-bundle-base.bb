# SPDX-License-Identifier: MIT

SUMMARY = "Signed update bundle of moonforge-image-base"
DESCRIPTION = "The same version as the disk image, for devices in the field: \
format verity, signed, with a hash index, so that a device fetches only what \
has changed."
HOMEPAGE = "https://moonforgelinux.org"
LICENSE = "MIT"

require moonforge-bundle.inc
