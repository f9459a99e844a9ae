# SPDX-License-Identifier: MIT
# moonforge-rauc boot script, uboot, version 1
#
# A/B boot for U-Boot (2020.01 and later, hush), as boot.scr of distro boot or of
# bootstd. Do not edit: a product says in slots.env, beside boot.scr, what its
# slots are. The state is RAUC's:
#
#   BOOT_ORDER=A B     boot names, first choice first
#   BOOT_A_LEFT=3      attempts that are left (hexadecimal); 0: none. With a 0 in
#                      front, "03", the slot is committed: not counted, nothing is written
#
#                 power on
#                    |
#                    v
#    +------------------------------+   committed: nothing is written
#    | 1  in BOOT_ORDER,  LEFT > 0  |   else: LEFT=n-1, save; load X, boot  ------> up
#    +------------------------------+   cannot load: the next one, at once      X marks
#                    | none             (this holds for every step)             itself
#                    v                                                          good:
#    +------------------------------+                                           LEFT=03
#    | 2  not in it,      LEFT > 0  |
#    +------------------------------+
#                    | none
#                    v
#    +------------------------------+
#    | 3  in BOOT_ORDER: LEFT=3     |   used up by power cuts, or all fail
#    +------------------------------+
#                    | none, or none of them loads
#                    v
#    +------------------------------+
#    | 4  bad: in turn              |   BOOT_BAD_TRIED: those whose turn it was
#    +------------------------------+
#                    | nothing loads
#                    v
#      wait 10 s and reset: never a prompt
#
# Where the state is kept: ab_env=saveenv, in U-Boot's own environment; or
# ab_env=raw, in two copies of an environment of their own, in partitions or at
# offsets, in the form that libubootenv and fw_setenv write (CRC, flags, variables).
#
# All names of this script begin with ab_, and none of them is ever saved.

# --- The product: slots.env over these defaults -------------------------------

setenv ab_slots "A B"
setenv ab_A_label root_a
setenv ab_B_label root_b
setenv ab_kernel /boot/vmlinuz
setenv ab_initrd /boot/initrd.img
setenv ab_fdt
setenv ab_args ""
setenv ab_boot booti
setenv ab_env saveenv
setenv ab_env_part ubootenv
setenv ab_env_part2 ubootenv2
setenv ab_env_at
setenv ab_env_at2
setenv ab_env_sectors 8
setenv ab_reset_was_crash false
setenv ab_crashed 0
if test -z "${prefix}"; then setenv prefix /; fi
if test -z "${distro_bootpart}"; then setenv distro_bootpart 1; fi
if test -e ${devtype} ${devnum}:${distro_bootpart} ${prefix}slots.env; then
	if load ${devtype} ${devnum}:${distro_bootpart} ${scriptaddr} ${prefix}slots.env; then
		env import -t ${scriptaddr} ${filesize}
	fi
fi

# --- What is never saved: all names of this script ------------------------------

setenv ab_all "ab_all ab_args ab_at ab_boot ab_boot_slot ab_check_copy ab_committed ab_copy ab_copy_1 ab_copy_2 ab_count"
setenv ab_all "${ab_all} ab_crashed ab_data ab_data_size ab_env ab_env_at ab_env_at2 ab_env_part ab_env_part2 ab_env_sectors"
setenv ab_all "${ab_all} ab_env_size ab_fdt ab_fetch ab_find_copy ab_flags ab_flags_1 ab_found ab_from ab_initrd ab_is_named"
setenv ab_all "${ab_all} ab_is_newer ab_is_slot ab_kernel ab_label ab_left ab_load_fdt ab_load_initrd ab_load_raw ab_load_slot"
setenv ab_all "${ab_all} ab_look ab_more ab_named ab_newer ab_newest ab_newest_flags ab_next ab_next_flags ab_ok_1 ab_ok_2"
setenv ab_all "${ab_all} ab_plain ab_ramdisk ab_reset_was_crash ab_rest ab_save ab_save_own ab_save_raw ab_slotpart ab_slots"
setenv ab_all "${ab_all} ab_sound ab_start ab_start_1 ab_start_2 ab_start_slot ab_state ab_sum ab_swap ab_take_newest ab_to"
setenv ab_all "${ab_all} ab_tree ab_try_bad ab_try_slot ab_turn ab_turned ab_uuid ab_wanted ab_was_tried ab_where ab_whole"
for s in ${ab_slots}; do setenv ab_all "${ab_all} ab_${s}_label ab_${s}_part ab_${s}_args"; done

