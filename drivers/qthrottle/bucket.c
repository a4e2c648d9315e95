// SPDX-License-Identifier: GPL-2.0-only
/*
 * See bucket.h. The rules follow QEMU's util/throttle.c, and the texts of
 * qt_limits_check() are QEMU's, as users and software know them.
 */
#include "bucket.h"

/**
 * qt_limits_init - no limit, burst lengths 1 s
 * @limits: the limits
 */
void qt_limits_init(struct qt_limits *limits)
{
	int i;

	*limits = (struct qt_limits){ 0 };
	for (i = 0; i < QT_BUCKETS; i++)
		limits->bucket[i].length = 1;
}

static bool both(u64 total, u64 read, u64 write)
{
	return total && (read || write);
}

static bool total_conflicts(const struct qt_limit *kind)
{
	return both(kind[0].avg, kind[1].avg, kind[2].avg) ||
	       both(kind[0].max, kind[1].max, kind[2].max);
}

static const char *check_bucket(const struct qt_limit *limit)
{
	if (limit->avg > QT_VALUE_MAX || limit->max > QT_VALUE_MAX)
		return "bps/iops/max values must be within [0, 1000000000000000]";
	if (!limit->length)
		return "the burst length cannot be 0";
	if (limit->length > 1 && !limit->max)
		return "burst length set without burst rate";
	if (limit->max && limit->length > QT_VALUE_MAX / limit->max)
		return "burst length too high for this burst rate";
	if (limit->max && !limit->avg)
		return "bps_max/iops_max require corresponding bps/iops values";
	if (limit->max && limit->max < limit->avg)
		return "bps_max/iops_max cannot be lower than bps/iops";
	return NULL;
}

/**
 * qt_limits_check - may these limits be set together?
 * @limits: the limits
 *
 * Return: NULL, or why not.
 */
const char *qt_limits_check(const struct qt_limits *limits)
{
	const struct qt_limit *ops = &limits->bucket[QT_OPS_TOTAL];
	const char *why = NULL;
	int i;

	if (total_conflicts(&limits->bucket[QT_BPS_TOTAL]) ||
	    total_conflicts(ops))
		return "bps/iops/max total values and read/write values cannot be used at the same time";
	if (limits->op_size && !ops[0].avg && !ops[1].avg && !ops[2].avg)
		return "iops size requires an iops value to be set";
	for (i = 0; i < QT_BUCKETS && !why; i++)
		why = check_bucket(&limits->bucket[i]);
	return why;
}

/**
 * qt_limits_enabled - is anything limited?
 * @limits: the limits
 */
bool qt_limits_enabled(const struct qt_limits *limits)
{
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		if (limits->bucket[i].avg)
			return true;
	return false;
}

static void config_level(struct qt_level *level, u64 per_second, qt_wide size,
			 u64 now)
{
	*level = (struct qt_level){ .size = size, .when = now };
	level->rate = per_second * QT_RATE_SCALE;
	level->gate = level->rate ? size + level->rate : ~(qt_wide)0;
}

static void config_bucket(struct qt_level *pool, struct qt_level *burst,
			  const struct qt_limit *limit, u64 now)
{
	qt_wide tenth = QT_UNIT / 10;

	if (limit->max)
		config_level(pool, limit->avg,
			     (qt_wide)(limit->max * limit->length) * QT_UNIT,
			     now);
	else
		config_level(pool, limit->avg, limit->avg * tenth, now);
	config_level(burst, limit->length > 1 ? limit->max : 0,
		     limit->max * tenth, now);
}

static enum qt_bucket applying(const struct qt_limits *limits,
			       enum qt_bucket total, enum qt_dir dir)
{
	enum qt_bucket own = total + 1 + dir;

	if (limits->bucket[total].avg)
		return total;
	return limits->bucket[own].avg ? own : QT_NONE;
}

/**
 * qt_config - set limits; all buckets are empty then
 * @throttle: the buckets
 * @limits: limits that qt_limits_check() accepts
 * @now: the time in nanoseconds
 */
void qt_config(struct qt_throttle *throttle, const struct qt_limits *limits,
	       u64 now)
{
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		config_bucket(&throttle->pool[i], &throttle->burst[i],
			      &limits->bucket[i], now);
	for (i = 0; i < QT_DIRS; i++) {
		throttle->bps[i] = applying(limits, QT_BPS_TOTAL, i);
		throttle->ops[i] = applying(limits, QT_OPS_TOTAL, i);
	}
	throttle->op_size = limits->op_size;
}

