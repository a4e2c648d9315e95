// SPDX-License-Identifier: GPL-2.0-only
/*
 * See bucket.h. The rules follow QEMU's util/throttle.c; the texts of
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

static bool has_both(u64 total, u64 read, u64 write)
{
	return total && (read || write);
}

static bool total_conflicts(const struct qt_limit *kind)
{
	return has_both(kind[0].avg, kind[1].avg, kind[2].avg) ||
	       has_both(kind[0].max, kind[1].max, kind[2].max);
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
 * @culprit: gets the bucket at fault, or QT_NONE; in conflicts the total
 *
 * Return: NULL, or the reason.
 */
const char *qt_limits_check(const struct qt_limits *limits,
			    enum qt_bucket *culprit)
{
	const struct qt_limit *ops = &limits->bucket[QT_OPS_TOTAL];
	const char *why = NULL;

	for (*culprit = 0; *culprit < QT_BUCKETS; *culprit += QT_OPS_TOTAL)
		if (total_conflicts(&limits->bucket[*culprit]))
			return QT_TEXT_CONFLICT;
	*culprit = QT_NONE;
	if (limits->op_size && !ops[0].avg && !ops[1].avg && !ops[2].avg)
		return "iops size requires an iops value to be set";
	for (*culprit = 0; *culprit < QT_BUCKETS; ++*culprit) {
		why = check_bucket(&limits->bucket[*culprit]);
		if (why)
			break;
	}
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

/* Nothing has leaked at time 0, so a level never used is empty. */
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

	*pair = (struct qt_pair){ 0 };
	if (limit->avg)
		pair->unit_ns = (1000000000ULL << 32) / limit->avg + 1;
	pair->one_ns = qt_leak_ns(pair, 1);
	if (limit->max)
		size = (qt_wide)(limit->max * limit->length) * QT_UNIT;
	config_level(&pair->pool, limit->avg, size);
	config_level(&pair->burst, limit->length > 1 ? limit->max : 0,
		     limit->max * tenth);
}

static struct qt_pair *applying_pair(struct qt_throttle *throttle,
				     const struct qt_limits *limits,
				     enum qt_bucket total, enum qt_dir dir)
{
	enum qt_bucket own = total + 1 + dir;

	if (limits->bucket[total].avg)
		return &throttle->pair[total];
	return &throttle->pair[limits->bucket[own].avg ? own : QT_NONE];
}

/**
 * qt_config - set the first limits; all buckets are empty
 * @throttle: the buckets
 * @limits: limits that qt_limits_check() accepts
 */
void qt_config(struct qt_throttle *throttle, const struct qt_limits *limits)
{
	struct qt_path *path;
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		config_bucket(&throttle->pair[i], &limits->bucket[i]);
	config_bucket(&throttle->pair[QT_NONE], &(struct qt_limit){ 0 });
	for (i = 0; i < QT_DIRS; i++) {
		path = &throttle->path[i];
		path->bps = applying_pair(throttle, limits, QT_BPS_TOTAL, i);
		path->ops = applying_pair(throttle, limits, QT_OPS_TOTAL, i);
	}
	throttle->op_size = limits->op_size ? limits->op_size : U64_MAX;
	throttle->idle_size = throttle->op_size;
}

/* The whole part of @a / @b; there is no 128-bit division in the kernel. */
static u64 divide_wide(qt_wide a, u64 b)
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

/**
 * qt_settle - bring the levels up to date
 * @pair: the bucket
 */
void qt_settle(struct qt_pair *pair)
{
	qt_wide units = (qt_wide)pair->first * QT_UNIT;
	u64 at = pair->first_at;

	if (!pair->first)
		return;
	pair->pool.empty = (qt_wide)pair->pool.rate * at + units;
	if (pair->burst.rate)
		pair->burst.empty = (qt_wide)pair->burst.rate * at + units;
	pair->first = 0;
}

/* Content of a level, its claim, and the excess over full. */
struct load {
	qt_wide held;
	qt_wide over;
};

struct loads {
	struct load pool;
	struct load burst;
};

static struct load level_load(const struct qt_level *level, u64 now)
{
	qt_wide last = level->empty > level->claim ? level->empty : level->claim;
	qt_wide leaked = (qt_wide)level->rate * now;
	qt_wide in = qt_in_level(level, now);

	if (!level->rate)
		return (struct load){ 0, 0 };
	return (struct load){
		.held = last > leaked ? last - leaked : 0,
		.over = in > level->size ? in - level->size : 0,
	};
}

static struct loads pair_loads(struct qt_pair *pair, u64 now)
{
	qt_settle(pair);
	return (struct loads){ level_load(&pair->pool, now),
			       level_load(&pair->burst, now) };
}

