/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What QEMU's leaky bucket does in known cases, in integers: a level of 1.5
 * units is 3 * UNIT / 2. The figures are those that QEMU's own tests expect.
 */
#ifndef VECTORS_BUCKET_H
#define VECTORS_BUCKET_H

#include "qthrottle/bucket.h"
#include "pure-case.h"

#define SECOND	1000000000ULL
#define UNIT	((qt_wide)QT_UNIT)
#define VMAX	QT_VALUE_MAX

/* One bucket of operations, for both directions. */
static noinline void one_bucket(struct qt_throttle *throttle, u64 avg, u64 max,
		       u64 length)
{
	struct qt_limits limits;

	qt_limits_init(&limits);
	limits.bucket[QT_OPS_TOTAL] =
		(struct qt_limit){ .avg = avg, .max = max, .length = length };
	qt_config(throttle, &limits);
}

/* A double carries 15 digits; ours are exact, so compare within 10^-6. */
static bool near(qt_wide level, qt_wide expected)
{
	qt_wide off = level > expected ? level - expected : expected - level;

	return off <= UNIT / 1000000;
}

/* Levels given from outside: nothing is pending, and it may be long till empty. */
static void fill(struct qt_pair *pair, qt_wide pool, qt_wide burst)
{
	pair->first = 0;
	pair->idle_at = U64_MAX;
	pair->pool.empty = pool;
	pair->burst.empty = burst;
}

static qt_wide pool_at(struct qt_throttle *t, enum qt_bucket bucket, u64 now)
{
	qt_settle(&t->pair[bucket]);
	return qt_in_level(&t->pair[bucket].pool, now);
}

static qt_wide burst_at(struct qt_throttle *t, enum qt_bucket bucket, u64 now)
{
	qt_settle(&t->pair[bucket]);
	return qt_in_level(&t->pair[bucket].burst, now);
}

static int bucket_leaks(void)
{
	struct qt_throttle t;
	struct qt_level *pool = &t.pair[QT_OPS_TOTAL].pool;
	u64 step = SECOND / 150;

	one_bucket(&t, 150, 0, 1);
	pool->empty = 3 * UNIT / 2;
	EXPECT(near(qt_in_level(pool, step), UNIT / 2));
	EXPECT(near(qt_in_level(pool, 2 * step), 0));
	EXPECT(qt_in_level(pool, 3 * step) == 0);
	return 0;
}

static int burst_bucket_leaks(void)
{
	struct qt_throttle t;
	struct qt_level *burst = &t.pair[QT_OPS_TOTAL].burst;
	u64 step = SECOND / 100;

	one_bucket(&t, 100, 250, 2);
	burst->empty = 6 * UNIT;
	EXPECT(qt_in_level(burst, step) == 7 * UNIT / 2);
	EXPECT(qt_in_level(burst, 2 * step) == UNIT);
	EXPECT(qt_in_level(burst, 3 * step) == 0);
	return 0;
}

static u64 wait_at(u64 avg, qt_wide level)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, avg, 0, 1);
	fill(&t.pair[QT_OPS_TOTAL], level, 0);
	return qt_wait(&t, QT_WRITE, 0, &full);
}

static int bucket_makes_wait(void)
{
	EXPECT(wait_at(0, 3 * UNIT / 2) == 0);
	EXPECT(wait_at(150, 15 * UNIT) == 0);
	EXPECT(wait_at(150, 9 * UNIT) == 0);
	EXPECT(wait_at(150, 31 * UNIT / 2) == 3333333);
	EXPECT(wait_at(150, 15 * UNIT + 1) == 0);
	return 0;
}

static int burst_takes_its_length(void)
{
	struct qt_throttle t;
	enum qt_bucket full;
	u64 now = 0, wait = 0;
	int i, j;

	one_bucket(&t, 10, 200, 2);
	for (i = 0; i < 22; i++) {
		EXPECT(wait == 0);
		for (j = 0; j < 20; j++)
			qt_account(&t, QT_READ, 512, now);
		now += SECOND / 10;
		wait = qt_wait(&t, QT_READ, now, &full);
		EXPECT(burst_at(&t, QT_OPS_TOTAL, now) == 0);
		EXPECT(pool_at(&t, QT_OPS_TOTAL, now) ==
		       (u64)(i + 1) * 19 * UNIT);
	}
	EXPECT(wait == 1800000000 && full == QT_OPS_TOTAL);
	return 0;
}

