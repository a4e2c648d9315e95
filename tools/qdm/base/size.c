// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes in human-readable form: parsing and formatting. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

static const char letters[] = "KMGTP";

static uint64_t power(int base, const char *letter)
{
	uint64_t value = base;

	for (; letter > letters; letter--)
		value *= base;
	return value;
}

/* Of the lower-case letters only k is a unit: m means a thousandth. */
static const char *letter_of(const char *unit)
{
	return strchr(letters, *unit == 'k' ? 'K' : *unit);
}

/* The factor of a size's unit, as in dd and truncate; or 0. */
static uint64_t size_factor(const char *unit)
{
	const char *letter = letter_of(unit);

	if (!*unit || !strcmp(unit, "B"))
		return 1;
	if (!letter)
		return 0;
	if (!unit[1] || !strcmp(unit + 1, "i") || !strcmp(unit + 1, "iB"))
		return power(1024, letter);
	return strcmp(unit + 1, "B") ? 0 : power(1000, letter);
}

static uint64_t count_factor(const char *unit)
{
	const char *letter = letter_of(unit);

	if (!*unit)
		return 1;
	return letter && !unit[1] ? power(1000, letter) : 0;
}

/* The digits after the point as a fraction of @one, rounded down. */
static uint64_t part_of(const char *digits, const char *end, uint64_t one)
{
	unsigned __int128 part = 0, whole = 1;

	for (; digits < end; digits++) {
		part = 10 * part + (*digits - '0');
		whole *= 10;
	}
	return part * one / whole;
}

static bool read_number(const char *text, uint64_t (*factor)(const char *unit),
			uint64_t *value)
{
	const char *point, *unit;
	uint64_t one, part;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	point = end;
	unit = *point == '.' ? point + 1 + strspn(point + 1, "0123456789") : point;
	one = factor(unit);
	if (errno || !one || unit - point == 1 || unit - point > 10 ||
	    (unit != point && one == 1))
		return false;
	part = unit == point ? 0 : part_of(point + 1, unit, one);
	return !__builtin_mul_overflow(*value, one, value) &&
	       !__builtin_add_overflow(*value, part, value);
}

bool read_size(const char *text, uint64_t *value)
{
	return read_number(text, size_factor, value);
}

bool read_count(const char *text, uint64_t *value)
{
	return read_number(text, count_factor, value);
}

const char *size_text(char *text, uint64_t bytes)
{
	static const char units[] = "BKMGTPE";
	double size = bytes;
	int unit = 0;

	while (size >= 1024 && units[unit + 1]) {
		size /= 1024;
		unit++;
	}
	snprintf(text, SIZE_TEXT, "%.4g%c", size, units[unit]);
	return text;
}

const char *size_exact(char *text, uint64_t bytes)
{
	size_t len;

	size_text(text, bytes);
	len = strlen(text);
	if (bytes >= 1024)
		snprintf(text + len, SIZE_TEXT - len, " (%llu)",
			 (unsigned long long)bytes);
	return text;
}
