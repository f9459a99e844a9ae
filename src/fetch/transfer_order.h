/* SPDX-License-Identifier: MIT */
#pragma once

/* What OPEN asks for. */

#include <glib.h>

#include "fetch/policy.h"
#include "fetch/target.h"

typedef struct {
	Target *origin;
	GStrv headers;      /* to the origin only */
	GStrv info_headers; /* the same, and with the first request only */
	char *tls_cert, *tls_key, *tls_ca;
	bool tls_no_verify;
	Policy policy;
} Order;

/* `words` as they came. */
Order *order_parse(const void *words, size_t size, GError **error);
/* Is the certificate, or its key, in a PKCS#11 token? Asked of one name, and of both. */
bool order_is_token(const char *name);
bool order_has_token(const Order *order);
void order_free(Order *order);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Order, order_free)
