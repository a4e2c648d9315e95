// SPDX-License-Identifier: GPL-2.0-or-later
/* Allocation that ends the program on failure; see alloc.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static void *need(void *memory)
{
	if (memory)
		return memory;
	fputs("qdm: out of memory\n", stderr);
	exit(1);
}

void *more(void *array, size_t nr, size_t size)
{
	if (nr & (nr - 1))
		return array;
	return need(reallocarray(array, nr ? nr * 2 : 1, size));
}

void *resize(void *memory, size_t len)
{
	return need(realloc(memory, len));
}

char *copy(const char *text)
{
	return need(strdup(text));
}

void wipe(char *text)
{
	explicit_bzero(text, strlen(text));
	free(text);
}

char *print(const char *fmt, ...)
{
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	return need(text);
}

/* FNV-1a */
uint64_t text_hash(const char *text)
{
	uint64_t sum = 0xcbf29ce484222325;

	while (*text)
		sum = (sum ^ (unsigned char)*text++) * 0x100000001b3;
	return sum;
}
