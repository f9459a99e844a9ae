/* SPDX-License-Identifier: MIT */

#include "crypto/pem.h"

#include <openssl/pem.h>
#include <string.h>

#include "crypto/reason.h"

void pem_stack_free(PemStack *stack)
{
	sk_X509_INFO_pop_free(stack, X509_INFO_free);
}

/* Nothing here is secret; whatever asks for a passphrase is refused. */
static int no_passphrase(char *to G_GNUC_UNUSED, int size G_GNUC_UNUSED,
                         int is_writing G_GNUC_UNUSED, void *user G_GNUC_UNUSED)
{
	return -1;
}

PemStack *pem_read(const char *path, GError **error)
{
	REASON_SCOPE;
	size_t size;
	g_autofree char *text = cert_read_pem(path, &size, error);

	if (!text)
		return NULL;
	if (!strstr(text, "-----BEGIN "))
		return fail_null(error, FAILURE_FORMAT, "%s is not a PEM file", path);

	g_autoptr(BIO) bio = BIO_new_mem_buf(text, (int)size);
	PemStack *stack = PEM_X509_INFO_read_bio(bio, NULL, no_passphrase, NULL);
	return stack ? stack : reason_fail_null(error, FAILURE_FORMAT, "cannot read %s", path);
}

CertStack *pem_read_certs(const char *path, GError **error)
{
	g_autoptr(PemStack) stack = pem_read(path, error);
	g_autoptr(CertStack) certs = stack ? sk_X509_new_null() : NULL;

	if (!certs)
		return NULL;
	for (int i = 0; i < sk_X509_INFO_num(stack); i++) {
		X509 *cert = sk_X509_INFO_value(stack, i)->x509;

		if (cert && X509_up_ref(cert))
			sk_X509_push(certs, cert);
	}
	if (!sk_X509_num(certs))
		return fail_null(error, FAILURE_FORMAT, "%s has no certificate", path);
	return g_steal_pointer(&certs);
}
