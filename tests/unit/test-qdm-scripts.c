// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * For every command that changes something, and every verb: what --dry-run
 * prints changes nothing while it is printed, and run by hand, by bash, gives
 * the same devices and groups as the command itself. A command of the table
 * that has no case here fails the test.
 *
 * The script's dmsetup, mkdir and rmdir are this program under other names; they
 * work on the device-mapper of memory, which they find in a file.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "kernel/groups.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-line.h"
#include "qmp/command.h"

#define PREPARED	8

/*
 * dmsetup
 */

/* Devices by path, as the kernel takes them. */
static char *by_number(const char *params)
{
	char *words = copy(params), *save = NULL, *word;
	char *result = copy(""), *longer;
	struct kdm_device *device;

	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		if (!strcmp(word, CASE_LEAF))
			word = (char *)CASE_LEAF_NUMBER;
		device = strncmp(word, "/dev/mapper/", 12) ? NULL :
			 fake_device(word + 12);
		longer = device ? print("%s%s253:%u", result, *result ? " " : "",
					device->devno.minor) :
				  print("%s%s%s", result, *result ? " " : "", word);
		free(result);
		result = longer;
	}
	free(words);
	return result;
}

static void read_table(struct kdm_table *table)
{
	unsigned long long start, len;
	char line[512], type[32], *params;
	int at;

	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		at = 0;
		if (sscanf(line, "%llu %llu %31s %n", &start, &len, type, &at) < 3)
			exit(3);
		params = by_number(line + at);
		kdm_table_add(table, start, len, type, params);
		free(params);
	}
}

static int print_table(const char *name)
{
	const struct kdm_table *table = fake_table(name);
	size_t i;

	for (i = 0; i < table->nr; i++)
		printf("%llu %llu %s %s\n",
		       (unsigned long long)table->line[i].start,
		       (unsigned long long)table->line[i].len,
		       table->line[i].type, table->line[i].params);
	return 0;
}

static int with_table(const char *verb, char **word, struct error *error)
{
	const struct kdm_how how = { 0 };
	struct kdm_table table = { 0 };
	int result;

	read_table(&table);
	if (!table.nr)
		exit(3);
	result = *verb == 'l' ? kdm_load(word[0], &table, error) :
		 strcmp(word[1], "--uuid") ? -1 :
		 kdm_create(word[0], word[2], &table, &how, error);
	kdm_table_free(&table);
	return result;
}

/* The words behind the verb, without those options that change nothing here. */
static int act(const char *verb, char **word, struct error *error)
{
	const struct kdm_how how = { 0 };

	if (!strcmp(verb, "mknodes"))
		return 0;
	if (!strcmp(*word, "--deferred"))
		return kdm_defer(word[1], error);
	for (; !strncmp(*word, "--", 2); word++)
		if (!strcmp(*word, "--readahead"))
			word++;
	if (!strcmp(verb, "create") || !strcmp(verb, "load"))
		return with_table(verb, word, error);
	if (!strcmp(verb, "table"))
		return print_table(*word);
	if (!strcmp(verb, "resume"))
		return kdm_resume(*word, &how, error);
	if (!strcmp(verb, "suspend"))
		return kdm_suspend(*word, error);
	if (!strcmp(verb, "clear"))
		return kdm_clear(*word, error);
	if (!strcmp(verb, "remove"))
		return kdm_remove(*word, error);
	if (!strcmp(verb, "rename"))
		return kdm_rename(word[0], word[1], &how, error);
	if (!strcmp(verb, "target-version"))
		return 0;
	return refuse(error, "no such verb: %s", verb);
}

static char *join(char **word)
{
	char *text = copy(*word), *longer;

	while (*++word) {
		longer = print("%s %s", text, *word);
		free(text);
		text = longer;
	}
	return text;
}

