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
# Where the state is kept: rauc_env=saveenv, in U-Boot's own environment; or
# rauc_env=raw, in two copies of an environment of their own, in partitions or at
# offsets, in the form that libubootenv and fw_setenv write (CRC, flags, variables).

# --- The product: slots.env over these defaults -------------------------------

setenv slots "A B"
setenv A_label root_a
setenv B_label root_b
setenv kernel /boot/vmlinuz
setenv initrd /boot/initrd.img
setenv args ""
setenv rauc_env saveenv
setenv env_part ubootenv
setenv env_part2 ubootenv2
setenv env_sectors 8
setenv reset_was_crash false
setenv crashed 0
if test -z "${prefix}"; then setenv prefix /; fi
if test -z "${distro_bootpart}"; then setenv distro_bootpart 1; fi
if test -e ${devtype} ${devnum}:${distro_bootpart} ${prefix}slots.env; then
	if load ${devtype} ${devnum}:${distro_bootpart} ${scriptaddr} ${prefix}slots.env; then
		env import -t ${scriptaddr} ${filesize}
	fi
fi

# --- The state ------------------------------------------------------------------
# One copy of env_sectors sectors at copy_N; behind it, sum: CRC as U-Boot's crc32 leaves it.

setexpr env_size ${env_sectors} * 200
setexpr data_size ${env_size} - 5
setenv copy_1 ${kernel_addr_r}
setexpr copy_2 ${copy_1} + ${env_size}
setexpr sum ${copy_2} + ${env_size}

# Is the copy at ${copy} sound? sound=1, and its flags in ${flags}.
setenv check_copy 'setenv sound 0; setexpr data ${copy} + 5; setexpr at ${copy} + 4; setexpr.b flags *${at}; crc32 ${data} ${data_size} ${sum}; setexpr.l found *${copy}; setexpr.l wanted *${sum}; if test "${found}" = "${wanted}"; then setenv sound 1; else run swap; if test "${found}" = "${wanted}"; then setenv sound 1; fi; fi'
# U-Boot leaves a CRC in big-endian order: turn it round.
setenv swap 'setexpr turned ${sum} + 4; setexpr from ${sum} + 3; cp.b ${from} ${turned} 1; setexpr from ${sum} + 2; setexpr to ${turned} + 1; cp.b ${from} ${to} 1; setexpr from ${sum} + 1; setexpr to ${turned} + 2; cp.b ${from} ${to} 1; setexpr to ${turned} + 3; cp.b ${sum} ${to} 1; setexpr.l wanted *${turned}'
setenv find_copy 'setenv start_1; setenv start_2; part start ${devtype} ${devnum} ${env_part} start_1; part start ${devtype} ${devnum} ${env_part2} start_2'
setenv load_raw 'run find_copy; setenv newest 0; setenv flags_1 0; setenv ok_1 0; setenv ok_2 0; if test -n "${start_1}"; then if ${devtype} read ${copy_1} ${start_1} ${env_sectors}; then setenv copy ${copy_1}; run check_copy; if test ${sound} = 1; then setenv ok_1 1; setenv newest 1; setenv flags_1 ${flags}; setenv newest_flags ${flags}; fi; fi; fi; if test -n "${start_2}"; then if ${devtype} read ${copy_2} ${start_2} ${env_sectors}; then setenv copy ${copy_2}; run check_copy; if test ${sound} = 1; then setenv ok_2 1; run newer; fi; fi; fi; if test ${newest} != 0; then run take_newest; else echo "boot state: no copy is sound, starting anew"; fi'
# The second copy is sound: is it the newer one? Flags count up, and begin again at 0 after 255.
setenv newer 'setenv is_newer 0; if test ${ok_1} = 0; then setenv is_newer 1; elif test 0x${flags} -gt 0x${flags_1}; then setenv is_newer 1; fi; if test ${ok_1} = 1 && test 0x${flags} -eq 0xff && test 0x${flags_1} -eq 0x0; then setenv is_newer 0; fi; if test ${ok_1} = 1 && test 0x${flags} -eq 0x0 && test 0x${flags_1} -eq 0xff; then setenv is_newer 1; fi; if test ${is_newer} = 1; then setenv newest 2; setenv newest_flags ${flags}; fi'
setenv take_newest 'if test ${newest} = 1; then setexpr data ${copy_1} + 5; else setexpr data ${copy_2} + 5; fi; env import -b ${data} ${data_size} ${state}'
# Write the older copy, or the damaged one.
setenv save_raw 'run find_copy; if test ${newest} = 1; then setenv next 2; setenv copy ${copy_2}; setenv start ${start_2}; else setenv next 1; setenv copy ${copy_1}; setenv start ${start_1}; fi; if test ${newest} = 0; then setenv newest_flags 0; fi; setexpr next_flags ${newest_flags} + 1; if test 0x${next_flags} -gt 0xff; then setenv next_flags 0; fi; mw.b ${copy} 0 ${env_size}; setexpr data ${copy} + 5; setexpr at ${copy} + 4; if env export -b -s ${data_size} ${data} ${state}; then mw.b ${at} 0x${next_flags} 1; crc32 ${data} ${data_size} ${sum}; run swap; cp.b ${turned} ${copy} 4; if ${devtype} write ${copy} ${start} ${env_sectors}; then setenv newest ${next}; setenv newest_flags ${next_flags}; fi; fi'
setenv save 'if test "${rauc_env}" = raw; then run save_raw; else saveenv; fi'

