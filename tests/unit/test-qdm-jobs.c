// SPDX-License-Identifier: GPL-2.0-or-later
/* Backups as QMP clients begin, steer and see them. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "graph/job-memory.h"
#include "graph/job.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qmp/execute.h"
#include "server/job-ends.h"

#define DONE	"{\"return\":{}}"

static int begin(void **state)
{
	case_set_up(state);
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	return 0;
}

static int end(void **state)
{
	jobs_forget();
	return case_tear_down(state);
}

__attribute__((format(printf, 2, 3)))
static const char *run(const char *command, const char *fmt, ...)
{
	char arguments[512], text[640];
	va_list args;

	va_start(args, fmt);
	vsnprintf(arguments, sizeof(arguments), fmt, args);
	va_end(args);
	snprintf(text, sizeof(text), "{'execute':'%s','arguments':{%s}}",
		 command, arguments);
	return case_reply(text);
}

static void done(const char *reply)
{
	assert_string_equal(reply, DONE);
}

static void refused(const char *reply, const char *desc)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted),
		 "{\"error\":{\"class\":\"GenericError\",\"desc\":\"%s\"}}",
		 desc);
	assert_string_equal(reply, wanted);
}

#define MINIMAL	"'device':'vg-lv','target':'target','sync':'full'"

static const char *backup(const char *more)
{
	return run("blockdev-backup", MINIMAL "%s", more);
}

static void has_line(const char *name, const char *params)
{
	assert_non_null(fake_device(name));
	assert_string_equal(fake_table(name)->line[0].params, params);
}

static void begins(void **state)
{
	(void)state;
	done(backup(""));
	assert_string_equal(fake_log(), "create vg-lv-root;create vg-lv-backup;load vg-lv;load vg-lv-backup;"
			    "suspend vg-lv;resume vg-lv-backup;resume vg-lv;");
	has_line("vg-lv-backup", "253:2 0 253:1 0 128 4 sync full guard required");
	has_line("vg-lv", "253:3 0");
	fake_status("vg-lv-backup", "running 0/10 0/100 - intact ok 1 0 0 0");
	refused(backup(""), "Job ID 'vg-lv' already in use");
	fake_add("t2", "", CASE_SECTORS, "linear", "4000:33 0");
	fake_add("t3", "", CASE_SECTORS, "linear", "4000:34 0");
	done(run("blockdev-backup",
		 "'device':'vg-lv','target':'t2','sync':'none','job-id':'b2','speed':5,"
		 "'on-source-error':'stop','on-target-error':'auto','on-cbw-error':'break-snapshot',"
		 "'x-perf':{'max-workers':4,'min-cluster-size':131072}"));
	has_line("b2-backup", "253:3 0 253:4 0 256 14 sync none on-cbw-error break-snapshot on-source-error stop on-target-error enospc guard required speed 5 max-workers 4");
	done(run("blockdev-backup",
		 "'device':'vg-lv','target':'t3','sync':'top','filter-node-name':'mine'"));
	assert_non_null(fake_device("mine"));
}

static void refusals(void **state)
{
	(void)state;
	refused(backup(",'speed':-1"),
		"Parameter 'speed' expects a non-negative value");
	refused(backup(",'compress':true"),
		"Compression is not supported for this drive vg-lv");
	refused(backup(",'bitmap-mode':'never'"),
		"Cannot specify bitmap sync mode without a bitmap");
	refused(backup(",'bitmap':'x','bitmap-mode':'never'"),
		"Bitmap 'x' could not be found");
	refused(run("blockdev-backup", "'device':'vg-lv','target':'target','sync':'bitmap'"),
		"must provide a valid bitmap name for 'bitmap' sync mode");
	refused(run("blockdev-backup", "'device':'vg-lv','target':'vg-lv','sync':'full'"),
		"Source and target cannot be the same");
	refused(backup(",'job-id':'-x'"), "Invalid job ID '-x'");
	refused(backup(",'job-id':'a','filter-node-name':'b'"),
		"job-id 'a' needs filter-node-name 'a-backup'; give only one of them");
	refused(backup(",'x-perf':{'min-cluster-size':70000}"),
		"min-cluster-size needs to be a power of 2");
	refused(backup(",'x-perf':{'max-workers':0}"),
		"max-workers must be between 1 and 2147483647");
	refused(backup(",'x-perf':{'max-workers':-1}"),
		"max-workers must be between 1 and 2147483647");
	refused(backup(",'x-perf':{'max-chunk':-1}"),
		"max-chunk must be zero (which means no limit) or positive");
	refused(backup(",'x-perf':{'max-chunk':4096}"),
		"Required max-chunk (4096) is less than backup cluster size (65536)");
	assert_string_equal(fake_log(), "");
}

static void is_steered(void **state)
{
	(void)state;
	done(backup(""));
	fake_status("vg-lv-backup", "running 1/10 10/100 - intact ok 1 0 0 0");
	done(run("job-pause", "'id':'vg-lv'"));
	assert_non_null(strstr(fake_log(), "message vg-lv-backup pause;"));
	refused(run("job-resume", "'id':'vg-lv'"),
		"Can't resume a job that was not paused");
	fake_status("vg-lv-backup", "paused 1/10 10/100 - intact ok 1 0 0 0");
	refused(run("job-pause", "'id':'vg-lv'"), "Job is already paused");
	done(run("block-job-resume", "'device':'vg-lv'"));
	assert_non_null(strstr(fake_log(), "message vg-lv-backup resume;"));
	done(run("block-job-set-speed", "'device':'vg-lv','speed':9"));
	assert_non_null(strstr(fake_log(), "message vg-lv-backup set-speed 9;"));
	refused(run("block-job-cancel", "'device':'vg-lv'"),
		"The block job for device 'vg-lv' is currently paused");
	done(run("block-job-cancel", "'device':'vg-lv','force':true"));
	assert_non_null(strstr(fake_log(), "message vg-lv-backup cancel;"));
	refused(run("job-complete", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'paused' cannot accept command verb 'complete'");
	refused(run("job-dismiss", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'paused' cannot accept command verb 'dismiss'");
	refused(run("job-cancel", "'id':'nosuch'"), "Job not found");
	assert_string_equal(run("block-job-dismiss", "'id':'nosuch'"),
			    "{\"error\":{\"class\":\"DeviceNotActive\",\"desc\":\"Block job 'nosuch' not found\"}}");
	assert_string_equal(run("block-job-cancel", "'device':'nosuch'"),
			    "{\"error\":{\"class\":\"DeviceNotActive\",\"desc\":\"Block job 'nosuch' not found\"}}");
}

static void is_asked(void **state)
{
	(void)state;
	assert_string_equal(run("query-jobs", "%s", ""), "{\"return\":[]}");
	done(backup(",'speed':5,'auto-finalize':false"));
	fake_status("vg-lv-backup", "aborting 1/10 10/100 EIO intact failed 1 0 0 0");
	assert_string_equal(run("query-jobs", "%s", ""),
			    "{\"return\":[{\"id\":\"vg-lv\",\"type\":\"backup\",\"status\":\"aborting\",\"current-progress\":10,\"total-progress\":100,\"error\":\"Input/output error\"}]}");
	assert_string_equal(run("query-block-jobs", "%s", ""),
			    "{\"return\":[{\"type\":\"backup\",\"device\":\"vg-lv\",\"len\":100,\"offset\":10,\"speed\":5,\"error\":\"Input/output error\",\"busy\":true,\"paused\":false,\"io-status\":\"failed\",\"ready\":false,\"status\":\"aborting\",\"auto-finalize\":false,\"auto-dismiss\":true}]}");
}

static void ends(void **state)
{
	(void)state;
	done(backup(",'auto-finalize':false,'auto-dismiss':false"));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	assert_non_null(strstr(run("query-jobs", "%s", ""), "\"status\":\"pending\""));
	refused(run("job-dismiss", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'pending' cannot accept command verb 'dismiss'");
	done(run("block-job-finalize", "'id':'vg-lv'"));
	refused(run("job-finalize", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'concluded' cannot accept command verb 'finalize'");
	done(run("job-dismiss", "'id':'vg-lv'"));
	assert_null(fake_device("vg-lv-backup"));
	assert_null(fake_device("vg-lv-root"));
	has_line("vg-lv", "4000:16 2048");
}

/* What waits for its end can still be given up; the kernel knows nothing of it. */
static int until[2];