/* The one that QDM_FAKE_FAILS names, as "suspend vg-b". */
static bool must_fail(char **argv)
{
	const char *wanted = getenv("QDM_FAKE_FAILS");
	char *last = argv[1];
	char *called;
	bool same;
	int i;

	for (i = 1; argv[i]; i++)
		last = argv[i];
	called = print("%s %s", argv[1], last);
	same = wanted && !strcmp(called, wanted);
	free(called);
	return same;
}

static int dmsetup(char **argv)
{
	const char *path = getenv("QDM_FAKE_STATE");
	struct error error = { 0 };
	char *text;
	int result;

	if (must_fail(argv))
		return 1;
	fake_restore(path);
	if (!strcmp(argv[1], "message") &&
	    !strcmp(argv[4], "@cancel_deferred_remove")) {
		result = kdm_keep(argv[2], &error);
	} else if (!strcmp(argv[1], "message")) {
		text = join(argv + 4);
		result = kdm_message(argv[2], text, &error);
		free(text);
	} else {
		result = act(argv[1], argv + 2, &error);
	}
	/* what only asks may be the beginning of a pipe whose end changes it */
	if (result)
		fprintf(stderr, "dmsetup %s: %s\n", argv[1], error.text);
	else if (strcmp(argv[1], "table"))
		fake_save(path);
	fake_reset();
	return result ? 1 : 0;
}

/* A group's folder, among devices whose tables may name it. */
static int folder(const char *name, const char *path)
{
	int result;

	fake_restore(getenv("QDM_FAKE_STATE"));
	result = *name == 'm' ? mkdir(path, 0755) : rmdir(path);
	if (result)
		perror(path);
	fake_reset();
	return result ? 1 : 0;
}

static int tool(const char *name, char **argv)
{
	if (!strcmp(name, "mkdir") || !strcmp(name, "rmdir"))
		return folder(name, argv[1]);
	if (!strcmp(name, "mountpoint") || !strcmp(name, "ipcrm"))
		return 0;
	return dmsetup(argv);
}

/*
 * Pictures
 */

