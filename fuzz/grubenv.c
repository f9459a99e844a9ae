/* SPDX-License-Identifier: MIT */

/* A GRUB environment block: any bytes become a sound one, which takes a change and keeps it. */

#include "fuzz.h"

#include <glib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "boot/grubenv.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_sound(const Grubenv *env)
{
	g_autoptr(Grubenv) again = grubenv_parse(env->bytes, env->size);

	check(!again->damage && again->size == env->size);
	check(memcmp(again->bytes, env->bytes, env->size) == 0);
}

static void check_set(Grubenv *env, const char *name, const char *value)
{
	g_autofree char *before = grubenv_get(env, name);
	bool is_set = grubenv_set(env, name, value);
	g_autofree char *after = grubenv_get(env, name);

	check(g_strcmp0(after, is_set ? value : before) == 0);
	check_sound(env);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	g_autoptr(Grubenv) env = grubenv_parse((const char *)data, size);

	check(env->size == MAX(size, GRUBENV_SIZE));
	check_sound(env);
	check_set(env, "A_TRY", "1");
	check_set(env, "ORDER", "A\\\nB");
	check_set(env, "A_TRY", "");
	return 0;
}