# --- The state ------------------------------------------------------------------
# One copy of env_sectors sectors at copy_N; behind it, sum: CRC as U-Boot's crc32 leaves it.

setexpr ab_env_size ${ab_env_sectors} * 200
setexpr ab_data_size ${ab_env_size} - 5
setenv ab_copy_1 ${kernel_addr_r}
setexpr ab_copy_2 ${ab_copy_1} + ${ab_env_size}
setexpr ab_sum ${ab_copy_2} + ${ab_env_size}

# Is the copy at ${copy} sound? sound=1, and its flags in ${flags}.
setenv ab_check_copy 'setenv ab_sound 0; setexpr ab_data ${ab_copy} + 5; setexpr ab_at ${ab_copy} + 4; setexpr.b ab_flags *${ab_at}; crc32 ${ab_data} ${ab_data_size} ${ab_sum}; setexpr.l ab_found *${ab_copy}; setexpr.l ab_wanted *${ab_sum}; if test "${ab_found}" = "${ab_wanted}"; then setenv ab_sound 1; else run ab_swap; if test "${ab_found}" = "${ab_wanted}"; then setenv ab_sound 1; fi; fi'
# U-Boot leaves a CRC in big-endian order: turn it round.
setenv ab_swap 'setexpr ab_turned ${ab_sum} + 4; setexpr ab_from ${ab_sum} + 3; cp.b ${ab_from} ${ab_turned} 1; setexpr ab_from ${ab_sum} + 2; setexpr ab_to ${ab_turned} + 1; cp.b ${ab_from} ${ab_to} 1; setexpr ab_from ${ab_sum} + 1; setexpr ab_to ${ab_turned} + 2; cp.b ${ab_from} ${ab_to} 1; setexpr ab_to ${ab_turned} + 3; cp.b ${ab_sum} ${ab_to} 1; setexpr.l ab_wanted *${ab_turned}'
setenv ab_find_copy 'setenv ab_start_1 ${ab_env_at}; setenv ab_start_2 ${ab_env_at2}; if test -z "${ab_env_at}"; then part start ${devtype} ${devnum} ${ab_env_part} ab_start_1; part start ${devtype} ${devnum} ${ab_env_part2} ab_start_2; fi'
setenv ab_load_raw 'run ab_find_copy; setenv ab_newest 0; setenv ab_flags_1 0; setenv ab_ok_1 0; setenv ab_ok_2 0; if test -n "${ab_start_1}"; then if ${devtype} read ${ab_copy_1} ${ab_start_1} ${ab_env_sectors}; then setenv ab_copy ${ab_copy_1}; run ab_check_copy; if test ${ab_sound} = 1; then setenv ab_ok_1 1; setenv ab_newest 1; setenv ab_flags_1 ${ab_flags}; setenv ab_newest_flags ${ab_flags}; fi; fi; fi; if test -n "${ab_start_2}"; then if ${devtype} read ${ab_copy_2} ${ab_start_2} ${ab_env_sectors}; then setenv ab_copy ${ab_copy_2}; run ab_check_copy; if test ${ab_sound} = 1; then setenv ab_ok_2 1; run ab_newer; fi; fi; fi; if test ${ab_newest} != 0; then run ab_take_newest; else echo "boot state: no copy is sound, starting anew"; fi'
# The second copy is sound: is it the newer one? Flags count up, and begin again at 0 after 255.
setenv ab_newer 'setenv ab_is_newer 0; if test ${ab_ok_1} = 0; then setenv ab_is_newer 1; elif test 0x${ab_flags} -gt 0x${ab_flags_1}; then setenv ab_is_newer 1; fi; if test ${ab_ok_1} = 1 && test 0x${ab_flags} -eq 0xff && test 0x${ab_flags_1} -eq 0x0; then setenv ab_is_newer 0; fi; if test ${ab_ok_1} = 1 && test 0x${ab_flags} -eq 0x0 && test 0x${ab_flags_1} -eq 0xff; then setenv ab_is_newer 1; fi; if test ${ab_is_newer} = 1; then setenv ab_newest 2; setenv ab_newest_flags ${ab_flags}; fi'
setenv ab_take_newest 'if test ${ab_newest} = 1; then setexpr ab_data ${ab_copy_1} + 5; else setexpr ab_data ${ab_copy_2} + 5; fi; env import -b ${ab_data} ${ab_data_size} ${ab_state}'
# Write the older copy, or the damaged one.
setenv ab_save_raw 'run ab_find_copy; if test ${ab_newest} = 1; then setenv ab_next 2; setenv ab_copy ${ab_copy_2}; setenv ab_start ${ab_start_2}; else setenv ab_next 1; setenv ab_copy ${ab_copy_1}; setenv ab_start ${ab_start_1}; fi; if test ${ab_newest} = 0; then setenv ab_newest_flags 0; fi; setexpr ab_next_flags ${ab_newest_flags} + 1; if test 0x${ab_next_flags} -gt 0xff; then setenv ab_next_flags 0; fi; mw.b ${ab_copy} 0 ${ab_env_size}; setexpr ab_data ${ab_copy} + 5; setexpr ab_at ${ab_copy} + 4; if env export -b -s ${ab_data_size} ${ab_data} ${ab_state}; then mw.b ${ab_at} 0x${ab_next_flags} 1; crc32 ${ab_data} ${ab_data_size} ${ab_sum}; run ab_swap; cp.b ${ab_turned} ${ab_copy} 4; if ${devtype} write ${ab_copy} ${ab_start} ${ab_env_sectors}; then setenv ab_newest ${ab_next}; setenv ab_newest_flags ${ab_next_flags}; fi; fi'
# Into U-Boot's own environment, without anything of this script: it is put aside in memory meanwhile.
setenv ab_save_own 'env export -b ${kernel_addr_r}; aside=${filesize}; for v in ${ab_all}; do setenv ${v}; done; saveenv; env import -b ${kernel_addr_r} ${aside}'
setenv ab_save 'if test "${ab_env}" = raw; then run ab_save_raw; else run ab_save_own; fi'