static void put_params(FILE *out, const char *params)
{
	char *words = copy(params), *save = NULL, *word;
	char (*names)[KDM_NAME_LEN];
	struct error error = { 0 };
	unsigned int minor;
	size_t nr, i;

	kdm_list(&names, &nr, &error);
	for (word = strtok_r(words, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		for (i = 0; i < nr; i++)
			if (sscanf(word, "253:%u", &minor) == 1 &&
			    fake_device(names[i])->devno.minor == minor)
				break;
		fprintf(out, " %s", i < nr ? names[i] : word);
	}
	free(names);
	free(words);
}

static void put_device(FILE *out, const char *name)
{
	const struct kdm_device *device = fake_device(name);
	const struct kdm_table *table = fake_table(name);
	size_t i;

	fprintf(out, "%s %s %s%s%s:", name, device->uuid, fake_said(name),
		device->pending ? " PENDING" : "",
		device->suspended ? " SUSPENDED" : "");
	for (i = 0; i < table->nr; i++) {
		fprintf(out, " %llu %s",
			(unsigned long long)table->line[i].len,
			table->line[i].type);
		put_params(out, table->line[i].params);
	}
	putc('\n', out);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void put_groups(FILE *out,
		       int (*list)(char ***names, size_t *nr, struct error *error))
{
	struct error error = { 0 };
	const char *limits;
	char **groups;
	size_t nr, i;

	list(&groups, &nr, &error);
	for (i = 0; i < nr; i++) {
		limits = case_limits(groups[i]);
		fprintf(out, "group %s: %.*s\n", groups[i],
			(int)strcspn(limits, "\n"), limits);
		free(groups[i]);
	}
	free(groups);
}

/* All devices with their tables by names and not by numbers, and all groups. */
static char *picture(void)
{
	char (*names)[KDM_NAME_LEN];
	struct error error = { 0 };
	char *text = NULL;
	size_t len, nr, i;
	FILE *out = open_memstream(&text, &len);

	kdm_list(&names, &nr, &error);
	qsort(names, nr, sizeof(*names), by_name);
	for (i = 0; i < nr; i++)
		put_device(out, names[i]);
	put_groups(out, groups_list);
	put_groups(out, groups_markers);
	free(names);
	fclose(out);
	return text;
}

/*
 * Both ways
 */

struct edit {
	const char *line;		/* without --dry-run */
	const char *prepared[PREPARED];	/* the lines that come before */
	const char *status;		/* of vg-lv-backup then */
	bool empty;			/* nothing of it is the kernel's */
};

static void make_tools(void)
{
	static const char * const names[] = {
		"dmsetup", "mkdir", "rmdir", "mountpoint", "ipcrm",
	};
	char *folder = print("%s/bin", case_folder());
	char *path;
	char self[256] = "";
	size_t i;

	mkdir(folder, 0755);
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		path = print("%s/%s", folder, names[i]);
		assert_int_equal(symlink(self, path), 0);
		free(path);
	}
	path = print("%s:%s", folder, getenv("PATH"));
	if (strncmp(getenv("PATH"), folder, strlen(folder)))
		setenv("PATH", path, 1);
	free(path);
	free(folder);
}

static void build(const struct edit *edit)
{
	size_t i;

	jobs_forget();
	case_tear_down(NULL);
	case_set_up(NULL);
	make_tools();
	case_group("g", "");
	case_group("h", "");
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	for (i = 0; i < PREPARED && edit->prepared[i]; i++)
		if (line_run(edit->prepared[i]))
			fail_msg("%s: %s%s", edit->prepared[i], line_out,
				 line_err);
	if (edit->status)
		fake_status("vg-lv-backup", edit->status);
}

/* False if it has failed. */
static bool run_script(const char *script)
{
	char *state = print("%s/state", case_folder());
	char *path = print("%s/script", case_folder());
	char *command = print("QDM_FAKE_STATE=%s bash %s", state, path);
	FILE *out = fopen(path, "w");
	bool done;

	fputs(script, out);
	fclose(out);
	fake_save(state);
	done = !system(command);
	fake_restore(state);
	free(command);
	free(path);
	free(state);
	return done;
}

static void run_by_hand(const char *line, const char *script)
{
	if (!run_script(script))
		fail_msg("the script for %s has failed:\n%s", line, script);
}

static char *dry_line(const char *line)
{
	size_t len = strcspn(line, " ");

	return print("%.*s --dry-run%s", (int)len, line, line + len);
}

static void same_both_ways(const struct edit *edit)
{
	char *dry = dry_line(edit->line);
	char *before, *by_script, *by_tool;

	build(edit);
	before = picture();
	if (line_run(dry))
		fail_msg("%s: %s%s", dry, line_out, line_err);
	by_tool = picture();
	assert_string_equal(by_tool, before);
	free(by_tool);
	run_by_hand(dry, line_out);
	by_script = picture();
	build(edit);
	if (line_run(edit->line))
		fail_msg("%s: %s%s", edit->line, line_out, line_err);
	by_tool = picture();
	if (strcmp(by_script, by_tool))
		fail_msg("%s\nby its script:\n%sby itself:\n%s", edit->line,
			 by_script, by_tool);
	assert_int_equal(!strcmp(by_tool, before), edit->empty);
	free(before);
	free(by_script);
	free(by_tool);
	free(dry);
}

#define EXEC(name, arguments) \
	"exec {'execute':'" name "','arguments':{" arguments "}}"
#define THROTTLE(name, group, file) \
	"'driver':'throttle','node-name':'" name "','throttle-group':'" group "','file':'" file "'"
#define THRESHOLD(name, file) \
	"'driver':'write-threshold','node-name':'" name "','write-threshold':4096,'file':'" file "'"
#define TWO_BACKUPS \
	EXEC("transaction", "'actions':[{'type':'blockdev-backup','data':{" BACKUP("vg-lv", "target") "}}," \
	     "{'type':'blockdev-backup','data':{" BACKUP("vg-b", "other") "}}]")
#define ADD_T		EXEC("blockdev-add", THROTTLE("t", "g", "vg-lv"))
#define ADD_W		EXEC("blockdev-add", THRESHOLD("w", "vg-lv"))
#define HOST \
	EXEC("blockdev-add", "'driver':'host_device','node-name':'d','filename':'" CASE_LEAF "'")
#define EDGE(name)	"'parent':'vg-lv','child':'vg-lv','node':'" name "'"
#define INSERT_T	EXEC("block-insert-node", EDGE("t"))
#define LIMIT(iops) \
	EXEC("block_set_io_throttle", "'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':" iops ",'iops_rd':0,'iops_wr':0")
#define BACKUP(device, target) \
	"'device':'" device "','target':'" target "','sync':'full','auto-finalize':false"
#define BEGIN		EXEC("blockdev-backup", BACKUP("vg-lv", "target"))
#define RUNNING		"running 1/10 10/100 - intact ok 1 0 0 0"
#define PAUSED		"paused 1/10 10/100 - intact ok 0 0 0 0"
#define CONCLUDED	"concluded 10/10 100/100 - intact ok 0 0 0 1"
#define FAILED_JOB	"concluded 1/10 10/100 EIO intact failed 0 0 0 1"

static const struct edit edits[] = {
	{ .line = EXEC("object-add", "'qom-type':'throttle-group','id':'n'") },
	{ .line = EXEC("object-add", "'qom-type':'throttle-group','id':'n','limits':{'iops-total':5,'iops-total-max':9}") },
	{ .line = EXEC("object-del", "'id':'g'") },
	{ .line = EXEC("qom-set", "'path':'g','property':'limits','value':{'bps-read':5}") },
	{ .line = ADD_T },
	{ .line = ADD_W },
	{ .line = ADD_W, { ADD_T, INSERT_T } },
	{ .line = EXEC("blockdev-add", "'driver':'copy-before-write','node-name':'b','file':'vg-lv','target':'target','cbw-timeout':3") },
	{ .line = HOST },
	{ .line = EXEC("blockdev-add", THROTTLE("t", "g", "d")), { HOST } },
	{ .line = EXEC("blockdev-del", "'node-name':'d'"), { HOST } },
	{ .line = EXEC("blockdev-del", "'node-name':'t'"), { ADD_T } },
	{ .line = EXEC("blockdev-del", "'node-name':'t'"), { ADD_T, ADD_W } },
	{ .line = INSERT_T, { ADD_T } },
	{ .line = EXEC("block-insert-node", "'parent':'t','child':'vg-lv-root','node':'w'"),
	  { ADD_T, INSERT_T, EXEC("blockdev-add", THRESHOLD("w", "vg-lv-root")) } },
	{ .line = EXEC("block-remove-node", EDGE("t")), { ADD_T, INSERT_T } },
	{ .line = EXEC("block-remove-node", "'parent':'vg-lv','child':'t','node':'w'"),
	  { ADD_T, INSERT_T, ADD_W, EXEC("block-insert-node", EDGE("w")) } },
	{ .line = EXEC("block-set-write-threshold", "'node-name':'vg-lv','write-threshold':7"),
	  { ADD_W, EXEC("block-insert-node", EDGE("w")) } },
	{ .line = EXEC("block_resize", "'node-name':'w','size':1048576"), { ADD_W } },
	{ .line = LIMIT("5") },
	{ .line = LIMIT("6"), { LIMIT("5") } },
	{ .line = LIMIT("0"), { LIMIT("5") } },
	{ .line = LIMIT("5,'group':'h'") },
	{ .line = LIMIT("5,'group':'n'") },
	{ .line = LIMIT("7,'group':'h'"), { LIMIT("5") } },
	{ .line = EXEC("blockdev-reopen", "'options':[{" THROTTLE("t", "h", "vg-lv-root") "}]"),
	  { ADD_T, INSERT_T } },
	{ .line = EXEC("blockdev-reopen", "'options':[{" THROTTLE("t", "h", "vg-lv-root") "},{"
	       "'driver':'write-threshold','node-name':'w','write-threshold':9,'file':'t'}]"),
	  { ADD_T, ADD_W } },
	{ .line = EXEC("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'w'"),
	  { ADD_T, INSERT_T, ADD_W } },
	{ .line = EXEC("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'t'"),
	  { ADD_T } },
	{ .line = BEGIN },
	{ .line = BEGIN, { ADD_T, INSERT_T } },
	{ .line = TWO_BACKUPS },
	{ .line = EXEC("job-pause", "'id':'vg-lv'"), { BEGIN }, RUNNING },
	{ .line = EXEC("job-resume", "'id':'vg-lv'"), { BEGIN }, PAUSED },
	{ .line = EXEC("job-cancel", "'id':'vg-lv'"), { BEGIN }, RUNNING },
	{ .line = EXEC("job-dismiss", "'id':'vg-lv'"), { BEGIN }, FAILED_JOB },
	{ .line = EXEC("job-finalize", "'id':'vg-lv'"), { BEGIN }, CONCLUDED, true },
	{ .line = EXEC("block-job-pause", "'device':'vg-lv'"), { BEGIN }, RUNNING },
	{ .line = EXEC("block-job-resume", "'device':'vg-lv'"), { BEGIN }, PAUSED },
	{ .line = EXEC("block-job-cancel", "'device':'vg-lv','force':true"), { BEGIN }, PAUSED },
	{ .line = EXEC("block-job-set-speed", "'device':'vg-lv','speed':9"), { BEGIN }, RUNNING },
	{ .line = EXEC("block-job-dismiss", "'id':'vg-lv'"), { BEGIN }, FAILED_JOB },
	{ .line = EXEC("block-job-finalize", "'id':'vg-lv'"), { BEGIN }, CONCLUDED, true },
};

#define EDITS_NR	(sizeof(edits) / sizeof(*edits))

/* Whatever is asked of these, they are refused, so there is no script. */
static bool is_never_done(const char *command)
{
	return !strcmp(command, "x-blockdev-change") ||
	       !strcmp(command, "job-complete") ||
	       !strcmp(command, "block-job-complete");
}

static bool has_case(const char *command)
{
	char *begins = print("exec {'execute':'%s'", command);
	bool found = is_never_done(command);
	size_t i;

	for (i = 0; i < EDITS_NR; i++)
		found |= !strncmp(edits[i].line, begins, strlen(begins));
	free(begins);
	return found;
}

static void commands_by_hand(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < EDITS_NR; i++)
		same_both_ways(&edits[i]);
	for (i = 0; i < commands_nr; i++)
		if (commands[i].flags & COMMAND_EDITS &&
		    !has_case(commands[i].name))
			fail_msg("%s has no case here", commands[i].name);
}