static int burst_rate_is_a_limit(void)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, 10, 200, 2);
	fill(&t.pair[QT_OPS_TOTAL], 0, 21 * UNIT);
	EXPECT(qt_wait(&t, QT_READ, 0, &full) == SECOND / 200);
	return 0;
}

/* The pool is over by less than leaks in a nanosecond: there is nothing to wait for. */
static int burst_rate_is_a_limit_at_the_brim(void)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, 10, 200, 2);
	fill(&t.pair[QT_OPS_TOTAL], 400 * UNIT + 1, 21 * UNIT);
	EXPECT(qt_wait(&t, QT_READ, 0, &full) == SECOND / 200);
	return 0;
}

static int length_one_has_no_burst_rate(void)
{
	struct qt_throttle t;
	int i;

	one_bucket(&t, 10, 200, 1);
	for (i = 0; i < 201; i++)
		EXPECT(qt_admit(&t, QT_READ, 512, 0));
	EXPECT(!qt_admit(&t, QT_READ, 512, 0));
	return 0;
}

static int one_request_of_any_size_goes(void)
{
	struct qt_limits limits;
	struct qt_throttle t;
	enum qt_bucket full;

	qt_limits_init(&limits);
	limits.bucket[QT_BPS_WRITE].avg = 1000;
	qt_config(&t, &limits);
	EXPECT(qt_admit(&t, QT_WRITE, 1000000, 0));
	EXPECT(!qt_admit(&t, QT_WRITE, 1, 0));
	EXPECT(qt_wait(&t, QT_WRITE, 0, &full) == 999900000000ULL);
	EXPECT(full == QT_BPS_WRITE);
	EXPECT(!qt_admit(&t, QT_WRITE, 1, 999899999999ULL));
	EXPECT(qt_admit(&t, QT_WRITE, 1, 999900000000ULL));
	return 0;
}

static int directions_are_apart(void)
{
	struct qt_limits limits;
	struct qt_throttle t;

	qt_limits_init(&limits);
	limits.bucket[QT_OPS_WRITE].avg = 1;
	qt_config(&t, &limits);
	EXPECT(qt_admit(&t, QT_WRITE, 512, 0));
	EXPECT(!qt_admit(&t, QT_WRITE, 512, 0));
	EXPECT(qt_admit(&t, QT_READ, 512, 0));
	EXPECT(qt_admit(&t, QT_READ, 512, 0));
	return 0;
}

/* One read and one write of @size, then what is in @bucket. */
static qt_wide accounted(u64 avg, enum qt_bucket bucket, u64 size, u64 op_size)
{
	bool ops = bucket >= QT_OPS_TOTAL;
	enum qt_bucket total = ops ? QT_OPS_TOTAL : QT_BPS_TOTAL;
	struct qt_limits limits;
	struct qt_throttle t;

	qt_limits_init(&limits);
	limits.op_size = op_size;
	limits.bucket[bucket].avg = avg;
	if (bucket != total)
		limits.bucket[total + 1].avg = limits.bucket[total + 2].avg = avg;
	qt_config(&t, &limits);
	qt_account(&t, QT_READ, size, 0);
	qt_account(&t, QT_WRITE, size, 0);
	return pool_at(&t, bucket, 0);
}

static int bytes_are_accounted(void)
{
	EXPECT(accounted(150, QT_BPS_TOTAL, 512, 0) == 1024 * UNIT);
	EXPECT(accounted(150, QT_BPS_TOTAL, 1024, 17) == 2048 * UNIT);
	EXPECT(accounted(150, QT_BPS_READ, 1024, 17) == 1024 * UNIT);
	EXPECT(accounted(150, QT_BPS_WRITE, 1024, 17) == 1024 * UNIT);
	return 0;
}

