// SPDX-License-Identifier: GPL-2.0-or-later
/* Sizes as people write them, and as they are written for people. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "size.h"

bool read_size(const char *text, uint64_t *value)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	if (errno)
		return false;
	if (!*end)
		return true;
	unit = strchr(units, *end);
	if (!unit || end[1] ||
	    *value > UINT64_MAX >> (10 * (unit - units + 1)))
		return false;
	*value <<= 10 * (unit - units + 1);
	return true;
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
