// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Crosses a write threshold thousands of times and keeps the books: what was
 * armed, what the status counts, which uevents came. A shell would need a
 * process for each step and never be quick enough to meet the driver halfway.
 *
 *   crosser race NAME ROUNDS   two writers pinned to two processors write past
 *                              the threshold all the time, while it is set
 *                              again as soon as its event is here
 *   crosser spin NAME ROUNDS   the same, and it is set without waiting
 *   crosser shake NAME ROUNDS  a crossing, and at the same instant a suspend, a
 *                              rename, a reload, or a table of another kind
 *   crosser gone NAME          a crossing, and at once the device is removed and
 *                              the module unloaded
 *
 * No two armings use the same threshold, so an event names the arming it
 * belongs to.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/dm-ioctl.h>
#include <linux/netlink.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BLOCK		4096
#define BEYOND		(8 << 20)
#define WRITERS		2
#define PATIENCE_MS	60000
#define QUIET_MS	300
#define KERNEL_EVENTS	1

struct event {
	uint64_t seq;
	uint64_t threshold;
	char name[DM_NAME_LEN];
};

struct status {
	char state[16];
	uint64_t threshold;
	uint64_t seq;
	uint64_t fired_at;
};

static int control, events, device;
static char name[DM_NAME_LEN];
static void *block;
static atomic_bool writing;
static pthread_barrier_t start_line;

__attribute__((noreturn, format(printf, 1, 2)))
static void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fprintf(stderr, "crosser: ");
	vfprintf(stderr, fmt, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

/* --- device-mapper, without a process for each word */

union request {
	struct dm_ioctl head;
	char bytes[4096];
};

static void *payload(union request *r)
{
	return r->bytes + sizeof(r->head);
}

static int try_request(union request *r, unsigned long what, uint32_t flags)
{
	r->head.version[0] = DM_VERSION_MAJOR;
	r->head.data_size = sizeof(*r);
	r->head.data_start = sizeof(r->head);
	r->head.flags = flags;
	strcpy(r->head.name, name);
	return ioctl(control, what, r);
}

static void request(union request *r, unsigned long what, uint32_t flags)
{
	if (try_request(r, what, flags))
		die("dm ioctl %lx on %s: %s", what, name, strerror(errno));
}

static void set_threshold(uint64_t bytes)
{
	union request r = {};
	struct dm_target_msg *message = payload(&r);

	sprintf(message->message, "set-threshold %llu",
		(unsigned long long)bytes);
	request(&r, DM_TARGET_MSG, 0);
}

/* What dmsetup status or table prints of the first line. */
static void read_line(uint32_t flags, char *type, char *line, size_t size)
{
	union request r = {};
	struct dm_target_spec *spec = payload(&r);

	request(&r, DM_TABLE_STATUS, flags | DM_NOFLUSH_FLAG);
	strcpy(type, spec->target_type);
	snprintf(line, size, "%s", (char *)(spec + 1));
}

static struct status read_status(void)
{
	char type[DM_MAX_TYPE_NAME], line[512];
	struct status s;

	read_line(0, type, line, sizeof(line));
	if (sscanf(line, "%15s %lu %*u %*u %lu %lu", s.state, &s.threshold,
		   &s.seq, &s.fired_at) != 4)
		die("status is '%s'", line);
	return s;
}

static void load(uint64_t sectors, const char *type, const char *line)
{
	union request r = {};
	struct dm_target_spec *spec = payload(&r);

	r.head.target_count = 1;
	spec->length = sectors;
	strcpy(spec->target_type, type);
	strcpy((char *)(spec + 1), line);
	request(&r, DM_TABLE_LOAD, 0);
}

static void suspend_device(void)
{
	union request r = {};

	request(&r, DM_DEV_SUSPEND, DM_SUSPEND_FLAG | DM_SKIP_LOCKFS_FLAG);
}

static void resume_device(void)
{
	union request r = {};

	request(&r, DM_DEV_SUSPEND, DM_SKIP_LOCKFS_FLAG);
}

static void rename_device(const char *to)
{
	union request r = {};

	strcpy(payload(&r), to);
	request(&r, DM_DEV_RENAME, 0);
	strcpy(name, to);
}

static uint64_t device_sectors(void)
{
	union request r = {};
	struct dm_target_spec *spec = payload(&r);

	request(&r, DM_TABLE_STATUS, DM_STATUS_TABLE_FLAG | DM_NOFLUSH_FLAG);
	return spec->length;
}

/* --- events */

static void listen_to_kernel(void)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK, .nl_groups = KERNEL_EVENTS,
	};
	int room = 16 << 20;

	events = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
			NETLINK_KOBJECT_UEVENT);
	setsockopt(events, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (events < 0 || bind(events, (void *)&address, sizeof(address)))
		die("netlink: %s", strerror(errno));
}

