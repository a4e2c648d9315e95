/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qdm shell; see shell.c. */
#ifndef QDM_CLI_SHELL_H
#define QDM_CLI_SHELL_H

#include <stdbool.h>
#include <stddef.h>

/* @run gets a line's words as main() gets the command line's. */
struct shell {
	int (*run)(int argc, char **argv);
	/* The @nr-th verb, NULL after the last. */
	const char *(*verb)(unsigned int nr);
	/* Copies the @nr-th option of that verb to @text; false after the last. */
	bool (*option)(const char *verb, unsigned int nr, char *text,
		       size_t room);
	/* Does the verb run until it is interrupted? */
	bool (*stays)(const char *verb);
};

int shell_loop(const struct shell *shell);
/* One line, as if typed. */
int shell_line(const struct shell *shell, const char *text);

#endif /* QDM_CLI_SHELL_H */
