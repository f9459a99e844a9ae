/* SPDX-License-Identifier: MIT */

#include "system/lock.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fd.h"
#include "system/device.h"

static void test_exclusive(void)
{
	g_autoptr(Device) device = device_new();
	g_autofree char *pid = g_strdup_printf("(process %d)", getpid());
	g_autoptr(GError) error = NULL;
	fd_auto int first = lock_take(device->folder, &error);

	g_assert_no_error(error);
	g_assert_cmpint(lock_take(device->folder, &error), ==, -1);
	g_assert_error(error, FAILURE, FAILURE_BUSY);
	g_assert_nonnull(strstr(error->message, pid));
	g_clear_error(&error);

	fd_clear(&first);
	fd_auto int second = lock_take(device->folder, &error);
	g_assert_no_error(error);
	g_assert_cmpint(second, >=, 0);
}

static void test_no_folder(void)
{
	g_autoptr(GError) error = NULL;

	g_assert_cmpint(lock_take("/proc/nonexistent/run", &error), ==, -1);
	g_assert_true(g_str_has_prefix(error->message, "taking the lock: cannot create folder"));
}

int main(int argc, char **argv)
{
	g_test_init(&argc, &argv, NULL);
	g_test_add_func("/system/lock/exclusive", test_exclusive);
	g_test_add_func("/system/lock/no-folder", test_no_folder);
	return g_test_run();
}
