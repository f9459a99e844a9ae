# SPDX-License-Identifier: MIT
"""A device with one slot to write, and bundles for it."""

import bundles

# Where the guest believes to be booted from: none of these slots is written.
ROOTFS = "[slot.rootfs.0]\ndevice=/tmp/a\nbootname=A\n\n[slot.rootfs.1]\ndevice=/tmp/b\nbootname=B\n\n"
ENV = {"RAUC_TEST_CMDLINE": "rauc.slot=A"}


def conf(name, keyring, **keys):
    """system.conf with the slot `name`; its keys have _ for -, and those without a value are left out."""
    lines = "".join(f"{key.replace('_', '-')}={value}\n" for key, value in keys.items() if value)
    return ("[system]\ncompatible=Test\nbootloader=noop\ndata-directory=/tmp/data\nmountprefix=/tmp/mnt\n\n"
            f"[keyring]\npath={keyring}\n\n{ROOTFS}[slot.{name}]\n{lines}")


def bundle(rauc, signer, folder, files, image, hook=None):
    """Path of a bundle made by `rauc bundle`. files: name -> content; image: section -> its lines."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    text = bundles.input_manifest({})
    for section, lines in image.items():
        text += f"\n[image.{section}]\n{lines}\n" + ("hooks=pre-install;post-install\n" if hook else "")
    if hook:
        (folder / "hook").write_text(hook)
        (folder / "hook").chmod(0o755)
        text += "\n[hooks]\nfilename=hook\n"
    (folder / "manifest.raucm").write_text(text)
    out = folder.with_suffix(".raucb")
    bundles.run(rauc, "bundle", "--cert", signer.cert, "--key", signer.key, folder, out)
    return out