/* The keys follow each other, each with its own zero. */
static const char *key(const char *text, ssize_t len, const char *wanted)
{
	size_t n = strlen(wanted);
	const char *at;

	for (at = text; at < text + len; at += strlen(at) + 1)
		if (!strncmp(at, wanted, n) && at[n] == '=')
			return at + n + 1;
	return NULL;
}

static bool parse_event(const char *text, ssize_t len, struct event *event)
{
	const char *action = key(text, len, "DM_ACTION");
	const char *seq = key(text, len, "DM_SEQNUM");
	const char *threshold = key(text, len, "DM_WRITE_THRESHOLD");
	const char *from = key(text, len, "DM_NAME");

	if (!action || strcmp(action, "WRITE_THRESHOLD"))
		return false;
	if (!seq || !threshold || !from)
		die("an event without its keys");
	event->seq = strtoull(seq, NULL, 10);
	event->threshold = strtoull(threshold, NULL, 10);
	snprintf(event->name, sizeof(event->name), "%s", from);
	return true;
}

/* The next event, or false if none comes in that time. */
static bool next_event(struct event *event, int ms)
{
	struct pollfd poll_fd = { .fd = events, .events = POLLIN };
	char text[8192];
	ssize_t len;

	while (poll(&poll_fd, 1, ms) > 0) {
		len = recv(events, text, sizeof(text) - 1, 0);
		if (len < 0)
			die("recv: %s", strerror(errno));
		text[len] = '\0';
		if (parse_event(text, len, event))
			return true;
	}
	return false;
}

static void expect_event(uint64_t seq, uint64_t threshold)
{
	struct event event;

	if (!next_event(&event, PATIENCE_MS))
		die("event %lu, of threshold %lu, did not come", seq,
		    threshold);
	if (event.seq != seq || event.threshold != threshold)
		die("event %lu of threshold %lu came, expected %lu of %lu",
		    event.seq, event.threshold, seq, threshold);
}

static void expect_quiet(void)
{
	struct event event;

	if (next_event(&event, QUIET_MS))
		die("event %lu of threshold %lu came once too often",
		    event.seq, event.threshold);
}

/* --- writers */

static void cross(void)
{
	if (pwrite(device, block, BLOCK, BEYOND) != BLOCK)
		die("write: %s", strerror(errno));
}

