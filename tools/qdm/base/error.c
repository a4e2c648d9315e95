// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filling in an error: the first reason is kept, because failures during the undoing
 * are a consequence, not the cause.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/error.h"

static void fill(struct error *error, const char *class, const char *fmt,
		 va_list args)
{
	if (error->class)
		return;
	error->class = class;
	vsnprintf(error->text, sizeof(error->text), fmt, args);
}

int refuse(struct error *error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(error, ERROR_GENERIC, fmt, args);
	va_end(args);
	return -1;
}

int refuse_as(struct error *error, const char *class, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	fill(error, class, fmt, args);
	va_end(args);
	return -1;
}
