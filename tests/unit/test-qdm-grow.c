// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When a volume is to grow, which lines say so, and what is read of other programs and
 * of the kernel's lists. What it takes to grow one is shown in guests.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "base/size.h"
#include "cli/verbs.h"
#include "grow/conf.h"
#include "grow/fs.h"
#include "grow/policy.h"
#include "grow/run.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-line.h"

#define MIB	(1ull << 20)
#define GIB	(1ull << 30)

static const struct grow_policy policy = {
	.step = 256 * MIB, .maximum = GIB << 10, .reserve = 128 * MIB,
	.per_hour = PER_HOUR_UNPAID,
};

static struct grow_step decide(struct grow_view view)
{
	return grow_decide(&view, &policy);
}

static struct grow_view mounted(uint64_t free)
{
	return (struct grow_view){
		.volume = GIB, .size = GIB, .mark = GIB, .mounted = true,
		.has_fs = true, .fs_size = GIB, .free = free,
	};
}

static void is_step(struct grow_step step, enum grow_act act, uint64_t threshold)
{
	assert_int_equal(step.act, act);
	assert_int_equal(step.threshold, threshold);
}

/* However far it was written, an empty file system does not grow. */
static void asks_file_system(void **state)
{
	struct grow_step step;

	(void)state;
	step = decide(mounted(900 * MIB));
	is_step(step, GROW_ARM, 772 * MIB);
	assert_int_equal(step.wait, 6031);
	step = decide(mounted(128 * MIB));
	is_step(step, GROW_ARM, 1);
	assert_int_equal(step.wait, 200);
	is_step(decide(mounted(128 * MIB - 1)), GROW_VOLUME, 0);
}

/*
 * What is used up from now on lies where it was free: with at most "threshold" bytes
 * below the threshold, less than the reserve is not left without a write beyond it.
 */
static void threshold_is_passed_in_time(void **state)
{
	struct grow_step step;
	uint64_t free;

	(void)state;
	for (free = 0; free <= GIB; free += MIB) {
		step = decide(mounted(free));
		if (step.act != GROW_ARM)
			continue;
		if (step.threshold > 1)
			assert_true(free - step.threshold >= policy.reserve);
		assert_true(step.wait <= 60000);
	}
}

static void grows_file_system_first(void **state)
{
	struct grow_view view = mounted(0);

	(void)state;
	view.fs_size = GIB / 2;
	is_step(decide(view), GROW_FS, 0);
	view.fitted = true;
	is_step(decide(view), GROW_VOLUME, 0);
	view.fitted = false;
	view.fs_size = GIB - 4 * MIB; /* a last group too small to be used */
	is_step(decide(view), GROW_VOLUME, 0);
	view.volume = 2 * GIB;
	is_step(decide(view), GROW_NODE, 0);
}

static void goes_by_mark(void **state)
{
	struct grow_view view = {
		.volume = GIB, .size = GIB, .mark = 896 * MIB,
		.users = USERS_WRITING,
	};

	(void)state;
	is_step(decide(view), GROW_ARM, 896 * MIB);
	assert_int_equal(decide(view).wait, 0);
	view.mark++;
	is_step(decide(view), GROW_VOLUME, 0);
	view.users = USERS_NONE; /* who has just gone */
	is_step(decide(view), GROW_VOLUME, 0);
	view.users = USERS_UNSEEN;
	view.has_fs = true;
	is_step(decide(view), GROW_VOLUME, 0);
	view.size = view.volume = 100 * MIB; /* less than the reserve */
	view.mark = 0;
	is_step(decide(view), GROW_ARM, 1);
	view.mark = 4096;
	is_step(decide(view), GROW_VOLUME, 0);
}

static void waits_for_mkfs_and_mount(void **state)
{
	struct grow_view view = {
		.volume = GIB, .size = GIB, .mark = GIB, .users = USERS_FITTING,
	};

	(void)state;
	is_step(decide(view), GROW_ARM, 896 * MIB);
	assert_int_equal(decide(view).wait, 200);
	view.has_fs = true;
	is_step(decide(view), GROW_ARM, 1);
	view.users = USERS_NONE;
	is_step(decide(view), GROW_ARM, 1);
	view.users = USERS_WRITING; /* a virtual machine has it mounted */
	is_step(decide(view), GROW_VOLUME, 0);
}

