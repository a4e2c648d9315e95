// SPDX-License-Identifier: GPL-2.0-or-later
/* See qdm-line.h. The tool's main() is taken in under another name. */
#define main qdm_main
#include "cli/main.c"
#undef main

#include "qdm-line.h"

#define WORDS	32

char *line_out;
char *line_err;

void line_forget(void)
{
	free(line_out);
	free(line_err);
	line_out = NULL;
	line_err = NULL;
}

/* Swaps the streams, so that the test's own output is not mixed in. */
static int run_apart(int argc, char **argv)
{
	FILE *out = stdout, *err = stderr;
	size_t len;
	int status;

	line_forget();
	stdout = open_memstream(&line_out, &len);
	stderr = open_memstream(&line_err, &len);
	status = qdm_main(argc, argv);
	fclose(stdout);
	fclose(stderr);
	stdout = out;
	stderr = err;
	return status;
}

int line_run(const char *line)
{
	char *words = copy(line), *save = NULL;
	char *argv[WORDS] = { (char *)"qdm" };
	int argc = 1, status;

	for (argv[1] = strtok_r(words, " ", &save); argv[argc];)
		argv[++argc] = strtok_r(NULL, " ", &save);
	status = run_apart(argc, argv);
	free(words);
	return status;
}
