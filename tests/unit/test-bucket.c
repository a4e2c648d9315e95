// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The leaky bucket in user space: QEMU's vectors, and then what no vector can
 * show: a million random traces against the rules written plainly in long
 * double, and that over no window of random walks more is let through than
 * size + rate * time.
 */
#include <math.h>
#include <stdio.h>

#include "pure-cmocka.h"
#include "vectors-bucket.h"

#define NR_CASES	(sizeof(bucket_cases) / sizeof(bucket_cases[0]))
#define TRACES		1000000
#define STEPS		12
#define WALKS		200

static u64 seed;

static u64 roll(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static u64 roll_to(u64 most)
{
	return roll() % (most + 1);
}

/* Numbers of all magnitudes up to @most, not only large ones. */
static u64 roll_wide(u64 most)
{
	u64 value = roll() >> (roll() % 64);

	return value % most + 1;
}

/* The rules in floating point, as plainly as they can be said. */
struct reference {
	long double level;
	long double burst_level;
	struct qt_limit limit;
};

static void reference_leak(struct reference *ref, u64 ns)
{
	ref->level = fmaxl(0, ref->level - ref->limit.avg * (ns / 1e9L));
	ref->burst_level =
		fmaxl(0, ref->burst_level - ref->limit.max * (ns / 1e9L));
}

static long double reference_wait(const struct reference *ref)
{
	const struct qt_limit *limit = &ref->limit;
	long double size = limit->max ? (long double)limit->max * limit->length :
					limit->avg / 10.0L;

	if (ref->level > size)
		return (ref->level - size) * 1e9L / limit->avg;
	if (limit->length > 1 && ref->burst_level > limit->max / 10.0L)
		return (ref->burst_level - limit->max / 10.0L) * 1e9L /
		       limit->max;
	return 0;
}

static struct qt_limit random_limit(void)
{
	struct qt_limit limit = { .length = 1 };

	limit.avg = roll_wide(QT_VALUE_MAX / 2);
	if (roll_to(2)) {
		limit.max = limit.avg + roll_to(limit.avg);
		if (roll_to(1))
			limit.length = 1 + roll_to(QT_VALUE_MAX / limit.max - 1) % 1000;
	}
	return limit;
}

static long double units(qt_wide level)
{
	return (long double)level / QT_UNIT;
}

/* Long doubles have 64 bits of mantissa: beyond them, allow their own error. */
static bool agrees(long double ours, long double theirs)
{
	return fabsl(ours - theirs) <= 1e-6L + theirs * 1e-17L * STEPS;
}

/* Waits agree to the nanosecond and the level's tolerance, as time. */
static bool waits_agree(u64 ours, long double theirs, u64 avg)
{
	long double slack = 2 + 1e-6L * 1e9L / avg + theirs * 1e-15L;

	return theirs > S64_MAX / 2 || fabsl((long double)ours - theirs) <= slack;
}

struct trace {
	struct reference ref;
	struct qt_throttle throttle;
	enum qt_bucket bucket;
	u64 op_size;
	u64 now;
};

static void begin_trace(struct trace *trace)
{
	enum qt_bucket culprit;
	struct qt_limits limits;

	*trace = (struct trace){
		.ref.limit = random_limit(),
		.bucket = roll_to(1) ? QT_BPS_TOTAL : QT_OPS_TOTAL,
	};
	if (trace->bucket == QT_OPS_TOTAL && roll_to(3))
		trace->op_size = roll_wide(1 << 24);
	qt_limits_init(&limits);
	limits.bucket[trace->bucket] = trace->ref.limit;
	limits.op_size = trace->op_size;
	assert_null(qt_limits_check(&limits, &culprit));
	qt_config(&trace->throttle, &limits);
}

static long double reference_units(const struct trace *trace, u64 bytes)
{
	if (trace->bucket == QT_BPS_TOTAL)
		return bytes;
	if (!trace->op_size || bytes <= trace->op_size)
		return 1;
	return (long double)bytes / trace->op_size;
}

static void pour(struct trace *trace, enum qt_dir dir)
{
	u64 bytes = roll_wide((1ULL << 32) - 1), step = roll_wide(100 * SECOND);
	long double poured = reference_units(trace, bytes);

	qt_account(&trace->throttle, dir, bytes, trace->now);
	trace->ref.level += poured;
	if (trace->ref.limit.length > 1)
		trace->ref.burst_level += poured;
	trace->now += step;
	reference_leak(&trace->ref, step);
}

static void compare(struct trace *trace, enum qt_dir dir)
{
	struct qt_pair *pair = &trace->throttle.pair[trace->bucket];
	enum qt_bucket full;
	u64 wait = qt_wait(&trace->throttle, dir, trace->now, &full);

	assert_true(agrees(units(qt_in_level(&pair->pool, trace->now)),
			   trace->ref.level));
	if (pair->burst.rate)
		assert_true(agrees(units(qt_in_level(&pair->burst, trace->now)),
				   trace->ref.burst_level));
	assert_true(waits_agree(wait, reference_wait(&trace->ref),
				trace->ref.limit.avg));
}

static void one_trace(void)
{
	struct trace trace;
	int i;

	begin_trace(&trace);
	for (i = 0; i < STEPS; i++) {
		pour(&trace, i & 1);
		compare(&trace, i & 1);
	}
}

static void agrees_with_floating_point(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < TRACES; i++)
		one_trace();
}