static void limit_of_runaways(void **state)
{
	struct growth growth[GROW_UNPAID];
	struct grow_policy two = policy;
	int i;

	(void)state;
	for (i = 0; i < GROW_UNPAID; i++)
		growth[i] = (struct growth){ .at = 1000 + i };
	assert_int_equal(grow_pause(growth, GROW_UNPAID, 2000, false, &policy), 2600);
	assert_int_equal(grow_pause(growth, GROW_UNPAID, 2000, true, &policy), 0);
	assert_int_equal(grow_pause(growth, GROW_UNPAID - 1, 2000, false, &policy), 0);
	assert_int_equal(grow_pause(growth, GROW_UNPAID, 4600, false, &policy), 0);
	growth[3].paid = true;
	assert_int_equal(grow_pause(growth, GROW_UNPAID, 2000, false, &policy), 0);
	two.per_hour = 2;
	assert_int_equal(grow_pause(growth, 2, 2000, true, &two), 2600);
	assert_int_equal(grow_pause(growth, 1, 2000, true, &two), 0);
	two.per_hour = PER_HOUR_ANY;
	assert_int_equal(grow_pause(growth, GROW_UNPAID, 2000, false, &two), 0);
	assert_true(grow_is_paid(NULL, 0, &policy));
	growth[0].written = GIB;
	assert_false(grow_is_paid(growth, GIB + 127 * MIB, &policy));
	assert_true(grow_is_paid(growth, GIB + 128 * MIB, &policy));
	assert_true(grow_is_paid(growth, 0, &policy));
}

static void reads(const char *words, uint64_t step, uint64_t maximum,
		  uint64_t reserve, int per_hour)
{
	struct error error = { 0 };
	struct grow_policy got, again;
	char *written;

	if (grow_read(words, "n", "file", &got, &error))
		fail_msg("%s: %s", words, error.text);
	assert_int_equal(got.step, step);
	assert_int_equal(got.maximum, maximum);
	assert_int_equal(got.reserve, reserve);
	assert_int_equal(got.per_hour, per_hour);
	written = grow_write(&got);
	assert_int_equal(grow_read(written, "n", "file", &again, &error), 0);
	assert_int_equal(again.step, step);
	assert_int_equal(again.maximum, maximum);
	assert_int_equal(again.reserve, reserve);
	assert_int_equal(again.per_hour, per_hour);
	free(written);
}

static void refuses(const char *words, const char *wanted)
{
	struct error error = { 0 };
	struct grow_policy got;

	assert_int_equal(grow_read(words, "n", "file", &got, &error), -1);
	assert_string_equal(error.text, wanted);
}

static void lines(void **state)
{
	(void)state;
	reads("", GIB, 1ull << 62, GIB / 2, PER_HOUR_UNPAID);
	reads(" 2G - 1G # much", 2 * GIB, 1ull << 62, GIB, PER_HOUR_UNPAID);
	reads("1M\t10M - 5\n", MIB, 10 * MIB, MIB / 2, 5);
	reads("1 - 1 any", 1, 1ull << 62, 1, PER_HOUR_ANY);
	refuses("1X", "file: '1X' is no size: " SIZE_UNITS);
	refuses("0", "file: the step for n must be above 0");
	refuses("1G - 0", "file: the reserve for n must be above 0");
	refuses("1G - - many", "file: 'many' is no number of growths per hour: 1 to 100000, or any");
	refuses("1 2 3 4 5", "file: the line for n has more than five words: node, step, maximum, reserve, growths per hour");
}

