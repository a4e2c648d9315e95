// SPDX-License-Identifier: GPL-2.0-or-later
/* The verbs for people: what they do, and what they say of it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "graph/resolve.h"
#include "kernel/groups.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define LIMITS	"bps-total bps-total-max bps-total-max-length " \
		"bps-read bps-read-max bps-read-max-length " \
		"bps-write bps-write-max bps-write-max-length " \
		"iops-total iops-total-max iops-total-max-length " \
		"iops-read iops-read-max iops-read-max-length " \
		"iops-write iops-write-max iops-write-max-length iops-size"

static char *text;
static struct error error;
static int result;

/* Runs "verb word word..." and keeps what it prints in @text. */
static const char *run(int (*verb)(int argc, char **argv, struct error *error),
		       const char *line)
{
	FILE *terminal = stdout;
	char words[256], *save = NULL;
	char *argv[24] = { NULL };
	size_t len;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (argv[0] = strtok_r(words, " ", &save); argv[argc];)
		argv[++argc] = strtok_r(NULL, " ", &save);
	free(text);
	error = (struct error){ 0 };
	stdout = open_memstream(&text, &len);
	result = verb(argc, argv, &error);
	fclose(stdout);
	stdout = terminal;
	return text;
}

static void says(int (*verb)(int argc, char **argv, struct error *error),
		 const char *line, const char *wanted)
{
	run(verb, line);
	if (result)
		fail_msg("%s: %s", line, error.text);
	assert_string_equal(text, wanted);
}

static void refuses(int (*verb)(int argc, char **argv, struct error *error),
		    const char *line, const char *wanted)
{
	run(verb, line);
	assert_int_equal(result, -1);
	assert_string_equal(error.text, wanted);
}

static int end(void **state)
{
	free(text);
	text = NULL;
	return case_tear_down(state);
}

static void sizes(void **state)
{
	char to[SIZE_TEXT];
	uint64_t bytes;

	(void)state;
	assert_true(read_size("10M", &bytes));
	assert_int_equal(bytes, 10 << 20);
	assert_false(read_size("10m", &bytes));
	assert_false(read_size("-1", &bytes));
	assert_true(read_size("1.5G", &bytes));
	assert_int_equal(bytes, 3ull << 29);
	assert_true(read_size("64k", &bytes));
	assert_int_equal(bytes, 64 << 10);
	assert_true(read_size("10GiB", &bytes));
	assert_int_equal(bytes, 10ull << 30);
	assert_true(read_size("10GB", &bytes));
	assert_int_equal(bytes, 10000000000);
	assert_true(read_size("0.3K", &bytes));
	assert_int_equal(bytes, 307);
	assert_true(read_size("512B", &bytes));
	assert_int_equal(bytes, 512);
	assert_true(read_size("16383P", &bytes));
	assert_false(read_size("16384P", &bytes));
	assert_false(read_size("16383.9999999999P", &bytes));
	assert_false(read_size("1.5", &bytes));
	assert_false(read_size("1.G", &bytes));
	assert_false(read_size("1.5.5G", &bytes));
	assert_false(read_size("10Mb", &bytes));
	assert_false(read_size("10 M", &bytes));
	assert_false(read_size(".5G", &bytes));
	assert_false(read_size("", &bytes));
	assert_true(read_count("10k", &bytes));
	assert_int_equal(bytes, 10000);
	assert_true(read_count("1.5M", &bytes));
	assert_int_equal(bytes, 1500000);
	assert_false(read_count("10kB", &bytes));
	assert_false(read_size("99999999999999999999", &bytes));
	assert_false(read_size("99999999T", &bytes));
	assert_string_equal(size_text(to, 1536ull << 20), "1.5G");
	assert_string_equal(size_exact(to, 4096), "4K (4096)");
	assert_string_equal(size_exact(to, 100), "100B");
}

static void groups(void **state)
{
	(void)state;
	says(verb_group, "group", "g: iops-total=700/s\n");
	says(verb_group, "group show g", "g: iops-total=700/s\n");
	refuses(verb_group, "group add g iops-total=5",
		"A group with this name already exists");
	refuses(verb_group, "group set g iops-total=x",
		"'x' is no value for iops-total: a number, also like 10k or 1.5M");
	refuses(verb_group, "group set g iops=5",
		"'iops' is no limit; there are " LIMITS);
	refuses(verb_group, "group set g iops-read=5",
		"bps/iops/max total values and read/write values cannot be used at the same time");
	refuses(verb_group, "group add", "group add: give the group's name");
	refuses(verb_group, "group lose g",
		"group: 'lose' is unknown; there are add, set, show and del");
	assert_string_equal(error.class, ERROR_MISUSE);
	refuses(verb_group, "group --wait",
		"'--wait' is no option here; known are: --json --dry-run");
	run(verb_group, "group del --dry-run g");
	assert_non_null(strstr(text, "\nrmdir "));
}

static void throttles(void **state)
{
	(void)state;
	says(verb_throttle, "throttle vg-lv", "no limits\n");
	refuses(verb_throttle, "throttle vg-lv iops=5",
		"'iops' is no limit; there are " LIMITS);
	refuses(verb_throttle, "throttle", "throttle: give a device");
	run(verb_throttle, "throttle vg-lv bps-write=10M iops-total=500");
	assert_int_equal(result, 0);
	assert_string_equal(text, "vg-lv: group -, bps-write=10M/s iops-total=500/s, 0 waiting\n");
	assert_string_equal(fake_table("vg-lv")->line[0].params, "253:2 0");
	says(verb_throttle, "throttle vg-lv off", "no limits\n");
	assert_null(fake_device("vg-lv-throttle"));
	run(verb_throttle, "throttle --dry-run vg-lv iops-total=5");
	assert_non_null(strstr(text, "dmsetup create vg-lv-throttle"));
	assert_null(fake_device("vg-lv-throttle"));
}

/* What is asked for and cannot be is refused, also if nothing else is to be done. */
static void throttle_takes_no_group_alone(void **state)
{
#define ALONE(group) \
	"--group requires limits, which that group gets (to join it as it is: qdm insert --node NAME throttle vg-lv --group " group ")"
	(void)state;
	refuses(verb_throttle, "throttle vg-lv --group nosuch", ALONE("nosuch"));
	assert_string_equal(error.class, ERROR_MISUSE);
	refuses(verb_throttle, "throttle vg-lv off --group g", ALONE("g"));
	refuses(verb_throttle, "throttle --dry-run nosuch",
		"Device 'nosuch' not found");
	says(verb_throttle, "throttle --dry-run vg-lv", "no limits\n");
	refuses(verb_threshold, "threshold --dry-run nosuch",
		"Node 'nosuch' not found");
	assert_string_equal(fake_log(), "");
}

/* By a filter of another name, or by a line that somebody has loaded with dmsetup. */
static void others_limit_it(void **state)
{
	(void)state;
	run(verb_insert, "insert --node thr0 throttle vg-lv --group g");
	says(verb_throttle, "throttle vg-lv",
	     "vg-lv: limited by 'thr0', group g, iops-total=700/s\n");
	says(verb_throttle, "throttle vg-lv iops-total=5",
	     "vg-lv: group -, iops-total=5/s, 0 waiting\n"
	     "vg-lv: limited by 'thr0', group g, iops-total=700/s\n");
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "qthrottle",
		 "4000:17 0 - 2 iops-total 100");
	says(verb_throttle, "throttle vg-b",
	     "vg-b: limited by 'vg-b', group -, iops-total=100/s\n");
}

