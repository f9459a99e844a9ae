/* SPDX-License-Identifier: MIT */

#include "install/network.h"

static void tell(const Network *network, const char *text)
{
	const InstallEvents *events = network->events;

	if (events->message)
		events->message(events->user, text);
}

static void tell_back(const Network *network, gint64 now)
{
	g_autofree char *text =
		g_strdup_printf("the network is back after %u s",
	                        (unsigned)((now - network->since) / G_USEC_PER_SEC));

	tell(network, text);
}

void network_waiting(Network *network, const RemoteWaiting *waiting, gint64 now)
{
	const InstallEvents *events = network->events;

	if (events->waiting)
		events->waiting(events->user, waiting);
	if (!waiting) {
		if (network->since)
			tell_back(network, now);
		network->since = 0;
		return;
	}
	if (network->since && now < network->logged + NETWORK_LOG_SECONDS * G_USEC_PER_SEC)
		return;
	tell(network, waiting->message);
	network->logged = now;
	if (!network->since)
		network->since = now;
}

void network_end(Network *network)
{
	const InstallEvents *events = network->events;

	if (network->since && events->waiting)
		events->waiting(events->user, NULL);
	network->since = 0;
}

static void take_waiting(void *user, const RemoteWaiting *waiting)
{
	network_waiting(user, waiting, g_get_monotonic_time());
}

static void take_fetched(void *user, const RemoteStats *stats)
{
	const Network *network = user;
	InstallStatistics *statistics = &network->events->report->statistics;

	statistics->bundle_size = stats->size;
	statistics->fetched = stats->bytes;
	statistics->requests = stats->requests;
	statistics->retries = stats->retries;
	statistics->waited_ms = stats->waited_ms;
}

void network_listen(Network *network, StreamAccess *access)
{
	access->waiting = take_waiting;
	access->fetched = take_fetched;
	access->user = network;
}
