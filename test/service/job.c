/* SPDX-License-Identifier: MIT */

/* Order, thread, and the end of jobs. */

#include "service/job.h"

typedef struct {
	JobLine *line;
	GThread *main;
	GString *told;
	unsigned n_done;
} Scene;

static void tell(void *user)
{
	g_string_append_c(((Scene *)user)->told, 't');
}

static void work(void *user)
{
	Scene *scene = user;

	g_assert_true(g_thread_self() != scene->main);
	job_line_tell(scene->line, tell, scene, NULL);
	job_line_tell(scene->line, tell, scene, NULL);
}

static void done(void *user)
{
	Scene *scene = user;

	g_assert_true(g_thread_self() == scene->main);
	g_string_append_c(scene->told, 'd');
	scene->n_done++;
}

static void test_order(void)
{
	Scene scene = { job_line_new(), g_thread_self(), g_string_new(NULL), 0 };

	for (unsigned i = 0; i < 3; i++)
		g_assert_true(job_line_add(scene.line, (Job){ work, done, &scene }));
	g_assert_true(job_line_is_busy(scene.line));
	while (scene.n_done < 3)
		g_main_context_iteration(NULL, TRUE);
	g_assert_cmpstr(scene.told->str, ==, "ttdttdttd");
	g_assert_false(job_line_is_busy(scene.line));
	job_line_free(scene.line);
	g_string_free(scene.told, TRUE);
}

static void test_full(void)
{
	Scene scene = { job_line_new(), g_thread_self(), g_string_new(NULL), 0 };

	for (unsigned i = 0; i < JOB_MOST; i++)
		g_assert_true(job_line_add(scene.line, (Job){ work, done, &scene }));
	g_assert_false(job_line_add(scene.line, (Job){ work, done, &scene }));
	while (scene.n_done < JOB_MOST)
		g_main_context_iteration(NULL, TRUE);
	g_assert_true(job_line_add(scene.line, (Job){ work, done, &scene }));
	while (scene.n_done < JOB_MOST + 1)
		g_main_context_iteration(NULL, TRUE);
	job_line_free(scene.line);
	g_string_free(scene.told, TRUE);
}

static void count_free(void *user)
{
	++*(unsigned *)user;
}

static void never(void *user G_GNUC_UNUSED)
{
	g_assert_not_reached();
}

/* What is told to a loop that is gone is freed all the same. */
static void test_loop_gone(void)
{
	GMainContext *context = g_main_context_new();
	unsigned n_freed = 0;

	g_main_context_push_thread_default(context);
	JobLine *line = job_line_new();
	job_line_tell(line, never, &n_freed, count_free);
	g_main_context_pop_thread_default(context);
	job_line_free(line);
	g_main_context_unref(context);
	g_assert_cmpuint(n_freed, ==, 1);
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/job/order", test_order);
	g_test_add_func("/job/full", test_full);
	g_test_add_func("/job/loop-gone", test_loop_gone);
	return g_test_run();
}