static void take_larger(struct load *load, const struct load *other)
{
	if (load->held < other->held)
		load->held = other->held;
	if (load->over < other->over)
		load->over = other->over;
}

/* A total inherits from the buckets of both directions, and each from it. */
static struct loads inherited_loads(const struct loads *old,
				    enum qt_bucket bucket)
{
	enum qt_bucket total = bucket - bucket % QT_OPS_TOTAL;
	struct loads loads = old[bucket];
	enum qt_bucket i;

	for (i = total; i < total + QT_OPS_TOTAL; i++) {
		if (bucket != total && i != total)
			continue;
		take_larger(&loads.pool, &old[i].pool);
		take_larger(&loads.burst, &old[i].burst);
	}
	return loads;
}

static void carry_level(struct qt_level *level, const struct load *load,
			u64 now)
{
	qt_wide leaked = (qt_wide)level->rate * now;
	qt_wide in = level->size + load->over;

	if (!level->rate)
		return;
	if (in > load->held)
		in = load->held;
	level->empty = leaked + in;
	level->claim = leaked + load->held;
}

/* Time at which both the level and its claim are empty. */
static u64 empty_at(const struct qt_level *level, u64 now)
{
	struct load load = level_load(level, now);
	u64 ns = load.held ? divide_wide(load.held, level->rate) + 1 : 0;

	return ns > U64_MAX - now ? U64_MAX : now + ns;
}

/**
 * qt_change - change the limits; admitted requests still count
 * @throttle: the buckets
 * @limits: limits that qt_limits_check() accepts
 * @now: the time in nanoseconds
 */
void qt_change(struct qt_throttle *throttle, const struct qt_limits *limits,
	       u64 now)
{
	struct loads old[QT_BUCKETS], loads;
	struct qt_pair *pair;
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		old[i] = pair_loads(&throttle->pair[i], now);
	qt_config(throttle, limits);
	for (i = 0; i < QT_BUCKETS; i++) {
		pair = &throttle->pair[i];
		loads = inherited_loads(old, i);
		carry_level(&pair->pool, &loads.pool, now);
		carry_level(&pair->burst, &loads.burst, now);
		if (pair->pool.rate)
			pair->idle_at = empty_at(&pair->pool, now);
	}
}

/**
 * qt_copy - copy limits and levels
 * @to: result
 * @from: the buckets
 */
void qt_copy(struct qt_throttle *to, struct qt_throttle *from)
{
	int i;

	*to = *from;
	for (i = 0; i < QT_DIRS; i++) {
		to->path[i].bps = to->pair + (from->path[i].bps - from->pair);
		to->path[i].ops = to->pair + (from->path[i].ops - from->pair);
	}
}

/**
 * qt_is_idle - are all buckets empty?
 * @throttle: the buckets
 * @now: the time in nanoseconds
 */
bool qt_is_idle(const struct qt_throttle *throttle, u64 now)
{
	int i;

	for (i = 0; i < QT_BUCKETS; i++)
		if (throttle->pair[i].pool.rate &&
		    throttle->pair[i].idle_at >= now)
			return false;
	return true;
}

static u64 wait_level(const struct qt_level *level, qt_wide in)
{
	return in >= level->gate ?
	       divide_wide(in - level->size, level->rate) : 0;
}

/*
 * The burst bucket is checked if the first requires no wait, or less than a
 * nanosecond: requests that waited for the first arrive at that very instant,
 * and QEMU, which does not check then, admits them.
 */
static u64 wait_bucket(struct qt_pair *pair, u64 now)
{
	u64 wait;

	if (!pair->pool.rate)
		return 0;
	qt_settle(pair);
	wait = wait_level(&pair->pool, qt_in_level(&pair->pool, now));
	if (wait)
		return wait;
	return wait_level(&pair->burst, qt_in_level(&pair->burst, now));
}

/**
 * qt_wait - time that the next request must wait
 * @throttle: the buckets
 * @dir: read or write
 * @now: the time in nanoseconds
 * @full: gets the bucket with the longest wait, or QT_NONE
 *
 * Return: nanoseconds, rounded down; 0 for none. A wait beyond S64_MAX is
 * returned as S64_MAX.
 */
u64 qt_wait(struct qt_throttle *throttle, enum qt_dir dir, u64 now,
	    enum qt_bucket *full)
{
	struct qt_path *path = &throttle->path[dir];
	u64 bps = wait_bucket(path->bps, now);
	u64 ops = wait_bucket(path->ops, now);

	*full = QT_NONE;
	if (bps && bps >= ops)
		*full = path->bps - throttle->pair;
	else if (ops)
		*full = path->ops - throttle->pair;
	return bps > ops ? bps : ops;
}