/* Without configfs nobody can say what a group's limits are. */
static void limits_are_unknown(void **state)
{
	char wanted[512];

	(void)state;
	run(verb_throttle, "throttle vg-lv iops-total=7 --group h");
	case_no_groups();
	snprintf(wanted, sizeof(wanted),
		 "vg-lv: group h, limits unknown, as %s cannot be read, 0 waiting\n",
		 groups_dir());
	says(verb_throttle, "throttle vg-lv", wanted);
	run(verb_throttle, "throttle vg-lv discard=bytes");
	assert_int_equal(result, -1);
	assert_non_null(strstr(error.text, "the limits of 'vg-lv' cannot be read"));
}

/* LVM gives the device its own table again; the filter is still there, and idle. */
static const char *words(const char *name)
{
	return fake_table(name)->line[0].params;
}

/* Words of the line that are the device's own stay, whatever changes beside them. */
static void discards(void **state)
{
	(void)state;
	refuses(verb_throttle, "throttle vg-lv iops-total=5 discard=all",
		"unknown value 'all' for discard, allowed are ops and bytes");
	refuses(verb_throttle, "throttle vg-lv discard=bytes",
		"'vg-lv' has no limits; give one, too (for example iops-total=500)");
	says(verb_throttle, "throttle vg-lv iops-total=500 discard=bytes",
	     "vg-lv: group -, iops-total=500/s discard=bytes, 0 waiting\n");
	assert_string_equal(words("vg-lv-throttle"),
			    "253:1 0 - 4 iops-total 500 discard bytes");
	run(verb_throttle, "throttle vg-lv iops-total=7 --group h");
	assert_string_equal(words("vg-lv-throttle"),
			    "253:1 0 h 4 iops-total 7 discard bytes");
	kdm_table_free(fake_table("vg-lv-throttle"));
	kdm_table_add(fake_table("vg-lv-throttle"), 0, CASE_SECTORS,
		      "qthrottle",
		      "253:1 0 - 8 iops-total 9 weight 7 urgent wait discard bytes");
	says(verb_throttle, "throttle vg-lv discard=ops",
	     "vg-lv: group -, iops-total=9/s, 0 waiting\n");
	assert_string_equal(words("vg-lv-throttle"),
			    "253:1 0 - 6 iops-total 9 weight 7 urgent wait");
	run(verb_throttle, "throttle vg-lv off");
	assert_null(fake_device("vg-lv-throttle"));
}

static void inserts_with_discard(void **state)
{
	(void)state;
	says(verb_insert, "insert throttle vg-lv iops-total=500 discard=bytes",
	     "vg-lv-throttle: iops-total=500/s discard=bytes\n");
	assert_string_equal(words("vg-lv-throttle"),
			    "253:1 0 - 4 iops-total 500 discard bytes");
	says(verb_insert, "insert threshold vg-lv 32M --discard count",
	     "vg-lv-threshold: at 32M (33554432) discard=count\n");
	assert_string_equal(words("vg-lv-threshold"),
			    "253:2 0 33554432 2 discard count");
	assert_non_null(strstr(case_reply("{'execute':'query-named-block-nodes'}"),
			       "\"discard\":\"count\""));
	refuses(verb_insert, "insert threshold vg-lv 1G --discard bytes",
		"unknown value 'bytes' for discard, allowed are ignore and count");
	refuses(verb_insert, "insert backup vg-lv vg-b --discard count",
		"--discard is for throttle and threshold");
	says(verb_insert, "insert --node t1 throttle vg-lv --group g --discard bytes",
	     "t1: group g discard=bytes\n");
	assert_string_equal(words("t1"), "253:3 0 g 2 discard bytes");
}

static void dropped_throttle(void **state)
{
	(void)state;
	run(verb_throttle, "throttle vg-lv iops-total=500");
	fake_swap("vg-lv", CASE_SECTORS, "4000:17 4096");
	says(verb_throttle, "throttle vg-lv",
	     "no limits in force: 'vg-lv-throttle' is no longer under 'vg-lv', whose table was replaced since (qdm throttle vg-lv and the limits puts it back)\n");
	says(verb_throttle, "throttle --json vg-lv", "null\n");
	run(verb_throttle, "throttle vg-lv iops-total=100");
	assert_int_equal(result, 0);
	assert_string_equal(fake_table("vg-lv")->line[0].params, "253:2 0");
	assert_string_equal(fake_table("vg-lv-root")->line[0].params, "4000:17 4096");
	fake_swap("vg-lv", 2 * CASE_SECTORS, "4000:17 4096");
	refuses(verb_throttle, "throttle vg-lv discard=bytes",
		"'vg-lv-throttle' was dropped by LVM or dmsetup; put it back first (qdm put-back), then change its group or discard");
	run(verb_throttle, "throttle vg-lv iops-total=7");
	assert_int_equal(result, 0);
	assert_string_equal(fake_table("vg-lv")->line[0].params, "253:2 0");
	assert_int_equal(fake_table("vg-lv")->line[0].len, 2 * CASE_SECTORS);
	assert_int_equal(fake_table("vg-lv-throttle")->line[0].len, 2 * CASE_SECTORS);
	assert_int_equal(fake_table("vg-lv-root")->line[0].len, 2 * CASE_SECTORS);
	says(verb_throttle, "throttle vg-lv off", "no limits\n");
	assert_null(fake_device("vg-lv-throttle"));
}

static void thresholds(void **state)
{
	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_status("w", "armed 4096 0 1536 0 0");
	says(verb_threshold, "threshold w 4K",
	     "w: armed at 4K (4096), written up to 1.5K (1536)\n");
	assert_non_null(strstr(fake_log(), "message w set-threshold 4096;"));
	run(verb_threshold, "threshold w off");
	assert_non_null(strstr(fake_log(), "message w set-threshold 0;"));
	says(verb_threshold, "threshold vg-lv", "vg-lv: no threshold\n");
	run(verb_threshold, "threshold vg-lv off");
	assert_null(fake_device("vg-lv-threshold"));
	fake_add("above", "", CASE_SECTORS, "linear", "253:1 0");
	says(verb_threshold, "threshold above 4K",
	     "w: armed at 4K (4096), written up to 1.5K (1536)\n");
	fake_status("w", "armed 67108864 0 1536 0 0");
	says(verb_threshold, "threshold w 64M",
	     "w: armed at 64M (67108864), written up to 1.5K (1536); it cannot fire before the device, of 64M (67108864), is longer\n");
	fake_status("w", "fired 0 512 4608 1 4096");
	says(verb_threshold, "threshold w", "w: fired, written up to 4.5K (4608)\n");
	refuses(verb_threshold, "threshold w 4x",
		"'4x' is not off and no size: " SIZE_UNITS);
	refuses(verb_threshold, "threshold nosuch", "Node 'nosuch' not found");
	says(verb_threshold, "threshold --dry-run w 1",
	     "#!/bin/bash\nset -euo pipefail\ndmsetup message w 0 set-threshold 1\n");
}

static const char *const odd_names[] = {
	"vg-pvc--3665e1fd--1234--4abc--8def--0123456789ab",
	"docker-8:1-123-pool",
	"1st", "_", "a+b=c@d", "it's", "-x",
	"name\\x20with\\x20blanks",
	"a-volume-group-with-a-long-name-of-its-own-volume",
	"a-volume-group-with-a-long-name-of-its-own-volume-and-a-tail-1",
	"a-volume-group-with-a-long-name-of-its-own-volume-and-a-tail-2",
	"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456",
};

