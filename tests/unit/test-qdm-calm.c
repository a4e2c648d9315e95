// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ^C at any instant of an edit: the process ends by it, and the edit is done or not
 * begun, with nothing left for doctor. One that waits for I/O that does not end is
 * given up, by ^C or by itself.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define LIMIT(iops)	"{'execute':'block_set_io_throttle','arguments':{'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':" iops ",'iops_rd':0,'iops_wr':0}}"
#define BACKUP		"{'execute':'blockdev-backup','arguments':{'device':'vg-lv','target':'target','sync':'full'}}"
#define ADD		"{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'t','throttle-group':'g','file':'vg-lv'}}"
#define POINTS_MAX	40
#define PATIENCE_MS	20000

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static int set_up(void **state)
{
	int result = case_set_up(state);

	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_share();
	return result;
}

static char *picture(void)
{
	char (*names)[KDM_NAME_LEN];
	struct error error = { 0 };
	struct kdm_device device;
	static char text[2048];
	size_t nr, i, used = 0;

	kdm_list(&names, &nr, &error);
	for (i = 0; i < nr; i++) {
		kdm_find(names[i], &device, &error);
		used += snprintf(text + used, sizeof(text) - used,
				 "%s %d%d %s;", names[i], device.pending,
				 device.suspended,
				 fake_table(names[i])->line[0].params);
	}
	free(names);
	return text;
}

/* As people's shells have it: their signals are not ignored. */
static pid_t begin(const char *command, int point)
{
	pid_t child = fork();
	size_t i;

	assert_int_not_equal(child, -1);
	if (child)
		return child;
	for (i = 0; i < 3; i++)
		signal(signals[i], SIG_DFL);
	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	fake_interrupt_at(point);
	_exit(strstr(case_reply(command), "\"error\"") ? 1 : 0);
}

static int end_of(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

/* Each point is a case of its own, until there is no change left to come before. */
static void is_whole(const char *command)
{
	int point, status = SIGINT;
	char before[2048];
	void *state = NULL;

	for (point = 0; WIFSIGNALED(status); point++) {
		case_tear_down(&state);
		set_up(&state);
		strcpy(before, picture());
		status = end_of(begin(command, point));
		assert_true(WIFEXITED(status) || WTERMSIG(status) == SIGINT);
		assert_string_not_equal(picture(), before);
		assert_null(strstr(case_log(), "failed"));
		assert_non_null(strstr(case_log(), ": done, for"));
		assert_int_equal(fake_cookies(), 0);
	}
	assert_in_range(point, 3, POINTS_MAX);
}

static void at_any_instant(void **state)
{
	(void)state;
	is_whole(LIMIT("5"));
	is_whole(BACKUP);
	is_whole(ADD);
}

static void wait_until_it_hangs(void)
{
	int i;

	for (i = 0; i < PATIENCE_MS / 10 && !fake_hangs(); i++)
		usleep(10000);
	assert_true(fake_hangs());
}

static void while_it_hangs(void **state)
{
	char before[2048];
	pid_t child;
	size_t i;

	(void)state;
	strcpy(before, picture());
	fake_hang("vg-lv");
	for (i = 0; i < 3; i++) {
		child = begin(LIMIT("5"), -1);
		wait_until_it_hangs();
		kill(child, signals[i]);
		assert_int_equal(WTERMSIG(end_of(child)), signals[i]);
		assert_string_equal(picture(), before);
		assert_int_equal(fake_cookies(), 0);
	}
	assert_non_null(strstr(case_log(), "failed: Device 'vg-lv' did not come to rest before the edit was interrupted, for process"));
}

static void for_too_long(void **state)
{
	char before[2048];

	(void)state;
	strcpy(before, picture());
	setenv("QDM_PATIENCE", "1", 1);
	fake_hang("vg-lv");
	assert_string_equal(case_reply(LIMIT("5")),
			    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"Device 'vg-lv' did not come to rest within 1 seconds: I/O below it does not end\"}}");
	unsetenv("QDM_PATIENCE");
	assert_string_equal(picture(), before);
	assert_int_equal(fake_cookies(), 0);
	fake_hang(NULL);
	assert_string_equal(case_reply(LIMIT("5")), "{\"return\":{}}");
}

/* Who ignores it goes on, and what comes after the edit acts at once again. */
static void as_before(void **state)
{
	struct sigaction now;

	(void)state;
	signal(SIGINT, SIG_IGN);
	fake_interrupt_at(2);
	assert_string_equal(case_reply(LIMIT("5")), "{\"return\":{}}");
	sigaction(SIGINT, NULL, &now);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	sigaction(SIGTERM, NULL, &now);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, case_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_any_instant),
		TEST(while_it_hangs),
		TEST(for_too_long),
		TEST(as_before),
	};

	return cmocka_run_group_tests_name("qdm-calm", tests, NULL, case_end);
}
