// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kill -9 between any two changes that a command makes, and within the making of
 * a device. What is left must be the graph before the command or that after it,
 * once `qdm doctor --repair` has been asked, and nothing may stand still.
 * Between two changes it makes no difference at which system call death comes,
 * as nothing but the kernel remembers anything.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "verbs.h"

#define POINTS_MAX	40

/* Names and tables of all devices, by name and not by number. */
static void picture(char *text, size_t len)
{
	struct error error = { 0 };
	char (*names)[KDM_NAME_LEN];
	struct kdm_device device;
	size_t nr, i, used = 0;

	assert_int_equal(kdm_list(&names, &nr, &error), 0);
	*text = '\0';
	for (i = 0; i < nr; i++) {
		assert_int_equal(kdm_find(names[i], &device, &error), 1);
		if (device.suspended)
			fail_msg("%s is left suspended", names[i]);
		if (device.pending)
			fail_msg("%s is left with a table that is not live",
				 names[i]);
		used += snprintf(text + used, len - used, "%s %s %s;",
				 names[i], fake_table(names[i])->line[0].type,
				 fake_table(names[i])->line[0].params);
	}
	free(names);
}

/* As people give it: "insert" and its words. */
static void insert(const char *line)
{
	char words[256], *save = NULL;
	struct error error = { 0 };
	FILE *terminal = stdout;
	char *argv[24] = { NULL };
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (argv[0] = strtok_r(words, " ", &save); argv[argc];)
		argv[++argc] = strtok_r(NULL, " ", &save);
	stdout = fopen("/dev/null", "w");
	verb_insert(argc, argv, &error);
	fclose(stdout);
	stdout = terminal;
	if (*error.text)
		fail_msg("%s: %s", line, error.text);
}

static void carry_out(const char *command)
{
	if (*command == '{')
		assert_null(strstr(case_reply(command), "error"));
	else
		insert(command);
}

static void repair(void)
{
	char *argv[] = { (char *)"doctor", (char *)"--repair", NULL };
	struct error error = { 0 };
	FILE *terminal = stdout;

	stdout = fopen("/dev/null", "w");
	verb_doctor(2, argv, &error);
	fclose(stdout);
	stdout = terminal;
}

static void build(const char * const *commands)
{
	fake_reset();
	fake_add("vg-lv", "LVM-x", CASE_SECTORS, "linear", "4000:16 2048");
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	for (; *commands; commands++)
		carry_out(*commands);
}

/* True when the command was through before it could be killed. */
static bool killed_at(const char *command, int point)
{
	char path[128];
	pid_t child;
	int status;

	snprintf(path, sizeof(path), "%s/state", case_folder());
	setenv("QDM_FAKE_STATE", path, 1);
	child = fork();
	if (!child) {
		fake_die_at(point);
		carry_out(command);
		_exit(0);
	}
	waitpid(child, &status, 0);
	unsetenv("QDM_FAKE_STATE");
	if (WIFEXITED(status))
		return true;
	fake_restore(path);
	return false;
}

/* @prepared: the commands that come before, NULL at the end. */
static void is_before_or_after(const char *command,
			       const char * const *prepared)
{
	char before[2048], after[2048], left[2048];
	int point;

	build(prepared);
	repair();
	picture(before, sizeof(before));
	build(prepared);
	carry_out(command);
	repair();
	picture(after, sizeof(after));
	for (point = 0; point < POINTS_MAX; point++) {
		build(prepared);
		if (killed_at(command, point))
			break;
		repair();
		picture(left, sizeof(left));
		if (strcmp(left, before) && strcmp(left, after))
			fail_msg("killed at %d of %s, left: %s", point,
				 command, left);
	}
	assert_in_range(point, 1, POINTS_MAX - 1);
}

#define COMMAND(name, arguments) \
	"{'execute':'" name "','arguments':{" arguments "}}"
#define ADD(name) \
	COMMAND("blockdev-add", "'driver':'throttle','node-name':'" name "','throttle-group':'g','file':'vg-lv'")
#define INSERT(name) \
	COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'" name "'")
#define REMOVE(name) \
	COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'" name "'")
#define BACKUP	"'device':'vg-lv','target':'target','sync':'full'"
#define LIMIT(iops) \
	COMMAND("block_set_io_throttle", "'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':" iops ",'iops_rd':0,'iops_wr':0")

static void nodes(void **state)
{
	(void)state;
	is_before_or_after(ADD("t"), (const char *[]){ NULL });
	is_before_or_after(COMMAND("blockdev-add", "'driver':'host_device','node-name':'d','filename':'" CASE_LEAF "'"),
			   (const char *[]){ NULL });
	is_before_or_after(INSERT("t"), (const char *[]){ ADD("t"), NULL });
	is_before_or_after(REMOVE("t"), (const char *[]){ ADD("t"),
			   INSERT("t"), NULL });
	is_before_or_after(COMMAND("blockdev-del", "'node-name':'t'"),
			   (const char *[]){ ADD("t"), NULL });
}

static void both_in_one(void **state)
{
	(void)state;
	is_before_or_after(LIMIT("5"), (const char *[]){ NULL });
	is_before_or_after(LIMIT("0"), (const char *[]){ LIMIT("5"), NULL });
	is_before_or_after(COMMAND("blockdev-backup", BACKUP),
			   (const char *[]){ NULL });
	is_before_or_after(COMMAND("blockdev-backup", BACKUP),
			   (const char *[]){ LIMIT("5"), NULL });
}

static void several(void **state)
{
	(void)state;
	is_before_or_after(COMMAND("blockdev-reopen", "'options':["
				   "{'driver':'throttle','node-name':'t','throttle-group':'h','file':'vg-lv-root'}]"),
			   (const char *[]){ ADD("t"), INSERT("t"), NULL });
	is_before_or_after(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'u'"),
			   (const char *[]){ ADD("t"), INSERT("t"), ADD("u"), NULL });
}

/* A name that is not the command's own: known by the one it has meanwhile. */
static void people(void **state)
{
	(void)state;
	is_before_or_after("insert throttle vg-lv iops-total=5",
			   (const char *[]){ NULL });
	is_before_or_after("insert --node n throttle vg-lv iops-total=5",
			   (const char *[]){ NULL });
	is_before_or_after("insert --node n throttle vg-lv --group g",
			   (const char *[]){ ADD("t"), INSERT("t"), NULL });
	is_before_or_after("insert --node n backup vg-lv target",
			   (const char *[]){ NULL });
}

static int set_up(void **state)
{
	case_set_up(state);
	case_group("h", "");
	return 0;
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, set_up, case_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes),
		TEST(both_in_one),
		TEST(several),
		TEST(people),
	};

	return cmocka_run_group_tests_name("qdm-crash", tests, NULL, case_end);
}
