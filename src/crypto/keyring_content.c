/* SPDX-License-Identifier: MIT */

#include "crypto/keyring_content.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "base/error.h"
#include "crypto/pem.h"
#include "crypto/reason.h"

typedef STACK_OF(X509_CRL) CrlStack;

/* What was read, each once. */
typedef struct {
	CertStack *certs;
	CrlStack *crls;
	GPtrArray *sources; /* of char *, for the certificates */
} Heap;

static void heap_clear(Heap *heap)
{
	cert_stack_free(heap->certs);
	sk_X509_CRL_pop_free(heap->crls, X509_CRL_free);
	g_ptr_array_unref(heap->sources);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Heap, heap_clear)

static void add_cert(Heap *heap, X509 *cert, const char *path)
{
	for (int i = 0; i < sk_X509_num(heap->certs); i++) {
		if (X509_cmp(sk_X509_value(heap->certs, i), cert) == 0)
			return;
	}
	X509_up_ref(cert);
	sk_X509_push(heap->certs, cert);
	g_ptr_array_add(heap->sources, g_strdup(path));
}

static void add_crl(Heap *heap, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_CRL_num(heap->crls); i++) {
		if (X509_CRL_match(sk_X509_CRL_value(heap->crls, i), crl) == 0)
			return;
	}
	X509_CRL_up_ref(crl);
	sk_X509_CRL_push(heap->crls, crl);
}

static bool read_file(Heap *heap, const char *path, GError **error)
{
	g_autoptr(PemStack) stack = pem_read(path, error);

	if (!stack) {
		g_prefix_error(error, "keyring: ");
		return false;
	}
	for (int i = 0; i < sk_X509_INFO_num(stack); i++) {
		const X509_INFO *info = sk_X509_INFO_value(stack, i);

		if (info->x509)
			add_cert(heap, info->x509, path);
		if (info->crl)
			add_crl(heap, info->crl);
	}
	return true;
}

/* Names of openssl rehash: eight hex digits, a dot, for CRLs an r, a number. */
static bool is_hash_name(const char *name)
{
	return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
	       g_ascii_isdigit(name[9 + (name[9] == 'r')]);
}

static int compare_names(gconstpointer a, gconstpointer b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool read_folder(Heap *heap, const char *path, GError **error)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) reason = NULL;
	g_autoptr(GDir) folder = g_dir_open(path, 0, &reason);

	if (!folder)
		return fail(error, FAILURE_NOT_FOUND, "keyring directory: %s", reason->message);
	for (const char *name; (name = g_dir_read_name(folder));) {
		if (is_hash_name(name))
			g_ptr_array_add(names, g_build_filename(path, name, NULL));
	}
	g_ptr_array_sort(names, compare_names);
	for (unsigned i = 0; i < names->len; i++) {
		if (!read_file(heap, names->pdata[i], error))
			return false;
	}
	return true;
}

/* Values of what was read. */

static gint64 unix_time(const ASN1_TIME *when)
{
	struct tm parts;

	return when && ASN1_TIME_to_tm(when, &parts) ? timegm(&parts) : 0;
}

static int find_issuer(const Heap *heap, X509 *cert)
{
	for (int i = 0; i < sk_X509_num(heap->certs); i++) {
		X509 *issuer = sk_X509_value(heap->certs, i);

		if (X509_check_issued(issuer, cert) == X509_V_OK &&
		    X509_verify(cert, X509_get0_pubkey(issuer)) == 1)
			return i;
	}
	return -1;
}

/* What nobody should rely on today. */
static const char *weakness_of(X509 *cert)
{
	const EVP_PKEY *key = X509_get0_pubkey(cert);
	int digest = NID_undef;

	if (key && EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) < 2048)
		return "has an RSA key of less than 2048 bits";
	if (X509_get_signature_info(cert, &digest, NULL, NULL, NULL) &&
	    (digest == NID_sha1 || digest == NID_md5))
		return "is signed with SHA-1 or MD5";
	return NULL;
}

static KeyringCert *make_cert(const Heap *heap, int n, GError **error)
{
	X509 *cert = sk_X509_value(heap->certs, n);
	SignerCert *facts = cert_describe(cert, error);

	if (!facts)
		return NULL;

	KeyringCert *made = g_new0(KeyringCert, 1);
	made->facts = facts;
	made->source = g_strdup(heap->sources->pdata[n]);
	made->is_self_signed = X509_self_signed(cert, 1) == 1;
	made->is_ca = X509_check_ca(cert) > 0;
	made->issuer = made->is_self_signed ? n : find_issuer(heap, cert);
	made->crl = -1;
	made->weakness = weakness_of(cert);
	return made;
}

