/* SPDX-License-Identifier: MIT */

/*
 * A program of the product speaks to the boot loader:
 *
 *   get-primary               prints a boot name
 *   set-primary NAME
 *   get-state NAME            prints good or bad
 *   set-state NAME good|bad
 *   get-current               prints the boot name that runs now, or nothing
 *
 * It has SECONDS for each and may say LARGEST bytes; one that hangs is killed with
 * all it started.
 */

#include "boot/backends.h"

#include <string.h>

#include "base/error.h"
#include "base/process.h"

#define SECONDS 60
#define LARGEST 4000 /* of what is a name or a word */

typedef struct {
	GString *said, *complaint; /* complaint: its last line on stderr */
} Answer;

static const char *program(const Boot *boot)
{
	return boot->config->handler_bootloader_custom;
}

/* Tests do not wait for a minute. */
static unsigned limit_of(void)
{
	const char *other = g_getenv("RAUC_TEST_CUSTOM_SECONDS");

	return other ? (unsigned)g_ascii_strtoull(other, NULL, 10) : SECONDS;
}

static void take_line(void *user, const char *text, bool is_stderr)
{
	Answer *answer = user;

	if (is_stderr)
		g_string_assign(answer->complaint, text);
	else if (answer->said->len <= LARGEST)
		g_string_append_printf(answer->said, "%s%s", answer->said->len ? "\n" : "", text);
}

/* What it printed, without white space around; NULL: it failed. */
static char *ask(const Boot *boot, const char *verb, const char *name, const char *state,
                 GError **error)
{
	const char *argv[] = { program(boot), verb, name, state, NULL };
	g_autoptr(GString) said = g_string_new(NULL), complaint = g_string_new(NULL);
	Answer answer = { said, complaint };
	const ProcessRun run = {
		.argv = argv, .seconds = limit_of(), .line = take_line, .user = &answer
	};
	int code = 0;

	if (!process_watch(&run, &code, error))
		return NULL;
	if (code)
		return fail_null(error, FAILURE_TOOL, "%s %s failed with exit code %d%s%s",
		                 program(boot), verb, code, complaint->len ? ": " : "",
		                 complaint->str);
	if (said->len > LARGEST)
		return fail_null(error, FAILURE_FORMAT, "%s %s says more than %d bytes",
		                 program(boot), verb, LARGEST);
	return g_strstrip(g_string_free(g_steal_pointer(&said), FALSE));
}

static bool tell(const Boot *boot, const char *verb, const char *name, const char *state,
                 GError **error)
{
	g_autofree char *said = ask(boot, verb, name, state, error);

	return said != NULL;
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autofree char *said = ask(boot, "get-primary", NULL, NULL, error);
	const Slot *slot;

	if (!said)
		return NULL;
	slot = boot_find(boot, said);
	if (!slot)
		return fail_null(error, FAILURE_NOT_FOUND,
		                 "'%s' does not match any configured bootname", said);
	return slot;
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	return tell(boot, "set-primary", slot->boot_name, NULL, error);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autofree char *said = ask(boot, "get-state", slot->boot_name, NULL, error);

	if (!said)
		return false;
	if (!g_str_equal(said, "good") && !g_str_equal(said, "bad"))
		return fail(error, FAILURE_FORMAT,
		            "%s get-state %s said '%s', neither good nor bad", program(boot),
		            slot->boot_name, said);
	*good = g_str_equal(said, "good");
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	return tell(boot, "set-state", slot->boot_name, good ? "good" : "bad", error);
}

static char *get_current(Boot *boot, GError **error)
{
	g_autofree char *said = ask(boot, "get-current", NULL, NULL, error);

	if (!said)
		return NULL;
	said[strcspn(said, "\n")] = '\0';
	g_strstrip(said);
	return *said ? g_steal_pointer(&said) : NULL;
}

const BootOps boot_custom = {
	.name = "custom",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.get_current = get_current,
};
