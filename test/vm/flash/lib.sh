# shellcheck shell=sh
# SPDX-License-Identifier: MIT
# What the scripts beside this share. They run in the guest, in a folder with what test_flash.py made.
mkdir -p /mnt/slot

held=0 failed=0
# hold NAME COMMAND...: the command must succeed
hold() {
	name=$1
	shift
	if "$@" >said 2>&1; then
		held=$((held + 1))
		echo "held: $name"
	else
		failed=$((failed + 1))
		echo "FAILED: $name: $*" | tr '\n' ' '
		echo
		tail -n 20 said | sed 's/^/  | /'
	fi
}

finish() {
	echo "$held held, $failed failed"
	exit "$failed"
}

write() { # slot, image
	$RAUC --conf system.conf write-slot "$1" "$2"
}

refuses() { # slot, image, words of the message
	if write "$1" "$2" 2>complaint; then
		echo "was not refused"
		return 1
	fi
	says "$3"
}

says() {
	cat complaint
	grep -qF "$1" complaint
}

# begins FILE IMAGE: the first bytes of FILE are the image
begins() {
	head -c "$(stat -c %s "$2")" "$1" | cmp - "$2"
}

# What a tree is besides its content; lost+found and the like are not of the archive.
facts() {
	(cd "$1" && find . -print0 | sort -z | xargs -0 stat -c '%n %f %u %g')
}

same_tree() { # as tree/
	diff -r tree "$1" && facts tree >tree.facts && facts "$1" | cmp - tree.facts
}

# holds_tree TYPE SOURCE: mounted by the kernel, it is tree/
holds_tree() {
	mount -t "$1" -o ro "$2" /mnt/slot || return
	same_tree /mnt/slot
	result=$?
	umount /mnt/slot && return $result
}

# Whole NAND partitions with their spare bytes and bad blocks.
dump_nand() {
	nanddump --quiet --oob --bb=padbad --file="$2" "$1"
}

slot() { # name, device, type, more lines
	printf '[slot.%s]\ndevice=%s\ntype=%s\n%s\n\n' "$1" "$2" "$3" "$4"
}
