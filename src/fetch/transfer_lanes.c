/* SPDX-License-Identifier: MIT */

#include "fetch/transfer_lanes.h"

#include <glib.h>
#include <sys/select.h>

#define MAX_SOCKETS 16 /* of the connection for many: while it is made there may be several */

void lanes_init(Lanes *lanes)
{
	lanes->single = curl_multi_init();
	lanes->many = curl_multi_init();
	curl_multi_setopt(lanes->single, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
	curl_multi_setopt(lanes->many, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
}

void lanes_clear(Lanes *lanes)
{
	curl_multi_cleanup(lanes->single);
	curl_multi_cleanup(lanes->many);
}

void lanes_redial(Lanes *lanes)
{
	curl_multi_cleanup(lanes->many);
	lanes->many = curl_multi_init();
	curl_multi_setopt(lanes->many, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
}

CURLMcode lanes_perform(Lanes *lanes)
{
	int n_running;
	CURLMcode code = curl_multi_perform(lanes->single, &n_running);

	return code == CURLM_OK ? curl_multi_perform(lanes->many, &n_running) : code;
}

CURL *lanes_next_end(Lanes *lanes, CURLcode *result)
{
	CURLM *both[] = { lanes->single, lanes->many };

	for (unsigned i = 0; i < G_N_ELEMENTS(both); i++) {
		int n_left;

		for (CURLMsg *message; (message = curl_multi_info_read(both[i], &n_left));) {
			if (message->msg != CURLMSG_DONE)
				continue;
			*result = message->data.result;
			return message->easy_handle;
		}
	}
	return NULL;
}

/* What the second lane waits for, as the first can wait for it: adds to `sockets`. */
static unsigned list_sockets(const Lanes *lanes, struct curl_waitfd *sockets)
{
	fd_set to_read, to_write, failing;
	int last = -1;
	unsigned n = 0;

	FD_ZERO(&to_read);
	FD_ZERO(&to_write);
	FD_ZERO(&failing);
	if (curl_multi_fdset(lanes->many, &to_read, &to_write, &failing, &last) != CURLM_OK)
		return 0;
	for (int fd = 0; fd <= last && n < MAX_SOCKETS; fd++) {
		bool reads = FD_ISSET(fd, &to_read), writes = FD_ISSET(fd, &to_write);

		if (reads || writes)
			sockets[n++] = (struct curl_waitfd){
				.fd = fd,
				.events = (short)((reads ? CURL_WAIT_POLLIN : 0) |
				                  (writes ? CURL_WAIT_POLLOUT : 0)),
			};
	}
	return n;
}

void lanes_wait(Lanes *lanes, const struct curl_waitfd *socket, int timeout)
{
	struct curl_waitfd sockets[MAX_SOCKETS + 1] = { *socket };
	unsigned n = 1 + list_sockets(lanes, sockets + 1);
	long due = -1;

	curl_multi_timeout(lanes->many, &due);
	if (due >= 0 && due < timeout)
		timeout = (int)due;
	curl_multi_poll(lanes->single, sockets, n, timeout, NULL);
}
