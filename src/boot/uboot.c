/* SPDX-License-Identifier: MIT */

/*
 * U-Boot: variables of its environment decide. They are RAUC's:
 *
 *   BOOT_ORDER=A B    boot names, first choice first
 *   BOOT_A_LEFT=3     attempts that are left, hexadecimal; 0: none
 *
 * The form of the second one says more, to boot/uboot/ and to us; for everybody
 * else the number is the same:
 *
 *   BOOT_A_LEFT=3     on trial: a boot counts it down
 *   BOOT_A_LEFT=03    committed: marked good since it was last written or chosen;
 *                     its boots are not counted, and nothing is written for them
 *
 * Whoever does not know that writes the number without the 0, and so takes the
 * commitment away by himself: it can never outlive what it was given to.
 *
 * All variables of a change go into one store of libubootenv, which writes the
 * older one of two redundant copies. A change that changes nothing writes nothing.
 */

#include "boot/backends.h"

#ifdef HAVE_UBOOT

#include <libuboot.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "boot/uboot_check.h"

#define CONFIG   "/etc/fw_env.config"
#define LOCK     "/var/lock/fw_printenv.lock" /* libubootenv's */
#define ORDER    "BOOT_ORDER"
#define ATTEMPTS 3

typedef struct {
	struct uboot_ctx *ctx;
	const char *config;
	bool is_renewed; /* was damaged, and is made from u-boot-initial-env */
} Env;

static void env_close(Env *env)
{
	if (!env)
		return;
	libuboot_close(env->ctx);
	libuboot_exit(env->ctx);
	g_free(env);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Env, env_close)

/*
 * No copy of the environment is sound. U-Boot starts from the environment that is built into
 * it then, and its boot script stores that. Without it we must not store: an environment with
 * nothing but slots in it has no bootcmd, and would leave the device at a prompt.
 */
static bool renew(Env *env, GError **error)
{
	g_autofree char *folder = g_path_get_dirname(env->config);
	g_autofree char *initial = g_build_filename(folder, "u-boot-initial-env", NULL);

	if (access(initial, R_OK) < 0 || libuboot_load_file(env->ctx, initial) < 0) {
		g_autoptr(GError) why = NULL;

		uboot_check(env->config, &why);
		return fail(error, FAILURE_INTEGRITY,
		            "no copy of the environment that %s describes is sound, and there is "
		            "no %s to make it anew from (U-Boot's boot script makes it anew at the "
		            "next boot): %s",
		            env->config, initial,
		            why ? why->message : "libubootenv cannot read it");
	}
	g_warning("U-Boot environment of %s is damaged: it is made anew from %s", env->config,
	          initial);
	env->is_renewed = true;
	return true;
}

static const char *config_of(const Boot *boot)
{
	return boot->config->fw_env_config ? boot->config->fw_env_config : CONFIG;
}

static Env *env_open(const Boot *boot, GError **error)
{
	g_autoptr(Env) env = g_new0(Env, 1);
	g_autoptr(GError) why = NULL;

	env->config = config_of(boot);
	if (!uboot_check_lock(LOCK, error))
		return NULL;
	if (libuboot_initialize(&env->ctx, NULL) < 0)
		return fail_null(error, FAILURE_IO, "libubootenv does not start");
	if (access(env->config, R_OK) < 0)
		return fail_errno_null(error,
		                       "cannot read %s, which says where the environment lies",
		                       env->config);
	if (libuboot_read_config(env->ctx, env->config) < 0) {
		uboot_check(env->config, &why);
		return fail_null(error, FAILURE_CONFIG, "libubootenv cannot use %s: %s",
		                 env->config, why ? why->message : "a line is wrong");
	}
	if (libuboot_open(env->ctx) < 0 && !renew(env, error))
		return NULL;
	return g_steal_pointer(&env);
}

/* NULL: it is not set. */
static char *look_up(Env *env, const char *name)
{
	char *raw = libuboot_get_env(env->ctx, name);
	char *value = raw ? g_strchomp(g_strdup(raw)) : NULL;

	free(raw);
	return value;
}

static char *get(Env *env, const char *name, GError **error)
{
	char *value = look_up(env, name);

	return value ? value
	             : fail_null(error, FAILURE_NOT_FOUND,
	                         "variable '%s' is not set in the U-Boot environment", name);
}

static char *left_name(const Slot *slot)
{
	return g_strdup_printf("BOOT_%s_LEFT", slot->boot_name);
}

static bool has_attempts(Env *env, const Slot *slot, bool *has, GError **error)
{
	g_autofree char *name = left_name(slot);
	g_autofree char *value = get(env, name, error);

	if (!value)
		return false;
	*has = g_ascii_strtoull(value, NULL, 16) > 0;
	return true;
}

/* What is stored at last, one variable after the other, is in a table of what they shall be. */
static bool is_stored(const Boot *boot, GHashTable *wanted, GError **error)
{
	g_autoptr(Env) env = env_open(boot, error);
	GHashTableIter each;
	void *name, *value;

	if (!env)
		return false;
	g_hash_table_iter_init(&each, wanted);
	while (g_hash_table_iter_next(&each, &name, &value)) {
		g_autofree char *found = look_up(env, name);

		if (g_strcmp0(found ? found : "", value) != 0)
			return fail(
				error, FAILURE_INTEGRITY,
				"the environment of %s does not keep what is written to it: %s is "
				"'%s' and not '%s'; check offset, size and write protection",
				env->config, (char *)name, found ? found : "", (char *)value);
	}
	return true;
}