static const struct edit verbs_edits[] = {
	{ .line = "insert throttle vg-lv iops-total=500 bps-write=10M" },
	{ .line = "insert --node n throttle vg-lv --group g" },
	{ .line = "insert threshold vg-lv 1G", { "insert throttle vg-lv iops-total=5" } },
	{ .line = "insert --node n backup vg-lv target" },
	{ .line = "remove vg-lv-throttle", { "insert throttle vg-lv iops-total=5" } },
	{ .line = "remove n", { "insert --node n throttle vg-lv iops-total=5",
			"insert threshold vg-lv 1G" } },
	{ .line = "throttle vg-lv bps-total=1M" },
	{ .line = "throttle vg-lv bps-total=2M", { "throttle vg-lv iops-total=5" } },
	{ .line = "throttle vg-lv off", { "throttle vg-lv iops-total=5" } },
	{ .line = "throttle vg-lv iops-total=5 --group n" },
	{ .line = "group add n iops-total=5" },
	{ .line = "group set g iops-total=5" },
	{ .line = "group del g" },
	{ .line = "threshold w 8K", { ADD_W } },
	{ .line = "threshold w off", { ADD_W } },
	{ .line = "grow w off", { ADD_W } },
	{ .line = "backup --speed 10M --on-cbw-error break-snapshot vg-lv target" },
	{ .line = "job pause vg-lv", { BEGIN }, RUNNING },
	{ .line = "job speed vg-lv 1.5M", { BEGIN }, RUNNING },
};

