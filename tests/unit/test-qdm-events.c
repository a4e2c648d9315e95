// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What clients are told when the kernel's status changes, whatever has been
 * missed in between.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/json.h"
#include "graph/job-memory.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "server/events.h"
#include "server/job-ends.h"

#define LEN	131072

static char told[4096];

/* "NAME{...};" without blanks or the time, which is only looked at. */
static void keep(void *context, struct json_object *event)
{
	struct json_object *data, *stamp;
	size_t used = strlen(told);

	(void)context;
	assert_true(json_object_object_get_ex(event, "data", &data));
	assert_true(json_object_object_get_ex(event, "timestamp", &stamp));
	assert_true(json_object_object_get_ex(stamp, "seconds", NULL));
	assert_true(json_object_object_get_ex(stamp, "microseconds", NULL));
	snprintf(told + used, sizeof(told) - used, "%s%s;",
		 json_string(event, "event", ""),
		 json_object_to_json_string_ext(data, JSON_C_TO_STRING_NOSLASHESCAPE));
}

static struct events events = { .tell = keep };

static void tells(const char *wanted)
{
	struct error error = { 0 };

	*told = '\0';
	assert_int_equal(events_look(&events, &error), 0);
	assert_string_equal(told, wanted);
}

static int begin(void **state)
{
	case_set_up(state);
	fake_add("w", "QDM-threshold-w", LEN, "wthreshold", "4000:16 0");
	fake_status("w", "armed 4096 0 0 0 0");
	return 0;
}

static int end(void **state)
{
	events_free(&events);
	events.begun = false;
	jobs_forget();
	return case_tear_down(state);
}

#define FIRED(name, amount, at) \
	"BLOCK_WRITE_THRESHOLD{\"node-name\":\"" name "\",\"amount-exceeded\":" amount ",\"write-threshold\":" at "};"

static void thresholds(void **state)
{
	(void)state;
	fake_status("w", "fired 0 512 5000 1 4096");
	tells("");
	tells("");
	fake_status("w", "armed 8192 512 5000 1 4096");
	tells("");
	fake_status("w", "fired 0 7 9000 2 8192");
	tells(FIRED("w", "7", "8192"));
	tells("");
	/* two crossings between two looks: the last one is what can be known */
	fake_status("w", "fired 0 9 9999 4 8193");
	tells(FIRED("w", "9", "8193"));
}

static void new_threshold(void **state)
{
	struct error error = { 0 };

	(void)state;
	tells("");
	fake_add("x", "QDM-threshold-x", LEN, "wthreshold", "4000:16 0");
	fake_status("x", "fired 0 3 9 1 6");
	tells(FIRED("x", "3", "6"));
	kdm_remove("x", &error);
	tells("");
	fake_add("x", "QDM-threshold-x", LEN, "wthreshold", "4000:16 0");
	fake_status("x", "fired 0 4 9 1 5");
	tells(FIRED("x", "4", "5"));
}

/* One that is just put in has not got its name yet; it fires once all the same. */
static void passing_name(void **state)
{
	const struct kdm_how how = { 0 };
	struct error error = { 0 };

	(void)state;
	tells("");
	fake_add("x-inserting", "QDM-threshold-x", LEN, "wthreshold", "4000:16 0");
	fake_status("x-inserting", "fired 0 3 9 1 6");
	tells(FIRED("x", "3", "6"));
	kdm_rename("x-inserting", "x", &how, &error);
	tells("");
}

#define STATUS(id, state)	"JOB_STATUS_CHANGE{\"id\":\"" id "\",\"status\":\"" state "\"};"
#define END(name, done, rest) \
	name "{\"type\":\"backup\",\"device\":\"lv\",\"len\":100,\"offset\":" done ",\"speed\":7" rest "};"

static void add_backup(const char *status)
{
	fake_add("lv-backup", "QDM-backup-lv-backup", LEN, "backupcow",
		 "4000:16 0 4000:32 0 128 2 speed 7");
	fake_status("lv-backup", status);
}

static void remove_backup(void)
{
	struct error error = { 0 };

	kdm_remove("lv-backup", &error);
}

static void whole_job(void **state)
{
	(void)state;
	tells("");
	add_backup("running 0/10 0/100 - intact ok 1 0 0 0");
	tells(STATUS("lv", "created") STATUS("lv", "running"));
	fake_status("lv-backup", "running 5/10 50/100 - intact ok 1 0 0 0");
	tells("");
	fake_status("lv-backup", "paused 5/10 50/100 - intact nospace 0 0 0 1");
	tells(STATUS("lv", "paused"));
	fake_status("lv-backup", "running 5/10 50/100 - intact ok 1 0 0 1");
	tells(STATUS("lv", "running"));
	fake_status("lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 2");
	tells(STATUS("lv", "waiting") STATUS("lv", "pending")
	      END("BLOCK_JOB_COMPLETED", "100", "") STATUS("lv", "concluded"));
	tells("");
	remove_backup();
	tells(STATUS("lv", "null"));
	tells("");
}

