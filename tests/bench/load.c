// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The load of the benchmarks: keeps a fixed number of direct I/Os of one size
 * in flight on a device and says how long a counted number of them took. fio
 * gives its run time in milliseconds, which in the deterministic lane is a
 * million instructions: too coarse for the cost of a filter, unless it runs
 * for minutes. This program reads the clock at exactly the first and the last
 * I/O, and can say when each one completed.
 *
 * It submits one I/O per system call and collects when all slots are taken,
 * which is what fio does by default, so both send the same work through the
 * kernel. Ring and context are used by bare system calls: there is one thread,
 * and nothing to install in the guest.
 *
 * What it prints: "ios" done in "ns" with "idle_ns" of sleep; "middle", the
 * nanoseconds per I/O in half of the batches it collected, sorted by that, from
 * the first eighth on; "rate", I/Os per second from the first to the last one collected.
 * The kernel's own housekeeping (250 instructions in every fourth batch of
 * libaio, a tick of 3,000 every 4 ms, now and then a job of 100,000) falls on
 * few batches, which come last; a filter's work falls on all of them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <linux/io_uring.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX	4096
#define STAMPS_MAX	(1U << 20)
#define BATCHES_MAX	(1U << 20)
#define NS_PER_S	1000000000ULL

struct options {
	const char *device;
	const char *engine;
	const char *stamps;
	bool write;
	const char *order;
	unsigned int bs;
	unsigned int before;
	unsigned int stride;
	unsigned int depth;
	uint64_t warm;
	uint64_t count;
	double start;
	double skip;
	double seconds;
};

/* When one I/O was submitted and when it was seen to be done. */
struct stamp {
	uint64_t submitted, done;
};

/* I/Os that were collected together, and the time since those before. */
struct batch {
	unsigned int ios;
	uint64_t ns;
};

/*
 * One I/O in flight; its address is what comes back from the kernel. With
 * --before it is a read of so many bytes, and when that is done the I/O proper.
 */
struct slot {
	void *buffer;
	uint64_t submitted;
	uint64_t offset;
	bool before;
	struct iocb iocb;
};

struct engine {
	const char *name;
	void (*open)(unsigned int depth);
	void (*submit)(struct slot *slot);
	unsigned int (*collect)(struct slot **done, unsigned int max);
};

static struct options opt = {
	.engine = "io_uring", .order = "random", .bs = 4096, .depth = 32, .count = 10000,
};

static int fd;
static uint64_t blocks;
static uint64_t next_block;
static uint64_t random_state = 88172645463325252ULL;

__attribute__((noreturn, format(printf, 1, 2)))
static void fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "load: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	exit(1);
}

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

static bool writes(const struct slot *slot)
{
	return opt.write && !slot->before;
}

static unsigned int length(const struct slot *slot)
{
	return slot->before ? opt.before : opt.bs;
}

static void check_result(const struct slot *slot, int64_t result)
{
	if (result != length(slot))
		fail("%s of %u bytes on %s: %s", writes(slot) ? "write" : "read",
		     length(slot), opt.device,
		     result < 0 ? strerror(-result) : "short");
}

/* --- io_uring --- */

static struct {
	int fd;
	unsigned int *sq_tail, *sq_array;
	unsigned int sq_mask;
	struct io_uring_sqe *sqes;
	unsigned int *cq_head, *cq_tail;
	unsigned int cq_mask;
	struct io_uring_cqe *cqes;
} ring;

static void *map_ring(size_t size, off_t what)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_POPULATE, ring.fd, what);

	if (at == MAP_FAILED)
		fail("cannot map the ring: %s", strerror(errno));
	return at;
}

static void uring_open(unsigned int depth)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	ring.fd = syscall(SYS_io_uring_setup, depth, &p);
	if (ring.fd < 0)
		fail("io_uring_setup: %s", strerror(errno));
	sq = map_ring(p.sq_off.array + p.sq_entries * sizeof(unsigned int),
		      IORING_OFF_SQ_RING);
	cq = map_ring(p.cq_off.cqes + p.cq_entries * sizeof(*ring.cqes),
		      IORING_OFF_CQ_RING);
	ring.sqes = map_ring(p.sq_entries * sizeof(*ring.sqes), IORING_OFF_SQES);
	ring.sq_tail = (unsigned int *)(sq + p.sq_off.tail);
	ring.sq_array = (unsigned int *)(sq + p.sq_off.array);
	ring.sq_mask = p.sq_entries - 1;
	ring.cq_head = (unsigned int *)(cq + p.cq_off.head);
	ring.cq_tail = (unsigned int *)(cq + p.cq_off.tail);
	ring.cq_mask = p.cq_entries - 1;
	ring.cqes = (struct io_uring_cqe *)(cq + p.cq_off.cqes);
}

