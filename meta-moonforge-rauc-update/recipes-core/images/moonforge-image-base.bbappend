# SPDX-License-Identifier: MIT

# Without the feature the image is what it was.
MOONFORGE_RAUC_UPDATE_IMAGE = "${@bb.utils.contains('DISTRO_FEATURES', 'rauc', 'moonforge-image-rauc-update.inc', '', d)}"

require ${MOONFORGE_RAUC_UPDATE_IMAGE}
