/* SPDX-License-Identifier: MIT */

#include "crypto/pkcs11_token.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

#define MODULE_DEFAULT "p11-kit-proxy.so"
#define MAX_SLOTS      4096
#define MAX_SHOWN      8

/* A token that the URL means. */
typedef struct {
	CkLong slot;
	CkTokenInfo info;
	char *label, *serial;
} Token;

/* What a search has and has found. */
typedef struct {
	const CkFunctions *call;
	const Pkcs11Url *url;
	CkClass kind;
	GPtrArray *tokens; /* of Token */
	GString *others;   /* labels of tokens that the URL does not mean */
	unsigned n_found;
	GString *found;       /* in words */
	Pkcs11Object *object; /* the first */
} Search;

static const struct {
	CkLong result;
	Failure why;
	const char *words;
} results[] = {
	{ CKR_GENERAL_ERROR, FAILURE_IO, "general error" },
	{ CKR_FUNCTION_FAILED, FAILURE_IO, "function failed" },
	{ CKR_DEVICE_ERROR, FAILURE_IO, "device error" },
	{ CKR_DEVICE_REMOVED, FAILURE_IO, "the token was removed" },
	{ CKR_PIN_INCORRECT, FAILURE_CONFIG, "wrong PIN" },
	{ CKR_PIN_INVALID, FAILURE_CONFIG, "wrong PIN: it has characters that no PIN has" },
	{ CKR_PIN_LEN_RANGE, FAILURE_CONFIG, "wrong PIN: too short or too long" },
	{ CKR_PIN_EXPIRED, FAILURE_CONFIG, "the PIN has expired and must be changed" },
	{ CKR_PIN_LOCKED, FAILURE_CONFIG, "the PIN is locked" },
	{ CKR_SESSION_COUNT, FAILURE_BUSY, "too many sessions" },
	{ CKR_TOKEN_NOT_PRESENT, FAILURE_IO, "the token was removed" },
	{ CKR_TOKEN_NOT_RECOGNIZED, FAILURE_IO, "the token is of no known kind" },
	{ CKR_USER_PIN_NOT_INITIALIZED, FAILURE_CONFIG, "no PIN was ever set" },
};

/* "<doing>: wrong PIN (0xa0)" */
static bool fail_result(CkLong result, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);
static bool fail_result(CkLong result, GError **error, const char *format, ...)
{
	const char *words = "PKCS#11 error";
	Failure why = FAILURE_IO;
	va_list args;

	va_start(args, format);
	g_autofree char *doing = g_strdup_vprintf(format, args);
	va_end(args);
	for (unsigned i = 0; i < G_N_ELEMENTS(results); i++) {
		if (results[i].result == result) {
			words = results[i].words;
			why = results[i].why;
		}
	}
	return fail(error, why, "%s: %s (0x%lx)", doing, words, result);
}

const char *pkcs11_token_module(void)
{
	const char *path = g_getenv("RAUC_PKCS11_MODULE");

	return path && *path ? path : MODULE_DEFAULT;
}

/* The library stays: what OpenSSL has of a key lives on in it. */
static const CkFunctions *start_module(GError **error)
{
	const char *path = pkcs11_token_module();
	CkStart how = { .flags = CKF_OS_LOCKING_OK };
	const CkFunctions *call = NULL;
	CkLong (*get_function_list)(const CkFunctions **);

	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library)
		return fail_null(error, FAILURE_CONFIG,
		                 "cannot load PKCS#11 module: set RAUC_PKCS11_MODULE to the "
		                 "library that came with the token: %s",
		                 dlerror());
	get_function_list = (CkLong(*)(const CkFunctions **))dlsym(library, "C_GetFunctionList");
	if (!get_function_list || get_function_list(&call) != CKR_OK || !call) {
		dlclose(library);
		return fail_null(error, FAILURE_CONFIG, "%s is not a PKCS#11 module", path);
	}

	CkLong result = call->start(&how);
	dlclose(library);
	if (result == CKR_OK || result == CKR_CRYPTOKI_ALREADY_INITIALIZED)
		return call;
	fail_result(result, error, "PKCS#11 module %s does not start", path);
	return NULL;
}

/* Padded with spaces, perhaps with NUL by those who did not read the standard. */
static size_t text_size(const uint8_t *text, size_t size)
{
	while (size && (text[size - 1] == ' ' || text[size - 1] == '\0'))
		size--;
	return size;
}

