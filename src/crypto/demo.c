/* SPDX-License-Identifier: MIT */

#include "crypto/demo.h"

/* By their public keys: a certificate can be made anew, what is public stays so. */
static const struct {
	const char *spki_hash, *what;
} demos[] = {
	{ "EE:47:7D:B1:21:1A:C3:F6:82:FE:2B:5B:93:B2:7D:5E:7B:8F:95:8E:DD:6E:53:88:D4:24:8A:C3:20:99:2E:D0",
	  "demo CA" },
	{ "94:69:55:58:11:8C:4F:2E:D7:EB:C7:BF:12:CA:71:81:F9:02:53:57:DB:5F:75:DA:1C:35:FA:49:D9:98:50:E8",
	  "demo signer" },
};

char *demo_describe(const X509 *cert)
{
	g_autoptr(SignerCert) described = cert_describe(cert, NULL);

	for (unsigned i = 0; described && i < G_N_ELEMENTS(demos); i++) {
		if (g_str_equal(described->spki_hash, demos[i].spki_hash))
			return g_strdup_printf("the public %s '%s'", demos[i].what,
			                       described->subject);
	}
	return NULL;
}