static int words_run(int (*verb)(int argc, char **argv, struct error *error),
		     const char *first, const char *device, const char *third)
{
	char *argv[] = { (char *)"verb", (char *)"--", (char *)first,
			 (char *)device, (char *)third, NULL };
	char **from = first ? argv : argv + 1;
	FILE *terminal = stdout;
	size_t len;

	from[0] = (char *)"verb";
	from[1] = (char *)"--";
	free(text);
	error = (struct error){ 0 };
	stdout = open_memstream(&text, &len);
	result = verb((first ? 4 : 3) + (third != NULL), from, &error);
	fclose(stdout);
	stdout = terminal;
	if (result)
		fail_msg("%s: %s", device, error.text);
	return result;
}

static void one_name(const char *name)
{
	char *filter = derived_name(name, "throttle");

	assert_true(strlen(filter) <= 63);
	words_run(verb_throttle, NULL, name, "iops-total=5");
	assert_non_null(fake_device(filter));
	assert_true(strlen(fake_device(filter)->uuid) < KDM_UUID_LEN);
	words_run(verb_throttle, NULL, name, "iops-total=6");
	assert_non_null(strstr(fake_log(), " iops-total 6 "));
	words_run(verb_throttle, NULL, name, NULL);
	assert_non_null(strstr(text, "iops-total=5/s"));
	words_run(verb_insert, "threshold", name, "1M");
	words_run(verb_threshold, NULL, name, "2M");
	run(verb_doctor, "doctor");
	assert_null(strstr(text, filter));
	words_run(verb_throttle, NULL, name, "off");
	assert_string_equal(text, "no limits\n");
	free(filter);
	filter = derived_name(name, "threshold");
	words_run(verb_remove, NULL, filter, NULL);
	assert_null(fake_device(filter));
	free(filter);
	filter = root_name(name);
	assert_null(fake_device(filter));
	free(filter);
}

/* Whatever a device is called, the verbs' own nodes have names that will do. */
static void names(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(odd_names) / sizeof(*odd_names); i++) {
		fake_add(odd_names[i], "", CASE_SECTORS, "linear", "4000:17 0");
		one_name(odd_names[i]);
	}
}

/* Filters of devices that changed their names with each other. */
static void renamed(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	run(verb_throttle, "throttle vg-lv iops-total=5");
	strcpy(fake_device("vg-lv")->name, "vg-old");
	strcpy(fake_device("vg-b")->name, "vg-lv");
	says(verb_throttle, "throttle vg-lv", "no limits\n");
	says(verb_throttle, "throttle vg-old",
	     "vg-old: group -, iops-total=5/s, 0 waiting\n");
	says(verb_throttle, "throttle vg-lv off", "no limits\n");
	assert_non_null(fake_device("vg-lv-throttle"));
	says(verb_throttle, "throttle vg-lv iops-total=7",
	     "vg-lv: group -, iops-total=7/s, 0 waiting\n");
	says(verb_throttle, "throttle vg-old off", "no limits\n");
	assert_null(fake_device("vg-lv-throttle"));
	says(verb_throttle, "throttle vg-lv",
	     "vg-lv: group -, iops-total=7/s, 0 waiting\n");
	says(verb_throttle, "throttle vg-lv off", "no limits\n");
	refuses(verb_throttle, "throttle nosuch", "Device 'nosuch' not found");
}

/* Not before the first look, which finds it running. */
static void finish_backup(int nr)
{
	if (nr)
		fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
}

static void fail_backup(int nr)
{
	if (nr)
		fake_status("vg-lv-backup", "concluded 1/10 10/100 EIO intact failed 0 0 0 1");
}

static void backups(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	refuses(verb_backup, "backup vg-lv",
		"backup: give a device and a target");
	refuses(verb_backup, "backup --speed fast vg-lv target",
		"'fast' is no speed; per second: " SIZE_UNITS);
	fake_when_armed(finish_backup);
	run(verb_backup, "backup --wait --speed 1M vg-lv target");
	assert_int_equal(result, 0);
	assert_non_null(strstr(text, "running 0% 0B of 100B"));
	assert_non_null(strstr(text, "concluded 100% 100B of 100B"));
	assert_null(fake_device("vg-lv-backup"));
	fake_when_armed(fail_backup);
	refuses(verb_backup, "backup --wait vg-lv target",
		"the backup of 'vg-lv' has failed: Input/output error");
	assert_null(fake_device("vg-lv-backup"));
	says(verb_backup, "backup --speed 1M vg-lv target",
	     "vg-lv-backup: 100B to target, at most 1M/s\n");
	assert_non_null(strstr(fake_table("vg-lv-backup")->line[0].params, "on-cbw-error break-snapshot"));
	refuses(verb_backup, "backup --speed 1M vg-lv target",
		"Job ID 'vg-lv' already in use");
}

static void interrupt(int nr)
{
	if (nr)
		raise(SIGINT);
}

/* The command that waits may end; the backup goes on, and people find it again. */
static void jobs(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	says(verb_jobs, "jobs", "");
	fake_when_armed(interrupt);
	refuses(verb_backup, "backup --wait vg-lv target",
		"no longer waiting: the backup of 'vg-lv' continues; qdm job wait vg-lv follows it, qdm job cancel vg-lv ends it");
	assert_non_null(fake_device("vg-lv-backup"));
	says(verb_jobs, "jobs",
	     "vg-lv                            running     0% of 100B\n");
	run(verb_jobs, "jobs --json");
	assert_non_null(strstr(text, "vg-lv"));
	says(verb_job, "job --dry-run pause vg-lv",
	     "#!/bin/bash\nset -euo pipefail\ndmsetup message vg-lv-backup 0 pause\n");
	run(verb_job, "job --dry-run speed vg-lv 1.5M");
	assert_non_null(strstr(text, "set-speed 1572864\n"));
	says(verb_job, "job speed vg-lv 8M",
	     "vg-lv                            running     0% of 100B\n");
	refuses(verb_job, "job speed vg-lv fast",
		"'fast' is no speed; per second: " SIZE_UNITS);
	refuses(verb_job, "job speed vg-lv",
		"job speed: give a job, and bytes per second or 0");
	refuses(verb_job, "job pause", "job pause: give one job");
	refuses(verb_job, "job stop vg-lv",
		"job: 'stop' is unknown; there are wait, pause, resume, cancel, dismiss and speed");
	refuses(verb_job, "job cancel nosuch", "Job not found");
	fake_when_armed(fail_backup);
	refuses(verb_job, "job wait vg-lv",
		"the backup of 'vg-lv' has failed: Input/output error");
	assert_null(fake_device("vg-lv-backup"));
}

static void interrupt_and_end(int nr)
{
	if (nr == 1)
		raise(SIGTERM);
	if (nr > 1)
		fake_status("vg-lv-backup", "concluded 1/10 10/100 ECANCELED intact ok 0 0 0 1");
}

static void cancels_on_exit(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	refuses(verb_backup, "backup --cancel-on-exit vg-lv target",
		"--cancel-on-exit requires --wait");
	fake_when_armed(interrupt_and_end);
	refuses(verb_backup, "backup --wait --cancel-on-exit vg-lv target",
		"the backup of 'vg-lv' was cancelled");
	assert_null(fake_device("vg-lv-backup"));
	fake_when_armed(NULL);
	run(verb_backup, "backup vg-lv target");
	refuses(verb_job, "job pause --cancel-on-exit vg-lv",
		"--cancel-on-exit is only for job wait");
	fake_when_armed(interrupt_and_end);
	refuses(verb_job, "job wait --cancel-on-exit vg-lv",
		"the backup of 'vg-lv' was cancelled");
	assert_null(fake_device("vg-lv-backup"));
}

