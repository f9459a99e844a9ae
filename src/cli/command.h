/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One run of the program: the table of verbs, options, help, exit codes
 * (chapter 4). Each verb lives in the file of its name.
 */

#include "base/pool.h"
#include "cli/options.h"
#include "cli/outcome.h"

/* All of it, from the arguments to the exit code. `serve` is the verb of the other door. */
int command_run(char *const *argv, OptionsServe serve);

/* The verbs. They print, results and errors, and return the exit code. Arguments
 * begin at options->arguments[2]; the table has checked how many there are. */
int command_bundle(const Options *options);
int command_convert(const Options *options);
int command_doctor(const Options *options);
int command_encrypt(const Options *options);
int command_extract(const Options *options);
int command_extract_signature(const Options *options);
int command_info(const Options *options);
int command_install(const Options *options);
int command_keyring(const Options *options);
int command_mount(const Options *options);
int command_replace_signature(const Options *options);
int command_resign(const Options *options);
int command_service(const Options *options);
int command_status(const Options *options);
int command_update(const Options *options);
int command_write_slot(const Options *options);

/* What `install` does with this bundle, for other verbs: says everything it says, on stdout if not `is_json`. */
void command_install_bundle(const Options *options, const char *path, bool is_json,
                            Outcome *outcome);

/* Are there recipients? Complains where not; asked before arguments are counted. */
bool command_encrypt_is_given(const Options *options);

/* What the verbs share: workers for the cores there are. */
Pool *command_pool(void);