static void put_conf(const char *text)
{
	FILE *file = fopen(getenv("QDM_EXTEND_CONF"), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void finds(const char *node, uint64_t step)
{
	struct error error = { 0 };
	struct grow_policy got = { 0 };
	char *where;

	assert_int_equal(conf_find(node, &got, &where, &error), step != 0);
	assert_int_equal(got.step, step);
	free(where);
}

static void files(void **state)
{
	struct error error = { 0 };

	(void)state;
	finds("data", 0);
	put_conf("# data 9G\n\n data 1G#\nvm-* 2G\n* 3G");
	finds("data", GIB);
	finds("vm-7", 2 * GIB);
	finds("other", 3 * GIB);
	put_conf("data#\n");
	finds("data", GIB);
	assert_int_equal(conf_write("a b", &policy, &error), 0);
	finds("a b", policy.step);
	finds("a", 0);
	assert_int_equal(conf_remove("a b", &error), 1);
	assert_int_equal(conf_remove("a b", &error), 0);
	finds("a b", 0);
}

static void mounts(void **state)
{
	char line[] = "36 35 253:7 / /mnt/a\\040b rw,noatime shared:1 - ext4 /dev/mapper/x\\134y rw,errors=continue\n";
	char read_only[] = "36 35 253:7 / /mnt ro,noatime - xfs /dev/dm-1 rw\n";
	char all_read_only[] = "36 35 253:7 / /mnt rw - ext4 /dev/dm-1 ro,data=ordered\n";
	char short_one[] = "36 35 253:7 / /mnt rw - xfs\n";
	struct mount_line got;

	(void)state;
	assert_true(fs_read_line(line, &got));
	assert_int_equal(got.devno.major, 253);
	assert_int_equal(got.devno.minor, 7);
	assert_string_equal(got.where, "/mnt/a b");
	assert_string_equal(got.type, "ext4");
	assert_string_equal(got.source, "/dev/mapper/x\\y");
	assert_true(got.writable);
	assert_false(got.fs_read_only);
	assert_true(fs_read_line(read_only, &got));
	assert_false(got.writable);
	assert_false(got.fs_read_only); /* it may be mounted elsewhere, too */
	assert_true(fs_read_line(all_read_only, &got));
	assert_false(got.writable);
	assert_true(got.fs_read_only);
	assert_false(fs_read_line(short_one, &got));
}

static void reports(void **state)
{
	uint64_t extent, left;

	(void)state;
	assert_true(read_report("  {\"report\": [{\"lv\": [{\"vg_extent_size\":\"4194304\", \"vg_free\":\"0\"}]}]}",
				&extent, &left));
	assert_int_equal(extent, 4 * MIB);
	assert_int_equal(left, 0);
	assert_true(read_report("#{lvs Processing: report{units=\"b\"}\n{\"report\":[{\"lv\":[{\"vg_extent_size\":\"8B\",\"vg_free\":\"16B\"}]}],\n\"log\":[]}",
				&extent, &left));
	assert_int_equal(extent, 8);
	assert_int_equal(left, 16);
	assert_true(read_report("{\"report\":[{\"lv\":[{\"vg_extent_size\":\"8\",\"vg_free\":\"0\",\"lv_layout\":\"thin,sparse\"}]}]}",
				&extent, &left));
	assert_true(left == UINT64_MAX); /* a thin one needs none of it */
	assert_false(read_report("{\"report\":[{\"lv\":[{\"vg_extent_size\":\"4.00m\",\"vg_free\":\"0\"}]}]}",
				 &extent, &left));
	assert_false(read_report("  Volume group \"vg\" not found", &extent, &left));
	assert_false(read_report("{\"report\":[{\"lv\":[]}]}", &extent, &left));
}

/* A folder of 10 MiB by a quota, in a file system of 1 GiB, says nothing of that. */
static void quotas(void **state)
{
	(void)state;
	assert_true(fs_has_quota(10 * MIB, GIB));
	assert_false(fs_has_quota(GIB - 50 * MIB, GIB));
}

static void says(const char *line, int status, const char *wanted)
{
	assert_int_equal(line_run(line), status);
	if (!strstr(line_out, wanted))
		fail_msg("%s: \"%s\" is not in \"%s\"", line, wanted, line_out);
}

static void verb(void **state)
{
	(void)state;
	line_run("grow --dry-run vg-lv --step 8M --reserve 4M --max 1G");
	assert_non_null(strstr(line_out, "\n\tdmsetup create vg-lv-grow "));
	assert_non_null(strstr(line_out, " 62914560"));
	assert_non_null(strstr(line_out, "\necho '* 8388608 1073741824 4194304 -' >"));
	assert_non_null(strstr(line_out, "\nqdm grow --now vg-lv-grow\n"));
	assert_null(fake_device("vg-lv-grow"));
	finds("vg-lv-grow", 0);
	fake_device("vg-lv")->open_count = 1;
	assert_int_equal(line_run("grow vg-lv --step 8M"), 1);
	fake_device("vg-lv")->open_count = 0;
	fake_add("other", "", CASE_SECTORS, "linear", "4000:17 0");
	assert_int_equal(line_run("grow other --step 8M"), 1);
	assert_int_equal(line_run("grow vg-lv"), 1);
	assert_int_equal(line_run("grow nosuch --step 8M"), 1);
	assert_int_equal(line_run("grow vg-lv --step 8M off"), 2);
	assert_int_equal(line_run("grow vg-lv on"), 2);
	assert_int_equal(line_run("grow --step 8M"), 2);
	assert_int_equal(line_run("grow vg-lv --step 0"), 1);
	assert_int_equal(line_run("grow vg-lv --step 1.5X"), 2);
	finds("vg-lv-grow", 0);
	says("grow --json", 0, "[\n]\n");
}

static void turned_off(void **state)
{
	struct error error = { 0 };

	(void)state;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "253:0 0 0");
	assert_int_equal(conf_write("w", &policy, &error), 0);
	put_conf("w* 8M");
	line_run("grow w off");
	assert_non_null(strstr(line_err, "'w' also has a line in "));
	finds("w", policy.step);
	put_conf("");
	says("grow w off", 0, "w: grows no more");
	finds("w", 0);
	assert_int_equal(conf_write("gone", &policy, &error), 0);
	says("grow --dry-run gone off", 0, "\nrm -f ");
	finds("gone", policy.step);
	says("grow gone off", 0, "gone: grows no more");
	finds("gone", 0);
	assert_int_equal(line_run("grow gone off"), 1);
}

/* doctor tells what no other event will. */
static void doctor(void **state)
{
	struct error error = { 0 };

	(void)state;
	doctor_patience = 0;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "253:0 0 0");
	fake_status("w", "fired 0 512 4608 1 4096");
	line_run("doctor");
	assert_non_null(strstr(line_out, "note: the threshold of 'w' has fired, and no line makes it grow"));
	put_conf("w 8M");
	line_run("doctor");
	assert_non_null(strstr(line_out, "trouble: the threshold of 'w' has fired, and was not answered"));
	fake_status("w", "off 0 0 0 0 0");
	line_run("doctor");
	assert_non_null(strstr(line_out, "trouble: 'w' has to grow and its threshold is off"));
	fake_status("w", "armed 67108864 0 0 0 0");
	line_run("doctor");
	assert_non_null(strstr(line_out, "trouble: the threshold of 'w' is at 67108864 and the device ends at 67108864"));
	assert_int_equal(conf_write("gone", &policy, &error), 0);
	line_run("doctor");
	assert_non_null(strstr(line_out, "/gone.conf makes 'gone' grow, but there is no such device"));
}

