// SPDX-License-Identifier: GPL-2.0-only
/*
 * See bucket.h. The rules follow QEMU's util/throttle.c, and the texts of
 * qt_limits_check() are QEMU's, as users and software know them.
 */
#include "bucket.h"

#define QT_TEXT_CONFLICT \
	"bps/iops/max total values and read/write values cannot be used at the same time"

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
		return QT_TEXT_CONFLICT;
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

/* Nothing has leaked at time 0, so a level that was never used is empty. */
static void config_level(struct qt_level *level, u64 per_second, qt_wide size)
{
	*level = (struct qt_level){ .size = size };
	level->rate = per_second * QT_RATE_SCALE;
	level->gate = level->rate ? size + level->rate : ~(qt_wide)0;
}

static void config_bucket(struct qt_pair *pair, const struct qt_limit *limit)
{
	qt_wide tenth = QT_UNIT / 10;
	qt_wide size = limit->avg * tenth;

	if (limit->max)
		size = (qt_wide)(limit->max * limit->length) * QT_UNIT;
	config_level(&pair->pool, limit->avg, size);
	config_level(&pair->burst, limit->length > 1 ? limit->max : 0,
		     limit->max * tenth);
}

static struct qt_pair *applying(struct qt_throttle *throttle,
				const struct qt_limits *limits,
				enum qt_bucket total, enum qt_dir dir)
{
	enum qt_bucket own = total + 1 + dir;

	if (limits->bucket[total].avg)
		return &throttle->pair[total];
	return limits->bucket[own].avg ? &throttle->pair[own] : NULL;
}

/**
 * qt_config - set limits; all buckets are empty then
 * @throttle: the buckets
 * @limits: limits that qt_limits_check() accepts
 */
void qt_config(struct qt_throttle *throttle, const struct qt_limits *limits)
{
	struct qt_path *path;
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		config_bucket(&throttle->pair[i], &limits->bucket[i]);
	for (i = 0; i < QT_DIRS; i++) {
		path = &throttle->path[i];
		path->bps = applying(throttle, limits, QT_BPS_TOTAL, i);
		path->ops = applying(throttle, limits, QT_OPS_TOTAL, i);
	}
	throttle->op_size = limits->op_size ? limits->op_size : U64_MAX;
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

static u64 wait_level(const struct qt_level *level, qt_wide in)
{
	return in >= level->gate ? divide(in - level->size, level->rate) : 0;
}

/* The second bucket counts only while the first is not more than full. */
static u64 wait_bucket(const struct qt_pair *pair, u64 now)
{
	qt_wide in = qt_in_level(&pair->pool, now);

	if (in > pair->pool.size)
		return wait_level(&pair->pool, in);
	return wait_level(&pair->burst, qt_in_level(&pair->burst, now));
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
u64 qt_wait(const struct qt_throttle *throttle, enum qt_dir dir, u64 now,
	    enum qt_bucket *full)
{
	const struct qt_path *path = &throttle->path[dir];
	u64 bps = path->bps ? wait_bucket(path->bps, now) : 0;
	u64 ops = path->ops ? wait_bucket(path->ops, now) : 0;

	*full = QT_NONE;
	if (bps && bps >= ops)
		*full = path->bps - throttle->pair;
	else if (ops)
		*full = path->ops - throttle->pair;
	return bps > ops ? bps : ops;
}

static noinline qt_wide several(u64 bytes, u64 op_size)
{
	return (qt_wide)(bytes / op_size) * QT_UNIT +
	       divide((qt_wide)(bytes % op_size) * QT_UNIT, op_size);
}

static inline qt_wide operations(const struct qt_throttle *throttle, u64 bytes)
{
	return likely(bytes <= throttle->op_size) ?
		       QT_UNIT :
		       several(bytes, throttle->op_size);
}

/* Returns whether the level was such that the request may go. */
static inline bool pour_level(struct qt_level *level, qt_wide units, u64 now)
{
	qt_wide leaked = (qt_wide)level->rate * now;
	qt_wide from = level->empty;
	bool fits = true;

	if (likely(from <= leaked))
		from = leaked;
	else
		fits = from - leaked < level->gate;
	level->empty = from + units;
	return fits;
}

static inline bool pour(struct qt_pair *pair, qt_wide units, u64 now)
{
	bool fits = pour_level(&pair->pool, units, now);

	if (pair->burst.rate)
		fits &= pour_level(&pair->burst, units, now);
	return fits;
}

static inline bool pour_all(struct qt_throttle *throttle, enum qt_dir dir,
			    u64 bytes, u64 now)
{
	struct qt_path *path = &throttle->path[dir];
	bool fits = true;

	if (path->bps)
		fits &= pour(path->bps, (qt_wide)bytes * QT_UNIT, now);
	if (path->ops)
		fits &= pour(path->ops, operations(throttle, bytes), now);
	return fits;
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
	pour_all(throttle, dir, bytes, now);
}

static void forgive_level(struct qt_level *level, u64 now)
{
	qt_wide most = (qt_wide)level->rate * now + level->size;

	if (level->empty > most)
		level->empty = most;
}

/**
 * qt_forgive - no bucket is more than full
 * @throttle: the buckets
 * @now: the time in nanoseconds
 *
 * For requests that had to go without waiting, when others are not to pay for
 * all of them.
 */
void qt_forgive(struct qt_throttle *throttle, u64 now)
{
	int i;

	for (i = 0; i < QT_BUCKETS; i++) {
		forgive_level(&throttle->pair[i].pool, now);
		forgive_level(&throttle->pair[i].burst, now);
	}
}

static void pour_back(struct qt_pair *pair, qt_wide units)
{
	pair->pool.empty -= units;
	if (pair->burst.rate)
		pair->burst.empty -= units;
}

/*
 * Some bucket was too full. Without the request every bucket stands as it did
 * before, or at empty if it was that; and only qt_wait() knows whether the
 * second bucket counts.
 */
static noinline bool reconsider(struct qt_throttle *throttle, enum qt_dir dir,
				u64 bytes, u64 now)
{
	struct qt_path *path = &throttle->path[dir];
	enum qt_bucket full;

	if (path->bps)
		pour_back(path->bps, (qt_wide)bytes * QT_UNIT);
	if (path->ops)
		pour_back(path->ops, operations(throttle, bytes));
	if (qt_wait(throttle, dir, now, &full))
		return false;
	qt_account(throttle, dir, bytes, now);
	return true;
}

/**
 * qt_admit - pour a request in if it may go now
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^63
 * @now: the time in nanoseconds
 *
 * The same as qt_wait() and then qt_account(), but in one pass for a request
 * that goes, as this is the hot path: it is poured in first, and taken out
 * again if it should not have been.
 *
 * Return: whether it may go; if not, nothing was poured in.
 */
bool qt_admit(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
	      u64 now)
{
	return likely(pour_all(throttle, dir, bytes, now)) ||
	       reconsider(throttle, dir, bytes, now);
}
