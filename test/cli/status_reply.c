/* SPDX-License-Identifier: MIT */

#include "cli/status_reply.h"

#include "base/error.h"

#define PROPERTIES                                                          \
	"{'Operation': <'idle'>, 'Compatible': <'Test'>, 'Variant': <''>, " \
	"'BootSlot': <'A'>}"
#define TRUST                                                                     \
	"{'security-epoch': <uint32 4>, 'kept': <true>, 'time-floor': <'2026'>, " \
	"'time-floor-source': <'sync'>, 'time-floor-text': <'the clock'>, 'demo-keys': <'x'>}"

static GVariant *value(const char *type, const char *text)
{
	GError *error = NULL;
	GVariant *made = g_variant_parse(G_VARIANT_TYPE(type), text, NULL, NULL, &error);

	g_assert_no_error(error);
	return made;
}

static StatusReply *make(const char *slots_text, const char *repos_text, const char *primary,
                         GError **error)
{
	g_autoptr(GVariant) properties = value("a{sv}", PROPERTIES);
	g_autoptr(GVariant) slots = value("a(sa{sv})", slots_text);
	g_autoptr(GVariant) repos = repos_text ? value("aa{sv}", repos_text) : NULL;
	g_autoptr(GVariant) trust = repos_text ? value("a{sv}", TRUST) : NULL;
	StatusReplyParts parts = { properties, slots, repos, trust };

	return status_reply_new(&parts, primary, error);
}

#define ROOT_0                                                                                  \
	"('rootfs.0', {'class': <'rootfs'>, 'device': <'/dev/a'>, 'type': <'ext4'>, "           \
	"'bootname': <'A'>, 'state': <'booted'>, 'description': <'one'>, 'mountpoint': <'/'>, " \
	"'boot-status': <'good'>, 'bundle.compatible': <'Test'>, 'bundle.version': <'1'>, "     \
	"'status': <'ok'>, 'sha256': <'ab'>, 'size': <uint64 5000000000>, "                     \
	"'installed.transaction': <'tx'>, 'installed.timestamp': <'now'>, "                     \
	"'installed.count': <uint32 2>, 'activated.timestamp': <'then'>, "                      \
	"'activated.count': <uint32 3>})"
#define APP_0                                                                      \
	"('appfs.0', {'class': <'appfs'>, 'device': <'/dev/b'>, 'type': <'raw'>, " \
	"'state': <'active'>, 'parent': <'rootfs.0'>})"
#define ROOT_1                                                                       \
	"('rootfs.1', {'class': <'rootfs'>, 'device': <'/dev/c'>, 'type': <'raw'>, " \
	"'bootname': <'B'>, 'state': <'inactive'>, 'boot-status': <'bad'>})"

static void test_all(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(StatusReply) reply =
		make("[" APP_0 ", " ROOT_0 ", " ROOT_1 "]",
	             "[{'name': <'apps'>, 'path': <'/data'>, 'type': <'trees'>}]", "rootfs.1",
	             &error);

	g_assert_no_error(error);
	const ShowStatus *status = status_reply_shown(reply);
	g_assert_cmpstr(status->compatible, ==, "Test");
	g_assert_cmpstr(status->variant, ==, "");
	g_assert_null(status->version); /* an older service has no such property */
	g_assert_cmpstr(status->boot_slot, ==, "A");
	g_assert_true(status->trust.is_known && status->trust.is_kept);
	g_assert_cmpuint(status->trust.epoch, ==, 4);
	g_assert_cmpstr(status->trust.floor, ==, "2026");
	g_assert_cmpstr(status->trust.source, ==, "sync");
	g_assert_cmpstr(status->trust.words, ==, "the clock");
	g_assert_cmpstr(status->trust.demo, ==, "x");
	g_assert_cmpuint(status->n_slots, ==, 3);
	g_assert_cmpstr(status->booted->name, ==, "rootfs.0");
	g_assert_cmpstr(status->primary->name, ==, "rootfs.1");
	g_assert_true(status->slots[0].slot->parent == status->slots[1].slot);
	g_assert_cmpint(status->slots[0].state->activity, ==, SLOT_ACTIVE);
	g_assert_cmpint(status->slots[1].state->activity, ==, SLOT_BOOTED);
	g_assert_cmpint(status->slots[2].state->activity, ==, SLOT_INACTIVE);
	g_assert_cmpint(status->slots[1].state->boot, ==, SLOT_BOOT_GOOD);
	g_assert_cmpint(status->slots[2].state->boot, ==, SLOT_BOOT_BAD);
	g_assert_cmpint(status->slots[1].slot->type, ==, SLOT_EXT4);
	g_assert_cmpstr(status->slots[1].state->mount_point, ==, "/");
	g_assert_cmpuint(status->slots[1].status->size, ==, 5000000000);
	g_assert_cmpuint(status->slots[1].status->installed_count, ==, 2);
	g_assert_cmpstr(status->slots[1].status->activated_timestamp, ==, "then");
	g_assert_null(status->slots[2].status->sha256);
	g_assert_cmpstr(((ConfigRepo *)status->repos->pdata[0])->path, ==, "/data");
}

