/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tool as it is typed, on the device-mapper made of memory. */
#ifndef QDM_LINE_H
#define QDM_LINE_H

/* As main() of the tool. */
int qdm_main(int argc, char **argv);

/* What the last line printed, and what it said was wrong. */
extern char *line_out;
extern char *line_err;

/* Runs "verb word word...", cut at blanks; returns the exit status. */
int line_run(const char *line);
void line_forget(void);

#endif /* QDM_LINE_H */
