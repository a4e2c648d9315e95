// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What must be refused, or left alone, because somebody would otherwise read other
 * data than he wrote, or lose what he has: other data under a device, tables that
 * LVM is swapping at the same moment, targets that are in use.
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
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "plan/guard.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define COMMAND(name, arguments) \
	"{'execute':'" name "','arguments':{" arguments "}}"
#define DONE		"{\"return\":{}}"
#define LIMIT(iops) \
	COMMAND("block_set_io_throttle", "'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':" iops ",'iops_rd':0,'iops_wr':0")
#define BACKUP(device, target) \
	COMMAND("blockdev-backup", "'device':'" device "','target':'" target "','sync':'full'")
#define ACTION(device, target) \
	"{'type':'blockdev-backup','data':{'device':'" device "','target':'" target "','sync':'full'}}"
#define BOTH(first, second) \
	COMMAND("transaction", "'actions':[" first "," second "]")

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

static void has_line(const char *name, const char *type, const char *params)
{
	struct kdm_table *table = fake_table(name);

	assert_int_equal(table->nr, 1);
	assert_string_equal(table->line[0].type, type);
	assert_string_equal(table->line[0].params, params);
}

static void add_target(void)
{
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
}

/*
 * Other data
 */

static void target_shows_nothing(void **state)
{
	(void)state;
	add_target();
	works(BACKUP("vg-lv", "target"));
	has_line("vg-lv", "qguard", "253:3 0");
	refused(COMMAND("block-remove-node", "'parent':'vg-lv','child':'target','node':'vg-lv-backup'"),
		"'target' not a child of 'vg-lv-backup'");
	refused(COMMAND("blockdev-replace", "'parent':'vg-lv','child':'root','new-child':'target'"),
		"'target' is no filter over 'vg-lv-backup' nor the other way round, so it may show other data");
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	works(COMMAND("job-dismiss", "'id':'vg-lv'"));
	has_line("vg-lv", "linear", "4000:16 2048");
}

static void target_is_no_base(void **state)
{
	(void)state;
	add_target();
	fake_add("base", "QDM-root-base", CASE_SECTORS, "linear", "4000:33 0");
	fake_add("top", "X", CASE_SECTORS, "linear", "253:2 0");
	fake_add("c", "QDM-backup-c", CASE_SECTORS, "backupcow", "253:1 0 253:2 0 128");
	refused(COMMAND("block-insert-node", "'parent':'top','child':'base','node':'c'"),
		"'base' not a child of 'c'");
}

static void ciphers_change_data(void **state)
{
	(void)state;
	fake_add("h0", "QDM-root-h0", CASE_SECTORS, "linear", "4000:33 0");
	fake_add("plain", "CRYPT-PLAIN-x", CASE_SECTORS, "crypt",
		 "aes-xts-plain64 00 0 253:1 0");
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'t','throttle-group':'g','file':'/dev/mapper/plain'"));
	refused(COMMAND("blockdev-reopen", "'options':[{'driver':'throttle','node-name':'t','throttle-group':'g','file':'h0'}]"),
		"'h0' is no filter over 'plain' nor the other way round, so it may show other data");
	has_line("t", "qthrottle", "253:2 0 g");
}

/* The leaf by its path, which the kernel shows as a number; it is ours all the same. */
static void leaf_by_path(void **state)
{
	(void)state;
	fake_add("d", "X", CASE_SECTORS, "linear", CASE_LEAF_NUMBER " 0");
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'t','throttle-group':'g','file':'" CASE_LEAF "'"));
	works(COMMAND("block-insert-node", "'parent':'d','child':'" CASE_LEAF "','node':'t'"));
	has_line("d", "qguard", "253:2 0");
	works(COMMAND("block-remove-node", "'parent':'d','child':'" CASE_LEAF "','node':'t'"));
	has_line("d", "linear", CASE_LEAF_NUMBER " 0");
}