setenv ab_state "BOOT_ORDER BOOT_BAD_TRIED"
for s in ${ab_slots}; do setenv ab_state "${ab_state} BOOT_${s}_LEFT"; done
if test "${ab_env}" = raw; then
	for v in ${ab_state}; do setenv ${v}; done
	${devtype} dev ${devnum}
	run ab_load_raw
fi
if run ab_reset_was_crash; then
	echo "the last reset was a crash: every slot is counted"
	setenv ab_crashed 1
fi

# --- One slot -------------------------------------------------------------------

# What is known of ${s}: left (hexadecimal, no 0 in front), committed.
setenv ab_look 'setenv ab_fetch "setenv ab_left \\${BOOT_${s}_LEFT}"; run ab_fetch; setenv ab_committed 0; setenv ab_plain 3; if test -n "${ab_left}"; then setenv ab_plain 0; setexpr ab_plain ${ab_left} + 0; if test "${ab_left}" = "0${ab_plain}" && test "${ab_plain}" != 0; then setenv ab_committed 1; fi; fi; setenv ab_left ${ab_plain}'
# A committed slot, counted after a crash, stays committed while anything is left: power cycles are not counted.
setenv ab_count 'setexpr ab_left ${ab_left} - 1; if test ${ab_committed} = 1 && test ${ab_left} != 0; then setenv ab_left 0${ab_left}; fi; setenv BOOT_${s}_LEFT ${ab_left}; run ab_save'
# Comes back only if ${s} does not boot.
setenv ab_start_slot 'setenv ab_fetch "setenv ab_label \\${ab_${s}_label}; setenv ab_slotpart \\${ab_${s}_part}; setenv ab_more \\${ab_${s}_args}"; run ab_fetch; if test -z "${ab_slotpart}"; then part number ${devtype} ${devnum} ${ab_label} ab_slotpart; fi; if test -z "${ab_slotpart}"; then echo "slot ${s}: no partition ${ab_label}"; else run ab_load_slot; fi'
setenv ab_load_slot 'setenv ab_where "PARTLABEL=${ab_label}"; if test -z "${ab_label}"; then part uuid ${devtype} ${devnum}:${ab_slotpart} ab_uuid; setenv ab_where "PARTUUID=${ab_uuid}"; fi; if load ${devtype} ${devnum}:${ab_slotpart} ${kernel_addr_r} ${ab_kernel}; then run ab_boot_slot; else echo "slot ${s}: no ${ab_kernel}"; fi'
setenv ab_boot_slot 'setenv bootargs "root=${ab_where} rauc.slot=${s} rauc.bootscript=uboot-1 panic=5 ${ab_args} ${ab_more}"; echo "slot ${s}: ${ab_where}"; setenv ab_whole 1; setenv ab_ramdisk -; if test -n "${ab_initrd}"; then run ab_load_initrd; fi; setenv ab_tree ${fdt_addr}; if test -n "${ab_fdt}"; then run ab_load_fdt; fi; if test -z "${ab_tree}"; then setenv ab_tree ${fdtcontroladdr}; fi; if test ${ab_whole} = 1; then ${ab_boot} ${kernel_addr_r} ${ab_ramdisk} ${ab_tree}; echo "slot ${s}: ${ab_kernel} is not taken"; fi'
# What is there must load, else the slot does not.
setenv ab_load_initrd 'if test -e ${devtype} ${devnum}:${ab_slotpart} ${ab_initrd}; then if load ${devtype} ${devnum}:${ab_slotpart} ${ramdisk_addr_r} ${ab_initrd}; then setenv ab_ramdisk ${ramdisk_addr_r}:${filesize}; else setenv ab_whole 0; fi; fi'
setenv ab_load_fdt 'if load ${devtype} ${devnum}:${ab_slotpart} ${fdt_addr_r} ${ab_fdt}; then setenv ab_tree ${fdt_addr_r}; else echo "slot ${s}: no ${ab_fdt}"; setenv ab_whole 0; fi'
setenv ab_try_slot 'run ab_look; if test "${ab_left}" != 0; then if test ${ab_committed} = 1 && test ${ab_crashed} = 0; then true; else run ab_count; fi; run ab_start_slot; fi'

