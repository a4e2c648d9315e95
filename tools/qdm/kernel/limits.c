// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The rules for throttle limits, without any device. The kernel has the same rules and
 * makes the final check; but a write to configfs can only fail with an errno, and a QMP
 * client needs the rule that was broken.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/limits.h"

/* Six buckets of rate, burst rate and burst length, then a single limit. */
enum { BPS_TOTAL, BPS_READ, BPS_WRITE, OPS_TOTAL, OPS_READ, OPS_WRITE, BUCKETS };
enum { RATE, BURST, LENGTH, FIELDS };

#define IOPS_SIZE	(LIMITS_NR - 1)

const char * const limit_names[LIMITS_NR] = {
	"bps-total", "bps-total-max", "bps-total-max-length",
	"bps-read", "bps-read-max", "bps-read-max-length",
	"bps-write", "bps-write-max", "bps-write-max-length",
	"iops-total", "iops-total-max", "iops-total-max-length",
	"iops-read", "iops-read-max", "iops-read-max-length",
	"iops-write", "iops-write-max", "iops-write-max-length",
	"iops-size",
};

static uint64_t get(const struct limits *limits, int bucket, int field)
{
	return limits->value[bucket * FIELDS + field];
}

static bool is_length(int index)
{
	return index != IOPS_SIZE && index % FIELDS == LENGTH;
}

void limits_init(struct limits *limits)
{
	int i;

	for (i = 0; i < LIMITS_NR; i++)
		limits->value[i] = is_length(i);
}

static int find(const char *name)
{
	int i;

	for (i = 0; i < LIMITS_NR; i++)
		if (!strcmp(limit_names[i], name))
			return i;
	return -1;
}

int limits_set(struct limits *limits, const char *name, int64_t value,
	       struct error *error)
{
	int i = find(name);

	if (i < 0)
		return refuse(error, "Parameter 'limits.%s' is unexpected",
			      name);
	if (is_length(i) && (value < 0 || value > (int64_t)LIMIT_LENGTH_MAX))
		return refuse(error,
			      "%s value must be in the range [0, %llu]", name,
			      LIMIT_LENGTH_MAX);
	limits->value[i] = value;
	return 0;
}

static bool mixed(const struct limits *limits, int total, int field)
{
	return get(limits, total, field) &&
	       (get(limits, total + 1, field) || get(limits, total + 2, field));
}

static int check_bucket(const struct limits *limits, int bucket,
			struct error *error)
{
	uint64_t rate = get(limits, bucket, RATE);
	uint64_t burst = get(limits, bucket, BURST);
	uint64_t length = get(limits, bucket, LENGTH);

	if (rate > LIMIT_RATE_MAX || burst > LIMIT_RATE_MAX)
		return refuse(error, "bps/iops/max values must be within [0, %llu]",
			      LIMIT_RATE_MAX);
	if (!length)
		return refuse(error, "the burst length cannot be 0");
	if (length > 1 && !burst)
		return refuse(error, "burst length set without burst rate");
	if (burst && length > LIMIT_RATE_MAX / burst)
		return refuse(error,
			      "burst length too high for this burst rate");
	if (burst && !rate)
		return refuse(error, "bps_max/iops_max require corresponding bps/iops values");
	if (burst && burst < rate)
		return refuse(error,
			      "bps_max/iops_max cannot be lower than bps/iops");
	return 0;
}

int limits_check(const struct limits *limits, struct error *error)
{
	int bucket;

	if (mixed(limits, BPS_TOTAL, RATE) || mixed(limits, OPS_TOTAL, RATE) ||
	    mixed(limits, BPS_TOTAL, BURST) || mixed(limits, OPS_TOTAL, BURST))
		return refuse(error, "bps/iops/max total values and read/write values cannot be used at the same time");
	if (limits->value[IOPS_SIZE] && !get(limits, OPS_TOTAL, RATE) &&
	    !get(limits, OPS_READ, RATE) && !get(limits, OPS_WRITE, RATE))
		return refuse(error,
			      "iops size requires an iops value to be set");
	for (bucket = 0; bucket < BUCKETS; bucket++)
		if (check_bucket(limits, bucket, error))
			return -1;
	return 0;
}

static int read_word(struct limits *limits, char *word, struct error *error)
{
	char *value = strchr(word, '=');
	char *end;
	int i;

	if (!value)
		return refuse(error, "'%s' is not of the form limit=value",
			      word);
	*value++ = '\0';
	i = find(word);
	errno = 0;
	if (i < 0)
		return refuse(error, "'%s' is not a limit", word);
	limits->value[i] = strtoull(value, &end, 10);
	if (errno || end == value || *end)
		return refuse(error, "'%s' is not a number for %s", value,
			      word);
	return 0;
}

int limits_read(struct limits *limits, const char *text, struct error *error)
{
	char *copy = strdup(text);
	char *save = NULL;
	char *word;
	int result = 0;

	for (word = strtok_r(copy, " \t\n", &save); word && !result;
	     word = strtok_r(NULL, " \t\n", &save))
		result = read_word(limits, word, error);
	free(copy);
	return result;
}

void limits_write(const struct limits *now, const struct limits *before,
		  char *text, size_t len)
{
	size_t used = 0;
	int i;

	*text = '\0';
	for (i = 0; i < LIMITS_NR && used < len; i++)
		if (now->value[i] != before->value[i])
			used += snprintf(text + used, len - used, "%s%s=%llu",
					 used ? " " : "", limit_names[i],
					 (unsigned long long)now->value[i]);
}