/* Somebody cancels the backup and begins another one of the device, which ends well. */
static void begin_another(int nr)
{
	if (nr)
		fake_replace("vg-lv-backup");
	finish_backup(nr);
}

static void end_again(int nr)
{
	if (nr)
		fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1 0 - 2 new guarded");
}

static void waits_for_its_own(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_when_armed(begin_another);
	refuses(verb_backup, "backup --wait vg-lv target",
		"the backup of 'vg-lv' is gone: taken out by another program");
	assert_non_null(fake_device("vg-lv-backup"));
	run(verb_remove, "remove vg-lv-backup");
	fake_when_armed(end_again);
	refuses(verb_backup, "backup --wait vg-lv target",
		"the backup of 'vg-lv' is gone: taken out by another program");
}

/* The same command each night, without anybody who dismisses what has ended. */
static void nightly(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_backup, "backup --on-cbw-error break-guest-write vg-lv target");
	assert_null(strstr(fake_table("vg-lv-backup")->line[0].params, "break-snapshot"));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	run(verb_doctor, "doctor");
	assert_null(strstr(text, "has failed"));
	run(verb_backup, "backup vg-lv target");
	assert_int_equal(result, 0);
	fake_status("vg-lv-backup", "concluded 1/10 10/100 ESTALE broken ok 0 0 0 1");
	run(verb_doctor, "doctor");
	assert_int_equal(result, -1);
	assert_non_null(strstr(text, "backup 'vg-lv' has failed: the device was given another table (by LVM or dmsetup) that leads past the filter; its copy is not complete (qdm remove vg-lv-backup, and begin it again)"));
	run(verb_backup, "backup vg-lv target");
	assert_int_equal(result, 0);
	assert_non_null(fake_device("vg-lv-backup"));
	fake_status("vg-lv-backup", "concluded 1/10 10/100 ESTALE broken ok 0 0 0 1");
	fake_swap("vg-lv", CASE_SECTORS, "4000:17 4096");
	run(verb_backup, "backup vg-lv target");
	assert_int_equal(result, 0);
	assert_string_equal(fake_table("vg-lv-root")->line[0].params, "4000:17 4096");
}

static void doctor_says(const char *status, const char *wanted)
{
	fake_status("vg-lv-backup", status);
	run(verb_doctor, "doctor");
	if (wanted && !strstr(text, wanted))
		fail_msg("doctor says: %s", text);
	if (!wanted && strstr(text, "backup '"))
		fail_msg("doctor says: %s", text);
}

/* Not only what has failed is not well. */
static void doctor_and_backups(void **state)
{
	static const char lost[] = "trouble: backup 'vg-lv' has made 3 writes to its device fail, the first with ENOSPC: their old data could not be copied (on-cbw-error break-guest-write)\n";

	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_backup, "backup --on-cbw-error break-guest-write vg-lv target");
	doctor_says("running 1/10 10/100 - intact ok 1 0 0 0 0 - 0 new guarded", NULL);
	doctor_says("paused 1/10 10/100 ENOSPC intact nospace 1 0 0 0 0 - 0 new guarded",
		    "trouble: backup 'vg-lv' has stopped: No space left on device (job-resume continues it after a repair, qdm remove --cancel vg-lv-backup ends it)\n");
	doctor_says("running 1/10 10/100 - intact ok 1 0 0 0 3 ENOSPC 0 new guarded", lost);
	doctor_says("concluded 10/10 100/100 - intact ok 0 0 0 1 3 ENOSPC 0 new guarded", lost);
	doctor_says("concluded 10/10 100/100 - intact ok 0 0 0 1 0 - 0 new -", NULL);
}

/* An older qdm has given the device a linear line. */
static void doctor_and_no_guard(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_backup, "backup vg-lv target");
	free(fake_table("vg-lv")->line[0].type);
	fake_table("vg-lv")->line[0].type = strdup("linear");
	doctor_says("running 1/10 10/100 - intact ok 1 0 0 0 0 - 0 new guarded", NULL);
	doctor_says("running 1/10 10/100 - intact ok 1 0 0 0 0 - 0 new -",
		    "trouble: backup 'vg-lv' has no guard line above it: when LVM or dmsetup gives 'vg-lv' another table its copy is of no instant, and it does not know (cancel it, and begin it again)\n");
	doctor_says("concluded 10/10 100/100 - intact ok 0 0 0 1 0 - 0 new -", NULL);
}

/* A dry run does not dismiss it, and does not say that the real one is refused. */
static void nightly_and_dry(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_backup, "backup vg-lv target");
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	refuses(verb_backup, "backup --dry-run vg-lv target",
		"the backup of 'vg-lv' before this one is over and would be dismissed first; no script does both (qdm remove --dry-run vg-lv-backup prints the first)");
	assert_non_null(fake_device("vg-lv-backup"));
}

/* What a renamed device keeps under its old name is not another one's last backup. */
static void nightly_and_renamed(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_add("t2", "", CASE_SECTORS, "linear", "4000:33 0");
	run(verb_backup, "backup vg-lv target");
	fake_status("vg-lv-backup", "concluded 1/10 10/100 EIO intact ok 0 0 0 1");
	strcpy(fake_device("vg-lv")->name, "vg-old");
	strcpy(fake_device("vg-b")->name, "vg-lv");
	refuses(verb_backup, "backup vg-lv t2", "Job ID 'vg-lv' already in use");
	assert_non_null(fake_device("vg-lv-backup"));
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "backup 'vg-lv' has failed"));
}

static void fail_at_once(const char *name)
{
	if (!strcmp(name, "vg-lv-backup"))
		fake_status(name, "concluded 0/10 0/100 EBUSY intact ok 0 0 0 1");
}

/* Its destination has become another job's, or it is not there any more. */
static void has_not_begun(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_when_looked(fail_at_once);
	refuses(verb_backup, "backup vg-lv target",
		"the backup of 'vg-lv' has failed: Device or resource busy");
	refuses(verb_backup, "backup --json vg-lv target",
		"the backup of 'vg-lv' has failed: Device or resource busy");
}

/* Many events within a second are one line, and the end is another. */
static void hurry(int nr)
{
	if (nr < 20)
		fake_status("vg-lv-backup", "running 5/10 50/100 - intact ok 1 0 0 0");
	else
		finish_backup(nr);
}

static void line_a_second(void **state)
{
	struct timespec begun, over;
	const char *at;
	int found = 0;

	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_when_armed(hurry);
	clock_gettime(CLOCK_MONOTONIC, &begun);
	run(verb_backup, "backup --wait vg-lv target");
	clock_gettime(CLOCK_MONOTONIC, &over);
	assert_int_equal(result, 0);
	for (at = text; (at = strchr(at, '\n')); at++)
		found++;
	/* on a busy machine it may have been more than a second */
	assert_in_range(found, 2, 2 + 2 * (over.tv_sec - begun.tv_sec));
}

