/* SPDX-License-Identifier: MIT */

/*
 * rauc-fetch: fetches ranges of one file for the process at the other end of fd 3, and can do nothing
 * else. It is not called by people.
 */

#include <curl/curl.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/log.h"
#include "fetch/link.h"
#include "fetch/sandbox.h"
#include "fetch/transfer.h"

enum { SOCKET_FD = 3 };

#if defined(__SANITIZE_ADDRESS__)
/* It looks at its own memory with ptrace(2), which is not for us. */
__attribute__((visibility("default"))) int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

/* The first message; NULL without an error: the end before it. */
static void *receive_open(Link *link, WireHead *head, GError **error)
{
	for (;;) {
		void *bytes = NULL;
		struct pollfd socket = { .fd = SOCKET_FD, .events = POLLIN };

		switch (link_receive(link, head, &bytes, error)) {
		case LINK_MESSAGE:
			if (head->type == WIRE_OPEN && bytes)
				return bytes;
			g_free(bytes);
			return fail_null(error, FAILURE_FORMAT, "the first message is not OPEN");
		case LINK_NOTHING:
			poll(&socket, 1, -1);
			break;
		default:
			return NULL;
		}
	}
}

/* OpenSSL's engine shows the whole URL on stderr where something is wrong with it, and with it the PIN; and libcurl
 * has no way to tell it not to. What rauc has to know it is told over the socket. */
static void fall_silent(void)
{
	fd_auto int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	g_debug("fetch: no more words here, as there is a PIN to keep");
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		close(STDERR_FILENO);
}

/* Whose token it is. The engine knows it by another name. */
static void choose_module(void)
{
	const char *module = g_getenv("RAUC_PKCS11_MODULE");

	if (module && module[0])
		g_setenv("PKCS11_MODULE_PATH", module, TRUE);
}

static bool run(Link *link, GError **error)
{
	WireHead head;
	g_autoptr(GError) why = NULL;
	g_autofree void *bytes = receive_open(link, &head, error);
	g_autoptr(Order) order = NULL;

	if (!bytes)
		return !*error;
	order = order_parse(bytes, head.size, &why);
	if (!order) {
		transfer_refuse(link, why);
		return true;
	}
	if (order_has_token(order)) {
		choose_module();
		fall_silent();
	}
	sandbox_close_files((const char *const[]){ order->tls_ca, order->tls_cert, order->tls_key },
	                    3, order_has_token(order));
	return transfer_run(link, order, error);
}

int main(void)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(Link) link = NULL;

	log_init(false);
	signal(SIGPIPE, SIG_IGN);
	if (!sandbox_enter(SOCKET_FD, &error)) {
		g_warning("rauc-fetch: %s", error->message);
		return 1;
	}
	link = link_new(SOCKET_FD, &error);
	if (link && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		fail(&error, FAILURE_IO, "libcurl cannot be used");
	if (link && !error && run(link, &error))
		return 0;
	g_warning("rauc-fetch: %s", error ? error->message : "stopped");
	return 1;
}
