/* SPDX-License-Identifier: MIT */

#include "fetch/policy.h"

#include "base/wire.h"

/* A server may ask for more than retry-max-sec, but not for ever. */
#define WAIT_MAX_SEC 3600

void policy_parse(Policy *policy, const void *words, size_t size)
{
	const struct {
		const char *key;
		unsigned *to, usual, least, most;
	} rows[] = {
		{ "stall-sec", &policy->stall_sec, 20, 1, 86400 },
		{ "connect-sec", &policy->connect_sec, 20, 1, 86400 },
		{ "retry-max-sec", &policy->retry_max_sec, 60, 1, 86400 },
		{ "deadline-sec", &policy->deadline_sec, 0, 0, G_MAXINT32 },
		{ "open-tries", &policy->open_tries, 5, 1, G_MAXINT32 },
		{ "connections", &policy->connections, 4, 1, 16 },
	};

	for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
		uint64_t number = wire_find_number(words, size, rows[i].key);

		*rows[i].to = number == 0 ? rows[i].usual
		                          : (unsigned)CLAMP(number, rows[i].least, rows[i].most);
	}
	policy->rate_limit = MIN(wire_find_number(words, size, "rate-limit"), (uint64_t)1 << 40);
}

static bool is_final_status(long http, Failure *why)
{
	*why = FAILURE_NETWORK;
	if (http == 404 || http == 410)
		*why = FAILURE_NOT_FOUND;
	if (http == 200)
		*why = FAILURE_UNSUPPORTED;
	/* Too slow, too early, too often: the same request may do later. */
	if (http == 408 || http == 425 || http == 429)
		return false;
	/* 0: it hung up. A good answer may have been cut. */
	if (http == 0 || http == 206)
		return false;
	return http < 500 || http == 501 || http == 505;
}

static bool is_final_code(CURLcode code, Failure *why)
{
	*why = FAILURE_NETWORK;
	switch (code) {
	/* The scheme is ours to check (fetch/target): with CURLE_UNSUPPORTED_PROTOCOL curl means an answer
	 * that is not HTTP, and that may come from anybody on the way. */
	case CURLE_NOT_BUILT_IN:
	case CURLE_SSL_ENGINE_NOTFOUND:
		*why = FAILURE_UNSUPPORTED;
		return true;
	case CURLE_URL_MALFORMAT:
		*why = FAILURE_USAGE;
		return true;
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CRL_BADFILE:
	case CURLE_SSL_ENGINE_SETFAILED:
	case CURLE_SSL_ENGINE_INITFAILED:
		*why = FAILURE_CONFIG;
		return true;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_USE_SSL_FAILED:
	case CURLE_TOO_MANY_REDIRECTS:
	case CURLE_LOGIN_DENIED:
	case CURLE_AUTH_ERROR:
	case CURLE_BAD_FUNCTION_ARGUMENT:
	case CURLE_UNKNOWN_OPTION:
		return true;
	default:
		return false;
	}
}

bool policy_is_final(const PolicyOutcome *outcome, Failure *why)
{
	*why = FAILURE_NETWORK;
	if (outcome->is_stalled)
		return false;
	if (outcome->code != CURLE_OK)
		return is_final_code(outcome->code, why);
	return is_final_status(outcome->http, why);
}

uint64_t policy_delay(const Policy *policy, unsigned attempt, int64_t wait, uint32_t random)
{
	unsigned doublings = MIN(MAX(attempt, 1) - 1, 20);
	uint64_t most = (uint64_t)policy->retry_max_sec * 1000;
	uint64_t delay = MIN((uint64_t)1000 << doublings, most);
	uint64_t jitter = random % (delay / 2 + 1);

	/* A fleet that lost its server together shall not come back together. */
	if (wait < 0)
		return delay - jitter;
	return MAX((uint64_t)MIN(wait, WAIT_MAX_SEC) * 1000, delay / 2) + jitter;
}
