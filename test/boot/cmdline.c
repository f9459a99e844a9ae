/* SPDX-License-Identifier: MIT */

/* boot/cmdline.c as a table. */

#include <glib.h>

#include "boot/cmdline.h"

static const struct {
	const char *cmdline, *slot, *root;
} lines[] = {
	{ "", NULL, NULL },
	{ "quiet\n", NULL, NULL },
	{ "root=/dev/sda2 rauc.slot=A quiet", "A", "/dev/sda2" },
	{ "rauc.slot=system0\n", "system0", NULL },
	{ "rauc.slot= rauc.slot=B", "B", NULL },
	{ "rauc.slot=", NULL, NULL },
	{ "rauc.slot=A rauc.slot=B", "A", NULL },
	{ "x.rauc.slot=A", "A", NULL },
	{ "rauc.slot=A rauc.external", CMDLINE_EXTERNAL, NULL },
	{ "root=/dev/nfs nfsroot=10.0.2.2:/x", CMDLINE_EXTERNAL, "/dev/nfs" },
	{ "root=PARTLABEL=root_a", NULL, "/dev/disk/by-partlabel/root_a" },
	{ "ro root=PARTUUID=0a-02\tx", NULL, "/dev/disk/by-partuuid/0a-02" },
	{ "root=UUID=1234-ABCD", NULL, "/dev/disk/by-uuid/1234-ABCD" },
	{ "root=LABEL=x", NULL, "LABEL=x" },
	{ "nfsroot=/x root=/dev/vda2", NULL, "/dev/vda2" },
	{ "overlayroot=tmpfs", NULL, NULL },
	{ "root= root=/dev/vda3", NULL, "/dev/vda3" },
	{ "root=", NULL, NULL },
	{ "root=/dev/a root=/dev/b", NULL, "/dev/a" },
	{ "systemd.verity_root_data=PARTUUID=77", NULL, "/dev/disk/by-partuuid/77" },
	{ "systemd.verity_root_data=/dev/x root=/dev/dm-0", NULL, "/dev/dm-0" },
	{ "root=PARTLABEL=", NULL, "/dev/disk/by-partlabel/" },
};

static void test_lines(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(lines); i++) {
		g_autofree char *slot = cmdline_find_slot(lines[i].cmdline);
		g_autofree char *root = cmdline_find_root(lines[i].cmdline);

		g_assert_cmpstr(slot, ==, lines[i].slot);
		g_assert_cmpstr(root, ==, lines[i].root);
	}
}

static const struct {
	const char *cmdline, *active;
} active_lines[] = {
	{ "", NULL },
	{ "bootstate.active=A quiet", "A" },
	{ "quiet bootchooser.active=system1", "system1" },
	{ "bootchooser.active=B bootstate.active=A", "A" },
	{ "xbootstate.active=A", NULL },
	{ "bootstate.active=", NULL },
};

static void test_bootchooser(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(active_lines); i++) {
		g_autofree char *active = cmdline_find_bootchooser(active_lines[i].cmdline);

		g_assert_cmpstr(active, ==, active_lines[i].active);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/boot/cmdline", test_lines);
	g_test_add_func("/boot/cmdline/bootchooser", test_bootchooser);
	return g_test_run();
}
