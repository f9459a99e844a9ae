# SPDX-License-Identifier: MIT
"""/etc/rauc/update.env, which systemd and `rauc update` read."""

import re


def environment(url, reboot):
    if not re.fullmatch(r"https?://[!#%&'()*+,./0-9:;=?@A-Z\[\]_a-z~-]+", url or ""):
        raise ValueError(f"RAUC_BUNDLE_URL = '{url}' is no http:// or https:// address; without one devices would look for updates nowhere")
    if reboot not in ("0", "1"):
        raise ValueError(f"RAUC_FORCE_REBOOT_ON_UPDATE = '{reboot}' is neither 0 nor 1")
    return f'RAUC_BUNDLE_URL="{url}"\nRAUC_FORCE_REBOOT_ON_UPDATE={reboot}\n'