static bool means(const Pkcs11Url *url, Pkcs11UrlPart part, const uint8_t *text, size_t size)
{
	return pkcs11_url_matches(url, part, text, text_size(text, size));
}

static bool means_slot(const Search *search, CkLong slot)
{
	CkSlotInfo info = { 0 };
	g_autofree char *number = g_strdup_printf("%lu", slot);

	return search->call->get_slot_info(slot, &info) == CKR_OK &&
	       pkcs11_url_matches(search->url, PKCS11_URL_SLOT_ID, number, strlen(number)) &&
	       means(search->url, PKCS11_URL_SLOT_DESCRIPTION, info.description,
	             sizeof(info.description)) &&
	       means(search->url, PKCS11_URL_SLOT_MANUFACTURER, info.manufacturer,
	             sizeof(info.manufacturer));
}

static bool means_token(const Pkcs11Url *url, const CkTokenInfo *info)
{
	return means(url, PKCS11_URL_TOKEN, info->label, sizeof(info->label)) &&
	       means(url, PKCS11_URL_MANUFACTURER, info->manufacturer,
	             sizeof(info->manufacturer)) &&
	       means(url, PKCS11_URL_MODEL, info->model, sizeof(info->model)) &&
	       means(url, PKCS11_URL_SERIAL, info->serial, sizeof(info->serial));
}

static bool means_library(const Search *search)
{
	CkInfo info = { 0 };

	return search->call->get_info(&info) == CKR_OK &&
	       means(search->url, PKCS11_URL_LIBRARY_DESCRIPTION, info.description,
	             sizeof(info.description)) &&
	       means(search->url, PKCS11_URL_LIBRARY_MANUFACTURER, info.manufacturer,
	             sizeof(info.manufacturer));
}

static void token_free(Token *token)
{
	g_free(token->label);
	g_free(token->serial);
	g_free(token);
}

static void look_at_slot(Search *search, CkLong slot, bool is_library)
{
	CkTokenInfo info = { 0 };

	if (search->call->get_token_info(slot, &info) != CKR_OK ||
	    !(info.flags & CKF_TOKEN_INITIALIZED))
		return;

	g_autofree char *label =
		g_strndup((const char *)info.label, text_size(info.label, sizeof(info.label)));
	if (!is_library || !means_slot(search, slot) || !means_token(search->url, &info)) {
		g_string_append_printf(search->others, "%s'%s'", search->others->len ? ", " : "",
		                       label);
		return;
	}

	Token *token = g_new0(Token, 1);
	token->slot = slot;
	token->info = info;
	token->label = g_steal_pointer(&label);
	token->serial =
		g_strndup((const char *)info.serial, text_size(info.serial, sizeof(info.serial)));
	g_ptr_array_add(search->tokens, token);
}

static bool find_tokens(Search *search, GError **error)
{
	CkLong n_slots = 0;
	CkLong result = search->call->get_slots(1, NULL, &n_slots);

	if (result == CKR_OK && n_slots > MAX_SLOTS)
		return fail(error, FAILURE_CONFIG, "PKCS#11 module %s has %lu tokens",
		            pkcs11_token_module(), n_slots);

	g_autofree CkLong *slots = g_new0(CkLong, n_slots + 1);
	if (result == CKR_OK && n_slots)
		result = search->call->get_slots(1, slots, &n_slots);
	if (result != CKR_OK)
		return fail_result(result, error, "cannot list the tokens of PKCS#11 module %s",
		                   pkcs11_token_module());

	bool is_library = means_library(search);
	for (CkLong i = 0; i < n_slots; i++)
		look_at_slot(search, slots[i], is_library);
	if (search->tokens->len)
		return true;
	if (!search->others->len)
		return fail(error, FAILURE_NOT_FOUND,
		            "no token matches %s: PKCS#11 module %s sees none, is it plugged in?",
		            search->url->shown, pkcs11_token_module());
	return fail(error, FAILURE_NOT_FOUND, "no token matches %s: PKCS#11 module %s sees %s",
	            search->url->shown, pkcs11_token_module(), search->others->str);
}

/* NULL: it has none that can be read. */
static GBytes *get_attribute(const Search *search, CkLong session, CkLong object, CkLong type)
{
	CkAttribute attribute = { .type = type };

	if (search->call->get_attributes(session, object, &attribute, 1) != CKR_OK ||
	    attribute.size == CK_UNAVAILABLE || attribute.size > 1 << 20)
		return NULL;

	CkLong room = attribute.size;
	g_autofree uint8_t *value = g_malloc0(room + 1);
	attribute.value = value;
	if (search->call->get_attributes(session, object, &attribute, 1) != CKR_OK ||
	    attribute.size > room)
		return NULL;
	return g_bytes_new(value, attribute.size);
}

