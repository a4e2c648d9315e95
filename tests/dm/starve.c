// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Does one thing again and again, and each time another of the kernel's
 * allocations on the way fails: the first, the second, ..., until it gets
 * through unharmed. So every error path behind an allocation is walked once,
 * which chance would not do. Needs a kernel with fault injection.
 *
 *   starve load NAME TABLE-LINE     loads a table and clears it again
 *   starve mkdir FOLDER             makes a folder and removes it again
 *
 * Prints how many allocations it has seen fail. What succeeds although an
 * allocation failed is fine; what fails with another error than ENOMEM is not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any of these things allocates. */
#define MOST	100000

struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char line[1024];
};

static const char *name, *line;
static int control, fail_nth;

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "starve: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void set_head(struct request *request, unsigned int size)
{
	request->head.version[0] = DM_VERSION_MAJOR;
	request->head.data_size = size;
	request->head.data_start = sizeof(request->head);
	snprintf(request->head.name, sizeof(request->head.name), "%s", name);
}

/* "<start> <length> <target> <the rest>", as for dmsetup. */
static int load(void)
{
	struct request request = { .head.target_count = 1 };
	unsigned long long start, length;
	int rest = 0;

	set_head(&request, sizeof(request));
	if (sscanf(line, "%llu %llu %15s %n", &start, &length,
		   request.target.target_type, &rest) != 3 || !rest)
		die("the table line");
	request.target.sector_start = start;
	request.target.length = length;
	snprintf(request.line, sizeof(request.line), "%s", line + rest);
	return ioctl(control, DM_TABLE_LOAD, &request);
}

static int clear(void)
{
	struct request request = { 0 };

	set_head(&request, sizeof(request.head));
	return ioctl(control, DM_TABLE_CLEAR, &request);
}

static int make(void)
{
	return mkdir(name, 0700);
}

static int unmake(void)
{
	return rmdir(name);
}

static void order(int nr)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%d", nr);

	if (pwrite(fail_nth, text, len, 0) != len)
		die("cannot order a failure");
}

/* What is left of the order: it is used up if the failure came. */
static bool came(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		die("cannot read what is left of the order");
	return !atoi(text);
}

/* Returns whether an allocation failed. */
static bool try(int nr, int (*action)(void), int (*undo)(void))
{
	bool failed;
	int r, error;

	order(nr);
	r = action();
	error = errno;
	failed = came();
	order(0);
	errno = error;
	if (r && (!failed || error != ENOMEM))
		die(failed ? "with another error than ENOMEM" : "with memory enough");
	if (!r && undo())
		die("cannot undo it");
	return failed;
}

int main(int argc, char **argv)
{
	bool loads = argc == 4 && !strcmp(argv[1], "load");
	int nr;

	if (!loads && !(argc == 3 && !strcmp(argv[1], "mkdir"))) {
		fprintf(stderr, "usage: starve load NAME LINE | mkdir FOLDER\n");
		return 64;
	}
	name = argv[2];
	line = argv[3];
	control = open("/dev/mapper/control", O_RDWR);
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (control < 0 || fail_nth < 0)
		die("cannot open /dev/mapper/control or /proc/thread-self/fail-nth");
	for (nr = 1; nr < MOST; nr++)
		if (!try(nr, loads ? load : make, loads ? clear : unmake))
			break;
	printf("%d\n", nr - 1);
	return nr == MOST;
}
