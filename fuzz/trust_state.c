/* SPDX-License-Identifier: MIT */

/* A copy of the trust state: what is taken was written whole, so that writing it again changes at most
 * lines nobody knows. With a checksum that is right, which no search would find. */

#include "fuzz.h"

#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "model/trust_state.h"

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void try(const char *text, size_t size)
{
	TrustState state, again;

	if (!trust_state_parse(text, size, &state, NULL))
		return;
	g_autofree char *written = trust_state_format(&state);
	check(trust_state_parse(written, strlen(written), &again, NULL));
	check(again.sequence == state.sequence && again.time_floor == state.time_floor &&
	      again.time_source == state.time_source &&
	      again.security_epoch == state.security_epoch);
	check(again.time_floor >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	try((const char *)data, size);

	g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA256, data, size);
	g_autoptr(GString) sealed = g_string_new_len((const char *)data, (gssize)size);
	g_string_append_printf(sealed, "sha256=%s\n", sum);
	try(sealed->str, sealed->len);
	return 0;
}
