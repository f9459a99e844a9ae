/* SPDX-License-Identifier: MIT */

#include "system/stream.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "base/path.h"

#define SANDBOX_USER "nobody"
#define SMALL_FILE   4096

bool stream_is_url(const char *location)
{
	g_autofree char *scheme = path_scheme(location);

	return scheme && (g_ascii_strcasecmp(scheme, "http") == 0 ||
	                  g_ascii_strcasecmp(scheme, "https") == 0);
}

/* The first word of a file of the kernel's or the system's; "" where it cannot be read. */
static char *first_word(const char *path)
{
	size_t size;
	g_autofree char *text = file_read(path, SMALL_FILE, &size, NULL);

	if (text)
		text[strcspn(text, " \n")] = '\0';
	return text ? g_steal_pointer(&text) : g_strdup("");
}

/* What a server must not be told in two lines. */
static bool is_one_line(const char *value)
{
	return !strpbrk(value, "\r\n");
}

static void add_header(WireWords *words, const char *name, const char *value)
{
	g_autofree char *line = value ? g_strdup_printf("%s: %s", name, value) : NULL;

	if (line && *value && is_one_line(line))
		wire_add(words, "info-header", line);
}

static void add_known(WireWords *words, const StreamAccess *access, const char *name)
{
	const SystemInfo *info = system_info(access->system);
	g_autofree char *owned = NULL;

	if (g_str_equal(name, "boot-id"))
		add_header(words, "RAUC-Boot-ID",
		           owned = first_word("/proc/sys/kernel/random/boot_id"));
	else if (g_str_equal(name, "machine-id"))
		add_header(words, "RAUC-Machine-ID", owned = first_word("/etc/machine-id"));
	else if (g_str_equal(name, "system-version"))
		add_header(words, "RAUC-System-Version", system_version(access->system));
	else if (g_str_equal(name, "serial"))
		add_header(words, "RAUC-Serial", info_get(info, "RAUC_SYSTEM_SERIAL"));
	else if (g_str_equal(name, "variant"))
		add_header(words, "RAUC-Variant", system_variant(access->system));
	else if (g_str_equal(name, "transaction-id"))
		add_header(words, "RAUC-Transaction-ID", access->transaction);
	else if (g_str_equal(name, "uptime"))
		add_header(words, "RAUC-Uptime", owned = first_word("/proc/uptime"));
}

/* RAUC_HTTP_<NAME> of the system-info handler is told always. */
static void add_custom(WireWords *words, const SystemInfo *info)
{
	static const char prefix[] = "RAUC_HTTP_";

	for (const char *const *line = info_variables(info); line && *line; line++) {
		const char *value = strchr(*line, '=');

		if (!g_str_has_prefix(*line, prefix) || !value)
			continue;
		g_autofree char *name =
			g_strndup(*line + strlen(prefix), (size_t)(value - *line) - strlen(prefix));
		g_autofree char *header = g_strconcat("RAUC-", g_strdelimit(name, "_", '-'), NULL);
		add_header(words, header, value + 1);
	}
}

static void add_text(WireWords *words, const char *key, const char *wanted, const char *configured)
{
	if (wanted || configured)
		wire_add(words, key, wanted ? wanted : configured);
}

static bool add_user_headers(WireWords *words, const char *const *headers, GError **error)
{
	for (const char *const *header = headers; header && *header; header++) {
		if (!strchr(*header, ':') || !is_one_line(*header))
			return fail(error, FAILURE_USAGE,
			            "HTTP header '%s' is not of the form 'Name: value'", *header);
		wire_add(words, "header", *header);
	}
	return true;
}