static void begin_again(int signal)
{
	(void)signal;
	fake_status("vg-lv-backup", "running 0/10 0/100 - intact ok 0 0 0 0");
	close(until[1]);
}

/* Who has the lock before us dismisses the job and begins another of its name. */
static void ends_not_another(void **state)
{
	const char *path = getenv("QDM_LOCK");
	struct error error = { 0 };
	int fd, held[2];
	pid_t other;
	char byte;

	(void)state;
	done(backup(""));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	assert_int_equal(pipe(held), 0);
	assert_int_equal(pipe(until), 0);
	other = fork();
	if (!other) {
		close(until[1]);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		flock(fd, LOCK_EX);
		_exit(write(held[1], "", 1) != 1 || read(until[0], &byte, 1));
	}
	assert_int_equal(read(held[0], &byte, 1), 1);
	signal(SIGALRM, begin_again);
	ualarm(500000, 0);
	assert_int_equal(job_tidy("vg-lv-backup", &error), 0);
	waitpid(other, NULL, 0);
	close(held[0]);
	close(held[1]);
	close(until[0]);
	assert_non_null(fake_device("vg-lv-backup"));
}

/* Nobody may have listened when the server took it away. */
static void failure_is_logged(void **state)
{
	struct error error = { 0 };

	(void)state;
	done(backup(""));
	fake_status("vg-lv-backup", "concluded 1/10 10/100 ENOSPC intact ok 0 0 0 1");
	assert_int_equal(job_tidy("vg-lv-backup", &error), 0);
	assert_non_null(strstr(case_log(), "end of backup vg-lv-backup, which has failed: No space left on device: "));
	done(backup(""));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	assert_int_equal(job_tidy("vg-lv-backup", &error), 0);
	assert_non_null(strstr(case_log(), "end of backup vg-lv-backup: "));
}