static int find_crl_signer(const Heap *heap, X509_CRL *crl)
{
	for (int i = 0; i < sk_X509_num(heap->certs); i++) {
		X509 *cert = sk_X509_value(heap->certs, i);

		if (X509_NAME_cmp(X509_get_subject_name(cert), X509_CRL_get_issuer(crl)) == 0 &&
		    X509_CRL_verify(crl, X509_get0_pubkey(cert)) == 1)
			return i;
	}
	return -1;
}

static KeyringCrl *make_crl(const Heap *heap, X509_CRL *crl)
{
	KeyringCrl *made = g_new0(KeyringCrl, 1);
	STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);

	made->issuer = cert_name(X509_CRL_get_issuer(crl));
	made->made = unix_time(X509_CRL_get0_lastUpdate(crl));
	made->renew = unix_time(X509_CRL_get0_nextUpdate(crl));
	made->by = find_crl_signer(heap, crl);
	made->n_revoked = revoked ? (unsigned)sk_X509_REVOKED_num(revoked) : 0;
	return made;
}

/* A CRL that is no more than a name says nothing about the certificates here. */
static void take_crl(const Heap *heap, KeyringContent *content, int n)
{
	const KeyringCrl *crl = content->crls->pdata[n];
	X509_CRL *read = sk_X509_CRL_value(heap->crls, n);

	if (crl->by < 0)
		return;

	KeyringCert *by = content->certs->pdata[crl->by];
	const KeyringCrl *known = by->crl >= 0 ? content->crls->pdata[by->crl] : NULL;
	if (!known || known->made < crl->made)
		by->crl = n;
	for (unsigned i = 0; i < content->certs->len; i++) {
		KeyringCert *cert = content->certs->pdata[i];
		X509_REVOKED *entry;

		if (cert->issuer == crl->by &&
		    X509_CRL_get0_by_cert(read, &entry, sk_X509_value(heap->certs, (int)i)) == 1)
			cert->is_revoked = true;
	}
}

static void free_cert(void *of)
{
	KeyringCert *cert = of;

	signers_cert_free(cert->facts);
	g_free(cert->source);
	g_free(cert);
}

static void free_crl(void *of)
{
	KeyringCrl *crl = of;

	g_free(crl->issuer);
	g_free(crl);
}

static KeyringContent *make_content(const Heap *heap, GError **error)
{
	g_autoptr(KeyringContent) content = g_new0(KeyringContent, 1);

	content->certs = g_ptr_array_new_with_free_func(free_cert);
	content->crls = g_ptr_array_new_with_free_func(free_crl);
	for (int i = 0; i < sk_X509_num(heap->certs); i++) {
		KeyringCert *cert = make_cert(heap, i, error);

		if (!cert)
			return NULL;
		g_ptr_array_add(content->certs, cert);
	}
	for (int i = 0; i < sk_X509_CRL_num(heap->crls); i++) {
		g_ptr_array_add(content->crls, make_crl(heap, sk_X509_CRL_value(heap->crls, i)));
		take_crl(heap, content, i);
	}
	return g_steal_pointer(&content);
}

KeyringContent *keyring_content_load(const KeyringRules *rules, GError **error)
{
	REASON_SCOPE;
	g_auto(Heap) heap = { sk_X509_new_null(), sk_X509_CRL_new_null(),
		              g_ptr_array_new_with_free_func(g_free) };

	if (!rules->path && !rules->directory)
		return fail_null(error, FAILURE_CONFIG, "No keyring file or directory provided");
	if (rules->path && !read_file(&heap, rules->path, error))
		return NULL;
	if (rules->directory && !read_folder(&heap, rules->directory, error))
		return NULL;
	if (!sk_X509_num(heap.certs))
		return fail_null(error, FAILURE_FORMAT, "keyring %s has no certificate",
		                 rules->path ? rules->path : rules->directory);
	return make_content(&heap, error);
}

void keyring_content_free(KeyringContent *content)
{
	if (!content)
		return;
	g_clear_pointer(&content->certs, g_ptr_array_unref);
	g_clear_pointer(&content->crls, g_ptr_array_unref);
	g_free(content);
}
