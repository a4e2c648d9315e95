// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a backup may write to, as far as /proc, /sys and the device itself tell of it;
 * what the graph tells is in test-qdm-unsafe.c.
 */
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
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define DONE		"{\"return\":{}}"
#define COMMAND(more) \
	"{'execute':'blockdev-backup','arguments':{'device':'vg-lv','target':%s,'sync':'full'" more "}}"
#define LEAF		"'" CASE_LEAF "'"

static const char *reply(const char *format, const char *target)
{
	char command[512];

	snprintf(command, sizeof(command), format, target);
	return case_reply(command);
}

static void is_taken(const char *target)
{
	assert_string_equal(reply(COMMAND(""), target), DONE);
}

/* With this sentence, and nothing was made. */
static void is_refused_as(const char *format, const char *target,
			  const char *text)
{
	char wanted[512];

	snprintf(wanted, sizeof(wanted),
		 "{\"error\":{\"class\":\"GenericError\",\"desc\":\"%s\"}}", text);
	assert_string_equal(reply(format, target), wanted);
	assert_string_equal(fake_log(), "");
}

static void is_refused(const char *target, const char *text)
{
	is_refused_as(COMMAND(""), target, text);
}

static void add_target(void)
{
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
}

static void link_to(const char *to, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", case_folder(), name);
	assert_int_equal(symlink(to, path), 0);
}

/*
 * In use
 */

static void held_open(void **state)
{
	(void)state;
	add_target();
	fake_device("target")->open_count = 1;
	is_refused("'target'", "destination 'target' is open in another program");
	fake_device("target")->open_count = 0;
	is_taken("'target'");
}

static unsigned int looks;

/* udev has it open when the backup is asked for, and not a moment later. */
static void passes_by(const char *name)
{
	if (!strcmp(name, "target") && ++looks == 5)
		fake_device("target")->open_count = 0;
}

static void opened_in_passing(void **state)
{
	(void)state;
	add_target();
	looks = 0;
	fake_device("target")->open_count = 1;
	fake_when_looked(passes_by);
	is_taken("'target'");
	fake_when_looked(NULL);
	assert_true(looks >= 5);
}