static void pour_level(struct qt_level *level, qt_wide units, u64 now)
{
	qt_wide leaked = (qt_wide)level->rate * now;

	level->empty = (level->empty > leaked ? level->empty : leaked) + units;
	if (level->claim > leaked)
		level->claim += units;
}

/* @whole is @units, not scaled, rounded up. */
static void pour_pair(struct qt_pair *pair, qt_wide units, u64 whole, u64 now)
{
	u64 ns;

	if (!pair->pool.rate)
		return;
	qt_settle(pair);
	pour_level(&pair->pool, units, now);
	if (pair->burst.rate)
		pour_level(&pair->burst, units, now);
	if (pair->idle_at < now)
		pair->idle_at = now;
	ns = qt_leak_ns(pair, whole) + 1;
	pair->idle_at = ns > U64_MAX - pair->idle_at ? U64_MAX :
						       pair->idle_at + ns;
}

static void pour_operation(struct qt_throttle *throttle, struct qt_pair *ops,
			   u64 bytes, u64 now)
{
	u64 size = throttle->op_size;
	qt_wide units;

	if (bytes <= size) {
		pour_pair(ops, QT_UNIT, 1, now);
		return;
	}
	units = (qt_wide)(bytes / size) * QT_UNIT +
		divide_wide((qt_wide)(bytes % size) * QT_UNIT, size);
	pour_pair(ops, units, bytes / size + 1, now);
}

/**
 * qt_account - pour a request in
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^32
 * @now: the time in nanoseconds
 */
void qt_account(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
		u64 now)
{
	struct qt_path *path = &throttle->path[dir];

	pour_pair(path->bps, (qt_wide)bytes * QT_UNIT, bytes, now);
	pour_operation(throttle, path->ops, bytes, now);
}

/* Fill of a bucket before a request that bypassed it. */
struct debt {
	qt_wide pool;
	qt_wide burst;
	u64 idle_at;
};

static struct debt note_debt(struct qt_pair *pair)
{
	if (pair->pool.rate)
		qt_settle(pair);
	return (struct debt){ pair->pool.empty, pair->burst.empty,
			      pair->idle_at };
}

/* Cuts to full, or to @before if that was more. */
static bool forgive_level(struct qt_level *level, qt_wide before, u64 now)
{
	qt_wide most = (qt_wide)level->rate * now + level->size;

	if (most < before)
		most = before;
	if (level->empty <= most)
		return false;
	if (level->claim >= level->empty)
		level->claim -= level->empty - most;
	level->empty = most;
	return true;
}

/* A level that is at most full leaks in the time its size takes. */
static void forgive_pair(struct qt_pair *pair, const struct debt *before,
			 u64 now)
{
	u64 idle_at;

	if (!pair->pool.rate)
		return;
	forgive_level(&pair->burst, before->burst, now);
	if (!forgive_level(&pair->pool, before->pool, now))
		return;
	idle_at = empty_at(&pair->pool, now);
	if (idle_at < before->idle_at)
		idle_at = before->idle_at;
	if (pair->idle_at > idle_at)
		pair->idle_at = idle_at;
}

/**
 * qt_account_drained - pour a request in, at most until the buckets are full
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^32
 * @now: the time in nanoseconds
 *
 * For a request that cannot wait and whose full cost others must not pay. Their
 * existing debt does not change.
 */
void qt_account_drained(struct qt_throttle *throttle, enum qt_dir dir,
			u64 bytes, u64 now)
{
	struct qt_path *path = &throttle->path[dir];
	struct debt bps = note_debt(path->bps), ops = note_debt(path->ops);

	qt_account(throttle, dir, bytes, now);
	forgive_pair(path->bps, &bps, now);
	forgive_pair(path->ops, &ops, now);
}

/**
 * qt_forgive - leave no bucket more than full
 * @throttle: the buckets
 * @now: the time in nanoseconds
 */
void qt_forgive(struct qt_throttle *throttle, u64 now)
{
	const struct debt none = { 0 };
	int i;

	for (i = 0; i < QT_BUCKETS; i++) {
		qt_settle(&throttle->pair[i]);
		forgive_pair(&throttle->pair[i], &none, now);
	}
}

/**
 * qt_admit - pour a request in if it may proceed now
 * @throttle: the buckets
 * @dir: read or write
 * @bytes: the request's size, less than 2^32
 * @now: the time in nanoseconds
 *
 * Return: true if it may; if not, nothing was poured in.
 */
bool qt_admit(struct qt_throttle *throttle, enum qt_dir dir, u64 bytes,
	      u64 now)
{
	enum qt_bucket full;

	if (qt_admit_idle(throttle, dir, bytes, now))
		return true;
	if (qt_wait(throttle, dir, now, &full))
		return false;
	qt_account(throttle, dir, bytes, now);
	return true;
}
