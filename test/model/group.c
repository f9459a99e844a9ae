/* SPDX-License-Identifier: MIT */

#include "model/group.h"

#include <string.h>

#include "model/config.h"

/*
 * A row: slots as "name[<parent]" in file order, each with "*" when active, "!"
 * when failed, and "@n" when installed at time n; the targets that follow.
 */
static const struct {
	const char *slots;
	bool is_central;
	const char *targets;
} rows[] = {
	/* A/B */
	{ "rootfs.0* rootfs.1", true, "rootfs.1" },
	{ "rootfs.0 rootfs.1*", true, "rootfs.0" },
	{ "rootfs.0* rootfs.1", false, "rootfs.1" },
	{ "rootfs.0*", true, "" },
	{ "", true, "" },
	/* with children, wherever they stand */
	{ "rootfs.0* rootfs.1 appfs.0<rootfs.0* appfs.1<rootfs.1", true, "rootfs.1 appfs.1" },
	{ "appfs.0<rootfs.0 appfs.1<rootfs.1* rootfs.0 rootfs.1*", true, "appfs.0 rootfs.0" },
	{ "rootfs.0* rootfs.1 a.1<rootfs.1 b.1<a.1 a.0<rootfs.0*", true, "rootfs.1 a.1 b.1" },
	/* a class without an inactive slot has no target; classes choose alone */
	{ "rescue.0* rootfs.0 rootfs.1 boot.0", true, "rootfs.0 boot.0" },
	/* three slots: failed or never installed first, else the oldest, ties by file order */
	{ "rootfs.0* rootfs.1@5 rootfs.2@3", true, "rootfs.2" },
	{ "rootfs.0* rootfs.1@3 rootfs.2@5", true, "rootfs.1" },
	{ "rootfs.0* rootfs.1@3 rootfs.2@3", true, "rootfs.1" },
	{ "rootfs.0* rootfs.1@3 rootfs.2", true, "rootfs.2" },
	{ "rootfs.0* rootfs.1@3 rootfs.2@9!", true, "rootfs.2" },
	{ "rootfs.0* rootfs.1@9! rootfs.2", true, "rootfs.1" },
	{ "rootfs.0@1 rootfs.1@2* rootfs.2@3 rootfs.3@0", true, "rootfs.3" },
	/* without central status the first inactive one */
	{ "rootfs.0* rootfs.1@5 rootfs.2@3!", false, "rootfs.1" },
	/* two children of one class: the last; a root is never pushed aside */
	{ "rootfs.0 rootfs.1* a.0<rootfs.0 a.1<rootfs.0", true, "rootfs.0 a.1" },
	{ "rootfs.0 rootfs.1<rootfs.0", true, "rootfs.0" },
	{ "rootfs.1<rootfs.0 rootfs.0", true, "rootfs.0" },
};

typedef struct {
	Config *config;
	GArray *states;
	GPtrArray *statuses;
} Setup;

static void setup_clear(Setup *setup)
{
	g_clear_pointer(&setup->config, config_free);
	g_clear_pointer(&setup->states, g_array_unref);
	g_clear_pointer(&setup->statuses, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Setup, setup_clear)

static void add_state(Setup *setup, const char *word)
{
	SlotStatus *status = slot_status_new();
	const char *time = strchr(word, '@');
	GroupSlot state = { .is_active = strchr(word, '*') != NULL, .status = status };

	if (time) {
		status->status = g_strdup(strchr(word, '!') ? "failed" : "ok");
		status->installed_timestamp = g_strdup_printf("2026-11-22T06:54:0%cZ", time[1]);
	}
	g_ptr_array_add(setup->statuses, status);
	if (!time)
		state.status = NULL;
	g_array_append_val(setup->states, state);
}

/* The slots come from a real configuration, so that parents are resolved. */
static void set_up(Setup *setup, const char *slots)
{
	g_autoptr(GString) text = g_string_new("[system]\ncompatible=X\nbootloader=noop\n");
	g_auto(GStrv) words = g_strsplit(slots, " ", -1);
	g_autoptr(GError) error = NULL;

	setup->states = g_array_new(false, true, sizeof(GroupSlot));
	setup->statuses = g_ptr_array_new_with_free_func((GDestroyNotify)slot_status_free);
	for (char **word = words; *word; word++) {
		g_autofree char *name = g_strndup(*word, strcspn(*word, "<*!@"));
		const char *parent = strchr(*word, '<');
		g_autofree char *parent_name =
			parent ? g_strndup(parent + 1, strcspn(parent + 1, "*!@")) : NULL;

		g_string_append_printf(text, "[slot.%s]\ndevice=/dev/x\nparent=%s\n", name,
		                       parent_name ? parent_name : "");
		add_state(setup, *word);
	}
	setup->config = config_parse(text->str, text->len, NULL, NULL, &error);
	g_assert_no_error(error);
}

static void test_pick(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		g_auto(Setup) setup = { 0 };
		g_autoptr(GString) targets = g_string_new(NULL);

		set_up(&setup, rows[i].slots);
		g_autoptr(GPtrArray) group =
			group_pick_target(setup.config->slots,
		                          (const GroupSlot *)(void *)setup.states->data,
		                          rows[i].is_central);
		for (unsigned k = 0; k < group->len; k++)
			g_string_append_printf(targets, "%s%s", k ? " " : "",
			                       ((const Slot *)group->pdata[k])->name);
		g_test_message("%s", rows[i].slots);
		g_assert_cmpstr(targets->str, ==, rows[i].targets);
	}
}

static void test_find(void)
{
	g_auto(Setup) setup = { 0 };

	set_up(&setup, "rootfs.0 appfs.0");
	g_assert_cmpstr(group_find(setup.config->slots, "appfs")->name, ==, "appfs.0");
	g_assert_null(group_find(setup.config->slots, "rescue"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/model/group/pick", test_pick);
	g_test_add_func("/model/group/find", test_find);
	return g_test_run();
}