/* Another process makes it at this moment. */
static void half_made(void **state)
{
	struct kdm_table table;

	(void)state;
	tells("");
	add_backup("running 0/10 0/100 - intact ok 1 0 0 0");
	table = *fake_table("lv-backup");
	*fake_table("lv-backup") = (struct kdm_table){ 0 };
	tells("");
	*fake_table("lv-backup") = table;
	tells(STATUS("lv", "created") STATUS("lv", "running"));
	remove_backup();
}

static void failed_job(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 1 0 0 0");
	tells("");
	fake_status("lv-backup", "aborting 1/10 10/100 EIO intact failed 1 0 0 1");
	tells(STATUS("lv", "aborting"));
	fake_status("lv-backup", "concluded 1/10 10/100 EIO intact failed 0 0 0 2");
	tells(END("BLOCK_JOB_COMPLETED", "10", ",\"error\":\"Input/output error\"")
	      STATUS("lv", "concluded"));
}

static void broken_snapshot(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 1 0 0 0");
	tells("");
	fake_status("lv-backup", "concluded 1/10 10/100 ENOSPC broken ok 0 0 0 2");
	tells("BLOCK_SNAPSHOT_BROKEN{\"node-name\":\"lv-backup\",\"id\":\"lv\",\"error\":\"No space left on device\"};"
	      STATUS("lv", "aborting")
	      END("BLOCK_JOB_COMPLETED", "10", ",\"error\":\"No space left on device\"")
	      STATUS("lv", "concluded"));
}

static void cancelled_job(void **state)
{
	(void)state;
	tells("");
	add_backup("concluded 1/10 10/100 ECANCELED intact ok 0 0 0 1");
	tells(STATUS("lv", "created") STATUS("lv", "running")
	      STATUS("lv", "aborting") END("BLOCK_JOB_CANCELLED", "10", "")
	      STATUS("lv", "concluded"));
}

#define UNSEEN \
	STATUS("lv", "aborting") \
	END("BLOCK_JOB_COMPLETED", "10", ",\"error\":\"the job's filter was removed before its end was seen, so how it ended is not known\"") \
	STATUS("lv", "concluded") STATUS("lv", "null")

static void job_taken_away(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 1");
	tells("");
	remove_backup();
	tells(UNSEEN);
}

/* Between two looks another process removes the filter and makes one of its name. */
static void end_is_of_its_own_job(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 1");
	job_remember("lv-backup", true, true);
	tells("");
	remove_backup();
	add_backup("concluded 10/10 100/100 - intact ok 0 0 0 2");
	tells(UNSEEN STATUS("lv", "created") STATUS("lv", "running")
	      STATUS("lv", "waiting") STATUS("lv", "pending")
	      END("BLOCK_JOB_COMPLETED", "100", "") STATUS("lv", "concluded"));
	assert_false(job_auto_dismiss("lv-backup"));
}

/* Its number is the same, as that of the old one is free again. */
static void same_number(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 1");
	tells("");
	fake_replace("lv-backup");
	fake_status("lv-backup", "running 2/10 20/100 - intact ok 0 0 0 1");
	tells(UNSEEN STATUS("lv", "created") STATUS("lv", "running"));
	tells("");
}

/* It is the same device, whose table has begun another backup. */
static void another_run(void **state)
{
	(void)state;
	add_backup("concluded 10/10 100/100 - intact ok 0 0 0 1 0 - 1 new guarded");
	tells("");
	fake_status("lv-backup", "concluded 1/10 10/100 EIO intact ok 0 0 0 2 0 - 2 new guarded");
	tells(STATUS("lv", "null") STATUS("lv", "created")
	      STATUS("lv", "running") STATUS("lv", "aborting")
	      END("BLOCK_JOB_COMPLETED", "10", ",\"error\":\"Input/output error\"")
	      STATUS("lv", "concluded"));
	fake_status("lv-backup", "running 1/10 10/100 - intact ok 0 0 0 2 0 - 2 new guarded");
	tells(STATUS("lv", "null") STATUS("lv", "created") STATUS("lv", "running"));
	fake_status("lv-backup", "running 0/10 0/100 - intact ok 0 0 0 2 0 - 2 new guarded");
	tells(UNSEEN STATUS("lv", "created") STATUS("lv", "running"));
}