/* Wherever a device or node is named, its path will do. */
static void by_path(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	says(verb_throttle, "throttle /dev/mapper/vg-lv iops-total=5",
	     "vg-lv: group -, iops-total=5/s, 0 waiting\n");
	says(verb_insert, "insert threshold /dev/mapper/vg-lv 1G",
	     "vg-lv-threshold: at 1G (1073741824); it cannot fire before the device, of 64M (67108864), is longer\n");
	fake_status("vg-lv-threshold", "armed 4096 0 0 0 0");
	says(verb_threshold, "threshold /dev/mapper/vg-lv-threshold",
	     "vg-lv-threshold: armed at 4K (4096), written up to 0B\n");
	says(verb_backup, "backup /dev/mapper/vg-lv /dev/mapper/target",
	     "vg-lv-backup: 100B to /dev/mapper/target\n");
	says(verb_remove, "remove /dev/mapper/vg-lv-throttle", "");
	assert_null(fake_device("vg-lv-throttle"));
	refuses(verb_insert, "insert threshold " CASE_LEAF " 1G",
		"'" CASE_LEAF "' is no device of device-mapper, so nothing can be put under it; on top of it: blockdev-add");
}

#define NAMED	"insert --node mine threshold vg-lv 1G"

static void inserts(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	run(verb_insert, "insert --dry-run --node mine threshold vg-lv 1G");
	assert_non_null(strstr(text, "dmsetup create mine-inserting --uuid stratis-1-private-QDM-threshold-mine\n"));
	assert_non_null(strstr(text, "qguard /dev/mapper/mine-inserting 0"));
	assert_non_null(strstr(text, "vg-lv\ndmsetup remove --deferred vg-lv-root\ndmsetup mknodes vg-lv-root\ndmsetup rename mine-inserting mine\n"));
	says(verb_insert, NAMED, "mine: at 1G (1073741824); it cannot fire before the device, of 64M (67108864), is longer\n");
	assert_string_equal(fake_log(), "create vg-lv-root;create mine-inserting;"
			    "load vg-lv;resume vg-lv;rename mine-inserting;");
	assert_string_equal(fake_device("mine")->uuid, "stratis-1-private-QDM-threshold-mine");
	assert_string_equal(fake_table("vg-lv")->line[0].params, "253:3 0");
	says(verb_insert, "insert throttle vg-lv iops-total=1.5k bps-read=8M",
	     "vg-lv-throttle: iops-total=1500/s bps-read=8M/s\n");
	says(verb_insert, "insert --node shared throttle vg-lv --group g",
	     "shared: group g\n");
	says(verb_insert, "insert backup vg-lv vg-b", "vg-lv-backup: to vg-b\n");
}

/* What cannot be carried through is not there afterwards, named or not. */
static void insert_may_fail(void **state)
{
	int step;

	for (step = 0; step < 5; step++) {
		fake_fail_at(step);
		run(verb_insert, NAMED);
		assert_int_equal(result, -1);
		assert_non_null(strstr(error.text, "made to fail"));
		assert_string_equal(fake_table("vg-lv")->line[0].params,
				    "4000:16 2048");
		assert_null(fake_device("mine-inserting"));
		assert_null(fake_device("vg-lv-root"));
		end(state);
		case_set_up(state);
	}
}

/* Put in, and not yet renamed: software sees the node, and its name is taken. */
static void insert_is_seen(void **state)
{
	(void)state;
	says(verb_insert, NAMED, "mine: at 1G (1073741824); it cannot fire before the device, of 64M (67108864), is longer\n");
	strcpy(fake_device("mine")->name, "mine-inserting");
	assert_non_null(strstr(case_reply("{'execute':'query-named-block-nodes'}"),
			       "\"node-name\":\"mine\""));
	assert_non_null(strstr(case_reply("{'execute':'query-blockstats','arguments':{'query-nodes':true}}"),
			       "\"node-name\":\"mine\""));
	assert_non_null(strstr(case_reply("{'execute':'x-debug-query-block-graph'}"),
			       "\"mine\""));
	refuses(verb_insert, NAMED,
		"node 'mine' is being inserted, or that command was killed (device 'mine-inserting'; qdm doctor --repair)");
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: filter 'mine-inserting' should be named 'mine'"));
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: filter 'mine-inserting'"));
	assert_non_null(fake_device("mine"));
	assert_null(fake_device("mine-inserting"));
}

/* Each signal is one more crossing, as the kernel would count them. */
static void cross(int signal)
{
	static int seq;
	char status[64];

	(void)signal;
	snprintf(status, sizeof(status), "fired 0 512 5000 %d 4096", ++seq);
	fake_status("w", status);
}

/* The first line that the verb prints while a threshold fires again and again. */
static char *first_line(bool json)
{
	char *argv[] = { (char *)"events", (char *)"--json", NULL };
	char *line = NULL;
	size_t room = 0;
	int ends[2], i;
	FILE *from;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	signal(SIGUSR1, cross);
	child = fork();
	if (!child) {
		dup2(ends[1], STDOUT_FILENO);
		verb_events(json ? 2 : 1, argv, &error);
		_exit(1);
	}
	close(ends[1]);
	from = fdopen(ends[0], "r");
	for (i = 0; i < 1200 && poll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, 50) < 1; i++)
		kill(child, SIGUSR1);
	assert_true(getline(&line, &room, from) > 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	fclose(from);
	return line;
}

static void events(void **state)
{
	struct json_object *event, *data;
	char *line;

	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_status("w", "armed 4096 0 0 0 0");
	line = first_line(false);
	assert_non_null(strstr(line, " BLOCK_WRITE_THRESHOLD node-name=w amount-exceeded=512B write-threshold=4K (4096)\n"));
	free(line);
	line = first_line(true);
	event = json_tokener_parse(line);
	assert_string_equal(json_string(event, "event", ""), "BLOCK_WRITE_THRESHOLD");
	assert_true(json_object_object_get_ex(event, "data", &data));
	assert_string_equal(json_string(data, "write-threshold", ""), "4096");
	json_object_put(event);
	free(line);
	refuses(verb_events, "events all", "events: 'all' is unexpected");
}

