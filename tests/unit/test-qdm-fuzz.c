// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The fuzzer's harness on seeded input: every command's template, mutilated by
 * chance. SEED=N in the environment begins elsewhere.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../fuzz/fuzz-qmp.h"
#include "qdm-case.h"
#include "qmp/reference.h"

#define ROUNDS	4000
#define LINES	128
#define LEN	512

static uint64_t dice;

static unsigned int roll(unsigned int sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (dice >> 32) % sides;
}

static const char * const words[] = {
	"vg-lv", "t0", "target", "g", "/dev/null", "..", "vg-lv-root", "throttle",
	"write-threshold", "copy-before-write", "18446744073709551615", "-1",
	"1e30", "null", "[", "]", "{", "}", "\"", "\\", "\\u0000", "\xff", "\n",
	"limits", "iops-total", ",", ":", "true", "65536", "full", "none",
};

/* Puts a word over, into or instead of what is there, or takes bytes away. */
static size_t mutilate(char *text, size_t len)
{
	const char *word = words[roll(sizeof(words) / sizeof(*words))];
	size_t at = roll(len + 1);
	size_t gone = roll(3) ? 0 : roll(len - at + 1);
	size_t more = roll(4) ? strlen(word) : 0;

	if (len - gone + more >= LEN)
		return len;
	memmove(text + at + more, text + at + gone, len - at - gone);
	memcpy(text + at, word, more);
	return len - gone + more;
}

static size_t read_templates(char lines[][LEN])
{
	char *text = NULL, *line, *save = NULL;
	size_t len, nr = 0;
	FILE *out = open_memstream(&text, &len);

	reference_templates(out);
	fclose(out);
	for (line = strtok_r(text, "\n", &save); line && nr < LINES;
	     line = strtok_r(NULL, "\n", &save))
		snprintf(lines[nr++], LEN, "%s", line);
	free(text);
	return nr;
}

static void mutilated_commands(void **state)
{
	static char lines[LINES][LEN];
	size_t nr = read_templates(lines);
	char text[LEN], *exact;
	size_t len, i;
	int round;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		memcpy(text, lines[roll(nr)], LEN);
		len = strlen(text);
		for (i = roll(8); i > 0; i--)
			len = mutilate(text, len);
		exact = malloc(len ? len : 1);
		memcpy(exact, text, len);
		LLVMFuzzerTestOneInput((uint8_t *)exact, len);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mutilated_commands),
	};
	const char *seed = getenv("SEED");

	dice = seed ? strtoull(seed, NULL, 10) : 1;
	dice = dice * 0x9e3779b97f4a7c15 + 1;
	printf("# seed: SEED=%s\n", seed ? seed : "1");
	return cmocka_run_group_tests_name("qdm-fuzz", tests, NULL, case_end);
}