static int operations_are_accounted(void)
{
	u64 size = 64 * 512, op_size = 13 * 512;

	EXPECT(accounted(150, QT_OPS_TOTAL, 512, 0) == 2 * UNIT);
	EXPECT(accounted(150, QT_OPS_READ, 1024, 0) == UNIT);
	EXPECT(near(accounted(300, QT_OPS_TOTAL, size, op_size),
		    128 * UNIT / 13));
	EXPECT(near(accounted(300, QT_OPS_WRITE, size, op_size),
		    64 * UNIT / 13));
	EXPECT(accounted(300, QT_OPS_WRITE, op_size, op_size) == UNIT);
	return 0;
}

static int nothing_overflows(void)
{
	struct qt_throttle t;
	enum qt_bucket full;
	u64 end = S64_MAX;

	one_bucket(&t, 1, VMAX, 1);
	fill(&t.pair[QT_OPS_TOTAL], 2 * VMAX * UNIT, 0);
	EXPECT(qt_wait(&t, QT_READ, 0, &full) == end);
	fill(&t.pair[QT_OPS_TOTAL], (VMAX + 5000000000ULL) * UNIT, 0);
	EXPECT(qt_wait(&t, QT_READ, 0, &full) == 5000000000ULL * SECOND);
	one_bucket(&t, VMAX, VMAX, 1);
	qt_account(&t, QT_READ, 512, end - SECOND);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, end - SECOND) == UNIT);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, end) == 0);
	EXPECT(qt_admit(&t, QT_READ, 512, end));
	return 0;
}

/* A walk around the limit: often empty, often full, once in a while huge. */
static int walk(struct qt_throttle *a, struct qt_throttle *b, u64 seed)
{
	enum qt_bucket full, i;
	u64 now = 0, bytes;
	bool go;
	int step;

	for (step = 0; step < 3000; step++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		now += seed >> 33 & (seed & 7 ? 0xfffff : 0xfffffff);
		bytes = 512 + (seed >> 20 & (seed & 64 ? 0xfff : 0x3ffff));
		go = !qt_wait(b, step & 1, now, &full);
		if (go)
			qt_account(b, step & 1, bytes, now);
		EXPECT(qt_admit(a, step & 1, bytes, now) == go);
		for (i = 0; i < QT_BUCKETS; i++) {
			EXPECT(pool_at(b, i, now) ==
			       qt_in_level(&a->pair[i].pool, now) ||
			       a->pair[i].first);
			EXPECT(a->pair[i].idle_at >= now ||
			       !pool_at(b, i, a->pair[i].idle_at + 1));
		}
	}
	for (i = 0; i < QT_BUCKETS; i++) {
		EXPECT(pool_at(a, i, now) == pool_at(b, i, now));
		EXPECT(burst_at(a, i, now) == burst_at(b, i, now));
	}
	return 0;
}

static int admission_is_waiting_and_pouring(void)
{
	static const struct qt_limit ops[] = {
		{ 1000, 0, 1 }, { 500, 3000, 2 }, { 2000, 2500, 1 },
	};
	static struct qt_throttle a, b; /* too much for a kernel's stack */
	static struct qt_limits limits;
	int i, r;

	for (i = 0; i < 30; i++) {
		qt_limits_init(&limits);
		limits.bucket[QT_OPS_TOTAL] = ops[i % 3];
		limits.bucket[QT_BPS_READ] =
			(struct qt_limit){ 20000000, 30000000, 1 + i % 4 };
		limits.bucket[QT_BPS_WRITE] =
			(struct qt_limit){ i * 1000000, 0, 1 };
		limits.op_size = i % 5 * 8192;
		qt_config(&a, &limits);
		qt_config(&b, &limits);
		r = walk(&a, &b, i);
		if (r)
			return r;
	}
	return 0;
}