/* With --json each verb prints one JSON value, or one a line. */
static void in_json(void **state)
{
	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_insert, "insert --json threshold vg-lv 1G");
	assert_int_equal(result, 0);
	assert_non_null(strstr(text, "\"node-name\":\"vg-lv-threshold\""));
	run(verb_watch, "watch --json --once");
	assert_non_null(strstr(text, "\"node-name\":\"vg-lv-threshold\", \"reads-per-second\":0") ?:
			strstr(text, "\"node-name\":\"vg-lv-threshold\",\"reads-per-second\":0"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	run(verb_remove, "remove --json vg-lv-threshold");
	assert_int_equal(result, 0);
	assert_non_null(strstr(text, "\"node-name\":\"vg-lv-threshold\""));
	fake_when_armed(finish_backup);
	run(verb_backup, "backup --json --wait vg-lv target");
	assert_int_equal(result, 0);
	assert_non_null(strstr(text, "\"status\":\"running\""));
	assert_non_null(strstr(text, "\"current-progress\":100"));
	assert_non_null(strstr(text, "\"bytes-per-second\":"));
	assert_int_equal(*text, '{');
	run(verb_backup, "backup --json vg-lv target");
	assert_non_null(strstr(text, "\"node-name\":\"vg-lv-backup\""));
	assert_non_null(strstr(text, "\"id\":\"vg-lv\""));
}

/* What a verb prints with --json is one value; the number at @key in it. */
static long long json_at(int (*verb)(int argc, char **argv, struct error *error),
			 const char *line, const char *key)
{
	struct json_object *value, *found = NULL;
	long long number = -1;

	run(verb, line);
	assert_int_equal(result, 0);
	value = json_tokener_parse(text);
	if (json_object_object_get_ex(value, key, &found))
		number = json_object_get_int64(found);
	json_object_put(value);
	return number;
}

static void limits_in_json(void **state)
{
	(void)state;
	assert_int_equal(json_at(verb_group, "group show --json g", "iops-total"), 700);
	run(verb_group, "group --json");
	assert_int_equal(*text, '[');
	assert_non_null(strstr(text, "\"id\":\"g\""));
	says(verb_throttle, "throttle --json vg-lv", "null\n");
	assert_int_equal(json_at(verb_throttle, "throttle --json vg-lv iops-total=5",
				 "iops-total"), 5);
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_status("w", "armed 4096 0 1536 0 0");
	assert_int_equal(json_at(verb_threshold, "threshold --json w", "write-threshold"), 4096);
}

static void lists(void **state)
{
	(void)state;
	fake_add("b", "QDM-backup-b", CASE_SECTORS, "backupcow", "4000:16 0 4000:17 0 128");
	fake_status("b", "concluded 10/10 100/100 EIO intact ok 0 0 0 1");
	run(verb_watch, "watch --once");
	assert_non_null(strstr(text, "  concluded 100%, error EIO\n"));
	kdm_remove("b", &error);
	says(verb_list, "list",
	     "vg-lv                            device       64M 4000:16\n");
	run(verb_list, "list --json");
	assert_non_null(strstr(text, "\"node-name\":\"vg-lv\""));
	refuses(verb_list, "list all", "list: 'all' is unexpected");
	run(verb_watch, "watch --once");
	assert_int_equal(result, 0);
	assert_non_null(strstr(text, "writes/s"));
	assert_non_null(strstr(text, "\nvg-lv "));
}

/* All that a kill at any moment can leave. */
static void doctor(void **state)
{
	struct error ignored = { 0 };

	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_device("w")->live = false;
	fake_add("vg-b-root", "QDM-root-vg-b", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("vg-c", "", CASE_SECTORS, "linear", "4000:18 0");
	fake_add("vg-c-root", "QDM-root-vg-c", CASE_SECTORS, "linear", "4000:18 0");
	kdm_load("vg-c", fake_table("vg-c"), &ignored);
	kdm_load("vg-lv", fake_table("vg-lv"), &ignored);
	fake_add("t", "QDM-throttle-t", CASE_SECTORS, "zero", "");
	run(verb_doctor, "doctor");
	assert_int_equal(result, -1);
	assert_non_null(strstr(text, "trouble: node 'w' has no table"));
	assert_non_null(strstr(text, "trouble: root 'vg-b-root' has nothing on it"));
	assert_non_null(strstr(text, "trouble: device 'vg-c' has a table loaded that is not live: a command was killed"));
	assert_non_null(strstr(text, "trouble: device 'vg-lv' has a table loaded that is not live; it may be another program's"));
	assert_non_null(strstr(text, "node 't' is a throttle by its UUID and has a table of target 'zero'"));
	assert_true(fake_device("vg-c")->pending);
	run(verb_doctor, "doctor --repair");
	assert_null(fake_device("w"));
	assert_null(fake_device("vg-b-root"));
	assert_false(fake_device("vg-c")->pending);
	assert_true(fake_device("vg-lv")->pending);
	assert_non_null(fake_device("t"));
	run(verb_doctor, "doctor --json");
	assert_non_null(strstr(text, "\"repaired\":"));
}

/* A filter that was made to be inserted is named and kept, until asked for. */
static void doctor_and_idle(void **state)
{
	(void)state;
	fake_add("vg-lv-root", "QDM-root-vg-lv", CASE_SECTORS, "linear", "4000:16 2048");
	fake_add("mine", "QDM-threshold-mine", CASE_SECTORS, "wthreshold", "253:1 0");
	fake_add("vg-lv-throttle", "QDM-throttle-vg-lv-throttle", CASE_SECTORS,
		 "qthrottle", "253:2 0 -");
	fake_add("job-backup", "QDM-backup-job-backup", CASE_SECTORS,
		 "backupcow", "253:1 0 - 0 128");
	fake_add("nightly-backup", "QDM-backup-nightly-backup", CASE_SECTORS,
		 "backupcow", "253:1 0 4000:17 0 128");
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: filter 'vg-lv-throttle' has nothing on it: a command was killed"));
	assert_null(strstr(text, "'mine'"));
	assert_null(strstr(text, "trouble: filter 'nightly"));
	assert_non_null(strstr(text, "trouble: filter 'job-backup' has nothing on it: a command was killed"));
	run(verb_doctor, "doctor --json --repair");
	assert_null(fake_device("vg-lv-throttle"));
	assert_null(fake_device("job-backup"));
	assert_non_null(fake_device("nightly-backup"));
	assert_non_null(fake_device("mine"));
	assert_non_null(fake_device("vg-lv-root"));
	assert_non_null(strstr(text, "\"note\":\"filter 'mine' has nothing on it"));
	refuses(verb_doctor, "doctor --idle",
		"--idle requires --repair: it deletes filters with nothing on top of them");
	run(verb_doctor, "doctor --repair --idle");
	assert_null(fake_device("mine"));
	assert_null(fake_device("vg-lv-root"));
}

/* A leaf's node waits for its filter; what lies on it may be mounted. */
static void doctor_and_hosts(void **state)
{
	(void)state;
	fake_add("d", "QDM-root-d", CASE_SECTORS, "linear", "4000:48 0");
	fake_add("e", "QDM-root-e", CASE_SECTORS, "linear", "4000:49 0");
	fake_add("e-throttle", "QDM-throttle-e-throttle", CASE_SECTORS,
		 "qthrottle", "253:2 0 -");
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "note: node 'd' has nothing on it (blockdev-del, or --repair --idle)"));
	assert_null(strstr(text, "'e"));
	assert_non_null(fake_device("d"));
	run(verb_doctor, "doctor --repair --idle");
	assert_null(fake_device("d"));
	assert_non_null(fake_device("e-throttle"));
}

/* Of what stands still only ours is resumed; lvextend drops a filter out. */
static void doctor_and_suspended(void **state)
{
	(void)state;
	fake_add("vg-lv-root", "QDM-root-vg-lv", CASE_SECTORS, "linear", "4000:16 2048");
	fake_add("vg-b", "", CASE_SECTORS, "linear", "4000:17 0");
	fake_device("vg-lv")->suspended = true;
	fake_device("vg-b")->suspended = true;
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: device 'vg-lv' is suspended\n"));
	assert_non_null(strstr(text, "trouble: device 'vg-b' is suspended; another program may have suspended it"));
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: device 'vg-lv' is suspended\n"));
	assert_false(fake_device("vg-lv")->suspended);
	assert_true(fake_device("vg-b")->suspended);
}

static void lvm_goes_on(int signal)
{
	(void)signal;
	fake_device("vg-lv")->suspended = false;
}

