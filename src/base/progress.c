/* SPDX-License-Identifier: MIT */

#include "base/progress.h"

struct Progress {
	Progress *parent;
	char *text;
	unsigned n_parts;
	double share; /* of the whole, in percent */
	double begin; /* percent of the whole when this step began */
	double done;  /* percent of the whole, finished inside this step */
	int depth;
	int last; /* percent of this step last told */
	ProgressReport report;
	void *user;
};

static void tell(const Progress *step, double percent, const char *text, uint64_t bytes,
                 uint64_t total)
{
	bool is_whole = !step->parent && percent >= 100.0 - 1e-6;
	/* The epsilon: 3 x 33.3… is 99.99…, and people see an integer. */
	int whole = is_whole ? 100 : MIN((int)(percent + 1e-6), 99);

	if (step->report)
		step->report(step->user, whole, text, step->depth, bytes, total);
}

static Progress *step_new(Progress *parent, char *text, unsigned n_parts, double share)
{
	Progress *step = g_new0(Progress, 1);

	step->parent = parent;
	step->text = text;
	step->n_parts = n_parts;
	step->share = share;
	step->depth = parent ? parent->depth + 1 : 1;
	step->last = -1;
	if (parent) {
		step->report = parent->report;
		step->user = parent->user;
		step->begin = parent->begin + parent->done;
	}
	return step;
}

Progress *progress_new(const char *text, unsigned n_parts, ProgressReport report, void *user)
{
	Progress *root = step_new(NULL, g_strdup(text), n_parts, 100);

	root->report = report;
	root->user = user;
	tell(root, 0, root->text, 0, 0);
	return root;
}

Progress *progress_begin(Progress *parent, unsigned weight, unsigned n_parts, const char *format,
                         ...)
{
	va_list args;

	if (!parent)
		return NULL;
	va_start(args, format);
	char *text = g_strdup_vprintf(format, args);
	va_end(args);

	/* A miscounted parent must not go past its own share. */
	double room = MAX(parent->share - parent->done, 0);
	double share = parent->n_parts ? parent->share * weight / parent->n_parts : 0;
	Progress *step = step_new(parent, text, n_parts, MIN(share, room));
	tell(step, step->begin, step->text, 0, 0);
	return step;
}

void progress_bytes(Progress *step, uint64_t done, uint64_t total)
{
	if (!step || !total)
		return;

	double fraction = MIN((double)done / (double)total, 1.0);
	int percent = (int)(fraction * 100);
	if (percent <= step->last)
		return;
	step->last = percent;
	step->done = MAX(step->done, fraction * step->share);
	tell(step, step->begin + step->done, step->text, done, total);
}

void progress_end(Progress *step, bool is_ok)
{
	if (!step)
		return;

	Progress *parent = step->parent;
	g_autofree char *text = g_strconcat(step->text, is_ok ? " done." : " failed.", NULL);
	tell(step,
	     parent && is_ok ? step->begin + step->share
	     : parent        ? step->begin + step->done
	                     : 100,
	     text, 0, 0);
	if (parent)
		parent->done = MIN(parent->done + step->share, parent->share);
	g_free(step->text);
	g_free(step);
}
