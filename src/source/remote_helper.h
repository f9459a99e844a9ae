/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The rauc-fetch of a remote source: started, asked for its file, heard; and started again, which may be
 * done while others wait to speak to it.
 */

#include "base/process.h"
#include "source/remote.h"

typedef struct {
	char *program, *user;
	WireWords *words; /* of OPEN */
	void (*waiting)(void *user_data, const RemoteWaiting *waiting);
	void *user_data;
	ProcessHelper process; /* its fd is -1 where none runs */
	bool has_ended;        /* without being asked to: that is why the last call failed */
	bool was_open;
	unsigned http; /* of the FAILED that refused to open */
	unsigned n_ends;
} RemoteHelper;

void remote_helper_init(RemoteHelper *helper, const RemoteRequest *request);
/* Ends the program. */
void remote_helper_clear(RemoteHelper *helper);

bool remote_helper_start(RemoteHelper *helper, GError **error);
/* After one that has ended; fails after some times. `why` is how the end was noticed. */
bool remote_helper_start_again(RemoteHelper *helper, const GError *why, GError **error);
/* Until the server has answered, or will not; of a file that was open already that may take long. */
bool remote_helper_open(RemoteHelper *helper, RemoteInfo *info, uint64_t *size, GError **error);

/* wire_receive(), and what is for the person who waits is told. */
bool remote_helper_receive(RemoteHelper *helper, WireHead *head, void **bytes, GError **error);
/* The same in two steps: the head, then what it announced, or of DATA the bytes to where they stay. */
bool remote_helper_receive_head(RemoteHelper *helper, WireHead *head, GError **error);
bool remote_helper_receive_rest(RemoteHelper *helper, const WireHead *head, void **bytes,
                                GError **error);
bool remote_helper_receive_parts(RemoteHelper *helper, struct iovec *parts, unsigned n,
                                 GError **error);
/* What FAILED says. */
GError *remote_helper_failure(const WireHead *head, const void *bytes);
/* What STATS says, on top of `earlier`; without the size. */
RemoteStats remote_helper_stats(const WireHead *head, const void *bytes,
                                const RemoteStats *earlier);

void remote_helper_clear_info(RemoteInfo *info);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(RemoteInfo, remote_helper_clear_info)
/* As far as servers tell: are these the same content? */
bool remote_helper_is_same(const RemoteInfo *a, const RemoteInfo *b);