/* LVM in the middle of a swap: its table is loaded, or it is suspended for a moment. */
static void doctor_and_lvm(void **state)
{
	struct kdm_table theirs = { 0 };
	struct error ignored = { 0 };

	(void)state;
	fake_add("vg-lv-root", "QDM-root-vg-lv", CASE_SECTORS, "linear", "4000:16 2048");
	fake_add("vg-lv-throttle", "QDM-throttle-vg-lv-throttle", CASE_SECTORS,
		 "qthrottle", "253:1 0 -");
	kdm_table_free(fake_table("vg-lv"));
	kdm_table_add(fake_table("vg-lv"), 0, CASE_SECTORS, "linear", "253:2 0");
	kdm_table_add(&theirs, 0, CASE_SECTORS, "linear", "4000:17 0");
	kdm_load("vg-lv", &theirs, &ignored);
	kdm_table_free(&theirs);
	fake_device("vg-lv")->suspended = true;
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "trouble: device 'vg-lv' has a table loaded that is not live; it may be another program's"));
	assert_non_null(strstr(text, "trouble: device 'vg-lv' is suspended; another program may have suspended it"));
	assert_true(fake_device("vg-lv")->pending);
	assert_true(fake_device("vg-lv")->suspended);
	fake_device("vg-lv")->pending = false;
	signal(SIGALRM, lvm_goes_on);
	alarm(2);
	run(verb_doctor, "doctor --repair");
	assert_null(strstr(text, "suspended"));
	assert_null(strstr(fake_log(), "resume"));
}

/* Whoever lies on the root has it, whatever the two are called. */
static void doctor_and_lost(void **state)
{
	(void)state;
	run(verb_insert, "insert threshold vg-lv 1M");
	strcpy(fake_device("vg-lv")->name, "vg-new");
	run(verb_doctor, "doctor --json");
	assert_null(strstr(text, "has lost"));
	*fake_device("vg-new")->name = '\0';
	fake_device("vg-lv-threshold")->open_count = 0;
	run(verb_doctor, "doctor --json");
	assert_non_null(strstr(text, "root 'vg-lv-root' has lost its device"));
	run(verb_put_back, "put-back");
	assert_null(fake_device("vg-lv-threshold"));
	assert_null(fake_device("vg-lv-root"));
}

/* As LVM does it: the table that it has in mind, with another length. */
static void lvm_gives(const char *type, const char *params, uint64_t len)
{
	struct kdm_table theirs = { 0 };
	struct error ignored = { 0 };
	const struct kdm_how how = { 0 };

	kdm_table_add(&theirs, 0, len, type, params);
	assert_int_equal(kdm_load("vg-lv", &theirs, &ignored), 0);
	assert_int_equal(kdm_resume("vg-lv", &how, &ignored), 0);
	kdm_table_free(&theirs);
}

static void has_line(const char *name, const char *params, uint64_t len)
{
	assert_string_equal(fake_table(name)->line[0].params, params);
	assert_int_equal(fake_table(name)->line[0].len, len);
}

/* In the same order, over the new table and length. */
static void dropped_filters_come_back(void **state)
{
	(void)state;
	run(verb_insert, "insert --node low threshold vg-lv 1M");
	run(verb_insert, "insert --node high throttle vg-lv iops-total=100");
	lvm_gives("linear", "4000:17 0", 2 * CASE_SECTORS);
	run(verb_doctor, "doctor --json");
	assert_non_null(strstr(text, "filter 'high' was dropped: device 'vg-lv' was given another table by LVM or dmsetup"));
	assert_null(strstr(text, "killed"));
	run(verb_put_back, "put-back");
	has_line("vg-lv-root", "4000:17 0", 2 * CASE_SECTORS);
	assert_string_equal(fake_at(fake_table("low")->line[0].params), "vg-lv-root");
	assert_int_equal(fake_table("low")->line[0].len, 2 * CASE_SECTORS);
	assert_string_equal(fake_at(fake_table("high")->line[0].params), "low");
	assert_int_equal(fake_table("high")->line[0].len, 2 * CASE_SECTORS);
	assert_string_equal(fake_at(fake_table("vg-lv")->line[0].params), "high");
	assert_int_equal(fake_table("vg-lv")->line[0].len, 2 * CASE_SECTORS);
	run(verb_doctor, "doctor --json");
	assert_null(strstr(text, "dropped"));
}

/* What was never in, or was taken out, is a client's. */
static void others_do_not(void **state)
{
	(void)state;
	run(verb_insert, "insert --node low threshold vg-lv 1M");
	case_reply("{'execute': 'block-remove-node', 'arguments': {'parent': 'vg-lv', 'child': 'vg-lv', 'node': 'low'}}");
	lvm_gives("linear", "4000:17 0", CASE_SECTORS);
	run(verb_put_back, "put-back");
	has_line("vg-lv", "4000:17 0", CASE_SECTORS);
	run(verb_doctor, "doctor --json --repair");
	assert_null(strstr(text, "dropped"));
	assert_non_null(fake_device("low"));
}

/* And what LVM has given it may be such that nothing can be under it. */
static void some_have_to_wait(void **state)
{
	(void)state;
	run(verb_insert, "insert --node low threshold vg-lv 1M");
	lvm_gives("snapshot-origin", "4000:17", CASE_SECTORS);
	run(verb_put_back, "put-back");
	assert_int_equal(result, -1);
	assert_non_null(strstr(error.text, "Device 'vg-lv' has a table with target 'snapshot-origin', which cannot be moved under a filter"));
	has_line("vg-lv", "4000:17", CASE_SECTORS);
	run(verb_doctor, "doctor --json --repair");
	assert_non_null(strstr(text, "'low' was dropped"));
	assert_non_null(fake_device("low"));
	lvm_gives("linear", "4000:16 2048", CASE_SECTORS);
	run(verb_doctor, "doctor --json --repair");
	assert_string_equal(fake_at(fake_table("vg-lv")->line[0].params), "low");
}

/* What fails is tried again, and the others are tried meanwhile. */
static void failures_are_tried_again(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-b", CASE_SECTORS, "linear", "4000:17 0");
	run(verb_insert, "insert --node b threshold vg-b 1M");
	run(verb_insert, "insert --node a threshold vg-lv 1M");
	lvm_gives("linear", "4000:17 0", CASE_SECTORS);
	fake_swap("vg-b", CASE_SECTORS, "4000:18 0");
	fake_fail_at(0);
	run(verb_put_back, "put-back");
	assert_int_equal(result, 0);
	assert_string_equal(fake_at(fake_table("vg-lv")->line[0].params), "a");
	assert_string_equal(fake_at(fake_table("vg-b")->line[0].params), "b");
}

/* What could not be swapped is in, or out, as it was. */
static void marks_are_true(void **state)
{
	(void)state;
	run(verb_insert, "insert --node low threshold vg-lv 1M");
	assert_true(fake_device("vg-lv-root")->deferred);
	fake_fail_at(1);
	run(verb_remove, "remove low");
	assert_int_equal(result, -1);
	assert_true(fake_device("vg-lv-root")->deferred);
	case_reply("{'execute': 'block-remove-node', 'arguments': {'parent': 'vg-lv', 'child': 'vg-lv', 'node': 'low'}}");
	assert_false(fake_device("vg-lv-root")->deferred);
	case_reply("{'execute': 'blockdev-add', 'arguments': {'driver': 'write-threshold', 'node-name': 'other', 'file': 'vg-lv', 'write-threshold': 4096}}");
	case_reply("{'execute': 'block-insert-node', 'arguments': {'parent': 'vg-lv', 'child': 'vg-lv', 'node': 'low'}}");
	case_reply("{'execute': 'blockdev-del', 'arguments': {'node-name': 'other'}}");
	assert_null(fake_device("other"));
	assert_true(fake_device("vg-lv-root")->deferred);
	run(verb_remove, "remove low");
	assert_null(fake_device("vg-lv-root"));
}