#define VERBS_NR	(sizeof(verbs_edits) / sizeof(*verbs_edits))

static bool verb_has_case(const char *verb)
{
	bool found = !strcmp(verb, "exec") || !strcmp(verb, "doctor");
	size_t i;

	for (i = 0; i < VERBS_NR; i++)
		found |= strcspn(verbs_edits[i].line, " ") == strlen(verb) &&
			 !strncmp(verbs_edits[i].line, verb, strlen(verb));
	return found;
}

/* As the completion knows them. */
static void every_verb_has_case(void)
{
	char *words, *line, *word, *save = NULL;

	assert_int_equal(line_run("complete"), 0);
	words = copy(line_out);
	for (word = strtok_r(words, "\n", &save); word;
	     word = strtok_r(NULL, "\n", &save)) {
		line = print("complete %s", word);
		assert_int_equal(line_run(line), 0);
		if (strstr(line_out, "--dry-run") && !verb_has_case(word))
			fail_msg("the verb %s has no case here", word);
		free(line);
	}
	free(words);
}

static void verbs_by_hand(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < VERBS_NR; i++)
		same_both_ways(&verbs_edits[i]);
	every_verb_has_case();
}

static void add_marker(const char *group)
{
	char *marker = group_marker(group);

	case_group(marker, "");
	free(marker);
}