/* Made by somebody with dmsetup: it shows the second MiB, or is no filter at all. */
static void other_tables(void **state)
{
	(void)state;
	fake_add("t", "QDM-throttle-t", CASE_SECTORS, "qthrottle", "253:0 2048 g");
	refused(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'t'"),
		"Node 't' has a table that is not one qthrottle line from sector 0 of the device beneath, so it may show other data");
	refused(COMMAND("blockdev-reopen", "'options':[{'driver':'throttle','node-name':'t','throttle-group':'g','file':'" CASE_LEAF "'}]"),
		"Node 't' has a table that is not one qthrottle line from sector 0 of the device beneath, so it may show other data");
	fake_add("z", "QDM-throttle-z", CASE_SECTORS, "zero", "");
	refused(COMMAND("blockdev-replace", "'parent':'z','child':'file','new-child':'vg-lv'"),
		"Block driver node 'z' doesn't have child named 'file'");
	fake_add("h", "QDM-root-h", CASE_SECTORS, "linear", "4000:33 0");
	kdm_table_add(fake_table("h"), CASE_SECTORS, CASE_SECTORS, "linear", "4000:34 0");
	refused(COMMAND("block_resize", "'node-name':'h','size':134217728"),
		"'h' has a table that is not one line from sector 0 of the device beneath, and cannot be resized");
}

static void mounted_shrinks_not(void **state)
{
	(void)state;
	fake_add("data", "QDM-threshold-data", CASE_SECTORS, "wthreshold", "4000:33 0 0");
	fake_device("data")->open_count = 1;
	refused(COMMAND("block_resize", "'node-name':'data','size':4096"),
		"'data' is in use (mounted, or held open by something else) and cannot become smaller");
	fake_device("data")->open_count = 0;
	works(COMMAND("block_resize", "'node-name':'data','size':4096"));
	assert_int_equal(fake_table("data")->line[0].len, 8);
}

/*
 * Somebody else at the same moment
 */

#define THEIRS	"4000:17 0"
#define CHANGED	"Device 'vg-lv' was changed by someone else at this moment; nothing was done, try again"

static void is_still_theirs(bool suspended)
{
	struct error error = { 0 };
	struct kdm_table loaded;

	has_line("vg-lv", "linear", "4000:16 2048");
	assert_true(fake_device("vg-lv")->pending);
	assert_int_equal(fake_device("vg-lv")->suspended, suspended);
	assert_int_equal(kdm_loaded("vg-lv", &loaded, &error), 0);
	assert_int_equal(loaded.nr, 1);
	assert_string_equal(loaded.line[0].params, THEIRS);
	kdm_table_free(&loaded);
	assert_null(fake_device("vg-lv-throttle"));
	assert_null(fake_device("vg-lv-root"));
}

/* Before our load, or between it and our swap, and whether it is suspended then or not. */
static void lvm_loads(void **state)
{
	int at;

	for (at = 0; at < 6; at++) {
		case_set_up(state);
		fake_load_at(at / 2, "vg-lv", THEIRS, at % 2);
		assert_non_null(strstr(case_reply(LIMIT("500")), CHANGED));
		is_still_theirs(at % 2);
	}
}

/* A later step fails when LVM has loaded its table over ours: ours is not there to clear. */
static void lvm_loads_before_a_failure(void **state)
{
	(void)state;
	add_target();
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	fake_load_at(4, "vg-lv", THEIRS, false);
	fake_fail_at(5);
	assert_non_null(strstr(case_reply(BOTH(ACTION("vg-lv", "target"), ACTION("vg-b", "other"))),
			       "made to fail"));
	is_still_theirs(false);
	assert_null(fake_device("vg-lv-backup"));
}