static bool add_words(WireWords *words, const Config *config, const StreamAccess *access,
                      const char *url, GError **error)
{
	const ConfigStreaming *streaming = &config->streaming;

	wire_add(words, "url", url);
	add_text(words, "tls-cert", access->tls_cert, streaming->tls_cert);
	add_text(words, "tls-key", access->tls_key, streaming->tls_key);
	add_text(words, "tls-ca", access->tls_ca, streaming->tls_ca);
	if (access->tls_no_verify)
		wire_add(words, "tls-no-verify", "yes");
	wire_add_number(words, "stall-sec", (uint64_t)streaming->stall_timeout_sec);
	wire_add_number(words, "connect-sec", (uint64_t)streaming->connect_timeout_sec);
	wire_add_number(words, "retry-max-sec", (uint64_t)streaming->retry_max_sec);
	wire_add_number(words, "deadline-sec", (uint64_t)streaming->deadline_sec);
	wire_add_number(words, "connections", (uint64_t)streaming->connections);
	wire_add_number(words, "rate-limit", streaming->rate_limit);
	if (!access->is_patient)
		wire_add(words, "open-tries", "1");
	if (access->etag)
		add_header(words, "If-None-Match", access->etag);
	if (access->system) {
		for (char **name = streaming->send_headers; name && *name; name++)
			add_known(words, access, *name);
		if (system_info(access->system))
			add_custom(words, system_info(access->system));
	}
	return add_user_headers(words, access->headers, error);
}

#ifdef RAUC_FETCH_PATH
static char *if_executable(const char *folder, const char *name)
{
	g_autofree char *path = folder ? g_build_filename(folder, name, NULL) : NULL;

	return path && g_file_test(path, G_FILE_TEST_IS_EXECUTABLE) ? g_steal_pointer(&path) : NULL;
}

/* Beside us while we are built; as far from us as it was installed, wherever that is now; else there. */
char *stream_program(GError **error G_GNUC_UNUSED)
{
	const char *named = g_getenv("RAUC_FETCH");
	g_autofree char *self = g_file_read_link("/proc/self/exe", NULL);
	g_autofree char *folder = self ? g_path_get_dirname(self) : NULL;
	char *found = NULL;

	if (named && *named)
		return g_strdup(named);
	if ((found = if_executable(folder, "fetch/rauc-fetch")) ||
	    (found = if_executable(folder, "../libexec/rauc/rauc-fetch")))
		return found;
	return g_strdup(RAUC_FETCH_PATH);
}
#else
char *stream_program(GError **error)
{
	return fail_null(error, FAILURE_UNSUPPORTED,
	                 "Remote bundle access not supported, recompile with -Dstreaming=enabled");
}
#endif

const char *stream_user(const Config *config)
{
	const char *user = config->streaming.sandbox_user;

	return user ? user : SANDBOX_USER;
}

void stream_answer_clear(StreamAnswer *answer)
{
	g_clear_pointer(&answer->url, g_free);
	g_clear_pointer(&answer->etag, g_free);
}

static void take_answer(StreamAnswer *answer, const Source *source)
{
	const RemoteInfo *info = source_remote_info(source);

	stream_answer_clear(answer);
	*answer = (StreamAnswer){ .url = g_strdup(info->url),
		                  .etag = g_strdup(info->etag),
		                  .size = source->size,
		                  .modified = info->modified };
}

Source *stream_open(const Config *config, const StreamAccess *access, const char *url,
                    GError **error)
{
	static const StreamAccess none = { 0 };
	const StreamAccess *asked = access ? access : &none;
	g_autoptr(GByteArray) words = g_byte_array_new();
	g_autofree char *program = stream_program(error);
	RemoteRequest request = { .program = program,
		                  .user = stream_user(config),
		                  .words = words,
		                  .folder = config->data_directory,
		                  .http = asked->answer ? &asked->answer->http : NULL,
		                  .cancel = asked->cancel,
		                  .waiting = asked->waiting,
		                  .fetched = asked->fetched,
		                  .user_data = asked->user };
	Source *source = NULL;

	if (program && add_words(words, config, asked, url, error))
		source = source_remote_open(&request, error);
	if (!source) {
		g_prefix_error(error, "Failed to stream bundle %s: ", url);
		return NULL;
	}
	if (asked->answer)
		take_answer(asked->answer, source);
	if (!source_remote_info(source)->is_http2)
		g_debug("using HTTP/1 for streaming");
	return source;
}
