# SPDX-License-Identifier: MIT

# Without the feature the kernel is what it was, its signature too.
MOONFORGE_RAUC_KERNEL = "${@bb.utils.contains('DISTRO_FEATURES', 'rauc', 'linux-moonforge-rauc.inc', '', d)}"

require ${MOONFORGE_RAUC_KERNEL}
