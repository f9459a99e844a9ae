/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Work off the main loop: one thread, one job after the other, and a way back.
 *
 * The System belongs to the job that runs, so nothing in it needs a lock. What
 * a job tells, and its end, arrive on the main loop in the order they happened.
 */

#include <glib.h>
#include <stdbool.h>

/* More jobs than this do not wait in line. */
#define JOB_MOST 64

typedef struct JobLine JobLine;

typedef struct {
	void (*work)(void *user); /* on the thread */
	void (*done)(void *user); /* then, on the main loop */
	void *user;
} Job;

/* For the main loop of the calling thread. */
JobLine *job_line_new(void);
/* Waits for what still works or waits; what they tell is lost. */
void job_line_free(JobLine *line);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(JobLine, job_line_free)

/* False where too many wait already: nothing was taken. */
bool job_line_add(JobLine *line, Job job);
/* Whether a job works, waits or has not been told as done. */
bool job_line_is_busy(const JobLine *line);

/* From any thread: `told` is called on the main loop, then `free_user` (NULL: not). */
void job_line_tell(JobLine *line, void (*told)(void *user), void *user,
                   void (*free_user)(void *user));