static void append_bytes(GString *url, const char *name, GBytes *value)
{
	if (value)
		pkcs11_url_append(url, name, g_bytes_get_data(value, NULL),
		                  g_bytes_get_size(value));
}

static char *format_url(const Search *search, const Token *token, GBytes *label, GBytes *id)
{
	GString *url = g_string_new("pkcs11:");
	const CkTokenInfo *info = &token->info;

	pkcs11_url_append(url, "token", info->label, text_size(info->label, sizeof(info->label)));
	pkcs11_url_append(url, "manufacturer", info->manufacturer,
	                  text_size(info->manufacturer, sizeof(info->manufacturer)));
	pkcs11_url_append(url, "model", info->model, text_size(info->model, sizeof(info->model)));
	pkcs11_url_append(url, "serial", info->serial,
	                  text_size(info->serial, sizeof(info->serial)));
	append_bytes(url, "object", label);
	append_bytes(url, "id", id);
	g_string_append(url, search->kind == CKO_CERTIFICATE ? ";type=cert" : ";type=private");
	return g_string_free(url, FALSE);
}

static void take_object(Search *search, const Token *token, CkLong session, CkLong handle)
{
	g_autoptr(GBytes) label = get_attribute(search, session, handle, CKA_LABEL);
	g_autoptr(GBytes) id = get_attribute(search, session, handle, CKA_ID);
	g_autoptr(GString) words = g_string_new("pkcs11:");

	pkcs11_url_append(words, "token", token->label, strlen(token->label));
	append_bytes(words, "object", label);
	append_bytes(words, "id", id);
	if (search->n_found++ < MAX_SHOWN)
		g_string_append_printf(search->found, "%s%s", search->found->len ? ", " : "",
		                       words->str);
	if (search->object)
		return;
	search->object = g_new0(Pkcs11Object, 1);
	search->object->url = format_url(search, token, label, id);
	search->object->token = g_strdup(token->label);
	if (search->kind == CKO_CERTIFICATE)
		search->object->value = get_attribute(search, session, handle, CKA_VALUE);
}

static bool find_objects(Search *search, const Token *token, CkLong session, GError **error)
{
	CkLong kind = search->kind, n_like = 1, handle, n_handles;
	CkAttribute like[3] = { { CKA_CLASS, &kind, sizeof(kind) } };
	const struct {
		CkLong type;
		Pkcs11UrlPart part;
	} wanted[] = { { CKA_LABEL, PKCS11_URL_OBJECT }, { CKA_ID, PKCS11_URL_ID } };
	g_autoptr(GArray) handles = g_array_new(FALSE, FALSE, sizeof(CkLong));

	for (unsigned i = 0; i < G_N_ELEMENTS(wanted); i++) {
		GBytes *value = search->url->parts[wanted[i].part];

		if (value)
			like[n_like++] = (CkAttribute){ wanted[i].type,
				                        (void *)g_bytes_get_data(value, NULL),
				                        g_bytes_get_size(value) };
	}

	CkLong result = search->call->find_start(session, like, n_like);
	if (result == CKR_OK) {
		while ((result = search->call->find(session, &handle, 1, &n_handles)) == CKR_OK &&
		       n_handles == 1 && handles->len < MAX_SLOTS)
			g_array_append_val(handles, handle);
		search->call->find_end(session);
	}
	if (result != CKR_OK)
		return fail_result(result, error, "cannot list the objects of token '%s'",
		                   token->label);
	for (unsigned i = 0; i < handles->len; i++)
		take_object(search, token, session, g_array_index(handles, CkLong, i));
	return true;
}

/* What a wrong PIN has cost. */
static const char *tries_left(const Search *search, const Token *token)
{
	CkTokenInfo info = { 0 };

	if (search->call->get_token_info(token->slot, &info) != CKR_OK)
		return "";
	if (info.flags & CKF_USER_PIN_LOCKED)
		return ", and now the PIN is locked";
	if (info.flags & CKF_USER_PIN_FINAL_TRY)
		return ", one more wrong PIN locks it";
	return "";
}