setenv state "BOOT_ORDER BOOT_BAD_TRIED"
for s in ${slots}; do setenv state "${state} BOOT_${s}_LEFT"; done
if test "${rauc_env}" = raw; then
	for v in ${state}; do setenv ${v}; done
	${devtype} dev ${devnum}
	run load_raw
fi
if run reset_was_crash; then
	echo "the last reset was a crash: every slot is counted"
	setenv crashed 1
fi

# --- One slot -------------------------------------------------------------------

# What is known of ${s}: left (hexadecimal, no 0 in front), committed.
setenv look 'setenv fetch "setenv left \\${BOOT_${s}_LEFT}"; run fetch; setenv committed 0; setenv plain 3; if test -n "${left}"; then setenv plain 0; setexpr plain ${left} + 0; if test "${left}" = "0${plain}" && test "${plain}" != 0; then setenv committed 1; fi; fi; setenv left ${plain}'
# A committed slot, counted after a crash, stays committed while anything is left: power cycles are not counted.
setenv count 'setexpr left ${left} - 1; if test ${committed} = 1 && test ${left} != 0; then setenv left 0${left}; fi; setenv BOOT_${s}_LEFT ${left}; run save'
# Comes back only if ${s} does not boot.
setenv start_slot 'setenv fetch "setenv label \\${${s}_label}; setenv slotpart \\${${s}_part}; setenv more \\${${s}_args}"; run fetch; if test -z "${slotpart}"; then part number ${devtype} ${devnum} ${label} slotpart; fi; if test -z "${slotpart}"; then echo "slot ${s}: no partition ${label}"; else run load_slot; fi'
setenv load_slot 'setenv where "PARTLABEL=${label}"; if test -z "${label}"; then part uuid ${devtype} ${devnum}:${slotpart} uuid; setenv where "PARTUUID=${uuid}"; fi; if load ${devtype} ${devnum}:${slotpart} ${kernel_addr_r} ${kernel}; then run boot_slot; else echo "slot ${s}: no ${kernel}"; fi'
setenv boot_slot 'setenv bootargs "root=${where} rauc.slot=${s} rauc.bootscript=uboot-1 panic=5 ${args} ${more}"; echo "slot ${s}: ${where}"; setenv ramdisk -; if test -e ${devtype} ${devnum}:${slotpart} ${initrd}; then if load ${devtype} ${devnum}:${slotpart} ${ramdisk_addr_r} ${initrd}; then setenv ramdisk ${ramdisk_addr_r}:${filesize}; fi; fi; setenv tree ${fdt_addr}; if test -n "${fdt}"; then if load ${devtype} ${devnum}:${slotpart} ${fdt_addr_r} ${fdt}; then setenv tree ${fdt_addr_r}; fi; fi; if test -z "${tree}"; then setenv tree ${fdtcontroladdr}; fi; booti ${kernel_addr_r} ${ramdisk} ${tree}; echo "slot ${s}: ${kernel} is not taken"'
setenv try_slot 'run look; if test "${left}" != 0; then if test ${committed} = 1 && test ${crashed} = 0; then true; else run count; fi; run start_slot; fi'

# --- The walk ---------------------------------------------------------------------

# named: the slots that BOOT_ORDER names, in its order; rest: the others.
setenv named ""
setenv rest ""
for o in ${BOOT_ORDER}; do
	setenv is_slot 0
	for s in ${slots}; do if test "${s}" = "${o}"; then setenv is_slot 1; fi; done
	for n in ${named}; do if test "${n}" = "${o}"; then setenv is_slot 0; fi; done
	if test ${is_slot} = 1; then setenv named "${named} ${o}"; fi
done
if test -z "${BOOT_ORDER}"; then setenv named "${slots}"; fi
for s in ${slots}; do
	setenv is_named 0
	for n in ${named}; do if test "${n}" = "${s}"; then setenv is_named 1; fi; done
	if test ${is_named} = 0; then setenv rest "${rest} ${s}"; fi
done

for s in ${named}; do run try_slot; done
for s in ${rest}; do run try_slot; done
echo "no slot has an attempt left that boots"
for s in ${named}; do
	run look
	if test "${left}" = 0; then setenv BOOT_${s}_LEFT 3; fi
done
for s in ${named}; do run try_slot; done

# The bad ones: those first whose turn it was not.
setenv turn 'setenv was_tried 0; for t in ${BOOT_BAD_TRIED}; do if test "${t}" = "${s}"; then setenv was_tried 1; fi; done'
setenv try_bad 'run turn; if test ${was_tried} = 0; then setenv BOOT_BAD_TRIED "${BOOT_BAD_TRIED} ${s}"; run save; run start_slot; fi'
for s in ${rest}; do run try_bad; done
setenv BOOT_BAD_TRIED
for s in ${rest}; do run try_bad; done

echo "no slot boots; trying again in 10 seconds"
sleep 10
reset