/* libubootenv stores what its memory held before, behind the last variable: let it hold zeros.
 * For other threads this only costs time. */
static int store_clean(Env *env)
{
#ifdef M_PERTURB
	mallopt(M_PERTURB, 0xff);
#endif
	int result = libuboot_env_store(env->ctx);
#ifdef M_PERTURB
	mallopt(M_PERTURB, 0);
#endif
	return result;
}

/* One store, read back; none where nothing changes. Takes `env`. */
static bool store(const Boot *boot, Env *env_take, GHashTable *wanted, GError **error)
{
	g_autoptr(Env) env = env_take;
	bool changes = env->is_renewed;
	GHashTableIter each;
	void *name, *value;

	g_hash_table_iter_init(&each, wanted);
	while (g_hash_table_iter_next(&each, &name, &value)) {
		g_autofree char *found = look_up(env, name);

		changes |= g_strcmp0(found ? found : "", value) != 0;
		if (libuboot_set_env(env->ctx, name, *(char *)value ? value : NULL) < 0)
			return fail(error, FAILURE_IO, "cannot set '%s' to '%s'", (char *)name,
			            (char *)value);
	}
	if (!changes)
		return true;
	if (store_clean(env) < 0) {
		g_autoptr(GError) why = NULL;

		uboot_check(env->config, &why);
		return fail(error, FAILURE_IO, "cannot write the environment of %s: %s",
		            env->config, why ? why->message : "it is full, or the device fails");
	}
	g_clear_pointer(&env, env_close); /* its lock too */
	return is_stored(boot, wanted, error);
}

static GHashTable *changes_new(void)
{
	return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
}

/* The old order without the slot; the default one where there is none. */
static char *order_without(const Boot *boot, const char *order, const Slot *slot)
{
	g_auto(GStrv) names = order ? g_strsplit(order, " ", -1) : NULL;
	g_autoptr(GString) rest = g_string_new("");

	for (char **name = names; name && *name; name++) {
		if (**name && !g_str_equal(*name, slot->boot_name))
			g_string_append_printf(rest, "%s%s", rest->len ? " " : "", *name);
	}
	for (unsigned i = 0; !order && i < boot->slots->len; i++) {
		const Slot *other = boot->slots->pdata[i];

		if (!g_str_equal(other->boot_name, slot->boot_name))
			g_string_append_printf(rest, "%s%s", rest->len ? " " : "",
			                       other->boot_name);
	}
	return g_string_free(g_steal_pointer(&rest), FALSE);
}

static bool is_in(const char *order, const char *boot_name)
{
	g_auto(GStrv) names = g_strsplit(order, " ", -1);

	return g_strv_contains((const char *const *)names, boot_name);
}

static const Slot *get_primary(Boot *boot, GError **error)
{
	g_autoptr(Env) env = env_open(boot, error);
	g_autofree char *order = env ? get(env, ORDER, error) : NULL;

	if (!order)
		return NULL;

	g_auto(GStrv) names = g_strsplit(order, " ", -1);
	for (char **name = names; *name; name++) {
		const Slot *slot = boot_find(boot, *name);
		bool has = false;

		if (slot && has_attempts(env, slot, &has, NULL) && has)
			return slot;
	}
	return fail_null(error, FAILURE_NOT_FOUND, "Unable to find primary boot slot");
}

static bool set_primary(Boot *boot, const Slot *slot, GError **error)
{
	int attempts = boot->config->boot_attempts_primary;
	g_autoptr(Env) env = env_open(boot, error);

	if (!env)
		return false;

	g_autoptr(GHashTable) changes = changes_new();
	g_autofree char *order = look_up(env, ORDER);
	g_autofree char *rest = order_without(boot, order, slot);

	g_hash_table_insert(changes, left_name(slot),
	                    g_strdup_printf("%x", attempts > 0 ? (unsigned)attempts : ATTEMPTS));
	g_hash_table_insert(changes, g_strdup(ORDER),
	                    g_strdup_printf("%s%s%s", slot->boot_name, *rest ? " " : "", rest));
	return store(boot, g_steal_pointer(&env), changes, error);
}

static bool get_state(Boot *boot, const Slot *slot, bool *good, GError **error)
{
	g_autoptr(Env) env = env_open(boot, error);
	g_autofree char *order = env ? get(env, ORDER, error) : NULL;
	bool has;

	if (!order || !has_attempts(env, slot, &has, error))
		return false;
	*good = has && is_in(order, slot->boot_name);
	return true;
}

static bool set_state(Boot *boot, const Slot *slot, bool good, GError **error)
{
	int attempts = boot->config->boot_attempts;
	g_autoptr(Env) env = env_open(boot, error);

	if (!env)
		return false;

	g_autoptr(GHashTable) changes = changes_new();
	g_autofree char *order = look_up(env, ORDER);

	if (good)
		g_hash_table_insert(changes, left_name(slot),
		                    g_strdup_printf("0%x",
		                                    attempts > 0 ? (unsigned)attempts : ATTEMPTS));
	else
		g_hash_table_insert(changes, left_name(slot), g_strdup("0"));
	if (!good && order)
		g_hash_table_insert(changes, g_strdup(ORDER), order_without(boot, order, slot));
	return store(boot, g_steal_pointer(&env), changes, error);
}

static bool check(Boot *boot, GError **error)
{
	return uboot_check(config_of(boot), error) && uboot_check_lock(LOCK, error);
}

const BootOps boot_uboot = {
	.name = "uboot",
	.get_primary = get_primary,
	.set_primary = set_primary,
	.get_state = get_state,
	.set_state = set_state,
	.check = check,
};

#endif