static bool log_in(const Search *search, const Token *token, CkLong session, const char *pin,
                   bool *is_ours, GError **error)
{
	if (token->info.flags & CKF_USER_PIN_LOCKED)
		return fail(error, FAILURE_CONFIG,
		            "the PIN of token '%s' is locked after too many wrong ones: the "
		            "token's administrator can set a new one",
		            token->label);

	CkLong result = search->call->login(session, CKU_USER, (const uint8_t *)pin, strlen(pin));
	*is_ours = result == CKR_OK;
	if (result == CKR_OK || result == CKR_USER_ALREADY_LOGGED_IN)
		return true;
	return fail_result(result, error, "cannot log in to token '%s'%s", token->label,
	                   result == CKR_PIN_INCORRECT ? tries_left(search, token) : "");
}

/* `pin` is NULL: only what everybody sees. */
static bool look_into(Search *search, const Token *token, const char *pin, GError **error)
{
	CkLong session, result;
	bool is_ours = false;

	result = search->call->open_session(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
	if (result != CKR_OK)
		return fail_result(result, error, "cannot open token '%s'", token->label);

	bool ok = (!pin || log_in(search, token, session, pin, &is_ours, error)) &&
	          find_objects(search, token, session, error);
	if (is_ours)
		search->call->logout(session);
	search->call->close_session(session);
	return ok;
}

static const char *kind_name(const Search *search)
{
	return search->kind == CKO_CERTIFICATE ? "certificate" : "private key";
}

/* The token that wants a PIN, where there is just one: a PIN is not tried on several. */
static const Token *pick_locked(const Search *search, GError **error)
{
	const Token *locked = NULL;

	for (unsigned i = 0; i < search->tokens->len; i++) {
		const Token *token = search->tokens->pdata[i];

		if (!(token->info.flags & CKF_LOGIN_REQUIRED))
			continue;
		if (locked)
			return fail_null(error, FAILURE_CONFIG,
			                 "several tokens match %s: '%s' (serial %s) and '%s' "
			                 "(serial %s); say which one with token= or serial=",
			                 search->url->shown, locked->label, locked->serial,
			                 token->label, token->serial);
		locked = token;
	}
	return locked;
}

static bool look_unlocked(Search *search, GError **error)
{
	for (unsigned i = 0; i < search->tokens->len; i++)
		if (!look_into(search, search->tokens->pdata[i], NULL, error))
			return false;
	return true;
}

static bool fail_missing(const Search *search, GError **error)
{
	g_autoptr(GString) names = g_string_new(NULL);

	for (unsigned i = 0; i < search->tokens->len && i < MAX_SHOWN; i++)
		g_string_append_printf(names, "%s'%s'", i ? ", " : "",
		                       ((const Token *)search->tokens->pdata[i])->label);
	return fail(error, FAILURE_NOT_FOUND, "no %s matches %s in token %s", kind_name(search),
	            search->url->shown, names->str);
}

static bool find(Search *search, const char *pin, GError **error)
{
	g_autoptr(GError) reason = NULL;

	if (!find_tokens(search, error) || !look_unlocked(search, error))
		return false;
	if (search->n_found == 0) {
		const Token *locked = pick_locked(search, &reason);

		if (reason) {
			g_propagate_error(error, g_steal_pointer(&reason));
			return false;
		}
		if (locked && !pin && search->kind == CKO_PRIVATE_KEY)
			return fail(error, FAILURE_CONFIG,
			            "token '%s' needs a PIN: set it in RAUC_PKCS11_PIN",
			            locked->label);
		if (locked && pin && !look_into(search, locked, pin, error))
			return false;
	}
	if (search->n_found == 0)
		return fail_missing(search, error);
	if (search->n_found > 1)
		return fail(error, FAILURE_CONFIG, "%u objects match %s: %s; say which one",
		            search->n_found, search->url->shown, search->found->str);
	return true;
}

Pkcs11Object *pkcs11_token_find(const Pkcs11Url *url, CkClass kind, const char *pin, GError **error)
{
	g_autoptr(GPtrArray) tokens = g_ptr_array_new_with_free_func((GDestroyNotify)token_free);
	g_autoptr(GString) others = g_string_new(NULL), found = g_string_new(NULL);
	Search search = {
		.url = url, .kind = kind, .tokens = tokens, .others = others, .found = found
	};

	search.call = start_module(error);
	if (!search.call)
		return NULL;
	if (!find(&search, pin, error))
		g_clear_pointer(&search.object, pkcs11_object_free);
	return search.object;
}

void pkcs11_object_free(Pkcs11Object *object)
{
	if (!object)
		return;
	g_free(object->url);
	g_free(object->token);
	g_clear_pointer(&object->value, g_bytes_unref);
	g_free(object);
}
