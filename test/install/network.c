/* SPDX-License-Identifier: MIT */

#include "install/network.h"

#include <string.h>

static void note_message(void *user, const char *text)
{
	g_string_append_printf(user, "log: %s\n", text);
}

static void note_waiting(void *user, const RemoteWaiting *waiting)
{
	if (waiting)
		g_string_append_printf(user, "%u s\n", waiting->seconds);
	else
		g_string_append(user, "going\n");
}

#define LATER(seconds) (1 + (gint64)(seconds)*G_USEC_PER_SEC)

/* A door hears all of it, the log not. */
static void test_waiting(void)
{
	g_autoptr(GString) heard = g_string_new(NULL);
	InstallReport report = { 0 };
	const InstallEvents events = {
		.message = note_message, .user = heard, .report = &report, .waiting = note_waiting
	};
	Network network = { .events = &events };
	RemoteWaiting waiting = { "no net, next try in 4 s", "no net", 4, 1 };

	network_waiting(&network, NULL, LATER(0));
	network_waiting(&network, &waiting, LATER(0));
	waiting.seconds = 8;
	network_waiting(&network, &waiting, LATER(4));
	waiting.message = "still no net";
	network_waiting(&network, &waiting, LATER(299));
	network_waiting(&network, &waiting, LATER(301));
	network_waiting(&network, &waiting, LATER(302));
	network_waiting(&network, NULL, LATER(400));
	network_waiting(&network, NULL, LATER(401));
	waiting.message = "no net again";
	network_waiting(&network, &waiting, LATER(402));
	network_end(&network);
	network_end(&network);
	g_assert_cmpstr(heard->str, ==,
	                "going\n"
	                "4 s\nlog: no net, next try in 4 s\n"
	                "8 s\n"
	                "8 s\n"
	                "8 s\nlog: still no net\n"
	                "8 s\n"
	                "going\nlog: the network is back after 400 s\n"
	                "going\n"
	                "8 s\nlog: no net again\n"
	                "going\n");
}

static void test_fetched(void)
{
	InstallReport report = { .statistics = { .written = 77 } };
	const InstallEvents events = { .report = &report };
	Network network = { .events = &events };
	StreamAccess access = { .tls_cert = "cert" };
	const RemoteStats stats = {
		.size = 1, .requests = 2, .bytes = 3, .retries = 4, .waited_ms = 5
	};
	const RemoteWaiting waiting = { "no net", "no net", 4, 1 };

	network_listen(&network, &access);
	access.fetched(access.user, &stats);
	access.waiting(access.user, &waiting); /* nobody listens */
	access.waiting(access.user, NULL);
	g_assert_cmpstr(access.tls_cert, ==, "cert");
	g_assert_cmpuint(report.statistics.bundle_size, ==, 1);
	g_assert_cmpuint(report.statistics.requests, ==, 2);
	g_assert_cmpuint(report.statistics.fetched, ==, 3);
	g_assert_cmpuint(report.statistics.retries, ==, 4);
	g_assert_cmpuint(report.statistics.waited_ms, ==, 5);
	g_assert_cmpuint(report.statistics.written, ==, 77);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/install/network/waiting", test_waiting);
	g_test_add_func("/install/network/fetched", test_fetched);
	return g_test_run();
}