static void ends_cancelled(void **state)
{
	(void)state;
	done(backup(",'auto-finalize':false,'auto-dismiss':false"));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	assert_null(strstr(run("query-jobs", "%s", ""), "\"error\""));
	done(run("job-cancel", "'id':'vg-lv'"));
	assert_null(strstr(fake_log(), "message"));
	assert_string_equal(run("query-jobs", "%s", ""),
			    "{\"return\":[{\"id\":\"vg-lv\",\"type\":\"backup\",\"status\":\"concluded\",\"current-progress\":100,\"total-progress\":100,\"error\":\"Operation canceled\"}]}");
	assert_non_null(strstr(run("query-block-jobs", "%s", ""),
			       "\"error\":\"Operation canceled\""));
	refused(run("job-cancel", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'concluded' cannot accept command verb 'cancel'");
	done(run("job-dismiss", "'id':'vg-lv'"));
}

/* What was cancelled while it ran has not all been copied, so nothing is pending. */
static void is_cancelled_not_pending(void **state)
{
	(void)state;
	done(backup(",'auto-finalize':false,'auto-dismiss':false"));
	fake_status("vg-lv-backup", "concluded 1/10 10/100 ECANCELED intact ok 0 0 0 1");
	assert_string_equal(run("query-jobs", "%s", ""),
			    "{\"return\":[{\"id\":\"vg-lv\",\"type\":\"backup\",\"status\":\"concluded\",\"current-progress\":10,\"total-progress\":100,\"error\":\"Operation canceled\"}]}");
	refused(run("job-finalize", "'id':'vg-lv'"),
		"Job 'vg-lv' in state 'concluded' cannot accept command verb 'finalize'");
	done(run("job-dismiss", "'id':'vg-lv'"));
}

/* What a dry run prints, for the caller to free. */
static char *script_of(const char *command)
{
	enum qmp_mode mode = QMP_FREE;
	char *script = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&script, &len);

	assert_null(qmp_execute(command, strlen(command), &mode, out));
	fclose(out);
	return script;
}

static void prints(const char *command, const char *wanted)
{
	char *script = script_of(command);

	assert_string_equal(script, wanted);
	free(script);
}

/* The end is no edit: the script is empty, and to print it must not end it. */
static void ends_not_when_dry(void **state)
{
	(void)state;
	done(backup(",'auto-finalize':false"));
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	prints("{'execute':'job-finalize','arguments':{'id':'vg-lv'}}",
	       "#!/bin/bash\nset -euo pipefail\n");
	prints("{'execute':'block-job-finalize','arguments':{'id':'vg-lv'}}",
	       "#!/bin/bash\nset -euo pipefail\n");
	prints("{'execute':'job-cancel','arguments':{'id':'vg-lv'}}",
	       "#!/bin/bash\nset -euo pipefail\n");
	assert_non_null(strstr(run("query-jobs", "%s", ""), "\"status\":\"pending\""));
}

/* How a job would have ended that was only printed says nothing of the next one. */
static void remembers_nothing_when_dry(void **state)
{
	char *script = script_of("{'execute':'blockdev-backup','arguments':{" MINIMAL
				 ",'auto-finalize':false}}");

	(void)state;
	assert_non_null(strstr(script, "dmsetup create vg-lv-backup "));
	free(script);
	assert_string_equal(fake_log(), "");
	fake_add("vg-lv-backup", "QDM-backup-vg-lv-backup", CASE_SECTORS,
		 "backupcow", "253:0 0 253:1 0 128 4 sync full guard required");
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	assert_non_null(strstr(run("query-jobs", "%s", ""), "\"status\":\"concluded\""));
	assert_non_null(strstr(run("query-block-jobs", "%s", ""),
			       "\"auto-finalize\":true,\"auto-dismiss\":false"));
}

/* A backup is never ready, so there is nothing that this could change. */
static void never_completes(void **state)
{
	static const char * const states[] = {
		"created", "running", "paused", "waiting", "aborting", "concluded",
	};
	char text[128];
	size_t i;

	(void)state;
	done(backup(",'auto-dismiss':false"));
	for (i = 0; i < sizeof(states) / sizeof(*states); i++) {
		snprintf(text, sizeof(text),
			 "%s 1/10 10/100 - intact ok 0 0 0 0", states[i]);
		fake_status("vg-lv-backup", text);
		snprintf(text, sizeof(text),
			 "Job 'vg-lv' in state '%s' cannot accept command verb 'complete'",
			 states[i]);
		refused(run("job-complete", "'id':'vg-lv'"), text);
		refused(run("block-job-complete", "'device':'vg-lv'"), text);
	}
}

static void graph_and_stats(void **state)
{
	(void)state;
	done(backup(""));
	assert_non_null(strstr(run("query-block", "%s", ""), "\"device\":\"vg-lv\""));
	assert_null(strstr(run("query-block", "%s", ""), "\"device\":\"vg-lv-backup\""));
	assert_non_null(strstr(run("query-blockstats", "'query-nodes':true"),
			       "\"node-name\":\"vg-lv-backup\",\"stats\":{\"rd_operations\":"));
	assert_null(strstr(run("query-blockstats", "%s", ""), "vg-lv-backup"));
	assert_string_equal(run("x-debug-query-block-graph", "%s", "") + 0,
			    "{\"return\":{\"nodes\":["
			    "{\"id\":1,\"type\":\"block-backend\",\"name\":\"vg-lv\"},"
			    "{\"id\":2,\"type\":\"block-backend\",\"name\":\"target\"},"
			    "{\"id\":3,\"type\":\"block-driver\",\"name\":\"vg-lv-root\"},"
			    "{\"id\":4,\"type\":\"block-driver\",\"name\":\"vg-lv-backup\"},"
			    "{\"id\":5,\"type\":\"block-driver\",\"name\":\"4000:32\"},"
			    "{\"id\":6,\"type\":\"block-driver\",\"name\":\"4000:16\"}],"
			    "\"edges\":["
#define EDGE(parent, child, name) \
	"{\"parent\":" parent ",\"child\":" child ",\"name\":\"" name "\",\"perm\":[],\"shared-perm\":[\"consistent-read\",\"write\",\"write-unchanged\",\"resize\"]}"
			    EDGE("1", "4", "root") "," EDGE("2", "5", "root") ","
			    EDGE("3", "6", "file") "," EDGE("4", "3", "file") ","
			    EDGE("4", "2", "target") "]}}");
	assert_string_equal(run("query-command-line-options", "%s", ""),
			    "{\"return\":[]}");
}

#define BACKUP_OF(device, target) \
	"{'type':'blockdev-backup','data':{'device':'" device "','target':'" target "','sync':'full'}}"
#define BOTH \
	"'actions':[" BACKUP_OF("vg-lv", "target") "," BACKUP_OF("vg-b", "other") "]"

static void at_one_instant(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	done(run("transaction", BOTH));
	assert_string_equal(fake_log(),
			    "create vg-lv-root;create vg-lv-backup;load vg-lv;load vg-lv-backup;"
			    "create vg-b-root;create vg-b-backup;load vg-b;load vg-b-backup;"
			    "suspend vg-lv;suspend vg-b;resume vg-lv-backup;resume vg-b-backup;"
			    "resume vg-b;resume vg-lv;");
	assert_false(fake_device("vg-lv")->suspended);
	assert_false(fake_device("vg-b")->suspended);
	fake_status("vg-lv-backup", "running 0/10 0/100 - intact ok 1 0 0 0");
	refused(run("transaction", "'actions':[" BACKUP_OF("vg-lv", "target") ",{'type':'abort','data':{}}]"),
		"Job ID 'vg-lv' already in use");
}

static void transactions_refused(void **state)
{
	(void)state;
	refused(run("transaction", "'actions':[" BACKUP_OF("vg-lv", "target") ",{'type':'abort','data':{}}]"),
		"Transaction aborted using Abort action");
	refused(run("transaction", "'actions':[" BACKUP_OF("vg-lv", "target") "," BACKUP_OF("vg-lv", "target") "]"),
		"device 'vg-lv' is named twice in one transaction");
	refused(run("transaction", "'actions':[{'type':'abort','data':{'a':1}}]"),
		"Parameter 'actions[0].data.a' is unexpected");
	refused(run("transaction", "'actions':[],'properties':{'completion-mode':'grouped'}"),
		"Parameter 'properties.completion-mode' does not accept value 'grouped' (accepted: individual)");
	done(run("transaction", "'actions':[]"));
	assert_string_equal(fake_log(), "");
}

static void two_devices(void **state)
{
	begin(state);
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
}

/* Whichever step fails, all is as it was. */
static void all_or_none(void **state)
{
	int step;

	for (step = 0; step < 10; step++) {
		two_devices(state);
		fake_fail_at(step);
		fake_suspend_on_failure();
		assert_non_null(strstr(run("transaction", BOTH), "made to fail"));
		has_line("vg-lv", "4000:16 2048");
		has_line("vg-b", "4000:17 0");
		assert_false(fake_device("vg-lv")->suspended);
		assert_false(fake_device("vg-b")->suspended);
		assert_false(fake_device("vg-lv")->pending);
		assert_null(fake_device("vg-lv-root"));
		assert_null(fake_device("vg-b-backup"));
	}
}

/* What lay under the device before is there again, not only its own table. */
static void back_to_filter(void **state)
{
	char filter[32];
	int step;

	for (step = 0; step < 9; step++) {
		two_devices(state);
		done(run("block_set_io_throttle", "'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0"));
		snprintf(filter, sizeof(filter), "%s",
			 fake_table("vg-lv")->line[0].params);
		fake_fail_at(step);
		assert_non_null(strstr(run("transaction", BOTH), "made to fail"));
		has_line("vg-lv", filter);
		has_line("vg-b", "4000:17 0");
		assert_null(fake_device("vg-lv-backup"));
	}
}

/* Killed at a step, what stands still is resumed by somebody else. */
static void is_rescued_at(int step, const char *wanted)
{
	char text[256] = "", path[128], state[128];
	FILE *file;
	pid_t child;
	int i;

	snprintf(path, sizeof(path), "%s/rescue", case_folder());
	unlink(path);
	setenv("QDM_FAKE_RESCUE", path, 1);
	snprintf(state, sizeof(state), "%s/state", case_folder());
	setenv("QDM_FAKE_STATE", state, 1);
	child = fork();
	if (!child) {
		fake_die_at(step);
		run("transaction", BOTH);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	for (i = 0; i < 2000 && strcmp(text, wanted); i++) {
		usleep(10000);
		file = fopen(path, "r");
		if (!file)
			continue;
		text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
		fclose(file);
	}
	unsetenv("QDM_FAKE_RESCUE");
	unsetenv("QDM_FAKE_STATE");
	assert_string_equal(text, wanted);
}

static void killed(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	is_rescued_at(17, "clear vg-lv;rescue vg-lv;clear vg-b;rescue vg-b;");
	is_rescued_at(18, "clear vg-lv;rescue vg-lv;clear vg-b;rescue vg-b;");
	is_rescued_at(19, "clear vg-lv;rescue vg-lv;clear vg-b;rescue vg-b;");
	is_rescued_at(20, "rescue vg-lv;rescue vg-b;");
	is_rescued_at(21, "rescue vg-lv;rescue vg-b;");
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(begins),
		TEST(refusals),
		TEST(is_steered),
		TEST(is_asked),
		TEST(ends),
		TEST(ends_not_another),
		TEST(failure_is_logged),
		TEST(ends_cancelled),
		TEST(is_cancelled_not_pending),
		TEST(ends_not_when_dry),
		TEST(remembers_nothing_when_dry),
		TEST(never_completes),
		TEST(graph_and_stats),
		TEST(at_one_instant),
		TEST(transactions_refused),
		TEST(all_or_none),
		TEST(back_to_filter),
		TEST(killed),
	};

	return cmocka_run_group_tests_name("qdm-jobs", tests, NULL, case_end);
}