static void enter(unsigned int submit, unsigned int wait)
{
	unsigned int flags = wait ? IORING_ENTER_GETEVENTS : 0;
	long r;

	do {
		r = syscall(SYS_io_uring_enter, ring.fd, submit, wait, flags,
			    NULL, 0);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		fail("io_uring_enter: %s", strerror(errno));
}

static void uring_submit(struct slot *slot)
{
	unsigned int tail = *ring.sq_tail, index = tail & ring.sq_mask;

	ring.sqes[index] = (struct io_uring_sqe){
		.opcode = writes(slot) ? IORING_OP_WRITE : IORING_OP_READ,
		.fd = fd,
		.off = slot->offset,
		.addr = (uintptr_t)slot->buffer,
		.len = length(slot),
		.user_data = (uintptr_t)slot,
	};
	ring.sq_array[index] = index;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	enter(1, 0);
}

static unsigned int uring_collect(struct slot **done, unsigned int max)
{
	unsigned int tail, head = *ring.cq_head, n = 0;
	struct io_uring_cqe *cqe;

	while ((tail = __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) == head)
		enter(0, 1);
	for (; head != tail && n < max; head++) {
		cqe = &ring.cqes[head & ring.cq_mask];
		done[n] = (struct slot *)(uintptr_t)cqe->user_data;
		check_result(done[n++], cqe->res);
	}
	__atomic_store_n(ring.cq_head, head, __ATOMIC_RELEASE);
	return n;
}

/* --- libaio: the kernel's own asynchronous I/O --- */

static aio_context_t context;

static void aio_open(unsigned int depth)
{
	if (syscall(SYS_io_setup, depth, &context))
		fail("io_setup: %s", strerror(errno));
}

static void aio_submit(struct slot *slot)
{
	struct iocb *iocb = &slot->iocb;

	*iocb = (struct iocb){
		.aio_lio_opcode = writes(slot) ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
		.aio_fildes = fd,
		.aio_buf = (uintptr_t)slot->buffer,
		.aio_nbytes = length(slot),
		.aio_offset = slot->offset,
		.aio_data = (uintptr_t)slot,
	};
	if (syscall(SYS_io_submit, context, 1, &iocb) != 1)
		fail("io_submit: %s", strerror(errno));
}

static unsigned int aio_collect(struct slot **done, unsigned int max)
{
	static struct io_event events[DEPTH_MAX];
	long i, n;

	do {
		n = syscall(SYS_io_getevents, context, 1, max, events, NULL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		fail("io_getevents: %s", strerror(errno));
	for (i = 0; i < n; i++) {
		done[i] = (struct slot *)(uintptr_t)events[i].data;
		check_result(done[i], events[i].res);
	}
	return n;
}

static const struct engine engines[] = {
	{ "io_uring", uring_open, uring_submit, uring_collect },
	{ "libaio", aio_open, aio_submit, aio_collect },
};

/* --- the run --- */

/*
 * Every place once, in an order without order: an odd multiple plus one, modulo
 * a power of two, goes through all numbers. Places past the end are skipped.
 */
static uint64_t pick_shuffled(void)
{
	static uint64_t x;
	uint64_t mask = 1;

	while (mask < blocks)
		mask <<= 1;
	do {
		x = (x * 2862933555777941757ULL + 3037000493ULL) & (mask - 1);
	} while (x >= blocks);
	return x;
}

static uint64_t pick_offset(void)
{
	uint64_t x = random_state;

	if (!strcmp(opt.order, "sequential"))
		return next_block++ % blocks * opt.stride;
	if (!strcmp(opt.order, "shuffled"))
		return pick_shuffled() * opt.stride;
	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	random_state = x;
	return x % blocks * opt.stride;
}

/* What is measured: the I/Os collected between the first and the last clock. */
struct window {
	uint64_t start, begin, end;
	uint64_t ios;
	uint64_t idle;
	uint64_t first, first_ios;
	uint64_t last;
	struct stamp *stamps;
	uint64_t stamped;
	struct batch *batches;
	uint64_t nr_batches;
};

/*
 * Nanoseconds that the first processor has slept, also while this program waited
 * for I/O, which the kernel counts apart. In the deterministic lane time is
 * instructions only while it works: a run that slept measures waiting.
 */
static uint64_t idle_ns(void)
{
	FILE *list = fopen("/proc/timer_list", "r");
	unsigned long long idle = 0, iowait;
	char line[256];

	while (list && fgets(line, sizeof(line), list)) {
		sscanf(line, " .idle_sleeptime : %llu", &idle);
		if (sscanf(line, " .iowait_sleeptime: %llu", &iowait) == 1) {
			idle += iowait;
			break;
		}
	}
	if (list)
		fclose(list);
	return idle;
}

/* Kept in memory to the end: writing them out would put the processor to sleep. */
static void stamp(struct window *w, struct slot **done, unsigned int n)
{
	uint64_t at = now();
	unsigned int i;

	for (i = 0; i < n && w->stamped < STAMPS_MAX; i++)
		w->stamps[w->stamped++] = (struct stamp){
			.submitted = done[i]->submitted, .done = at,
		};
}

static void write_stamps(const struct window *w)
{
	FILE *file = fopen(opt.stamps, "w");
	uint64_t i;

	for (i = 0; file && i < w->stamped; i++)
		fprintf(file, "%llu %llu\n",
			(unsigned long long)(w->stamps[i].submitted - w->start),
			(unsigned long long)(w->stamps[i].done - w->start));
	if (!file || fclose(file))
		fail("%s: %s", opt.stamps, strerror(errno));
}

static void note_batch(struct window *w, unsigned int n)
{
	uint64_t at = now();

	if (w->begin && !w->first) {
		w->first = at;
		w->first_ios = n;
	}
	if (w->begin && w->nr_batches < BATCHES_MAX)
		w->batches[w->nr_batches++] = (struct batch){
			.ios = n, .ns = at - w->last,
		};
	w->last = at;
}

static int by_speed(const void *a, const void *b)
{
	const struct batch *x = a, *y = b;
	uint64_t left = x->ns * y->ios, right = y->ns * x->ios;

	return (left > right) - (left < right);
}

static double middle(struct window *w)
{
	uint64_t i, end = w->nr_batches * 5 / 8, ns = 0, ios = 0;

	qsort(w->batches, w->nr_batches, sizeof(*w->batches), by_speed);
	for (i = w->nr_batches / 8; i < end; i++) {
		ns += w->batches[i].ns;
		ios += w->batches[i].ios;
	}
	return ios ? (double)ns / ios : 0;
}

/* From one I/O of the window to another: exact also where there are but few. */
static double rate(const struct window *w)
{
	if (w->last <= w->first)
		return 0;
	return (double)(w->ios - w->first_ios) * NS_PER_S / (w->last - w->first);
}

/* Loads that run beside each other begin at the same instant. */
static void wait_for_start(void)
{
	struct timespec ts = {
		.tv_sec = opt.start,
		.tv_nsec = (opt.start - (time_t)opt.start) * NS_PER_S,
	};

	if (opt.start > 0)
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static bool over(uint64_t ios, uint64_t start)
{
	if (opt.seconds > 0)
		return now() >= start + (opt.skip + opt.seconds) * NS_PER_S;
	return ios >= opt.warm + opt.count;
}

static bool begins(uint64_t ios, uint64_t start)
{
	if (opt.seconds > 0)
		return now() >= start + opt.skip * NS_PER_S;
	return ios >= opt.warm;
}

/* The kernel would end a ring with I/Os in flight when it likes, and keep the device open. */
static void drain(const struct engine *engine, unsigned int in_flight)
{
	struct slot *done[DEPTH_MAX];

	while (in_flight)
		in_flight -= engine->collect(done, opt.depth);
}

static void submit(const struct engine *engine, struct slot *slot)
{
	slot->offset = pick_offset();
	slot->before = opt.before;
	engine->submit(slot);
}

/* Those that have been done, as soon as there are any. */
static unsigned int collect(const struct engine *engine, struct slot **done)
{
	unsigned int i, n, whole = 0;

	while (!whole) {
		n = engine->collect(done, opt.depth);
		for (i = 0; i < n; i++) {
			if (done[i]->before) {
				done[i]->before = false;
				engine->submit(done[i]);
			} else {
				done[whole++] = done[i];
			}
		}
	}
	return whole;
}

static void run(const struct engine *engine, struct slot *slots,
		struct window *w)
{
	struct slot *free[DEPTH_MAX];
	unsigned int i, n = opt.depth;
	uint64_t ios = 0, first = 0;

	wait_for_start();
	w->start = now();
	for (i = 0; i < n; i++)
		free[i] = &slots[i];
	for (;;) {
		if (!w->begin && begins(ios, w->start)) {
			w->idle = idle_ns();
			first = ios;
			w->begin = now();
			w->last = w->begin;
		}
		if (over(ios, w->start))
			break;
		for (i = 0; i < n; i++) {
			if (w->stamps)
				free[i]->submitted = now();
			submit(engine, free[i]);
		}
		n = collect(engine, free);
		ios += n;
		note_batch(w, n);
		if (w->stamps)
			stamp(w, free, n);
	}
	w->end = now();
	w->ios = ios - first;
	w->idle = idle_ns() - w->idle;
	drain(engine, opt.depth - n);
}

static const struct engine *find_engine(void)
{
	size_t i;

	for (i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (!strcmp(engines[i].name, opt.engine))
			return &engines[i];
	fail("unknown engine '%s': io_uring or libaio", opt.engine);
}

static void open_device(void)
{
	uint64_t bytes;

	/*
	 * Without O_NOATIME each read compares the node's times, by nanoseconds
	 * too if their seconds are the same: six instructions by chance.
	 */
	fd = open(opt.device, (opt.write ? O_RDWR : O_RDONLY) | O_DIRECT | O_NOATIME);
	if (fd < 0)
		fail("%s: %s", opt.device, strerror(errno));
	if (ioctl(fd, BLKGETSIZE64, &bytes))
		fail("%s is not a block device", opt.device);
	if (opt.stride < opt.bs)
		opt.stride = opt.bs;
	if (opt.stride < opt.before)
		opt.stride = opt.before;
	blocks = bytes / opt.stride;
	if (!blocks)
		fail("%s is smaller than one I/O", opt.device);
}

static struct slot *make_slots(void)
{
	struct slot *slots = calloc(opt.depth, sizeof(*slots));
	size_t bytes = opt.bs > opt.before ? opt.bs : opt.before;
	unsigned int i;

	for (i = 0; slots && i < opt.depth; i++) {
		if (posix_memalign(&slots[i].buffer, 4096, bytes))
			fail("out of memory");
		memset(slots[i].buffer, i + 1, bytes);
	}
	if (!slots)
		fail("out of memory");
	return slots;
}

static uint64_t number(const char *name, const char *text, uint64_t max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || !value || value > max)
		fail("--%s '%s': a whole number of 1 to %llu", name, text,
		     (unsigned long long)max);
	return value;
}

static void set_option(const char *name, const char *text)
{
	if (!strcmp(name, "engine"))
		opt.engine = text;
	else if (!strcmp(name, "stamps"))
		opt.stamps = text;
	else if (!strcmp(name, "op"))
		opt.write = !strcmp(text, "write");
	else if (!strcmp(name, "order"))
		opt.order = text;
	else if (!strcmp(name, "stride"))
		opt.stride = number(name, text, 1 << 30);
	else if (!strcmp(name, "start"))
		opt.start = atof(text);
	else if (!strcmp(name, "bs"))
		opt.bs = number(name, text, 16 << 20);
	else if (!strcmp(name, "before"))
		opt.before = number(name, text, 16 << 20);
	else if (!strcmp(name, "depth"))
		opt.depth = number(name, text, DEPTH_MAX);
	else if (!strcmp(name, "warm"))
		opt.warm = number(name, text, UINT32_MAX);
	else if (!strcmp(name, "count"))
		opt.count = number(name, text, UINT32_MAX);
	else if (!strcmp(name, "skip"))
		opt.skip = atof(text);
	else if (!strcmp(name, "seconds"))
		opt.seconds = atof(text);
}

static void parse(int argc, char **argv)
{
	static const struct option names[] = {
		{ "engine", 1, NULL, 0 }, { "op", 1, NULL, 0 },
		{ "order", 1, NULL, 0 },  { "bs", 1, NULL, 0 },
		{ "depth", 1, NULL, 0 },  { "warm", 1, NULL, 0 },
		{ "count", 1, NULL, 0 },  { "skip", 1, NULL, 0 },
		{ "seconds", 1, NULL, 0 }, { "stamps", 1, NULL, 0 },
		{ "stride", 1, NULL, 0 }, { "start", 1, NULL, 0 },
		{ "before", 1, NULL, 0 },
		{ NULL, 0, NULL, 0 },
	};
	int c, index;

	while ((c = getopt_long(argc, argv, "", names, &index)) != -1) {
		if (c == '?')
			exit(1);
		set_option(names[index].name, optarg);
	}
	if (optind != argc - 1)
		fail("one device is needed after the options");
	opt.device = argv[optind];
}

int main(int argc, char **argv)
{
	const struct engine *engine;
	struct window w = { 0 };

	parse(argc, argv);
	engine = find_engine();
	open_device();
	w.batches = calloc(BATCHES_MAX, sizeof(*w.batches));
	if (opt.stamps)
		w.stamps = calloc(STAMPS_MAX, sizeof(*w.stamps));
	if (!w.batches || (opt.stamps && !w.stamps))
		fail("out of memory");
	engine->open(opt.depth);
	run(engine, make_slots(), &w);
	if (w.stamps)
		write_stamps(&w);
	printf("{\"ios\":%llu,\"ns\":%llu,\"idle_ns\":%llu,\"middle\":%.3f,\"rate\":%.6f}\n",
	       (unsigned long long)w.ios, (unsigned long long)(w.end - w.begin),
	       (unsigned long long)w.idle, middle(&w), rate(&w));
	return 0;
}