/* After our swap; what comes after that fails, and would go back. */
static void lvm_swaps_after_us(void **state)
{
	(void)state;
	add_target();
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	fake_meddle_at(9, "vg-b", "4000:18 0");
	fake_fail_at(9);
	assert_non_null(strstr(case_reply(BOTH(ACTION("vg-lv", "target"), ACTION("vg-b", "other"))),
			       "made to fail"));
	has_line("vg-b", "linear", "4000:18 0");
	has_line("vg-lv", "linear", "4000:16 2048");
	assert_false(fake_device("vg-lv")->suspended);
	assert_false(fake_device("vg-b")->suspended);
}

/* As a command of LVM: has the group's lock for a second, and says when it is through. */
static int lvm_at_work(const char *group)
{
	char path[128];
	int ends[2], fd;

	snprintf(path, sizeof(path), "%s/lvm/V_%s", case_folder(), group);
	assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	if (!fork()) {
		sleep(1);
		if (write(ends[1], "x", 1) < 0 || unlink(path))
			abort();
		_exit(0);
	}
	close(fd);
	close(ends[1]);
	return ends[0];
}

static void waits_for(int lvm)
{
	char byte;

	assert_int_equal(read(lvm, &byte, 1), 1);
	close(lvm);
	wait(NULL);
}

static void lvm_has_lock(void **state)
{
	char path[128];
	int lvm = lvm_at_work("vg");

	(void)state;
	works(LIMIT("500"));
	waits_for(lvm);
	fake_add("a--b-c--d", "LVM-z", CASE_SECTORS, "linear", "4000:16 2048");
	lvm = lvm_at_work("a-b");
	works(COMMAND("block_set_io_throttle", "'id':'a--b-c--d','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0"));
	waits_for(lvm);
	snprintf(path, sizeof(path), "%s/lvm/V_vg", case_folder());
	assert_int_equal(access(path, F_OK), -1);
}

static void lvm_moves(void **state)
{
	(void)state;
	fake_add("vg-pvmove0", "LVM-m", CASE_SECTORS, "mirror", "core 1 64 2 4000:16 2048 4000:17 2048");
	fake_add("vg-moved", "LVM-n", CASE_SECTORS, "linear", "253:1 0");
	refused(BACKUP("vg-moved", "/dev/mapper/vg-lv"),
		"Device 'vg-moved' is being moved by pvmove; try again when that has ended");
}

/*
 * Standing still
 */

static void two_volumes(void)
{
	add_target();
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
}

/* The guard has let all go on by the time the second device stands still. */
static void too_slow(void **state)
{
	char path[128];
	int patience = guard_patience;

	(void)state;
	two_volumes();
	snprintf(path, sizeof(path), "%s/rescue", case_folder());
	setenv("QDM_FAKE_RESCUE", path, 1);
	guard_patience = 200;
	fake_slow_suspend("vg-b");
	alarm(60);
	assert_non_null(strstr(case_reply(BOTH(ACTION("vg-lv", "target"), ACTION("vg-b", "other"))),
			       "were resumed as they were; nothing was done"));
	alarm(0);
	guard_patience = patience;
	unsetenv("QDM_FAKE_RESCUE");
	unlink(path);
	has_line("vg-lv", "linear", "4000:16 2048");
	has_line("vg-b", "linear", "4000:17 0");
	assert_false(fake_device("vg-lv")->suspended);
	assert_false(fake_device("vg-b")->suspended);
	assert_null(fake_device("vg-lv-backup"));
	assert_null(fake_device("vg-b-backup"));
}