/* What a backup that is over has open is no program's. */
static void open_by_old_backup(void **state)
{
	(void)state;
	add_target();
	fake_add("old", "QDM-backup-old", CASE_SECTORS, "backupcow", "4000:50 0 253:1 0 128");
	fake_status("old", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	is_taken("'target'");
}

static void claimed_leaf(void **state)
{
	(void)state;
	case_claim(4000, 48);
	is_refused(LEAF, "destination '" CASE_LEAF "' is open in another program");
}

static void mounted(void **state)
{
	(void)state;
	case_text("proc/self/mountinfo",
		  "22 1 0:5 / /proc rw - proc proc rw\n"
		  "40 1 4000:48 / /mnt/a\\040b rw,relatime shared:1 - ext4 /dev/x rw\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is mounted on '/mnt/a b'");
	case_text("proc/self/mountinfo",
		  "40 1 0:50 /@ /mnt/b rw - btrfs " CASE_LEAF " rw\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is mounted on '/mnt/b'");
}

static void mounted_elsewhere(void **state)
{
	(void)state;
	add_target();
	case_text("proc/self/mountinfo", "");
	case_text("proc/12/mountinfo", "");
	case_text("proc/34/mountinfo", "40 1 253:1 / /data rw - xfs /dev/dm-1 rw\n");
	case_text("proc/34/comm", "postgres\n");
	mkdir(strcat(strcpy((char[256]){ 0 }, case_folder()), "/proc/self/ns"), 0755);
	mkdir(strcat(strcpy((char[256]){ 0 }, case_folder()), "/proc/12/ns"), 0755);
	mkdir(strcat(strcpy((char[256]){ 0 }, case_folder()), "/proc/34/ns"), 0755);
	link_to("mnt:[1]", "proc/self/ns/mnt");
	link_to("mnt:[1]", "proc/12/ns/mnt");
	link_to("mnt:[2]", "proc/34/ns/mnt");
	is_refused("'target'", "destination 'target' is mounted on '/data' in the mount namespace of postgres (pid 34)");
}

static void one_of_btrfs(void **state)
{
	(void)state;
	case_text("sys/fs/btrfs/0a-1b/devices/fake/dev", "4000:48\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is a device of a mounted btrfs (0a-1b)");
}

static void swap(void **state)
{
	(void)state;
	case_text("proc/swaps",
		  "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
		  CASE_LEAF "                         partition\t65532\t0\t-2\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is swap space");
}

static void in_array(void **state)
{
	(void)state;
	case_text("sys/dev/block/4000:48/holders/md127/dev", "9:127\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is part of '/dev/md127'");
}

/* A partition of it is, as an array of partitions has them. */
static void partition_in_array(void **state)
{
	(void)state;
	case_text("sys/dev/block/4000:48/fake1/holders/md0/dev", "9:0\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is part of '/dev/md0'");
}

static void in_loop(void **state)
{
	(void)state;
	add_target();
	case_text("sys/block/loop777/loop/backing_file", "/dev/mapper/target\n");
	is_refused("'target'", "destination 'target' is in use as '/dev/loop777'");
}

static void suspended(void **state)
{
	(void)state;
	add_target();
	fake_device("target")->suspended = true;
	is_refused("'target'", "destination 'target' is suspended; resume it first");
}

/* Nodes that udev looks at are deleted all the same. */
static void deleted_in_passing(void **state)
{
	(void)state;
	assert_string_equal(case_reply("{'execute':'blockdev-add','arguments':{'driver':'throttle','node-name':'target','throttle-group':'g','file':'" CASE_LEAF "'}}"), DONE);
	looks = 0;
	fake_device("target")->open_count = 1;
	fake_when_looked(passes_by);
	assert_string_equal(case_reply("{'execute':'blockdev-del','arguments':{'node-name':'target'}}"), DONE);
}

/*
 * On it
 */

#define KEEP		",'x-overwrite':false"
#define LUKS(number) \
	"destination '" CASE_LEAF "' holds other data than an earlier backup of this device (crypto_LUKS, UUID " number "); --force overwrites it"
#define ONE		"11111111-2222-3333-4444-555555555555"
#define TWO		"99999999-2222-3333-4444-555555555555"

static void put_luks(const char *number, const char *uuid)
{
	char header[4096] = "LUKS\xba\xbe\0\1";

	strcpy(header + 168, uuid);
	case_file(number, header, sizeof(header));
}

static void holds_data(void **state)
{
	(void)state;
	put_luks("4000:48", ONE);
	is_refused_as(COMMAND(KEEP), LEAF, LUKS(ONE));
	is_taken(LEAF);
}

static void holds_earlier_backup(void **state)
{
	(void)state;
	put_luks("4000:48", ONE);
	put_luks("253:0", TWO);
	is_refused_as(COMMAND(KEEP), LEAF, LUKS(ONE));
	put_luks("253:0", ONE);
	assert_string_equal(reply(COMMAND(KEEP), LEAF), DONE);
}

static void holds_partitions(void **state)
{
	unsigned char sector[512] = { 0 };

	(void)state;
	sector[450] = 0x83;
	sector[455] = 8;
	sector[459] = 8;
	sector[510] = 0x55;
	sector[511] = 0xaa;
	case_file("4000:48", sector, sizeof(sector));
	assert_non_null(strstr(reply(COMMAND(KEEP), LEAF), "(dos partition table"));
	is_taken(LEAF);
}

/*
 * Circles
 */

static void file_on_device(void **state)
{
	(void)state;
	case_leaf(7, 777);
	case_text("sys/block/loop777/loop/backing_file", "/mnt/lv/x\n");
	mkdir(strcat(strcpy((char[256]){ 0 }, case_folder()), "/sys/dev"), 0755);
	mkdir(strcat(strcpy((char[256]){ 0 }, case_folder()), "/sys/dev/block"), 0755);
	link_to("../../block/loop777", "sys/dev/block/7:777");
	case_text("proc/self/mountinfo",
		  "40 1 4000:1 / / rw - ext4 /dev/x rw\n"
		  "41 1 253:0 / /mnt/lv rw - ext4 /dev/mapper/vg-lv rw\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is the file '/mnt/lv/x', which is on top of the backed-up device");
}

/* vg-lv lies on 4000:16, which is md's, and so on the disks of that. */
static void member_below(void **state)
{
	(void)state;
	case_text("sys/dev/block/4000:16/slaves/fake/dev", "4000:48\n");
	is_refused(LEAF, "destination '" CASE_LEAF "' is beneath the backed-up device and would be overwritten");
}

static void exchanged(void **state)
{
	(void)state;
	fake_add("pv", "X", 2 * CASE_SECTORS, "linear", "4000:33 0");
	case_text("sys/dev/block/4000:16/slaves/fake/dev", "253:1\n");
	is_refused("'pv'", "destination 'pv' is beneath the backed-up device and would be overwritten");
	assert_string_equal(case_reply("{'execute':'blockdev-backup','arguments':{'device':'pv','target':'vg-lv','sync':'full'}}"),
			    "{\"error\":{\"class\":\"GenericError\",\"desc\":\"destination 'vg-lv' is on top of the backed-up device\"}}");
}

/*
 * Other devices of the same names
 */

/* As LVM's commands: has the group's lock, and renames a volume to another's name. */
static void rename_volumes(int signal)
{
	(void)signal;
	strcpy(fake_device("vg-spare")->name, "vg-old");
	strcpy(fake_device("vg-precious")->name, "vg-spare");
}

static void exchange_names(int signal)
{
	(void)signal;
	strcpy(fake_device("vg-lv")->name, "vg-old");
	strcpy(fake_device("vg-spare")->name, "vg-lv");
}

static void in_a_moment(void (*act)(int signal))
{
	const struct itimerval moment = { .it_value = { .tv_usec = 300000 } };

	signal(SIGALRM, act);
	setitimer(ITIMER_REAL, &moment, NULL);
}

/* LVM has the lock of that group for so long. */
static pid_t lvm_at_work(const char *group, int seconds)
{
	char path[128];
	pid_t pid;
	int fd;

	snprintf(path, sizeof(path), "%s/lvm/V_%s", case_folder(), group);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	pid = fork();
	if (!pid) {
		sleep(seconds);
		case_text("lvm-is-done", "");
		_exit(unlink(path));
	}
	close(fd);
	return pid;
}

static void has_waited(pid_t lvm)
{
	char path[128];
	int status;

	snprintf(path, sizeof(path), "%s/lvm-is-done", case_folder());
	assert_int_equal(unlink(path), 0);
	assert_int_equal(waitpid(lvm, &status, 0), lvm);
	assert_int_equal(status, 0);
	signal(SIGALRM, SIG_DFL);
}

static void two_spares(void)
{
	fake_add("vg-spare", "LVM-s", CASE_SECTORS, "linear", "4000:17 0");
	fake_add("vg-precious", "LVM-p", CASE_SECTORS, "linear", "4000:18 0");
}

static void renamed_while_waiting(void **state)
{
	pid_t lvm;

	(void)state;
	two_spares();
	lvm = lvm_at_work("vg", 1);
	in_a_moment(rename_volumes);
	is_refused("'/dev/mapper/vg-spare'",
		   "'/dev/mapper/vg-spare' became another device while waiting; nothing was done");
	has_waited(lvm);
	case_set_up(state);
	two_spares();
	lvm = lvm_at_work("vg", 1);
	in_a_moment(exchange_names);
	is_refused("'vg-precious'", "'vg-lv' became another device while waiting; nothing was done");
	has_waited(lvm);
}

/* The destination's group is another one. */
static void waits_for_both(void **state)
{
	char path[128], locks[128], text[256], said[256];
	struct stat file;
	pid_t lvm;
	FILE *log;
	int err;

	(void)state;
	fake_add("aa-spare", "LVM-s", CASE_SECTORS, "linear", "4000:17 0");
	lvm = lvm_at_work("aa", 3);
	snprintf(path, sizeof(path), "%s/lvm/V_aa", case_folder());
	assert_int_equal(fstatat(AT_FDCWD, path, &file, 0), 0);
	snprintf(locks, sizeof(locks), "1: FLOCK  ADVISORY  WRITE 77 %02x:%02x:%llu 0 EOF\n",
		 major(file.st_dev), minor(file.st_dev),
		 (unsigned long long)file.st_ino);
	case_text("proc/locks", locks);
	case_text("proc/77/comm", "lvextend\n");
	log = tmpfile();
	err = dup(STDERR_FILENO);
	dup2(fileno(log), STDERR_FILENO);
	is_taken("'/dev/mapper/aa-spare'");
	dup2(err, STDERR_FILENO);
	close(err);
	rewind(log);
	assert_non_null(fgets(text, sizeof(text), log));
	fclose(log);
	snprintf(said, sizeof(said), "qdm: waiting for LVM's lock of the volume group (%s), held by lvextend (pid 77)\n",
		 path);
	assert_string_equal(text, said);
	has_waited(lvm);
}

/* A disk is taken away, and its number is another one's, between the look and the ioctl. */
static int changes_at;

static void other_disk(const char *name)
{
	(void)name;
	if (!--changes_at)
		fake_diskseq(2);
}

static void number_of_another(void **state)
{
	const char *said;
	int at, refusals = 0;

	for (at = 1; at < 40; at++) {
		case_set_up(state);
		fake_diskseq(1);
		changes_at = at;
		fake_when_looked(other_disk);
		said = reply(COMMAND(""), LEAF);
		fake_when_looked(NULL);
		if (!strcmp(said, DONE))
			continue;
		refusals++;
		assert_non_null(strstr(said, "'" CASE_LEAF "' became another device "));
		assert_null(fake_device("vg-lv-backup"));
		assert_string_equal(fake_table("vg-lv")->line[0].params, "4000:16 2048");
	}
	assert_true(refusals > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(held_open),
		CASE(opened_in_passing),
		CASE(open_by_old_backup),
		CASE(claimed_leaf),
		CASE(mounted),
		CASE(mounted_elsewhere),
		CASE(one_of_btrfs),
		CASE(swap),
		CASE(in_array),
		CASE(partition_in_array),
		CASE(in_loop),
		CASE(suspended),
		CASE(deleted_in_passing),
		CASE(holds_data),
		CASE(holds_earlier_backup),
		CASE(holds_partitions),
		CASE(file_on_device),
		CASE(member_below),
		CASE(exchanged),
		CASE(renamed_while_waiting),
		CASE(waits_for_both),
		CASE(number_of_another),
	};

	return cmocka_run_group_tests_name("qdm-destination", tests, NULL, case_end);
}