static int draining_fills_and_no_more(void)
{
	struct qt_throttle t;
	enum qt_bucket full;
	u64 later = 100 * SECOND;
	int i;

	one_bucket(&t, 100, 200, 3);
	for (i = 0; i < 100000; i++)
		qt_account_drained(&t, QT_READ, 512, SECOND);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, SECOND) == 600 * UNIT);
	EXPECT(!qt_wait(&t, QT_READ, SECOND, &full));
	EXPECT(qt_admit(&t, QT_READ, 512, SECOND));
	EXPECT(!qt_admit(&t, QT_READ, 512, SECOND));
	EXPECT(t.pair[QT_OPS_TOTAL].idle_at < later);
	later = t.pair[QT_OPS_TOTAL].idle_at + 1;
	EXPECT(pool_at(&t, QT_OPS_TOTAL, later) == 0);
	return 0;
}

static int draining_forgives_no_debt(void)
{
	struct qt_throttle t;
	enum qt_bucket full;
	u64 wait;

	one_bucket(&t, 100, 200, 3);
	qt_account(&t, QT_READ, 512, SECOND);
	fill(&t.pair[QT_OPS_TOTAL], 100000 * UNIT, 100000 * UNIT);
	wait = qt_wait(&t, QT_READ, SECOND, &full);
	qt_account_drained(&t, QT_READ, 512, SECOND);
	qt_account_drained(&t, QT_WRITE, 512, SECOND);
	EXPECT(wait && qt_wait(&t, QT_READ, SECOND, &full) == wait);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, SECOND) == 99900 * UNIT);
	EXPECT(!qt_admit_idle(&t, QT_READ, 512, 900 * SECOND));
	return 0;
}

static int emptying_may_take_centuries(void)
{
	struct qt_throttle t;
	struct qt_limits limits;
	int i;

	qt_limits_init(&limits);
	limits.bucket[QT_BPS_TOTAL] =
		(struct qt_limit){ 1, 1000000, 1000000 };
	qt_config(&t, &limits);
	for (i = 0; i < 20; i++)
		qt_account(&t, QT_READ, 1 << 30, SECOND);
	EXPECT(!qt_admit_idle(&t, QT_READ, 4096, 2 * SECOND));
	EXPECT(!qt_admit_idle(&t, QT_READ, 4096, (1ULL << 62) * 3));
	EXPECT(pool_at(&t, QT_BPS_TOTAL, SECOND) > (20ULL << 30) * (UNIT - 1));
	return 0;
}

static int config_empties(void)
{
	struct qt_throttle t;

	one_bucket(&t, 150, 0, 1);
	fill(&t.pair[QT_OPS_TOTAL], 500 * UNIT, 0);
	one_bucket(&t, 150, 0, 1);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, 0) == 0);
	return 0;
}

/* One bucket, but what was let through before still counts. */
static noinline void other_limit(struct qt_throttle *throttle, u64 avg, u64 max,
			u64 length, u64 now)
{
	struct qt_limits limits;

	qt_limits_init(&limits);
	limits.bucket[QT_OPS_TOTAL] =
		(struct qt_limit){ .avg = avg, .max = max, .length = length };
	qt_change(throttle, &limits, now);
}

static int change_keeps_what_is_in(void)
{
	struct qt_throttle t;
	int i;

	one_bucket(&t, 100, 0, 1);
	for (i = 0; i < 5; i++)
		EXPECT(qt_admit(&t, QT_READ, 512, SECOND));
	other_limit(&t, 200, 0, 1, SECOND);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, SECOND) == 5 * UNIT);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, SECOND + SECOND / 100) == 3 * UNIT);
	EXPECT(!qt_is_idle(&t, SECOND + SECOND / 40));
	EXPECT(qt_is_idle(&t, SECOND + SECOND / 40 + 2));
	return 0;
}

/* By how much it is more than full is what there is to wait for, before and after. */
static int change_adds_no_wait(void)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, 1000, 0, 1);
	fill(&t.pair[QT_OPS_TOTAL], 100 * UNIT, 0);
	other_limit(&t, 10, 0, 1, 0);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, 0) == UNIT);
	EXPECT(!qt_wait(&t, QT_WRITE, 0, &full));
	one_bucket(&t, 1000, 0, 1);
	fill(&t.pair[QT_OPS_TOTAL], 102 * UNIT, 0);
	other_limit(&t, 10, 0, 1, 0);
	EXPECT(qt_wait(&t, QT_WRITE, 0, &full) == SECOND / 5);
	other_limit(&t, 1000, 0, 1, 0);
	EXPECT(qt_wait(&t, QT_WRITE, 0, &full) == SECOND / 500);
	return 0;
}