/* All that a killed command can leave, and some that is to stay. */
static void make_mess(void)
{
	static const struct edit none = { 0 };
	struct error ignored = { 0 };

	build(&none);
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_device("w")->live = false;
	fake_add("vg-b-root", "QDM-root-vg-b", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("vg-c", "", CASE_SECTORS, "linear", "4000:18 0");
	fake_add("vg-c-root", "QDM-root-vg-c", CASE_SECTORS, "linear", "4000:18 0");
	fake_add("vg-lv-root", "QDM-root-vg-lv", CASE_SECTORS, "linear", "4000:16 2048");
	fake_add("mine", "QDM-threshold-mine", CASE_SECTORS, "wthreshold", "253:8 0");
	fake_add("vg-lv-throttle", "QDM-throttle-vg-lv-throttle", CASE_SECTORS,
		 "qthrottle", "253:9 0 -");
	fake_add("disk", "QDM-root-disk", CASE_SECTORS, "linear", "4000:48 0");
	fake_add("vg-d-root", "QDM-root-vg-d", CASE_SECTORS, "linear", "4000:19 0");
	fake_add("n-inserting", "QDM-threshold-n", CASE_SECTORS, "wthreshold", "253:12 0");
	fake_add("vg-d", "", CASE_SECTORS, "linear", "253:13 0");
	fake_device("vg-d")->suspended = true;
	kdm_load("vg-c", fake_table("vg-d"), &ignored);
	fake_add("vg-e-root", "QDM-root-vg-e", CASE_SECTORS, "linear", "4000:20 0");
	fake_add("vg-e-throttle", "QDM-throttle-vg-e-throttle", CASE_SECTORS,
		 "qthrottle", "253:15 0 - 2 weight 1");
	fake_add("vg-e", "", CASE_SECTORS, "linear", "253:16 0");
	case_group("bare", "");
	case_group("half", "");
	add_marker("half");
	case_group("whole", "iops-total=5");
	add_marker("whole");
	add_marker("not-even-begun");
}

static void mends_by_hand(const char *line)
{
	char *by_script, *by_tool, *before;
	char *dry = dry_line(line);

	make_mess();
	before = picture();
	line_run(dry);
	by_tool = picture();
	assert_string_equal(by_tool, before);
	free(by_tool);
	run_by_hand(dry, line_out);
	by_script = picture();
	make_mess();
	line_run(line);
	by_tool = picture();
	if (strcmp(by_script, by_tool))
		fail_msg("%s\nby its script:\n%sby itself:\n%s", line,
			 by_script, by_tool);
	assert_string_not_equal(by_tool, before);
	free(before);
	free(by_script);
	free(by_tool);
	free(dry);
}

static void doctor_by_hand(void **state)
{
	(void)state;
	mends_by_hand("doctor --repair");
	mends_by_hand("doctor --repair --idle");
}

/* Whichever suspend fails, the script leaves nothing standing still. */
static void fails_by_hand(void **state)
{
	static const char * const steps[] = { "suspend vg-lv", "suspend vg-b" };
	static const struct edit none = { 0 };
	char *dry = dry_line(TWO_BACKUPS);
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		build(&none);
		assert_int_equal(line_run(dry), 0);
		setenv("QDM_FAKE_FAILS", steps[i], 1);
		assert_false(run_script(line_out));
		unsetenv("QDM_FAKE_FAILS");
		assert_false(fake_device("vg-lv")->suspended);
		assert_false(fake_device("vg-b")->suspended);
		assert_string_equal(fake_table("vg-lv")->line[0].params, "4000:16 2048");
		assert_string_equal(fake_table("vg-b")->line[0].params, "4000:17 0");
	}
	free(dry);
}

