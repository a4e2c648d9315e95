// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kill -9 between any two changes that a command makes, and within the making of
 * a device. What is left must be the graph before the command or that after it,
 * once `qdm doctor --repair` has been asked, and nothing may stand still.
 * Between two changes it makes no difference at which system call death comes,
 * as nothing but the kernel remembers anything.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "cli/verbs.h"
#include "kernel/groups.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define POINTS_MAX	40
#define GUARDED_MAX	3
#define ALONE_MAX	16
#define PICTURE		2048

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

/* With names instead of numbers, which depend on what was made before. */
static size_t picture_line(const struct kdm_line *line, char *text, size_t len)
{
	size_t used = snprintf(text, len, " %llu %s", (unsigned long long)
			       line->len, line->type);
	char *words = copy(line->params);
	char *save = NULL;
	char *word;

	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save))
		used += snprintf(text + used, len - used, " %s",
				 fake_at(word) ? fake_at(word) : word);
	free(words);
	used += snprintf(text + used, len - used, ";");
	return used;
}

/* All devices and their tables, and all groups. */
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
		used += snprintf(text + used, len - used, "%s", names[i]);
		used += picture_line(fake_table(names[i])->line, text + used,
				     len - used);
	}
	free(names);
	picture_groups(text + used, len - used);
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, struct error *error);
} verbs[] = {
	{ "insert", verb_insert },
	{ "remove", verb_remove },
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

/* Filters on a device that has grown since, and have not. */
static void short_stack(void)
{
	fake_add("low", "QDM-threshold-low", CASE_SECTORS, "wthreshold", "253:1 0 0");
	fake_add("mid", "QDM-throttle-mid", CASE_SECTORS, "qthrottle", "253:4 0 g");
	fake_add("top", "QDM-threshold-top", CASE_SECTORS, "wthreshold", "253:5 0 9");
	fake_table("vg-b")->line[0].len = 2 * CASE_SECTORS;
}

/* As pvmove does it. */
static void move(void)
{
	kdm_table_free(fake_table("vg-lv"));
	kdm_table_add(fake_table("vg-lv"), 0, CASE_SECTORS, "linear",
		      "4000:16 4096");
}

static const struct {
	const char *name;
	void (*run)(void);
} others[] = {
	{ "doctor", repair },
	{ "short stack", short_stack },
	{ "move", move },
};

static bool carry_out(const char *command)
{
	size_t i;

	for (i = 0; i < sizeof(others) / sizeof(*others); i++)
		if (!strcmp(others[i].name, command)) {
			others[i].run();
			return true;
		}
	if (*command == '{')
		return !strstr(case_reply(command), "error");
	tell(command);
	return true;
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
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	for (; *commands; commands++)
		assert_true(carry_out(*commands));
}

/* Who goes on in place of a killed process has the lock until it is through. */
static void wait_for_guard(void)
{
	int lock = open(getenv("QDM_LOCK"), O_RDWR | O_CLOEXEC);

	assert_int_equal(flock(lock, LOCK_EX), 0);
	close(lock);
}

enum end { DONE, REFUSED, KILLED };

static enum end end_of(const char *command, int point)
{
	char path[128];
	pid_t child;
	int status;

	snprintf(path, sizeof(path), "%s/state", case_folder());
	setenv("QDM_FAKE_STATE", path, 1);
	child = fork();
	if (!child) {
		fake_die_at(point);
		_exit(carry_out(command) ? DONE : REFUSED);
	}
	waitpid(child, &status, 0);
	unsetenv("QDM_FAKE_STATE");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	wait_for_guard();
	fake_restore(path);
	return KILLED;
}

/* True when the command was through before it could be killed. */
static bool killed_at(const char *command, int point)
{
	enum end end = end_of(command, point);

	assert_int_not_equal(end, REFUSED);
	return end == DONE;
}

/* @prepared: the commands that come before, NULL at the end. */
static void pictures(const char *command, const char * const *prepared,
		     char *before, char *after)
{
	build(prepared);
	repair();
	picture(before, PICTURE);
	build(prepared);
	assert_true(carry_out(command));
	repair();
	picture(after, PICTURE);
}

static void is_before_or_after(const char *command,
			       const char * const *prepared)
{
	char before[PICTURE], after[PICTURE], left[PICTURE];
	int point;

	pictures(command, prepared, before, after);
	assert_string_not_equal(before, after);
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

/* Also when a step is done and nobody knows of it yet. */
static void is_whole(const char *command, const char * const *prepared)
{
	is_before_or_after(command, prepared);
	fake_die_later(true);
	is_before_or_after(command, prepared);
	fake_die_later(false);
}

/* Doctor is killed, too, wherever the command has been, and is asked again. */
static void survives_doctor(const char *command)
{
	static const char * const prepared[] = { NULL };
	char before[PICTURE], after[PICTURE], left[PICTURE];
	int point, again, kills = 0;

	build(prepared);
	picture(before, sizeof(before));
	assert_true(carry_out(command));
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

/*
 * The guard is killed, too: then it may be half done, and the least is that nothing
 * stands still or waits once doctor was asked.
 */
static void runs_after_two_kills(const char *command,
				 const char * const *prepared)
{
	char left[PICTURE];
	int point, second;

	for (point = 0, second = 0; point < POINTS_MAX; second++) {
		build(prepared);
		fake_heir_dies_at(second);
		if (killed_at(command, point))
			break;
		repair();
		picture(left, sizeof(left));
		if (second < GUARDED_MAX)
			continue;
		point++;
		second = -1;
	}
	fake_heir_dies_at(-1);
	assert_in_range(point, 1, POINTS_MAX - 1);
}

/* Nobody would go on in this one's place: then it does not begin, or ends alone. */
static void stands_alone(const char *command, const char * const *prepared)
{
	char before[PICTURE], after[PICTURE], left[PICTURE];
	int point, refused = 0, done = 0;
	bool ok;

	pictures(command, prepared, before, after);
	for (point = 0; point < ALONE_MAX; point++) {
		build(prepared);
		fake_heir_dies_first_at(point);
		ok = carry_out(command);
		picture(left, sizeof(left));
		assert_string_equal(left, ok ? after : before);
		refused += !ok;
		done += ok;
	}
	assert_int_not_equal(refused, 0);
	assert_int_not_equal(done, 0);
}

/* What fails instead of being killed leaves the graph before by itself. */
static void is_undone(const char *command, const char * const *prepared)
{
	char before[PICTURE], left[PICTURE];
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

/* A step fails, and death comes before that or while the rest is undone. */
static void goes_back_if_killed(const char *command,
				const char * const *prepared)
{
	char before[PICTURE], after[PICTURE], left[PICTURE];
	int failing = 0, point = 0;
	enum end end;

	pictures(command, prepared, before, after);
	for (;; point++) {
		build(prepared);
		fake_fail_at(failing);
		end = end_of(command, point);
		if (end == DONE)
			break;
		if (end == REFUSED) {
			point = failing++;
			continue;
		}
		repair();
		picture(left, sizeof(left));
		if (strcmp(left, before) && strcmp(left, after))
			fail_msg("failed at %d of %s, killed at %d, left: %s",
				 failing, command, point, left);
	}
	assert_in_range(failing, 1, POINTS_MAX - 1);
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

#define REOPENED(name, group, file) \
	"{'driver':'throttle','node-name':'" name "','throttle-group':'" group "','file':'" file "'}"
#define REOPEN(options)	COMMAND("blockdev-reopen", "'options':[" options "]")
#define RESIZE(name, bytes) \
	COMMAND("block_resize", "'node-name':'" name "','size':" bytes)
#define ACTION(device, target) \
	"{'type':'blockdev-backup','data':{'device':'" device "','target':'" target "','sync':'full'}}"
#define BOTH_AT_ONCE \
	COMMAND("transaction", "'actions':[" ACTION("vg-lv", "target") "," ACTION("vg-b", "other") "]")

static const char * const two_throttles[] = {
	ADD("t"), INSERT("t"), ADD("u"), INSERT("u"), NULL
};

static const char * const stack[] = { "short stack", NULL };
/* The device has another table now than its root, and its filter is out. */
static const char * const stale[] = {
	ADD("t"), INSERT("t"), REMOVE("t"), "move", NULL
};
static const char * const nothing[] = { NULL };

static void one_swap(void **state)
{
	(void)state;
	is_before_or_after(REOPEN(REOPENED("t", "h", "vg-lv-root")),
			   (const char *[]){ ADD("t"), INSERT("t"), NULL });
	is_before_or_after(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'u'"),
			   (const char *[]){ ADD("t"), INSERT("t"), ADD("u"), NULL });
}

static void taken_out(void **state)
{
	(void)state;
	is_whole("remove t", two_throttles);
	is_whole("remove u", two_throttles);
}

#define REOPEN_BOTH \
	REOPEN(REOPENED("t", "h", "vg-lv-root") "," REOPENED("u", "h", "t"))

static void several(void **state)
{
	(void)state;
	is_whole(REOPEN_BOTH, two_throttles);
	is_whole(REOPEN(REOPENED("u", "h", "vg-lv-root") ","
			REOPENED("t", "h", "vg-lv-root")), two_throttles);
	is_whole(RESIZE("low", "134217728"), stack);
	is_whole(BOTH_AT_ONCE, nothing);
}

static void without_guard(void **state)
{
	(void)state;
	stands_alone(REOPEN_BOTH, two_throttles);
	stands_alone(RESIZE("low", "134217728"), stack);
	stands_alone(BOTH_AT_ONCE, nothing);
}

/* The root is brought up to date before the rest, and that is no command. */
static void old_roots(void **state)
{
	(void)state;
	is_whole(ADD("u"), stale);
	is_whole(INSERT("t"), stale);
	is_whole(LIMIT("5"), stale);
	is_whole("insert --node n throttle vg-lv iops-total=5", stale);
}

static void two_kills(void **state)
{
	(void)state;
	runs_after_two_kills(RESIZE("low", "134217728"), stack);
	runs_after_two_kills(BOTH_AT_ONCE, nothing);
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
	is_undone(GROUP("n", "'iops-total':5"), nothing);
	is_undone(SHARED("n", "5"), nothing);
	is_undone(SHARED("g", "5"), nothing);
	is_undone(REOPEN_BOTH, two_throttles);
	is_undone(RESIZE("low", "134217728"), stack);
	is_undone(BOTH_AT_ONCE, nothing);
}

static void failures_and_kills(void **state)
{
	(void)state;
	goes_back_if_killed(RESIZE("low", "134217728"), stack);
	goes_back_if_killed(BOTH_AT_ONCE, nothing);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, case_set_up, case_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nodes),
		TEST(both_in_one),
		TEST(one_swap),
		TEST(taken_out),
		TEST(several),
		TEST(old_roots),
		TEST(two_kills),
		TEST(without_guard),
		TEST(people),
		TEST(objects),
		TEST(new_groups),
		TEST(shared_groups),
		TEST(once_more),
		TEST(doctor_itself),
		TEST(failures),
		TEST(failures_and_kills),
	};

	signal(SIGPIPE, SIG_DFL);
	return cmocka_run_group_tests_name("qdm-crash", tests, NULL, case_end);
}
