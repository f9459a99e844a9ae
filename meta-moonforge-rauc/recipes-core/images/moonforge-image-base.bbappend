# SPDX-License-Identifier: MIT

# Without the feature the image is what it was.
MOONFORGE_RAUC_IMAGE = "${@bb.utils.contains('DISTRO_FEATURES', 'rauc', 'moonforge-image-rauc.inc', '', d)}"

require ${MOONFORGE_RAUC_IMAGE}
