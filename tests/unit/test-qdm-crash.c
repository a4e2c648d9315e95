// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kill -9 between any two changes that a command makes, and within the making of
 * a device. What is left must be the graph before the command or that after it,
 * once `qdm doctor --repair` has been asked, and nothing may stand still.
 * Between two changes it makes no difference at which system call death comes,
 * as nothing but the kernel remembers anything.
 */
#include <dirent.h>
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

#include "group.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "verbs.h"

#define POINTS_MAX	40

static int is_entry(const struct dirent *entry)
{
	return strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
}

/* As they are, also those that the tool shows to nobody. */
static void picture_groups(char *text, size_t len)
{
	struct error error = { 0 };
	struct limits limits, none;
	struct dirent **found;
	int nr = scandir(groups_dir(), &found, is_entry, alphasort);
	size_t used = 0;
	int i;

	limits_init(&none);
	for (i = 0; i < nr; i++) {
		used += snprintf(text + used, len - used, "%s: ",
				 found[i]->d_name);
		group_read_limits(found[i]->d_name, &limits, &error);
		limits_write(&limits, &none, text + used, len - used);
		used += strlen(text + used);
		used += snprintf(text + used, len - used, ";");
		free(found[i]);
	}
	free(found);
}

/* Names and tables of all devices, by name and not by number, and all groups. */
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
	picture_groups(text + used, len - used);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct error *error);
} verbs[] = {
	{ "insert", verb_insert },
	{ "group", verb_group },
	{ "throttle", verb_throttle },
};

