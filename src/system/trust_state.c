/* SPDX-License-Identifier: MIT */

#include "system/trust_state.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"

enum { N_COPIES = 2 };

typedef struct {
	TrustState state;
	bool is_there, is_good;
	GError *why_not;
} Copy;

static char *path_of(const char *folder, unsigned n)
{
	g_autofree char *name = g_strdup_printf("trust.%u", n + 1);

	return g_build_filename(folder, name, NULL);
}

static Copy read_copy(const char *path)
{
	Copy copy = { .is_there = g_file_test(path, G_FILE_TEST_EXISTS) };
	size_t size;
	g_autofree char *text = file_read(path, TRUST_STATE_MAX, &size, &copy.why_not);

	copy.is_good = text && trust_state_parse(text, size, &copy.state, &copy.why_not);
	return copy;
}

static void tell_damage(const char *folder, const Copy *copies, TrustStateKind kind)
{
	if (kind == TRUST_STATE_LOST)
		g_warning("the trust state in %s is lost (trust.1: %s; trust.2: %s): what the "
		          "running system says of itself counts instead",
		          folder, copies[0].why_not->message, copies[1].why_not->message);
	for (unsigned i = 0; kind == TRUST_STATE_KEPT && i < N_COPIES; i++) {
		if (!copies[i].is_good)
			g_warning("trust state %s/trust.%u is damaged (%s): the other copy counts",
			          folder, i + 1, copies[i].why_not->message);
	}
}

static bool is_same(const TrustState *one, const TrustState *other)
{
	return one->sequence == other->sequence && one->time_floor == other->time_floor &&
	       one->time_source == other->time_source &&
	       one->security_epoch == other->security_epoch;
}

static TrustStateFound load(const char *folder, bool has_to_tell)
{
	TrustStateFound found = { .kind = TRUST_STATE_NONE };
	Copy copies[N_COPIES];

	if (!folder)
		return found;
	for (unsigned i = 0; i < N_COPIES; i++) {
		g_autofree char *path = path_of(folder, i);

		copies[i] = read_copy(path);
	}
	if (copies[0].is_good || copies[1].is_good)
		found.kind = TRUST_STATE_KEPT;
	else if (copies[0].is_there || copies[1].is_there)
		found.kind = TRUST_STATE_LOST;
	else
		found.kind = TRUST_STATE_NEW;
	if (has_to_tell)
		tell_damage(folder, copies, found.kind);
	found.state = trust_state_join(copies[0].is_good ? &copies[0].state : NULL,
	                               copies[1].is_good ? &copies[1].state : NULL);
	found.is_whole = copies[0].is_good && copies[1].is_good &&
	                 is_same(&copies[0].state, &copies[1].state);
	found.spare = copies[0].is_good &&
	              (!copies[1].is_good || copies[0].state.sequence >= copies[1].state.sequence);
	for (unsigned i = 0; i < N_COPIES; i++)
		g_clear_error(&copies[i].why_not);
	return found;
}

TrustStateFound trust_state_load(const char *folder)
{
	return load(folder, false);
}

TrustStateFound trust_state_examine(const char *folder)
{
	return load(folder, true);
}

bool trust_state_save(const char *folder, TrustStateFound *found, GError **error)
{
	ERROR_WHILE(error, "saving trust state");
	TrustState next = found->state;

	next.sequence += next.sequence < G_MAXINT64;
	g_autofree char *text = trust_state_format(&next);
	if (!file_make_folders(folder, 0700, error))
		return false;
	for (unsigned i = 0; i < N_COPIES; i++) {
		g_autofree char *path = path_of(folder, i ? !found->spare : found->spare);

		if (!file_replace(path, text, strlen(text), 0600, error))
			return false;
	}
	found->state = next;
	found->kind = TRUST_STATE_KEPT;
	found->is_whole = true;
	return true;
}