static inline void leak(struct qt_level *level, u64 now)
{
	s64 elapsed = now - level->when;
	qt_wide out;

	if (elapsed <= 0)
		return;
	out = (qt_wide)level->rate * (u64)elapsed;
	level->level = level->level > out ? level->level - out : 0;
	level->when = now;
}

/* The whole part of @a / @b; there is no 128-bit division in the kernel. */
static u64 divide(qt_wide a, u64 b)
{
	qt_wide rest = 0;
	u64 result = 0;
	int bit;

	if (!(u64)(a >> 64))
		return (u64)a / b;
	for (bit = 127; bit >= 0; bit--) {
		rest = rest << 1 | (u64)(a >> bit & 1);
		if (result >> 63)
			return S64_MAX;
		result <<= 1;
		if (rest >= b) {
			rest -= b;
			result |= 1;
		}
	}
	return result < S64_MAX ? result : S64_MAX;
}

static inline bool over(const struct qt_level *level)
{
	return level->level >= level->gate;
}

static u64 wait_level(const struct qt_level *level)
{
	return over(level) ? divide(level->level - level->size, level->rate) : 0;
}

/* The second bucket counts only while the first is not more than full. */
static u64 wait_bucket(struct qt_throttle *throttle, enum qt_bucket bucket,
		       u64 now)
{
	struct qt_level *pool = &throttle->pool[bucket];
	struct qt_level *burst = &throttle->burst[bucket];

	leak(pool, now);
	leak(burst, now);
	return wait_level(pool->level > pool->size ? pool : burst);
}

/**
 * qt_wait - how long must the next request wait?
 * @throttle: the buckets
 * @dir: read or write
 * @now: the time in nanoseconds
 * @full: gets the bucket that makes it wait the longest, or QT_NONE
 *
 * Return: nanoseconds, rounded down; 0 if it may go. A wait beyond S64_MAX is
 * given as S64_MAX.
 */
u64 qt_wait(struct qt_throttle *throttle, enum qt_dir dir, u64 now,
	    enum qt_bucket *full)
{
	enum qt_bucket bucket[2] = { throttle->bps[dir], throttle->ops[dir] };
	u64 wait, longest = 0;
	int i;

	*full = QT_NONE;
	for (i = 0; i < 2; i++) {
		if (bucket[i] == QT_NONE)
			continue;
		wait = wait_bucket(throttle, bucket[i], now);
		if (wait > longest) {
			longest = wait;
			*full = bucket[i];
		}
	}
	return longest;
}

static qt_wide operations(const struct qt_throttle *throttle, u64 bytes)
{
	u64 size = throttle->op_size, rest;

	if (!size || bytes <= size)
		return QT_UNIT;
	rest = bytes % size;
	return (qt_wide)(bytes / size) * QT_UNIT +
	       divide((qt_wide)rest * QT_UNIT, size);
}

static inline void pour(struct qt_throttle *throttle, enum qt_bucket bucket,
			qt_wide units, u64 now)
{
	struct qt_level *pool = &throttle->pool[bucket];
	struct qt_level *burst = &throttle->burst[bucket];

	leak(pool, now);
	pool->level += units;
	if (burst->rate) {
		leak(burst, now);
		burst->level += units;
	}
}

/**
 * qt_account - pour a request in
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^63
 * @now: the time in nanoseconds
 */
void qt_account(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
		u64 now)
{
	if (throttle->bps[dir] != QT_NONE)
		pour(throttle, throttle->bps[dir], (qt_wide)bytes * QT_UNIT,
		     now);
	if (throttle->ops[dir] != QT_NONE)
		pour(throttle, throttle->ops[dir], operations(throttle, bytes),
		     now);
}

static inline bool fits(struct qt_throttle *throttle, enum qt_bucket bucket,
			u64 now)
{
	struct qt_level *pool, *burst;

	if (bucket == QT_NONE)
		return true;
	pool = &throttle->pool[bucket];
	burst = &throttle->burst[bucket];
	leak(pool, now);
	if (burst->rate)
		leak(burst, now);
	return !over(pool) && (!over(burst) || pool->level > pool->size);
}

/**
 * qt_admit - pour a request in if it may go now
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size
 * @now: the time in nanoseconds
 *
 * Return: whether it may go; if not, nothing was poured in.
 */
bool qt_admit(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
	      u64 now)
{
	if (!fits(throttle, throttle->bps[dir], now) ||
	    !fits(throttle, throttle->ops[dir], now))
		return false;
	qt_account(throttle, dir, bytes, now);
	return true;
}
