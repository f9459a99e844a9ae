/* SPDX-License-Identifier: MIT */

#include "crypto/cms.h"

#include <limits.h>

#include "base/error.h"
#include "crypto/reason.h"

CMS_ContentInfo *cms_parse(GBytes *bytes, GError **error)
{
	size_t size;
	const unsigned char *data = g_bytes_get_data(bytes, &size), *end = data;

	if (size == 0 || size > INT_MAX)
		return fail_null(error, FAILURE_FORMAT,
		                 "Signature data is no valid CMS: it has %zu bytes", size);

	g_autoptr(CMS_ContentInfo) cms = d2i_CMS_ContentInfo(NULL, &end, (long)size);
	if (!cms)
		return reason_fail_null(error, FAILURE_FORMAT, "Signature data is no valid CMS");
	if (end != data + size)
		return fail_null(error, FAILURE_FORMAT,
		                 "Signature data is no valid CMS: %zu bytes follow it",
		                 (size_t)(data + size - end));
	return g_steal_pointer(&cms);
}

bool cms_check_type(const CMS_ContentInfo *cms, int type, GError **error)
{
	const ASN1_OBJECT *got = CMS_get0_type(cms);
	char name[128];

	if (OBJ_obj2nid(got) == type)
		return true;
	OBJ_obj2txt(name, sizeof(name), got, 0);
	return fail(error, FAILURE_SIGNATURE, "Expected CMS of type '%s' but got '%s'",
	            OBJ_nid2sn(type), name);
}

CMS_ContentInfo *cms_parse_signed(GBytes *bytes, GError **error)
{
	g_autoptr(CMS_ContentInfo) cms = cms_parse(bytes, error);

	if (!cms || !cms_check_type(cms, NID_pkcs7_signed, error))
		return NULL;

	const ASN1_OBJECT *inner = CMS_get0_eContentType(cms);
	if (OBJ_obj2nid(inner) != NID_pkcs7_data)
		return fail_null(error, FAILURE_SIGNATURE,
		                 "the CMS signs something else than plain data");
	return g_steal_pointer(&cms);
}

GBytes *cms_encode(const CMS_ContentInfo *cms, GError **error)
{
	unsigned char *der = NULL;
	int size = i2d_CMS_ContentInfo(cms, &der);

	if (size <= 0)
		return reason_fail_null(error, FAILURE_FORMAT, "cannot encode the signature");

	GBytes *bytes = g_bytes_new(der, (size_t)size);
	OPENSSL_free(der);
	return bytes;
}

bool cms_add_cert(CMS_ContentInfo *cms, X509 *cert)
{
	g_autoptr(CertStack) certs = CMS_get1_certs(cms);

	for (int i = 0; i < sk_X509_num(certs); i++)
		if (X509_cmp(cert, sk_X509_value(certs, i)) == 0)
			return true;
	return CMS_add1_cert(cms, cert) == 1;
}
