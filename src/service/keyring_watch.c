/* SPDX-License-Identifier: MIT */

#include "service/keyring_watch.h"

#include "system/trust.h"

#define KEYRING_MESSAGE_ID "fde9d9038e0747fb8d9d2be0a362a989"

enum { HOUR = 60 * 60, DAY = 24 * HOUR };

struct KeyringWatch {
	System *system;
	JobLine *line;
	guint timer;
	bool is_waiting; /* for its turn behind other jobs */
	char *told;      /* the code of what was said last, NULL: nothing */
	gint64 told_at;
};

static void tell(KeyringWatch *watch, const KeyringHealth *health, const char *code)
{
	g_autofree char *message = g_strdup_printf("keyring: %s", health->action);
	const EventField fields[] = {
		{ "KEYRING_STATE", keyring_health_word(health->level) },
		{ "KEYRING_NOTE", code },
	};
	const Event event = { .type = EVENT_SERVICE,
		              .message = message,
		              .id = KEYRING_MESSAGE_ID,
		              .is_warning = true,
		              .fields = fields,
		              .n_fields = G_N_ELEMENTS(fields) };

	event_log_write(system_events(watch->system), &event);
}

void keyring_watch_look(KeyringWatch *watch, gint64 now)
{
	const ConfigKeyring *config = &system_config(watch->system)->keyring;

	if (!config->expiry_warning_days)
		return;

	g_autoptr(KeyringHealth) health = trust_health(config, trust_now(watch->system));
	if (!health || health->level == KEYRING_FINE) {
		g_clear_pointer(&watch->told, g_free);
		return;
	}
	const char *code = health->notes->len ? ((KeyringNote *)health->notes->pdata[0])->code : "";
	if (g_strcmp0(watch->told, code) == 0 && now - watch->told_at < DAY)
		return;
	tell(watch, health, code);
	g_free(watch->told);
	watch->told = g_strdup(code);
	watch->told_at = now;
}

static gint64 seconds(void)
{
	return g_get_monotonic_time() / G_USEC_PER_SEC;
}

static void work(void *user)
{
	keyring_watch_look(user, seconds());
}

static void done(void *user)
{
	((KeyringWatch *)user)->is_waiting = false;
}

/* As often as this, because the clock of a device may be set late. */
static gboolean wake(void *user)
{
	KeyringWatch *watch = user;

	if (!watch->is_waiting)
		watch->is_waiting = job_line_add(watch->line, (Job){ work, done, watch });
	return G_SOURCE_CONTINUE;
}

KeyringWatch *keyring_watch_new(System *system, JobLine *line)
{
	KeyringWatch *watch = g_new0(KeyringWatch, 1);

	watch->system = system;
	watch->line = line;
	keyring_watch_look(watch, seconds());
	watch->timer = g_timeout_add_seconds(HOUR, wake, watch);
	return watch;
}

void keyring_watch_free(KeyringWatch *watch)
{
	if (!watch)
		return;
	g_source_remove(watch->timer);
	g_free(watch->told);
	g_free(watch);
}
