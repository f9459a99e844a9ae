/* SPDX-License-Identifier: MIT */
#pragma once

/* Tokens of SoftHSM for the tests of keys in them: make_token.sh behind pkcs11_shim.c. */

#define TOKEN_LOG "shim.log" /* in pki_own() */

/* Make them and set the environment to them; why that cannot be here, or NULL. */
const char *token_set_up(void);

/* The calls of this kind that the module saw since the last token_forget_calls(). */
unsigned token_count_calls(const char *name);
void token_forget_calls(void);