/* LVM deactivates the volume, and qdm takes down what lay under it. */
static void is_logged_without_device(const char *status, const char *wanted)
{
	struct error ignored = { 0 };

	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	run(verb_backup, "backup vg-lv target");
	fake_status("vg-lv-backup", status);
	assert_int_equal(kdm_remove("vg-lv", &ignored), 0);
	run(verb_put_back, "put-back");
	assert_int_equal(result, 0);
	assert_null(fake_device("vg-lv-backup"));
	if (!wanted)
		assert_null(strstr(case_log(), "backup 'vg-lv'"));
	else if (!strstr(case_log(), wanted))
		fail_msg("the log has: %s", case_log());
}

static void failed_without_device(void **state)
{
	(void)state;
	is_logged_without_device("concluded 1/10 10/100 EIO intact ok 0 0 0 1",
				 "backup 'vg-lv' has failed: Input/output error; its device has been removed since");
}

static void runs_without_device(void **state)
{
	(void)state;
	is_logged_without_device("running 1/10 10/100 - intact ok 1 0 0 0",
				 "backup 'vg-lv' was not over when its device was removed");
}

static void is_whole_without_device(void **state)
{
	(void)state;
	is_logged_without_device("concluded 10/10 100/100 - intact ok 0 0 0 1", NULL);
}

/* A group with neither limits nor members is mkdir's, too. */
static void doctor_and_groups(void **state)
{
	(void)state;
	case_group("bare", "");
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "note: group 'bare' has no limits and no members"));
	assert_null(strstr(text, "'g'"));
	run(verb_doctor, "doctor --json");
	assert_non_null(strstr(text, "\"note\":\"group 'bare' has no limits"));
	run(verb_doctor, "doctor --repair --idle");
	assert_non_null(strstr(text, "repaired: group 'bare' has no limits"));
	assert_false(group_exists("bare"));
	assert_true(group_exists("g"));
}

static void mark(const char *group)
{
	char *marker = group_marker(group);

	case_group(marker, "");
	free(marker);
}

/* What object-add has left is trouble, and goes; what has a use stays. */
static void doctor_and_markers(void **state)
{
	(void)state;
	case_group("bare", "");
	case_group("used", "");
	fake_add("t", "QDM-throttle-t", CASE_SECTORS, "qthrottle", "4000:16 0 used");
	mark("bare");
	mark("used");
	mark("g");
	mark("gone");
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: group 'bare' has no limits yet: object-add was killed"));
	assert_non_null(strstr(text, "trouble: group 'g' is marked as being made: object-add was killed"));
	assert_non_null(strstr(text, "-gone' in "));
	assert_null(strstr(text, "note: "));
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: group 'bare' has no limits yet"));
	assert_non_null(strstr(text, "repaired: group 'used' is marked"));
	assert_false(group_exists("bare"));
	assert_true(group_exists("used"));
	assert_string_equal(case_limits("g"), "iops-total=700\niops-total-max=0\n");
	run(verb_doctor, "doctor");
	assert_null(strstr(text, "object-add"));
}

/* What a throttle's line says that is in and has yet to join its group. */
static void doctor_and_joining(void **state)
{
	(void)state;
	fake_add("vg-b-root", "QDM-root-vg-b", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("vg-b-throttle", "QDM-throttle-vg-b-throttle", CASE_SECTORS,
		 "qthrottle", "253:1 0 - 2 weight 1");
	run(verb_doctor, "doctor");
	assert_null(strstr(text, "is in no group yet"));
	fake_add("vg-b", "", CASE_SECTORS, "linear", "253:2 0");
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: filter 'vg-b-throttle' is in no group yet"));
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: filter 'vg-b-throttle' is in no group yet"));
	assert_null(fake_device("vg-b-throttle"));
	assert_null(fake_device("vg-b-root"));
	assert_string_equal(fake_table("vg-b")->line[0].params, "4000:17 0");
}

/* A table that is not live is ours if it leads to one of our nodes. */
static void doctor_and_loaded(void **state)
{
	struct kdm_table table = { 0 };
	struct error ignored = { 0 };

	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	kdm_table_add(&table, 0, CASE_SECTORS, "linear", "253:1 0");
	kdm_load("vg-lv", &table, &ignored);
	kdm_table_free(&table);
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: device 'vg-lv' has a table loaded"));
	assert_false(fake_device("vg-lv")->pending);
}

/* So it is if it leaves out the filter that the device lies on, over a disk. */
static void doctor_and_removal(void **state)
{
	struct kdm_table table = { 0 };
	struct error ignored = { 0 };

	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:16 0");
	fake_add("vg-b", "", CASE_SECTORS, "linear", "253:1 0");
	kdm_table_add(&table, 0, CASE_SECTORS, "linear", "4000:16 0");
	kdm_load("vg-b", &table, &ignored);
	kdm_load("vg-lv", &table, &ignored);
	kdm_table_free(&table);
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: device 'vg-b' has a table loaded"));
	assert_non_null(strstr(text, "trouble: device 'vg-lv' has a table loaded"));
	assert_false(fake_device("vg-b")->pending);
	assert_true(fake_device("vg-lv")->pending);
}

static void doctor_and_semaphores(void **state)
{
	(void)state;
	fake_leave_cookie(0x0d4d1234);
	run(verb_doctor, "doctor");
	assert_non_null(strstr(text, "trouble: semaphore 0x0d4d1234 is left over"));
	run(verb_doctor, "doctor --repair");
	assert_non_null(strstr(text, "repaired: semaphore 0x0d4d1234"));
	run(verb_doctor, "doctor");
	assert_null(strstr(text, "semaphore"));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, case_set_up, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sizes),
		TEST(groups),
		TEST(throttles),
		TEST(throttle_takes_no_group_alone),
		TEST(others_limit_it),
		TEST(limits_are_unknown),
		TEST(names),
		TEST(renamed),
		TEST(discards),
		TEST(inserts_with_discard),
		TEST(dropped_throttle),
		TEST(thresholds),
		TEST(backups),
		TEST(waits_for_its_own),
		TEST(jobs),
		TEST(cancels_on_exit),
		TEST(nightly),
		TEST(doctor_and_backups),
		TEST(doctor_and_no_guard),
		TEST(nightly_and_dry),
		TEST(nightly_and_renamed),
		TEST(has_not_begun),
		TEST(line_a_second),
		TEST(by_path),
		TEST(lists),
		TEST(inserts),
		TEST(insert_may_fail),
		TEST(insert_is_seen),
		TEST(events),
		TEST(in_json),
		TEST(limits_in_json),
		TEST(doctor),
		TEST(doctor_and_idle),
		TEST(doctor_and_hosts),
		TEST(doctor_and_suspended),
		TEST(doctor_and_lvm),
		TEST(doctor_and_lost),
		TEST(dropped_filters_come_back),
		TEST(others_do_not),
		TEST(some_have_to_wait),
		TEST(failures_are_tried_again),
		TEST(marks_are_true),
		TEST(failed_without_device),
		TEST(runs_without_device),
		TEST(is_whole_without_device),
		TEST(doctor_and_groups),
		TEST(doctor_and_markers),
		TEST(doctor_and_joining),
		TEST(doctor_and_loaded),
		TEST(doctor_and_removal),
		TEST(doctor_and_semaphores),
	};

	return cmocka_run_group_tests_name("qdm-people", tests, NULL, case_end);
}