static void held_back(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 0");
	tells("");
	job_remember("lv-backup", false, false);
	fake_status("lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	tells(STATUS("lv", "waiting") STATUS("lv", "pending")
	      "BLOCK_JOB_PENDING{\"type\":\"backup\",\"id\":\"lv\"};");
	tells("");
	assert_true(job_finalize("lv-backup"));
	tells(END("BLOCK_JOB_COMPLETED", "100", "") STATUS("lv", "concluded"));
}

static void held_back_and_cancelled(void **state)
{
	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 0");
	tells("");
	job_remember("lv-backup", false, false);
	fake_status("lv-backup", "concluded 1/10 10/100 ECANCELED intact ok 0 0 0 1");
	tells(STATUS("lv", "aborting") END("BLOCK_JOB_CANCELLED", "10", "")
	      STATUS("lv", "concluded"));
}

static void given_up(void **state)
{
	(void)state;
	add_backup("concluded 10/10 100/100 - intact ok 0 0 0 1");
	job_remember("lv-backup", false, false);
	tells("");
	job_give_up("lv-backup");
	tells(STATUS("lv", "aborting") END("BLOCK_JOB_CANCELLED", "100", "")
	      STATUS("lv", "concluded"));
}

static void goes_by_itself(void **state)
{
	struct error error = { 0 };
	int job;
	char *name;

	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 0");
	job_remember("lv-backup", true, true);
	tells("");
	assert_null(job_to_tidy(&job));
	fake_status("lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	name = job_to_tidy(&job);
	assert_string_equal(name, "lv-backup");
	assert_null(job_to_tidy(&job));	/* one is enough */
	assert_int_equal(job_tidy(name, &error), 0);
	jobs_let_go(&job, false);
	free(name);
	assert_null(fake_device("lv-backup"));
	assert_null(job_to_tidy(&job));
}

/* Before it is deleted another one takes its place, and is over as soon. */
static void another_does_not_go(void **state)
{
	struct error error = { 0 };
	int job;
	char *name;

	(void)state;
	add_backup("concluded 10/10 100/100 - intact ok 0 0 0 1");
	job_remember("lv-backup", true, true);
	name = job_to_tidy(&job);
	fake_replace("lv-backup");
	fake_status("lv-backup", "concluded 1/10 10/100 EIO intact ok 0 0 0 1");
	assert_int_equal(job_tidy(name, &error), 0);
	jobs_let_go(&job, false);
	free(name);
	assert_non_null(fake_device("lv-backup"));
}

static void error_in_a_job(void **state)
{
	(void)state;
	*told = '\0';
	events_job_error(&events, "lv-backup", "write", "stop");
	assert_string_equal(told, "BLOCK_JOB_ERROR{\"device\":\"lv\",\"operation\":\"write\",\"action\":\"stop\"};");
}

static void error_of_a_write(void **state)
{
	(void)state;
	*told = '\0';
	events_io_error(&events, "lv-backup", "write", "report", "ENOSPC");
	events_io_error(&events, "lv-backup", "read", "report", "EIO");
	assert_string_equal(told,
			    "BLOCK_IO_ERROR{\"qom-path\":\"\",\"device\":\"\",\"node-name\":\"lv-backup\",\"operation\":\"write\",\"action\":\"report\",\"nospace\":true,\"reason\":\"copy-before-write: write of old data failed: No space left on device\"};"
			    "BLOCK_IO_ERROR{\"qom-path\":\"\",\"device\":\"\",\"node-name\":\"lv-backup\",\"operation\":\"write\",\"action\":\"report\",\"nospace\":false,\"reason\":\"copy-before-write: read of old data failed: Input/output error\"};");
}

/* Words that later kernels append are no reason to see no job. */
static void longer_status(void **state)
{
	struct error error = { 0 };

	(void)state;
	add_backup("running 1/10 10/100 - intact ok 0 0 0 0 3 EIO 7 new guarded");
	tells("");
	fake_status("lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1 3 EIO 7 new guarded");
	*told = '\0';
	assert_int_equal(events_look(&events, &error), 0);
	assert_non_null(strstr(told, "BLOCK_JOB_COMPLETED"));
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(thresholds),
		TEST(new_threshold),
		TEST(passing_name),
		TEST(whole_job),
		TEST(half_made),
		TEST(failed_job),
		TEST(broken_snapshot),
		TEST(cancelled_job),
		TEST(job_taken_away),
		TEST(end_is_of_its_own_job),
		TEST(same_number),
		TEST(another_run),
		TEST(held_back),
		TEST(held_back_and_cancelled),
		TEST(given_up),
		TEST(goes_by_itself),
		TEST(another_does_not_go),
		TEST(error_in_a_job),
		TEST(error_of_a_write),
		TEST(longer_status),
	};

	return cmocka_run_group_tests_name("qdm-events", tests, NULL, case_end);
}