# --- The walk ---------------------------------------------------------------------

# named: the slots that BOOT_ORDER names, in its order; rest: the others.
setenv ab_named ""
setenv ab_rest ""
for o in ${BOOT_ORDER}; do
	setenv ab_is_slot 0
	for s in ${ab_slots}; do if test "${s}" = "${o}"; then setenv ab_is_slot 1; fi; done
	for n in ${ab_named}; do if test "${n}" = "${o}"; then setenv ab_is_slot 0; fi; done
	if test ${ab_is_slot} = 1; then setenv ab_named "${ab_named} ${o}"; fi
done
if test -z "${BOOT_ORDER}"; then setenv ab_named "${ab_slots}"; fi
for s in ${ab_slots}; do
	setenv ab_is_named 0
	for n in ${ab_named}; do if test "${n}" = "${s}"; then setenv ab_is_named 1; fi; done
	if test ${ab_is_named} = 0; then setenv ab_rest "${ab_rest} ${s}"; fi
done

for s in ${ab_named}; do run ab_try_slot; done
for s in ${ab_rest}; do run ab_try_slot; done
echo "no slot has an attempt left that boots"
for s in ${ab_named}; do
	run ab_look
	if test "${ab_left}" = 0; then setenv BOOT_${s}_LEFT 3; fi
done
for s in ${ab_named}; do run ab_try_slot; done

# The bad ones: those first whose turn it was not.
setenv ab_turn 'setenv ab_was_tried 0; for t in ${BOOT_BAD_TRIED}; do if test "${t}" = "${s}"; then setenv ab_was_tried 1; fi; done'
setenv ab_try_bad 'run ab_turn; if test ${ab_was_tried} = 0; then setenv BOOT_BAD_TRIED "${BOOT_BAD_TRIED} ${s}"; run ab_save; run ab_start_slot; fi'
for s in ${ab_rest}; do run ab_try_bad; done
setenv BOOT_BAD_TRIED
for s in ${ab_rest}; do run ab_try_bad; done

echo "no slot boots; trying again in 10 seconds"
sleep 10
reset
