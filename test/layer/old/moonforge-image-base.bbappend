# SPDX-License-Identifier: MIT
CORE_IMAGE_EXTRA_INSTALL += "rauc"
