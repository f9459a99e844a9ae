/* SPDX-License-Identifier: MIT */

#include "service/job.h"

struct JobLine {
	GMainContext *context;
	GThread *thread;
	GAsyncQueue *waiting; /* of Entry; one without work is the last */
	unsigned n_open;      /* main loop only: added and not yet told as done */
};

typedef struct {
	JobLine *line;
	Job job;
} Entry;

typedef struct {
	void (*told)(void *user);
	void *user;
	void (*free_user)(void *user);
} Message;

static gboolean deliver(void *user)
{
	Message *message = user;

	message->told(message->user);
	return G_SOURCE_REMOVE;
}

static void free_message(void *user)
{
	Message *message = user;

	if (message->free_user)
		message->free_user(message->user);
	g_free(message);
}

void job_line_tell(JobLine *line, void (*told)(void *user), void *user,
                   void (*free_user)(void *user))
{
	Message *message = g_new(Message, 1);
	GSource *source = g_idle_source_new();

	*message = (Message){ told, user, free_user };
	/* One priority for all keeps the order; not that of idle, which calls could starve. */
	g_source_set_priority(source, G_PRIORITY_DEFAULT);
	g_source_set_callback(source, deliver, message, free_message);
	g_source_attach(source, line->context);
	g_source_unref(source);
}

static void end(void *user)
{
	Entry *entry = user;

	entry->line->n_open--;
	entry->job.done(entry->job.user);
}

static void *run(void *user)
{
	JobLine *line = user;

	for (;;) {
		Entry *entry = g_async_queue_pop(line->waiting);

		if (!entry->job.work) {
			g_free(entry);
			return NULL;
		}
		entry->job.work(entry->job.user);
		job_line_tell(line, end, entry, g_free);
	}
}

JobLine *job_line_new(void)
{
	JobLine *line = g_new0(JobLine, 1);

	line->context = g_main_context_ref_thread_default();
	line->waiting = g_async_queue_new();
	line->thread = g_thread_new("job", run, line);
	return line;
}

void job_line_free(JobLine *line)
{
	if (!line)
		return;
	g_async_queue_push(line->waiting, g_new0(Entry, 1));
	g_thread_join(line->thread);
	g_async_queue_unref(line->waiting);
	g_main_context_unref(line->context);
	g_free(line);
}

bool job_line_add(JobLine *line, Job job)
{
	if (line->n_open >= JOB_MOST)
		return false;

	Entry *entry = g_new(Entry, 1);
	*entry = (Entry){ line, job };
	line->n_open++;
	g_async_queue_push(line->waiting, entry);
	return true;
}

bool job_line_is_busy(const JobLine *line)
{
	return line->n_open > 0;
}
