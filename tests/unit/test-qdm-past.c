// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A backup is of one instant as long as its filter sees every write. Here is each edit
 * that would lead a device past a job that is not over, or take something for what
 * belongs to a device that does not: all of them are refused and change nothing.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/verbs.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define COMMAND(name, arguments) \
	"{'execute':'" name "','arguments':{" arguments "}}"
#define DONE		"{\"return\":{}}"
#define BACKUP(device, target) \
	COMMAND("blockdev-backup", "'device':'" device "','target':'" target "','sync':'full'")
#define BUSY(node, job) \
	"Node '" node "' is busy: block device is in use by block job: backup (job '" job "'; job-cancel ends it, or qdm remove --cancel)"
#define RUNNING		"running 1/10 10/100 - intact ok 0 0 0 0"
#define CONCLUDED	"concluded 10/10 100/100 - intact ok 0 0 0 1"
#define THROTTLE(name, file) \
	"'driver':'throttle','node-name':'" name "','throttle-group':'g','file':'" file "'"
#define SNAPSHOT(name, file, target) \
	"'driver':'copy-before-write','node-name':'" name "','file':'" file "','target':'" target "'"

static void works(const char *command)
{
	assert_string_equal(case_reply(command), DONE);
}

/* With this sentence, and not a device has got another table. */
static void refused(const char *command, const char *text)
{
	char log[2048], wanted[512];

	snprintf(log, sizeof(log), "%s", fake_log());
	snprintf(wanted, sizeof(wanted),
		 "{\"error\":{\"class\":\"GenericError\",\"desc\":\"%s\"}}", text);
	assert_string_equal(case_reply(command), wanted);
	assert_string_equal(fake_log(), log);
}

static void lies_on(const char *name, const char *below)
{
	assert_string_equal(fake_at(fake_table(name)->line[0].params), below);
}

static int begin(void **state)
{
	case_set_up(state);
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	works(BACKUP("vg-lv", "target"));
	fake_status("vg-lv-backup", RUNNING);
	return 0;
}

static int end(void **state)
{
	jobs_forget();
	return case_tear_down(state);
}

/*
 * Past a job
 */

