/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A keyring as text: what `rauc keyring status` shows, and the short form in
 * `rauc status`. Pure: a value in, bytes appended to a string.
 */

#include "cli/json.h"
#include "cli/output.h"
#include "crypto/term.h"
#include "system/keyring_health.h"

/* A bundle the keyring was asked about. */
typedef struct {
	char *path;
	char *reason; /* why it is refused; NULL: it is accepted */
	Term term;
} ShowKeyringBundle;

typedef struct {
	const ConfigKeyring *rules; /* with path and directory */
	const KeyringContent *content;
	const KeyringHealth *health;
	const GPtrArray *bundles; /* of ShowKeyringBundle */
} ShowKeyring;

/* Not for OUTPUT_JSON_2. */
void show_keyring(GString *to, const ShowKeyring *shown, OutputFormat format, OutputLook look);

/* The short forms: nothing where all is fine, so that outputs stay those of RAUC. */
void show_keyring_brief(GString *to, const KeyringHealth *health);
void show_keyring_brief_shell(GString *to, const KeyringHealth *health);
void show_keyring_brief_json(JsonBuilder *json, const KeyringHealth *health);

void show_keyring_bundle_free(ShowKeyringBundle *bundle);