/* Whatever the order in which they are named: the upper one stands still first. */
static void stacked(void **state)
{
	static const char suspends[] = "suspend luks;suspend vg-lv;";
	static const char swaps[] = "resume vg-lv;resume luks;";

	add_target();
	fake_add("luks", "CRYPT-LUKS2-x", CASE_SECTORS, "crypt", "aes 00 0 253:0 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	works(BOTH(ACTION("vg-lv", "target"), ACTION("luks", "other")));
	assert_non_null(strstr(fake_log(), suspends));
	assert_non_null(strstr(fake_log(), swaps));
	case_set_up(state);
	add_target();
	fake_add("luks", "CRYPT-LUKS2-x", CASE_SECTORS, "crypt", "aes 00 0 253:0 0");
	fake_add("other", "", CASE_SECTORS, "linear", "4000:33 0");
	works(BOTH(ACTION("luks", "other"), ACTION("vg-lv", "target")));
	assert_non_null(strstr(fake_log(), suspends));
	assert_non_null(strstr(fake_log(), swaps));
}

/*
 * Targets
 */

#define UNDER(name) \
	"destination '" name "' is beneath the backed-up device and would be overwritten"

static void own_target(void **state)
{
	(void)state;
	refused(BACKUP("vg-lv", "/dev/mapper/vg-lv"), "Source and target cannot be the same");
	fake_add("on-lv", "X", CASE_SECTORS, "linear", "253:0 0");
	refused(BACKUP("vg-lv", "on-lv"), "destination 'on-lv' is on top of the backed-up device");
	fake_add("pv", "X", 2 * CASE_SECTORS, "linear", "8:1 0");
	fake_add("a", "LVM-a", CASE_SECTORS, "linear", "253:2 2048");
	fake_add("b", "LVM-b", CASE_SECTORS, "linear", "253:2 133120");
	refused(BACKUP("a", "pv"), UNDER("pv"));
	refused(BACKUP("vg-lv", "/dev/mapper/pv"),
		"'a' is on top of destination '/dev/mapper/pv', which would be overwritten");
}

/* The disk has a partition that a volume lies on, or is one of a used disk. */
static void partitions(void **state)
{
	(void)state;
	fake_add("lv", "LVM-a", CASE_SECTORS, "linear", "8:1 2048");
	fake_add("whole", "X", CASE_SECTORS, "linear", "8:16 0");
	case_leaf(8, 0);
	refused(BACKUP("lv", CASE_LEAF), UNDER(CASE_LEAF));
	refused(BACKUP("vg-lv", CASE_LEAF),
		"'lv' is on top of destination '" CASE_LEAF "', which would be overwritten");
	case_leaf(8, 17);
	refused(BACKUP("vg-lv", CASE_LEAF),
		"'whole' is on top of destination '" CASE_LEAF "', which would be overwritten");
	case_leaf(8, 2);
	works(BACKUP("vg-lv", CASE_LEAF));
}

static void inner_target(void **state)
{
	(void)state;
	fake_add("vol", "LVM-b", CASE_SECTORS, "linear", "4000:17 0");
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'t','throttle-group':'g','file':'vol'"));
	refused(BACKUP("vg-lv", "t"), "'vol' is on top of destination 't', which would be overwritten");
	refused(BACKUP("vg-lv", "vol-root"), "'t' is on top of destination 'vol-root', which would be overwritten");
	works(COMMAND("block-insert-node", "'parent':'vol','child':'vol','node':'t'"));
	refused(BACKUP("vg-lv", "t"), "'vol' is on top of destination 't', which would be overwritten");
	works(BACKUP("vg-lv", "vol"));
}

static void target_of_another(void **state)
{
	(void)state;
	two_volumes();
	works(BACKUP("vg-lv", "target"));
	refused(BACKUP("vg-b", "target"),
		"destination 'target' is the destination of 'vg-lv-backup' already");
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	works(BACKUP("vg-b", "target"));
	works(COMMAND("blockdev-backup", "'device':'vg-lv','target':'other','sync':'full','job-id':'again'"));
}

/* Within one transaction: the second knows what the first is going to write. */
static void targets_at_once(void **state)
{
	(void)state;
	two_volumes();
	refused(BOTH(ACTION("vg-lv", "target"), ACTION("vg-b", "target")),
		"destination 'target' is the destination of 'vg-lv-backup' already");
}

/* By another name: a node over the leaf, or a filter on top of it. */
static void target_by_another_name(void **state)
{
	(void)state;
	fake_add("hh", "QDM-root-hh", 4 * CASE_SECTORS, "linear", "4000:16 0");
	refused(BACKUP("vg-lv", "hh"), UNDER("hh"));
	fake_add("pv", "X", 2 * CASE_SECTORS, "linear", "4000:40 0");
	fake_add("a", "LVM-a", CASE_SECTORS, "linear", "253:2 2048");
	fake_add("p", "QDM-throttle-p", 2 * CASE_SECTORS, "qthrottle", "253:2 0 g");
	refused(BACKUP("a", "p"), UNDER("p"));
	refused(BACKUP("vg-lv", "p"), "'a' is on top of destination 'p', which would be overwritten");
}

/* The first action's edge is there for the second. */
static void circles_at_once(void **state)
{
	(void)state;
	fake_add("vg-b", "LVM-y", CASE_SECTORS, "linear", "4000:17 0");
	refused(BOTH(ACTION("vg-lv", "vg-b"), ACTION("vg-b", "vg-lv")),
		"destination 'vg-lv' is on top of the backed-up device");
}

/* Mounted on top of a volume, it does not come to lie under it unseen. */
static void on_top_stays(void **state)
{
	(void)state;
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'p','throttle-group':'g','file':'/dev/mapper/vg-lv'"));
	works(LIMIT("500"));
	refused(COMMAND("blockdev-reopen", "'options':[{'driver':'throttle','node-name':'p','throttle-group':'g','file':'vg-lv'}]"),
		"of 'vg-lv-throttle' and 'vg-lv' one is under a device and the other on top of it");
	refused(COMMAND("blockdev-replace", "'parent':'p','child':'file','new-child':'vg-lv-root'"),
		"of 'vg-lv-root' and 'vg-lv' one is under a device and the other on top of it");
}

/* Somebody has come to lie on the target since the filter was made. */
static void target_taken_since(void **state)
{
	(void)state;
	add_target();
	works(COMMAND("blockdev-add", "'driver':'copy-before-write','node-name':'c','file':'vg-lv','target':'target'"));
	fake_add("user", "X", CASE_SECTORS, "linear", "253:1 0");
	refused(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'c'"),
		"'user' is on top of destination 'target', which would be overwritten");
}

/*
 * Other names
 */

static void renamed(void **state)
{
	struct error error = { 0 };
	const struct kdm_how how = { 0 };

	(void)state;
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'t','throttle-group':'g','file':'vg-lv'"));
	works(COMMAND("block-insert-node", "'parent':'vg-lv','child':'vg-lv','node':'t'"));
	assert_int_equal(kdm_rename("vg-lv", "vg-old", &how, &error), 0);
	fake_add("vg-lv", "LVM-new", CASE_SECTORS, "linear", "4000:16 999424");
	works(COMMAND("blockdev-add", "'driver':'throttle','node-name':'u','throttle-group':'g','file':'vg-lv'"));
	has_line("vg-lv-root", "linear", "4000:16 2048");
	assert_string_not_equal(fake_at(fake_table("u")->line[0].params), "vg-lv-root");
	works(COMMAND("block-remove-node", "'parent':'vg-old','child':'vg-old','node':'t'"));
	has_line("vg-old", "linear", "4000:16 2048");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(target_shows_nothing),
		CASE(target_is_no_base),
		CASE(ciphers_change_data),
		CASE(leaf_by_path),
		CASE(other_tables),
		CASE(mounted_shrinks_not),
		CASE(lvm_loads),
		CASE(lvm_loads_before_a_failure),
		CASE(lvm_swaps_after_us),
		CASE(lvm_has_lock),
		CASE(lvm_moves),
		CASE(too_slow),
		CASE(stacked),
		CASE(own_target),
		CASE(partitions),
		CASE(inner_target),
		CASE(target_of_another),
		CASE(targets_at_once),
		CASE(target_by_another_name),
		CASE(circles_at_once),
		CASE(on_top_stays),
		CASE(target_taken_since),
		CASE(renamed),
	};

	return cmocka_run_group_tests_name("qdm-unsafe", tests, NULL, case_end);
}