/* RAUC's service says nothing of a keyring; ours says all that is shown. */
static void test_keyring(void)
{
	g_autoptr(StatusReply) reply = make("[]", NULL, NULL, NULL);
	g_autoptr(GVariant) none = value("a{sv}", "{}");
	g_autoptr(GVariant) facts =
		value("a{sv}", "{'state': <'soon'>, 'action': <'do it'>, 'until': <int64 77>, "
	                       "'notes': <[{'level': <'soon'>, 'code': <'crl-expires'>, 'text': "
	                       "<'a list'>, 'at': <int64 5>}, {'level': <'odd'>}]>}");
	const ShowStatus *shown = status_reply_shown(reply);

	g_assert_null(shown->keyring);
	status_reply_set_keyring(reply, none);
	g_assert_null(shown->keyring);
	status_reply_set_keyring(reply, facts);
	status_reply_set_keyring(reply, facts);
	g_assert_cmpint(shown->keyring->level, ==, KEYRING_SOON);
	g_assert_cmpstr(shown->keyring->action, ==, "do it");
	g_assert_cmpint(shown->keyring->until, ==, 77);
	g_assert_cmpuint(shown->keyring->notes->len, ==, 2);
	const KeyringNote *note = shown->keyring->notes->pdata[0];
	g_assert_cmpstr(note->code, ==, "crl-expires");
	g_assert_cmpint(note->at, ==, 5);
}

static void test_little(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(StatusReply) reply = make("[]", NULL, "nosuch.0", &error);
	const ShowStatus *status = status_reply_shown(reply);

	g_assert_no_error(error);
	g_assert_cmpuint(status->n_slots, ==, 0);
	g_assert_null(status->booted);
	g_assert_null(status->primary);
}

static const struct {
	const char *slots, *words;
} refused[] = {
	{ "[('a.0', {'class': <'a'>, 'device': <'/a'>, 'type': <'floppy'>})]",
	  "the service says that slot a.0 is of the unknown type 'floppy'" },
	{ "[('a.0', {'class': <'a'>, 'device': <'/a'>})]",
	  "the service says that slot a.0 is of the unknown type ''" },
	{ "[('a.0', {'class': <7>, 'device': <'/a'>, 'type': <'raw'>})]",
	  "the service does not say what slot a.0 is" },
	{ "[" ROOT_0 ", ('a.0', @a{sv} {})]",
	  "the service says that slot a.0 is of the unknown type ''" },
};

static void test_refused(void)
{
	for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++) {
		g_autoptr(GError) error = NULL;

		g_assert_null(make(refused[i].slots, NULL, NULL, &error));
		g_assert_error(error, FAILURE, FAILURE_SERVICE);
		g_assert_cmpstr(error->message, ==, refused[i].words);
	}
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/cli/status-reply/all", test_all);
	g_test_add_func("/cli/status-reply/keyring", test_keyring);
	g_test_add_func("/cli/status-reply/little", test_little);
	g_test_add_func("/cli/status-reply/refused", test_refused);
	return g_test_run();
}