static int end(void **state)
{
	line_forget();
	jobs_forget();
	return case_tear_down(state);
}

/*
 * The lines of dm-backupcow.rst that wait for the end of a backup, with a dmsetup that
 * says one of the states each time it is asked. When there is none, the device is gone.
 */
static int waits_by_hand(const char *states)
{
	char *path = print("%s/waits", case_folder());
	char *command = print("bash %s", path);
	FILE *script = fopen(path, "w");
	int status;

	fprintf(script, "states='%s'\nleft=%s/left\nprintf '%%s' \"$states\" >$left\n",
		states, case_folder());
	fputs("dmsetup() { case $1 in info) echo 3 ;; wait) : ;; status) head -n 1 $left | grep . && sed -i 1d $left ;; esac; }\n"
	      "timeout() { shift; \"$@\"; }\n", script);
	fprintf(script, "eval \"$(awk '/^job, in a bash script/ { found = 1 } found && /^    / { print; any = 1; next } any { exit }' %s/dm-backupcow.rst)\"\n",
		QDM_DOCUMENTATION);
	fclose(script);
	status = system(command);
	free(command);
	free(path);
	return WEXITSTATUS(status);
}

#define RUNS	"0 8 backupcow running 1/9 1/9 - intact ok 1 0 0 0 0 - 0 new\n"
#define ENDS(rest)	"0 8 backupcow concluded 9/9 9/9 " rest " ok 0 0 0 1 0 - 0 new\n"

static void ends_by_hand(void **state)
{
	(void)state;
	assert_int_equal(waits_by_hand(RUNS RUNS ENDS("- intact")), 0);
	assert_int_equal(waits_by_hand(ENDS("- intact")), 0);
	assert_int_equal(waits_by_hand(RUNS ENDS("ECANCELED intact")), 1);
	assert_int_equal(waits_by_hand(RUNS ENDS("ENOSPC intact")), 1);
	assert_int_equal(waits_by_hand(RUNS ENDS("ESTALE broken")), 1);
	assert_int_equal(waits_by_hand(RUNS "0 8 linear \n"), 1);
	assert_int_equal(waits_by_hand(RUNS), 1);
	assert_int_equal(waits_by_hand("0 8 backupcow none 0/0 0/0 - - ok 0 0 0 0 0 - 0 - -\n"), 1);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, case_set_up, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(commands_by_hand),
		TEST(verbs_by_hand),
		TEST(doctor_by_hand),
		TEST(fails_by_hand),
		TEST(ends_by_hand),
	};
	const char *name = strrchr(argv[0], '/');

	(void)argc;
	name = name ? name + 1 : argv[0];
	if (strcmp(name, "test-qdm-scripts"))
		return tool(name, argv);
	return cmocka_run_group_tests_name("qdm-scripts", tests, NULL, case_end);
}
