// SPDX-License-Identifier: GPL-2.0-only
/*
 * The option table. Names, units, defaults and the text for lengths out of
 * range are those of QEMU's ThrottleLimits; values too large for a rate are
 * left to qt_limits_check(), which has the text for them.
 */
#include <linux/kernel.h>

#include "group.h"
#include "options.h"

/* Average, burst and length: adjacent words of a bucket in the table. */
#define BUCKET_WORDS	3

#define RATE_TEXT "bps/iops/max values must be within [0, 1000000000000000]"

#define RATE(word, which, field) {					\
		.name = word,						\
		.offset = offsetof(struct qt_options,			\
				   limits.bucket[which].field),		\
		.max = U64_MAX,						\
		.range_text = RATE_TEXT,				\
	}

#define LENGTH(word, which) {						\
		.name = word,						\
		.offset = offsetof(struct qt_options,			\
				   limits.bucket[which].length),	\
		.max = QT_LENGTH_MAX,					\
		.def = 1,						\
		.range_text = word " value must be in the range [0, 4294967295]", \
	}

static const char * const discard_words[] = { "ops", "bytes", NULL };
static const char * const urgent_words[] = { "pass", "wait", NULL };

static const struct qdm_opt options[] = {
	RATE("bps-total", QT_BPS_TOTAL, avg),
	RATE("bps-total-max", QT_BPS_TOTAL, max),
	LENGTH("bps-total-max-length", QT_BPS_TOTAL),
	RATE("bps-read", QT_BPS_READ, avg),
	RATE("bps-read-max", QT_BPS_READ, max),
	LENGTH("bps-read-max-length", QT_BPS_READ),
	RATE("bps-write", QT_BPS_WRITE, avg),
	RATE("bps-write-max", QT_BPS_WRITE, max),
	LENGTH("bps-write-max-length", QT_BPS_WRITE),
	RATE("iops-total", QT_OPS_TOTAL, avg),
	RATE("iops-total-max", QT_OPS_TOTAL, max),
	LENGTH("iops-total-max-length", QT_OPS_TOTAL),
	RATE("iops-read", QT_OPS_READ, avg),
	RATE("iops-read-max", QT_OPS_READ, max),
	LENGTH("iops-read-max-length", QT_OPS_READ),
	RATE("iops-write", QT_OPS_WRITE, avg),
	RATE("iops-write-max", QT_OPS_WRITE, max),
	LENGTH("iops-write-max-length", QT_OPS_WRITE),
	{
		.name = "iops-size",
		.offset = offsetof(struct qt_options, limits.op_size),
		.max = S64_MAX,
	}, {
		.name = "weight",
		.offset = offsetof(struct qt_options, weight),
		.min = QT_WEIGHT_MIN,
		.max = QT_WEIGHT_MAX,
		.def = QT_WEIGHT_DEFAULT,
	}, {
		.name = "urgent",
		.offset = offsetof(struct qt_options, urgent),
		.words = urgent_words,
	}, {
		.name = "discard",
		.offset = offsetof(struct qt_options, discard),
		.words = discard_words,
	},
};

const struct qdm_opt_table qt_limit_table = { options, QT_NR_LIMITS };
const struct qdm_opt_table qt_option_table = { options, ARRAY_SIZE(options) };

static void add_word(struct qdm_why *why, const struct qdm_opt *opt, u64 value)
{
	size_t len = strlen(why->text);

	if (value != opt->def)
		scnprintf(why->text + len, sizeof(why->text) - len, " %s %llu",
			  opt->name, value);
}

/**
 * qt_limits_judge - check that limits can be set together
 * @limits: the limits
 * @why: the reason, if not: QEMU's text, then the invalid words
 *
 * Return: 0, or -EINVAL.
 */
int qt_limits_judge(const struct qt_limits *limits, struct qdm_why *why)
{
	const struct qt_limit *limit;
	const struct qdm_opt *opt;
	enum qt_bucket culprit;
	const char *wrong = qt_limits_check(limits, &culprit);

	if (!wrong)
		return 0;
	if (culprit == QT_NONE)
		return qdm_refuse(why, "%s", wrong);
	qdm_refuse(why, "%s:", wrong);
	limit = &limits->bucket[culprit];
	opt = &options[BUCKET_WORDS * culprit];
	add_word(why, &opt[0], limit->avg);
	add_word(why, &opt[1], limit->max);
	add_word(why, &opt[2], limit->length);
	return -EINVAL;
}