static void put_lock(const char *text)
{
	case_text("qdm-extend.w.lock", text);
}

static void doctor_of_failures(void **state)
{
	char path[256];
	int fd;

	(void)state;
	doctor_patience = 0;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "253:0 0 0");
	fake_status("w", "fired 0 512 4608 1 4096");
	put_conf("w 8M");
	line_run("doctor");
	assert_null(strstr(line_out, "growing 'w' has taken"));
	snprintf(path, sizeof(path), "%s/qdm-extend.w.lock", getenv("QDM_RUN"));
	assert_int_equal(access(path, F_OK), -1); /* who looks leaves nothing */
	put_lock("grown 1 2 1\nfailed LIMIT\n");
	snprintf(path, sizeof(path), "%s/qdm-extend.w.answer", getenv("QDM_RUN"));
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* it waits for the end of the hour */
	line_run("doctor");
	assert_non_null(strstr(line_out, "trouble: the last attempt to grow 'w' failed (LIMIT)"));
	close(fd);
	put_lock("");
	snprintf(path, sizeof(path), "%s/qdm-extend.w.lock", getenv("QDM_RUN"));
	fd = open(path, O_RDWR);
	assert_int_equal(flock(fd, LOCK_EX), 0); /* LVM hangs */
	line_run("doctor");
	assert_non_null(strstr(line_out, "note: growing 'w' has taken more than 0 s"));
	close(fd);
}

static void doctor_reads_nothing_that_stands_still(void **state)
{
	(void)state;
	doctor_patience = 0;
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "253:0 0 0");
	fake_status("w", "armed 512 512 0 0 0");
	put_conf("w 8M");
	line_run("doctor");
	assert_non_null(strstr(line_out, "w: it was removed meanwhile")); /* looked at, in no sysfs */
	fake_device("w")->suspended = true;
	line_run("doctor");
	assert_null(strstr(line_out, "w: it was removed meanwhile"));
}

static int end(void **state)
{
	line_forget();
	return case_tear_down(state);
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, case_set_up, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_file_system),
		TEST(threshold_is_passed_in_time),
		TEST(grows_file_system_first),
		TEST(goes_by_mark),
		TEST(waits_for_mkfs_and_mount),
		TEST(limit_of_runaways),
		TEST(lines),
		TEST(files),
		TEST(mounts),
		TEST(reports),
		TEST(quotas),
		TEST(verb),
		TEST(turned_off),
		TEST(doctor),
		TEST(doctor_of_failures),
		TEST(doctor_reads_nothing_that_stands_still),
	};

	return cmocka_run_group_tests_name("qdm-grow", tests, NULL, case_end);
}
