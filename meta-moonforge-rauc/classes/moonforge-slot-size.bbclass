# SPDX-License-Identifier: MIT
#
# For images: the root file system and MOONFORGE_RAUC_SLOT_MARGIN percent fit MOONFORGE_RAUC_SLOT_SIZE, or the build fails
# and says both sizes. Nothing that does not fit a slot becomes a disk image or a bundle.

inherit moonforge-rauc-lib

python do_moonforge_slot_size () {
    import os
    image = os.path.join(d.getVar('IMGDEPLOYDIR'), d.getVar('IMAGE_LINK_NAME') + '.ext4')
    try:
        fits, words = moonforge_rauc(d, 'slotsize').judge(
            os.stat(image).st_size, d.getVar('MOONFORGE_RAUC_SLOT_SIZE'), d.getVar('MOONFORGE_RAUC_SLOT_MARGIN'))
    except (OSError, ValueError) as error:
        bb.fatal('%s: the slot size cannot be checked: %s' % (d.getVar('PN'), error))
    if not fits:
        bb.fatal('%s: %s' % (d.getVar('PN'), words))
    bb.note(words)
}

addtask moonforge_slot_size after do_image_ext4 before do_image_wic do_image_complete