#define WALK		400

/* What went by when: after the first n requests, and at what time the next went. */
struct walk {
	u64 at[WALK];
	long double done[WALK + 1];
	struct qt_limit limit;
	long double largest;
};

static long double rest(const struct qt_throttle *t, u64 bytes)
{
	return bytes > t->op_size ? (long double)bytes / t->op_size : 1;
}

/* Idle, busy and huge by turns; each request goes the instant it may. */
static void random_walk(struct walk *walk, struct qt_throttle *t)
{
	enum qt_bucket full;
	u64 now = roll_wide(SECOND), wait, bytes;
	int i;

	walk->done[0] = walk->largest = 0;
	for (i = 0; i < WALK; i++) {
		if (!roll_to(9))
			now += roll_wide(3 * SECOND);
		bytes = 512 * (1 + roll_to(roll_to(7) ? 15 : 2047));
		while ((wait = qt_wait(t, i & 1, now, &full)))
			now += wait;
		assert_true(qt_admit(t, i & 1, bytes, now));
		walk->at[i] = now;
		walk->done[i + 1] = walk->done[i] + rest(t, bytes);
		walk->largest = fmaxl(walk->largest, rest(t, bytes));
	}
}

/*
 * Let through from request @from to @to: no more than the bucket holds, what
 * leaks in the time between them, and one request that overflowed it. QEMU
 * rounds waits down to nanoseconds: that is what may go too early.
 */
static void check_window(const struct walk *walk, int from, int to)
{
	const struct qt_limit *limit = &walk->limit;
	long double seconds = (walk->at[to] - walk->at[from] + 1) / 1e9L;
	long double went = walk->done[to + 1] - walk->done[from];
	long double size = limit->max ? (long double)limit->max * limit->length :
					limit->avg / 10.0L;

	assert_true(went <= size + limit->avg * seconds + walk->largest + 1e-6L);
	if (limit->length > 1)
		assert_true(went <= limit->max / 10.0L + limit->max * seconds +
			    walk->largest + 1e-6L);
}

static struct qt_limit walk_limit(void)
{
	struct qt_limit limit = { .avg = roll_wide(100000), .length = 1 };

	if (roll_to(2)) {
		limit.max = limit.avg + roll_to(limit.avg * 3);
		limit.length = 1 + roll_to(5);
	}
	return limit;
}

static void conserves(void **state)
{
	static struct walk walk;
	struct qt_limits limits;
	struct qt_throttle t;
	int i, from, to;

	(void)state;
	for (i = 0; i < WALKS; i++) {
		qt_limits_init(&limits);
		walk.limit = walk_limit();
		limits.bucket[QT_OPS_TOTAL] = walk.limit;
		limits.op_size = roll_to(1) ? 0 : 4096;
		qt_config(&t, &limits);
		random_walk(&walk, &t);
		for (from = 0; from < WALK; from++)
			for (to = from; to < WALK; to++)
				check_window(&walk, from, to);
	}
}

int main(void)
{
	struct CMUnitTest tests[NR_CASES + 2];
	const char *given = getenv("SEED");
	size_t i;

	seed = given ? strtoull(given, NULL, 0) : 88172645463325252ULL;
	printf("# seed: SEED=%llu\n", (unsigned long long)seed);
	for (i = 0; i < NR_CASES; i++)
		tests[i] = pure_test(&bucket_cases[i]);
	tests[NR_CASES] = (struct CMUnitTest){
		.name = "a million random traces agree with floating point",
		.test_func = agrees_with_floating_point,
	};
	tests[NR_CASES + 1] = (struct CMUnitTest){
		.name = "in no window more goes than size and rate times time allow",
		.test_func = conserves,
	};
	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