static int raising_helps_at_once(void)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, 1, 0, 1);
	fill(&t.pair[QT_OPS_TOTAL], 4096 * UNIT, 0);
	EXPECT(qt_wait(&t, QT_READ, 0, &full) > 4000 * SECOND);
	other_limit(&t, 1000000, 0, 1, 0);
	EXPECT(!qt_wait(&t, QT_READ, 0, &full));
	return 0;
}

static int totals_hand_over(void)
{
	struct qt_limits limits;
	struct qt_throttle t;
	enum qt_bucket full;
	int i;

	one_bucket(&t, 100, 0, 1);
	for (i = 0; i < 11; i++)
		EXPECT(qt_admit(&t, QT_READ, 512, SECOND));
	qt_limits_init(&limits);
	limits.bucket[QT_OPS_READ].avg = 100;
	qt_change(&t, &limits, SECOND);
	EXPECT(qt_wait(&t, QT_READ, SECOND, &full) == SECOND / 100);
	EXPECT(!qt_wait(&t, QT_WRITE, SECOND, &full));
	other_limit(&t, 100, 0, 1, SECOND);
	EXPECT(qt_wait(&t, QT_WRITE, SECOND, &full) == SECOND / 100);
	return 0;
}

/* An emulated processor would not be given up for a minute by all the changes there are. */
#ifdef __KERNEL__
#define SHORTEST_NS	1000000
#else
#define SHORTEST_NS	10000
#endif

/* How many go in ten seconds in which the limits change at each multiple of @every. */
static u64 alternating(const struct qt_limit *limit, u64 every)
{
	struct qt_throttle t;
	enum qt_bucket full;
	u64 now = SECOND, next = SECOND, went = 0, wait;
	int i = 0;

	one_bucket(&t, limit->avg, limit->max, limit->length);
	while (now < 11 * SECOND) {
		if (now >= next) {
			i ^= 1;
			other_limit(&t, limit[i].avg, limit[i].max,
				    limit[i].length, now);
			next += every;
		}
		wait = qt_wait(&t, QT_READ, now, &full);
		if (wait) {
			now += wait < next - now ? wait : next - now;
		} else {
			qt_account(&t, QT_READ, 512, now);
			went++;
		}
	}
	return went;
}

static int alternating_gains_nothing(void)
{
	static const struct qt_limit near_ones[] = {
		{ 100, 0, 1 }, { 101, 0, 1 },
	};
	static const struct qt_limit far_ones[] = {
		{ 10, 0, 1 }, { 1000, 0, 1 },
	};
	static const struct qt_limit bursts[] = {
		{ 100, 0, 1 }, { 100, 700, 4 },
	};
	static const struct qt_limit lengths[] = {
		{ 100, 700, 4 }, { 100, 200, 20 },
	};
	u64 every;

	for (every = SECOND; every > SHORTEST_NS; every /= 3) {
		EXPECT(alternating(near_ones, every) <= 1010 + 10 + 2);
		EXPECT(alternating(near_ones, every) >= 1000);
		EXPECT(alternating(far_ones, every) <= 10000 + 100 + 2);
		EXPECT(alternating(bursts, every) <= 1000 + 2800 + 2);
		EXPECT(alternating(lengths, every) <= 1000 + 4000 + 2);
		EXPECT(alternating(lengths, every) >= 1000 + 2000);
	}
	return 0;
}

static int what_did_not_fit_counts_again(void)
{
	struct qt_throttle t;
	enum qt_bucket full;

	one_bucket(&t, 100, 1000, 1);
	fill(&t.pair[QT_OPS_TOTAL], 1000 * UNIT, 0);
	other_limit(&t, 100, 0, 1, 0);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, 0) == 10 * UNIT);
	EXPECT(qt_admit(&t, QT_READ, 512, 0));
	EXPECT(!qt_admit_idle(&t, QT_READ, 512, SECOND));
	EXPECT(qt_admit(&t, QT_READ, 512, SECOND));
	other_limit(&t, 100, 1000, 1, SECOND);
	EXPECT(pool_at(&t, QT_OPS_TOTAL, SECOND) == 902 * UNIT);
	EXPECT(!qt_wait(&t, QT_READ, SECOND, &full));
	return 0;
}