static void *write_on(void *cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((long)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
	while (atomic_load(&writing))
		cross();
	return NULL;
}

static void start_writers(pthread_t *writer)
{
	atomic_store(&writing, true);
	for (long i = 0; i < WRITERS; i++)
		pthread_create(&writer[i], NULL, write_on, (void *)i);
}

static void stop_writers(pthread_t *writer)
{
	atomic_store(&writing, false);
	for (int i = 0; i < WRITERS; i++)
		pthread_join(writer[i], NULL);
}

static uint64_t threshold_of(long round)
{
	return BLOCK + round;
}

static void race(long rounds)
{
	uint64_t first = read_status().seq;
	pthread_t writer[WRITERS];

	start_writers(writer);
	for (long i = 1; i <= rounds; i++) {
		set_threshold(threshold_of(i));
		expect_event(first + i, threshold_of(i));
	}
	stop_writers(writer);
	expect_quiet();
	if (read_status().seq != first + rounds)
		die("%lu events, %ld armings", read_status().seq - first,
		    rounds);
	printf("%ld crossings, each told once\n", rounds);
}

/* At no time may more have fired than was armed, and the last is always told. */
static void spin(long rounds)
{
	uint64_t first = read_status().seq, fired, told = 0;
	struct event event, last = {};
	pthread_t writer[WRITERS];

	start_writers(writer);
	for (long i = 1; i <= rounds; i++) {
		set_threshold(threshold_of(i));
		fired = read_status().seq - first;
		if (fired > (uint64_t)i)
			die("%lu events after %ld armings", fired, i);
	}
	while (strcmp(read_status().state, "fired"))
		sched_yield();
	stop_writers(writer);
	fired = read_status().seq - first;
	while (next_event(&event, last.seq == first + fired ? QUIET_MS : PATIENCE_MS)) {
		if (event.seq <= last.seq || event.threshold <= last.threshold)
			die("event %lu of threshold %lu came after %lu of %lu",
			    event.seq, event.threshold, last.seq,
			    last.threshold);
		last = event;
		told++;
	}
	if (last.seq != first + fired || last.threshold != threshold_of(rounds))
		die("the last event was %lu of %lu", last.seq, last.threshold);
	printf("%ld armings, %lu crossings, %lu told one by one\n", rounds,
	       fired, told);
}

/* --- an event on its way */

static void *write_once(void *unused)
{
	pthread_barrier_wait(&start_line);
	cross();
	return unused;
}

static void move(long round, uint64_t sectors, const char *line)
{
	char type[DM_MAX_TYPE_NAME], now[512], to[DM_NAME_LEN];

	switch (round % 3) {
	case 0:
		suspend_device();
		resume_device();
		break;
	case 1:
		snprintf(to, sizeof(to), "%.100s", name);
		to[strlen(to) - 1] ^= 'x' ^ 'y';
		rename_device(to);
		break;
	default:
		read_line(DM_STATUS_TABLE_FLAG, type, now, sizeof(now));
		load(sectors, "wthreshold", line);
		resume_device();
	}
}

static void wait_until_fired(void)
{
	while (strcmp(read_status().state, "fired"))
		sched_yield();
}

/* The table of another kind ends the threshold; what it has to say is said. */
static void replace(uint64_t sectors, const char *line, uint64_t threshold)
{
	uint64_t seq = read_status().seq + 1;

	set_threshold(threshold);
	cross();
	load(sectors, "linear", line);
	resume_device();
	expect_event(seq, threshold);
	load(sectors, "wthreshold", line);
	resume_device();
}

static void shake(long rounds)
{
	uint64_t sectors = device_sectors(), seq;
	char type[DM_MAX_TYPE_NAME], line[512];
	pthread_t writer;

	read_line(DM_STATUS_TABLE_FLAG, type, line, sizeof(line));
	*strchr(strchr(line, ' ') + 1, ' ') = '\0'; /* device and offset */
	pthread_barrier_init(&start_line, NULL, 2);
	for (long i = 1; i <= rounds; i++) {
		seq = read_status().seq;
		set_threshold(threshold_of(i));
		pthread_create(&writer, NULL, write_once, NULL);
		pthread_barrier_wait(&start_line);
		for (volatile long spins = rand() % 20000; spins > 0; spins--)
			;
		move(i, sectors, line);
		pthread_join(writer, NULL);
		wait_until_fired();
		expect_event(seq + 1, threshold_of(i));
		if (i % 10 == 0)
			replace(sectors, line, threshold_of(i));
	}
	expect_quiet();
	printf("%ld crossings met by a suspend, a rename or a reload\n",
	       rounds);
}

static void gone(void)
{
	union request r = {};

	set_threshold(BLOCK);
	cross();
	close(device);
	request(&r, DM_DEV_REMOVE, 0);
	if (syscall(SYS_delete_module, "dm_wthreshold", O_NONBLOCK))
		die("the module stays: %s", strerror(errno));
}

int main(int argc, char **argv)
{
	const char *mode = argc > 2 ? argv[1] : "";
	long rounds = argc > 3 ? atol(argv[3]) : 0;
	char path[PATH_MAX];

	snprintf(name, sizeof(name), "%s", argc > 2 ? argv[2] : "");
	snprintf(path, sizeof(path), "/dev/mapper/%s", name);
	control = open("/dev/mapper/control", O_RDWR | O_CLOEXEC);
	device = open(path, O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (control < 0 || device < 0 || posix_memalign(&block, BLOCK, BLOCK))
		die("%s: %s", path, strerror(errno));
	memset(block, 1, BLOCK);
	listen_to_kernel();
	if (!strcmp(mode, "race"))
		race(rounds);
	else if (!strcmp(mode, "spin"))
		spin(rounds);
	else if (!strcmp(mode, "shake"))
		shake(rounds);
	else if (!strcmp(mode, "gone"))
		gone();
	else
		die("what is '%s'?", mode);
	return 0;
}