static void removed(void **state)
{
	(void)state;
	refused(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'vg-lv-backup'"),
		BUSY("vg-lv-backup", "vg-lv"));
	fake_status("vg-lv-backup", CONCLUDED);
	works(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'vg-lv-backup'"));
}

static void replaced(void **state)
{
	(void)state;
	refused(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'vg-lv-root'"),
		BUSY("vg-lv-backup", "vg-lv"));
	works(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")));
	works(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'t'"));
	refused(COMMAND("blockdev-replace", "'parent':'t','child':'file','new-child':'vg-lv-root'"),
		BUSY("vg-lv-backup", "vg-lv"));
	works(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'vg-lv-backup'"));
}

static void reopened(void **state)
{
	(void)state;
	works(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")));
	works(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'t'"));
	refused(COMMAND("blockdev-reopen", "'options':[{" THROTTLE("t", "vg-lv-root") "}]"),
		BUSY("vg-lv-backup", "vg-lv"));
	refused(COMMAND("blockdev-reopen", "'options':[{" SNAPSHOT("vg-lv-backup", "vg-lv-root", "target") "}]"),
		BUSY("vg-lv-backup", "vg-lv"));
	lies_on("t", "vg-lv-backup");
}

/* In whatever state it is that is not over. */
static void paused(void **state)
{
	(void)state;
	fake_status("vg-lv-backup", "paused 1/10 10/100 EIO intact failed 0 0 0 0");
	refused(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'vg-lv-backup'"),
		BUSY("vg-lv-backup", "vg-lv"));
	fake_status("vg-lv-backup", "waiting 10/10 100/100 - intact ok 0 0 0 0");
	refused(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'vg-lv-backup'"),
		BUSY("vg-lv-backup", "vg-lv"));
}

/* Above the job and below it, where its origin moves to what holds the same. */
static void kept(void **state)
{
	(void)state;
	works(COMMAND("blockdev-add", THROTTLE("over", "vg-lv")));
	works(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'over'"));
	lies_on("vg-lv", "over");
	works(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv-backup','node':'over'"));
	lies_on("vg-lv", "vg-lv-backup");
	works(COMMAND("blockdev-add", THROTTLE("under", "vg-lv-root")));
	works(COMMAND("block-insert-node", "'parent':'vg-lv-backup','child':'vg-lv-root','node':'under'"));
	lies_on("vg-lv-backup", "under");
	assert_non_null(strstr(fake_table("vg-lv-backup")->line[0].params, "sync full"));
	works(COMMAND("block-remove-node", "'parent':'vg-lv-backup','child':'vg-lv-root','node':'under'"));
	lies_on("vg-lv-backup", "vg-lv-root");
}

/* LVM has dropped it, and what was written since was not copied first. */
static void put_back(void **state)
{
	(void)state;
	fake_swap("vg-lv", CASE_SECTORS, "4000:16 2048");
	refused(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'vg-lv-backup'"),
		BUSY("vg-lv-backup", "vg-lv"));
	works(COMMAND("blockdev-add", THROTTLE("t", "vg-lv-backup")));
	refused(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv-backup','node':'t'"),
		"'vg-lv-backup' not a child of device 'vg-lv'");
	refused(COMMAND("blockdev-del", "'node-name':'vg-lv-backup'"),
		BUSY("vg-lv-backup", "vg-lv"));
}

/* What blockdev-add makes has no job and no end: to take it out is to end it. */
static void snapshots(void **state)
{
	(void)state;
	fake_status("vg-lv-backup", CONCLUDED);
	works(COMMAND("job-dismiss", "'id':'vg-lv'"));
	works(COMMAND("blockdev-add", SNAPSHOT("c", "vg-lv", "target")));
	fake_status("c", "running 0/10 0/100 - intact ok 0 0 0 0");
	works(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'c'"));
	fake_status("c", RUNNING);
	works(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv','node':'c'"));
	refused(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'c'"),
		"Node 'c' has copied for an instant that is over; delete it and add it again");
	works(COMMAND("blockdev-del", "'node-name':'c'"));
}

/* Another word there is another job, which would begin over the copy. */
static void destination(void **state)
{
#define FIXED "'vg-lv-backup' writes to the device at this edge, which cannot change: another backup would begin there and overwrite the first"
	(void)state;
	fake_status("vg-lv-backup", CONCLUDED);
	works(COMMAND("blockdev-add", THROTTLE("t", "target")));
	refused(COMMAND("block-insert-node", "'parent':'vg-lv-backup','child':'target','node':'t'"),
		"'target' not a child of 't'");
	works(COMMAND("blockdev-del", "'node-name':'t'"));
	works(COMMAND("blockdev-add", THROTTLE("t", "/dev/mapper/target")));
	refused(COMMAND("block-insert-node", "'parent':'vg-lv-backup','child':'target','node':'t'"),
		FIXED);
	works(COMMAND("job-dismiss", "'id':'vg-lv'"));
	works(BACKUP("vg-lv", "t"));
	fake_status("vg-lv-backup", RUNNING);
	refused(COMMAND("block-remove-node", "'parent':'vg-lv-backup','child':'target','node':'t'"),
		FIXED);
	fake_status("vg-lv-backup", CONCLUDED);
	refused(COMMAND("block-remove-node", "'parent':'vg-lv-backup','child':'target','node':'t'"),
		FIXED);
}

/* The root keeps the table that the job reads from. */
static void refreshed(void **state)
{
	(void)state;
	fake_swap("vg-lv", CASE_SECTORS, "4000:16 999424");
	refused(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")), BUSY("vg-lv-backup", "vg-lv"));
	fake_status("vg-lv-backup", CONCLUDED);
	fake_device("vg-lv-backup")->open_count = 1;
	refused(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")),
		"'vg-lv-root' has another table than its device by now, and cannot get that while 'vg-lv-backup' is in use");
	fake_device("vg-lv-backup")->open_count = 0;
	works(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")));
	assert_string_equal(fake_table("vg-lv-root")->line[0].params, "4000:16 999424");
}

/*
 * The guard line
 */

static void has_line(const char *name, const char *type)
{
	assert_string_equal(fake_table(name)->line[0].type, type);
}

/* Only while there is a filter beneath, whatever an older qdm has left. */
static void guarded(void **state)
{
	(void)state;
	has_line("vg-lv", "qguard");
	fake_swap("vg-lv", CASE_SECTORS, "253:3 0");
	has_line("vg-lv", "linear");
	works(COMMAND("blockdev-add", THROTTLE("t", "vg-lv")));
	works(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'t'"));
	has_line("vg-lv", "qguard");
	fake_status("vg-lv-backup", CONCLUDED);
	works(COMMAND("block-remove-node", "'parent':'vg-lv','child':'vg-lv-backup','node':'t'"));
	has_line("vg-lv", "qguard");
	works(COMMAND("blockdev-del", "'node-name':'t'"));
	works(COMMAND("job-dismiss", "'id':'vg-lv'"));
	has_line("vg-lv", "linear");
}

static void guarded_over_a_leaf(void **state)
{
	(void)state;
	fake_add("d", "X", CASE_SECTORS, "linear", CASE_LEAF_NUMBER " 0");
	works(COMMAND("blockdev-add", THROTTLE("t", CASE_LEAF)));
	works(COMMAND("block-insert-node", "'parent':'d','child':'" CASE_LEAF "','node':'t'"));
	has_line("d", "qguard");
	works(COMMAND("block-remove-node", "'parent':'d','child':'" CASE_LEAF "','node':'t'"));
	has_line("d", "linear");
}

/*
 * What belongs to a device
 */

static void job_of_another(void **state)
{
	(void)state;
	fake_add("top", "X", CASE_SECTORS / 2, "linear", "253:0 2048");
	fake_add("whole", "X", CASE_SECTORS, "linear", "253:0 0");
	refused(COMMAND("job-cancel", "'id':'top'"), "Job not found");
	refused(COMMAND("job-cancel", "'id':'whole'"), "Job not found");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	works(COMMAND("blockdev-backup", "'device':'whole','target':'other','sync':'full','job-id':'nightly'"));
	fake_status("nightly-backup", RUNNING);
	works(COMMAND("job-cancel", "'id':'whole'"));
	assert_string_equal(fake_said("nightly-backup"), "cancel,");
	works(COMMAND("job-cancel", "'id':'vg-lv'"));
	assert_string_equal(fake_said("vg-lv-backup"), "cancel,");
}

/* A device with two has to be told which. */
static void job_of_two(void **state)
{
	(void)state;
	fake_add("d", "X", CASE_SECTORS, "linear", "4000:40 0");
	fake_add("o1", "", CASE_SECTORS, "linear", "4000:33 0");
	fake_add("o2", "", CASE_SECTORS, "linear", "4000:34 0");
	works(COMMAND("blockdev-backup", "'device':'d','target':'o1','sync':'full','job-id':'a'"));
	works(COMMAND("blockdev-backup", "'device':'d','target':'o2','sync':'full','job-id':'b'"));
	fake_status("a-backup", RUNNING);
	fake_status("b-backup", RUNNING);
	refused(COMMAND("job-cancel", "'id':'d'"), "Job not found");
	works(COMMAND("job-cancel", "'id':'a'"));
}

static void threshold_of_another(void **state)
{
	static const char set[] =
		COMMAND("block-set-write-threshold", "'node-name':'vg3-lv','write-threshold':4096");

	(void)state;
	fake_add("pv", "QDM-threshold-pv", 4 * CASE_SECTORS, "wthreshold", "4000:50 0 0");
	fake_add("vg3-lv", "LVM-3", CASE_SECTORS, "linear", "253:4 2048");
	fake_swap("vg3-lv", 4 * CASE_SECTORS, "253:4 0");
	works(set);
	assert_string_equal(fake_said("pv"), "set-threshold 4096,");
	fake_swap("vg3-lv", CASE_SECTORS, "253:4 0");
	works(set);
	assert_string_equal(fake_said("pv"), "set-threshold 4096,");
	assert_non_null(fake_device("vg3-lv-threshold"));
}

static void ends_job(int nr)
{
	if (nr == 1)
		fake_status("vg-lv-backup", "concluded 1/10 10/100 ECANCELED intact ok 0 0 0 1");
}

static void cancelled_first(void **state)
{
	char *plain[] = { "remove", "vg-lv-backup", NULL };
	char *cancel[] = { "remove", "--cancel", "vg-lv-backup", NULL };
	struct error error = { 0 };

	(void)state;
	assert_int_equal(verb_remove(2, plain, &error), -1);
	assert_string_equal(error.text, BUSY("vg-lv-backup", "vg-lv"));
	assert_string_equal(fake_said("vg-lv-backup"), "");
	error = (struct error){ 0 };
	fake_when_armed(ends_job);
	alarm(60);
	assert_int_equal(verb_remove(3, cancel, &error), 0);
	alarm(0);
	assert_non_null(strstr(fake_log(), "message vg-lv-backup cancel;"));
	assert_null(fake_device("vg-lv-backup"));
	assert_string_equal(fake_table("vg-lv")->line[0].params, "4000:16 2048");
}

/* Whichever step fails, the group has the limits it had, as others are in it. */
static void limits_last(void **state)
{
	static const char limit[] =
		COMMAND("block_set_io_throttle", "'id':'vg-b','group':'g','bps':0,'bps_rd':0,'bps_wr':0,'iops':7,'iops_rd':0,'iops_wr':0");
	static const char first[] =
		COMMAND("block_set_io_throttle", "'id':'vg-b','group':'g','bps':0,'bps_rd':0,'bps_wr':0,'iops':700,'iops_rd':0,'iops_wr':0");
	int at;

	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	works(first);
	fake_swap("vg-b", CASE_SECTORS, "4000:17 0");
	for (at = 0;; at++) {
		fake_fail_at(at);
		if (!strcmp(case_reply(limit), DONE))
			break;
		assert_non_null(strstr(case_limits("g"), "iops-total=700"));
		assert_string_equal(fake_table("vg-b")->line[0].params, "4000:17 0");
	}
	assert_true(at >= 2);
	assert_non_null(strstr(case_limits("g"), "iops-total=7"));
}

/* A command that was killed leaves a node without a table, and can be given again. */
static void without_table(void **state)
{
	(void)state;
	fake_add("a", "X", CASE_SECTORS, "linear", "4000:40 0");
	fake_add("a-throttle", "QDM-throttle-a-throttle", CASE_SECTORS, "qthrottle", "4000:40 0 -");
	kdm_table_free(fake_table("a-throttle"));
	fake_device("a-throttle")->live = false;
	works(COMMAND("block_set_io_throttle", "'id':'a','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0"));
	lies_on("a", "a-throttle");
	works(COMMAND("block_set_io_throttle", "'id':'a','bps':0,'bps_rd':0,'bps_wr':0,'iops':0,'iops_rd':0,'iops_wr':0"));
	assert_null(fake_device("a-throttle"));
	fake_add("a-throttle", "QDM-throttle-a-throttle", CASE_SECTORS, "qthrottle", "4000:40 0 -");
	kdm_table_free(fake_table("a-throttle"));
	fake_device("a-throttle")->live = false;
	works(COMMAND("block_set_io_throttle", "'id':'a','bps':0,'bps_rd':0,'bps_wr':0,'iops':0,'iops_rd':0,'iops_wr':0"));
	assert_null(fake_device("a-throttle"));
}

#define PAST(test)	cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAST(removed),
		PAST(replaced),
		PAST(reopened),
		PAST(paused),
		PAST(kept),
		PAST(put_back),
		PAST(snapshots),
		PAST(destination),
		PAST(refreshed),
		PAST(guarded),
		PAST(guarded_over_a_leaf),
		PAST(job_of_another),
		PAST(job_of_two),
		PAST(threshold_of_another),
		PAST(cancelled_first),
		PAST(limits_last),
		PAST(without_table),
	};

	return cmocka_run_group_tests_name("qdm-past", tests, NULL, case_end);
}