static int copies_go_their_own_way(void)
{
	static struct qt_throttle a, b; /* too much for a kernel's stack */
	enum qt_bucket full;
	int i;

	one_bucket(&a, 100, 0, 1);
	for (i = 0; i < 20; i++)
		qt_account(&a, QT_READ, 512, SECOND);
	qt_copy(&b, &a);
	for (i = 0; i < 20; i++)
		qt_account(&a, QT_READ, 512, SECOND);
	EXPECT(qt_wait(&b, QT_READ, SECOND, &full) == SECOND / 10);
	EXPECT(qt_wait(&a, QT_READ, SECOND, &full) == SECOND / 10 * 3);
	qt_forgive(&a, SECOND);
	EXPECT(!qt_wait(&a, QT_READ, SECOND, &full));
	EXPECT(qt_admit(&a, QT_READ, 512, SECOND));
	EXPECT(!qt_admit(&a, QT_READ, 512, SECOND));
	return 0;
}

/* First letters of the text are enough to tell them apart; "" is accepted. */
struct limits_case {
	enum qt_bucket bucket;
	u64 avg;
	u64 max;
	u64 length;
	const char *text;
};

#define RANGE	"bps/iops/max values must be within"
#define LONG	"burst length too high"
#define NO_AVG	"bps_max/iops_max require"
#define LOWER	"bps_max/iops_max cannot be lower"

static const struct limits_case limits_cases[] = {
	{ QT_BPS_TOTAL, 0, 0, 1, "" },
	{ QT_BPS_READ, 1, 0, 1, "" },
	{ QT_OPS_WRITE, VMAX, 0, 1, "" },
	{ QT_OPS_WRITE, VMAX, VMAX, 1, "" },
	{ QT_OPS_WRITE, VMAX + 1, 0, 1, RANGE },
	{ QT_BPS_WRITE, 1, VMAX + 1, 1, RANGE },
	{ QT_BPS_TOTAL, (u64)-1, 0, 1, RANGE },
	{ QT_OPS_TOTAL, 1, 1, 0, "the burst length cannot be 0" },
	{ QT_OPS_TOTAL, 1, 1, 1, "" },
	{ QT_OPS_TOTAL, 1, 1, VMAX, "" },
	{ QT_OPS_TOTAL, 1, 1, VMAX + 1, LONG },
	{ QT_OPS_TOTAL, 1, 2, VMAX / 2, "" },
	{ QT_OPS_TOTAL, 1, 3, VMAX / 2, LONG },
	{ QT_OPS_TOTAL, 1, VMAX, 1, "" },
	{ QT_OPS_TOTAL, 1, VMAX, 2, LONG },
	{ QT_OPS_TOTAL, 1, 0, 2, "burst length set without burst rate" },
	{ QT_BPS_READ, 0, 100, 1, NO_AVG },
	{ QT_BPS_READ, 100, 30, 1, LOWER },
	{ QT_BPS_READ, 100, 100, 1, "" },
};

static bool begins(const char *text, const char *with)
{
	if (!text || !*with)
		return !text && !*with;
	for (; *with; text++, with++)
		if (*text != *with)
			return false;
	return true;
}

static int limits_are_checked(void)
{
	const struct limits_case *c;
	enum qt_bucket culprit;
	struct qt_limits limits;
	size_t i;

	for (i = 0; i < sizeof(limits_cases) / sizeof(*c); i++) {
		c = &limits_cases[i];
		qt_limits_init(&limits);
		limits.bucket[c->bucket] =
			(struct qt_limit){ c->avg, c->max, c->length };
		if (!begins(qt_limits_check(&limits, &culprit), c->text))
			return 1000 + (int)i;
		if (*c->text && culprit != c->bucket)
			return 2000 + (int)i;
	}
	return 0;
}