/* As people give it: a verb and its words. */
static void tell(const char *line)
{
	char words[256], *save = NULL;
	struct error error = { 0 };
	FILE *terminal = stdout;
	char *argv[24] = { NULL };
	size_t i = 0;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (argv[0] = strtok_r(words, " ", &save); argv[argc];)
		argv[++argc] = strtok_r(NULL, " ", &save);
	while (strcmp(verbs[i].name, argv[0]))
		i++;
	stdout = fopen("/dev/null", "w");
	verbs[i].run(argc, argv, &error);
	fclose(stdout);
	stdout = terminal;
	if (*error.text)
		fail_msg("%s: %s", line, error.text);
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

static void carry_out(const char *command)
{
	if (*command == '{')
		assert_null(strstr(case_reply(command), "error"));
	else if (!strcmp(command, "doctor"))
		repair();
	else
		tell(command);
}

static void build(const char * const *commands)
{
	fake_reset();
	case_no_groups();
	case_group("g", "iops-total=700");
	case_group("h", "");
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

/* Doctor is killed, too, wherever the command has been, and is asked again. */
static void survives_doctor(const char *command)
{
	static const char * const prepared[] = { NULL };
	char before[2048], after[2048], left[2048];
	int point, again, kills = 0;

	build(prepared);
	picture(before, sizeof(before));
	carry_out(command);
	picture(after, sizeof(after));
	for (point = 0, again = 0; point < POINTS_MAX; again++) {
		build(prepared);
		if (killed_at(command, point))
			break;
		if (killed_at("doctor", again)) {
			point++;
			again = -1;
			continue;
		}
		kills++;
		repair();
		picture(left, sizeof(left));
		if (strcmp(left, before) && strcmp(left, after))
			fail_msg("killed at %d of %s, then at %d of doctor, left: %s",
				 point, command, again, left);
	}
	assert_in_range(point, 1, POINTS_MAX - 1);
	assert_int_not_equal(kills, 0);
}

/*
 * Without a word to doctor: the command once more is carried out, or says whom to
 * ask, and then it is. Nobody is shown the marker meanwhile.
 */
static void can_be_repeated(const char *command)
{
	static const char * const prepared[] = { NULL };
	const char *reply;
	int point;

	for (point = 0; point < POINTS_MAX; point++) {
		build(prepared);
		if (killed_at(command, point))
			break;
		reply = case_reply("{'execute':'qom-list','arguments':{'path':'/objects'}}");
		assert_null(strstr(reply, "adding"));
		reply = case_reply(command);
		if (!strstr(reply, "error"))
			continue;
		assert_non_null(strstr(reply, "(qdm doctor --repair)"));
		repair();
		reply = case_reply(command);
		assert_true(!strstr(reply, "error") ||
			    strstr(reply, "already exists"));
	}
	assert_in_range(point, 1, POINTS_MAX - 1);
}

/* What fails instead of being killed leaves the graph before by itself. */
static void is_undone(const char *command)
{
	static const char * const prepared[] = { NULL };
	char before[2048], left[2048];
	const char *reply;
	int point;

	build(prepared);
	picture(before, sizeof(before));
	for (point = 0; point < POINTS_MAX; point++) {
		build(prepared);
		fake_fail_at(point);
		reply = case_reply(command);
		fake_fail_at(-1);
		if (!strstr(reply, "error"))
			break;
		picture(left, sizeof(left));
		if (strcmp(left, before))
			fail_msg("failed at %d of %s, left: %s", point,
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
#define SHARED(group, iops) LIMIT(iops ",'group':'" group "'")
#define GROUP(name, limits) \
	COMMAND("object-add", "'qom-type':'throttle-group','id':'" name "','limits':{" limits "}")
#define LONGEST	"n23456789-123456789-123456789-123456789-123456789-123456789-123"

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

/* In each of them "h" is there without limits, and nobody takes it for left. */
static void objects(void **state)
{
	(void)state;
	is_before_or_after(GROUP("n", "'iops-total':5"),
			   (const char *[]){ NULL });
	is_before_or_after(GROUP("n", ""), (const char *[]){ NULL });
	is_before_or_after(GROUP(LONGEST, "'iops-total':5"),
			   (const char *[]){ NULL });
	is_before_or_after("group add n iops-total=5",
			   (const char *[]){ NULL });
	is_before_or_after(COMMAND("object-del", "'id':'g'"),
			   (const char *[]){ NULL });
	is_before_or_after(COMMAND("qom-set", "'path':'g','property':'limits','value':{'iops-total':5,'bps-read':6}"),
			   (const char *[]){ NULL });
}

/* A group that is not there yet comes and goes with its members. */
static void new_groups(void **state)
{
	(void)state;
	is_before_or_after(SHARED("n", "5"), (const char *[]){ NULL });
	is_before_or_after("throttle vg-lv iops-total=5 --group n",
			   (const char *[]){ NULL });
	is_before_or_after(SHARED("n", "5"),
			   (const char *[]){ ADD("t"), INSERT("t"), NULL });
	is_before_or_after(SHARED("n", "5"),
			   (const char *[]){ LIMIT("5"), NULL });
	is_before_or_after(SHARED("m", "6"),
			   (const char *[]){ SHARED("n", "5"), NULL });
	is_before_or_after(SHARED("n", "6"),
			   (const char *[]){ SHARED("n", "5"), NULL });
	is_before_or_after(SHARED("n", "0"),
			   (const char *[]){ SHARED("n", "5"), NULL });
}

/* One that is there has to get its limits and its member at one instant. */
static void shared_groups(void **state)
{
	(void)state;
	is_before_or_after(SHARED("g", "700"), (const char *[]){ NULL });
	is_before_or_after(SHARED("g", "5"), (const char *[]){ NULL });
	is_before_or_after(SHARED("g", "5"),
			   (const char *[]){ ADD("t"), INSERT("t"), NULL });
	is_before_or_after(SHARED("g", "5"),
			   (const char *[]){ LIMIT("5"), NULL });
	is_before_or_after(SHARED("h", "5"),
			   (const char *[]){ SHARED("g", "6"), NULL });
}

static void once_more(void **state)
{
	(void)state;
	can_be_repeated(GROUP("n", "'iops-total':5"));
	can_be_repeated(GROUP(LONGEST, "'iops-total':5"));
	can_be_repeated(GROUP("n", ""));
}

static void doctor_itself(void **state)
{
	(void)state;
	survives_doctor(GROUP("n", "'iops-total':5"));
	survives_doctor(SHARED("n", "5"));
	survives_doctor(SHARED("g", "5"));
	survives_doctor("insert --node n throttle vg-lv iops-total=5");
}

static void failures(void **state)
{
	(void)state;
	is_undone(GROUP("n", "'iops-total':5"));
	is_undone(SHARED("n", "5"));
	is_undone(SHARED("g", "5"));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes),
		TEST(both_in_one),
		TEST(several),
		TEST(people),
		TEST(objects),
		TEST(new_groups),
		TEST(shared_groups),
		TEST(once_more),
		TEST(doctor_itself),
		TEST(failures),
	};

	return cmocka_run_group_tests_name("qdm-crash", tests, NULL, case_end);
}