static int totals_exclude_directions(void)
{
	enum qt_bucket culprit;
	struct qt_limits limits;

	qt_limits_init(&limits);
	limits.bucket[QT_BPS_TOTAL].avg = 1;
	limits.bucket[QT_BPS_READ].avg = 1;
	EXPECT(begins(qt_limits_check(&limits, &culprit), "bps/iops/max total values"));
	EXPECT(culprit == QT_BPS_TOTAL);
	limits.bucket[QT_BPS_TOTAL].avg = 0;
	limits.bucket[QT_BPS_WRITE].avg = 1;
	EXPECT(!qt_limits_check(&limits, &culprit));
	limits.bucket[QT_OPS_TOTAL].avg = 1;
	EXPECT(!qt_limits_check(&limits, &culprit));
	limits.bucket[QT_OPS_TOTAL].max = 1;
	limits.bucket[QT_OPS_WRITE].max = 1;
	EXPECT(begins(qt_limits_check(&limits, &culprit), "bps/iops/max total values"));
	EXPECT(culprit == QT_OPS_TOTAL);
	return 0;
}

static int size_needs_operations(void)
{
	enum qt_bucket culprit;
	struct qt_limits limits;

	qt_limits_init(&limits);
	limits.op_size = 4096;
	limits.bucket[QT_BPS_TOTAL].avg = 1;
	EXPECT(begins(qt_limits_check(&limits, &culprit), "iops size requires"));
	EXPECT(culprit == QT_NONE);
	limits.bucket[QT_OPS_READ].avg = 1;
	EXPECT(!qt_limits_check(&limits, &culprit));
	return 0;
}

static int enabled_means_any_average(void)
{
	struct qt_limits limits;

	qt_limits_init(&limits);
	EXPECT(!qt_limits_enabled(&limits));
	limits.bucket[QT_OPS_WRITE].avg = 150;
	EXPECT(qt_limits_enabled(&limits));
	return 0;
}

static const struct pure_case bucket_cases[] = {
	{ "a bucket leaks at its rate down to nothing", bucket_leaks },
	{ "a burst bucket leaks at the burst rate", burst_bucket_leaks },
	{ "a bucket more than full makes wait, a full one does not",
	  bucket_makes_wait },
	{ "a burst lasts its length and then some", burst_takes_its_length },
	{ "a long burst has a rate limit", burst_rate_is_a_limit },
	{ "a burst of one second is a pool only", length_one_has_no_burst_rate },
	{ "a full pool does not hide the burst rate",
	  burst_rate_is_a_limit_at_the_brim },
	{ "one request of any size goes, those behind it wait",
	  one_request_of_any_size_goes },
	{ "reads and writes have buckets of their own", directions_are_apart },
	{ "bytes are accounted whatever iops-size", bytes_are_accounted },
	{ "operations are accounted in fractions of iops-size",
	  operations_are_accounted },
	{ "nothing overflows at 10^15", nothing_overflows },
	{ "admitting is waiting and pouring in, in one",
	  admission_is_waiting_and_pouring },
	{ "what is drained fills a bucket and leaves no debt",
	  draining_fills_and_no_more },
	{ "and takes away none that there was", draining_forgives_no_debt },
	{ "a bucket that takes centuries to empty is not empty before",
	  emptying_may_take_centuries },
	{ "first limits find the buckets empty", config_empties },
	{ "other limits keep what is in", change_keeps_what_is_in },
	{ "and add nothing to wait for", change_adds_no_wait },
	{ "a limit that is raised lets go sooner", raising_helps_at_once },
	{ "totals take over from directions, and they from it",
	  totals_hand_over },
	{ "alternating limits let no more go than the larger",
	  alternating_gains_nothing },
	{ "what did not fit counts when the bucket is larger again",
	  what_did_not_fit_counts_again },
	{ "copies of buckets go their own way", copies_go_their_own_way },
	{ "each limit out of range has QEMU's text", limits_are_checked },
	{ "totals exclude limits of one direction", totals_exclude_directions },
	{ "iops-size needs an iops limit", size_needs_operations },
	{ "any average enables throttling", enabled_means_any_average },
};

#endif /* VECTORS_BUCKET_H */
