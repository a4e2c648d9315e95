// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What only a terminal shows: the shell with its history and completion, ^C to a
 * verb that stays, and the bar of a backup. The other end of it is this program.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "cli/shell.h"
#include "cli/verbs.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"

#define PATIENCE_MS	20000
#define LEN		65536

static char lines[512];

static int note_line(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		sprintf(lines + strlen(lines), "%s|", argv[i]);
	strcat(lines, ";");
	return 0;
}

/* "watch" stays as the tool's does; the others say what they were given. */
static int print_line(int argc, char **argv)
{
	int i;

	for (i = 0; i < argc; i++)
		printf("<%s>", argv[i]);
	printf("\n");
	fflush(stdout);
	while (argc > 1 && !strcmp(argv[1], "watch"))
		pause();
	return 0;
}

static const char *verb(unsigned int nr)
{
	static const char * const verbs[] = { "tree", "throttle", "threshold", "watch", "show" };

	return nr < sizeof(verbs) / sizeof(*verbs) ? verbs[nr] : NULL;
}

static bool option(const char *of, unsigned int nr, char *text, size_t room)
{
	snprintf(text, room, "--%s-option", of);
	return !nr;
}

static bool stays(const char *word)
{
	return !strcmp(word, "watch");
}

static void words(void **state)
{
	const struct shell shell = { .run = note_line, .stays = stays };

	(void)state;
	shell_line(&shell, "tree\n");
	shell_line(&shell, "insert  throttle 'a b' iops-total=5\n");
	shell_line(&shell, "\n");
	shell_line(&shell, "{\"execute\": \"x\"}\n");
	assert_string_equal(lines,
			    "qdm|tree|;qdm|insert|throttle|a b|iops-total=5|;qdm|exec|{\"execute\": \"x\"}\n|;");
	assert_int_equal(shell_line(&shell, "tree 'x"), 2);
}

/*
 * Terminals
 */

static int terminal;
static pid_t child;
static char seen[LEN];
static size_t seen_len;

/* In the child this does not come back. */
static void open_terminal(void (*run)(void))
{
	const struct winsize size = { .ws_row = 25, .ws_col = 200 };

	seen_len = 0;
	child = forkpty(&terminal, NULL, NULL, &size);
	assert_true(child >= 0);
	if (child)
		return;
	setenv("TERM", "vt100", 1);
	run();
	fflush(stdout);
	_exit(0);
}

static bool read_more(void)
{
	struct pollfd wait = { .fd = terminal, .events = POLLIN };
	ssize_t got;

	if (poll(&wait, 1, PATIENCE_MS) < 1)
		return false;
	got = read(terminal, seen + seen_len, LEN - 1 - seen_len);
	if (got <= 0)
		return false;
	seen_len += got;
	seen[seen_len] = '\0';
	return true;
}

/* Until it has been shown; what came up to then does not count again. */
static void shows(const char *wanted)
{
	char *at;

	seen[seen_len] = '\0';
	while (!(at = strstr(seen, wanted)))
		if (!read_more())
			fail_msg("not shown: %s\nbut: %s", wanted, seen);
	at += strlen(wanted);
	seen_len -= at - seen;
	memmove(seen, at, seen_len + 1);
}

static void press(const char *keys)
{
	assert_int_equal(write(terminal, keys, strlen(keys)), strlen(keys));
}

/* Not before it is asked for. */
static void type(const char *keys)
{
	shows("qdm> ");
	press(keys);
}

static void close_terminal(void)
{
	int status;

	while (read_more())
		continue;
	close(terminal);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (!WIFEXITED(status))
		fail_msg("ended by signal %d: %s", WTERMSIG(status), seen);
}

static void run_shell(void)
{
	static const struct shell shell = {
		.run = print_line, .verb = verb, .option = option,
		.stays = stays,
	};

	shell_loop(&shell);
}

static int be_killed(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	raise(SIGKILL);
	return 0;
}

/* What was killed has not been done; the status is as a shell's. */
static void says_killed(void **state)
{
	const struct shell shell = { .run = be_killed, .stays = stays };

	(void)state;
	assert_int_equal(shell_line(&shell, "watch\n"), 128 + SIGKILL);
}

static void completes(void **state)
{
	(void)state;
	open_terminal(run_shell);
	type("tr\t\n");
	shows("<qdm><tree>");
	type("th\to\t\n");	/* as far as they agree, and then to the end */
	shows("<qdm><throttle>");
	type("threshold vg\t\n");
	shows("<qdm><threshold><vg-lv>");
	type("tree --\t\n");
	shows("<qdm><tree><--tree-option>");
	type("{\"execute\":\"query-ver\t\n");
	shows("<qdm><exec><{\"execute\":\"query-version\"} \r\n");
	type("exit\n");
	close_terminal();
}

static void remembers(void **state)
{
	(void)state;
	open_terminal(run_shell);
	type("show one\n");
	shows("<qdm><show><one>");
	type("show two\n");
	shows("<qdm><show><two>");
	type("\x10\x10\n");	/* up, up */
	shows("<qdm><show><one>");
	type("\x10\n");
	shows("<qdm><show><one>");
	type("exit\n");
	close_terminal();
}

static void is_interrupted(void **state)
{
	(void)state;
	open_terminal(run_shell);
	type("watch\n");
	shows("<qdm><watch>");
	press("\x03");
	type("tree\n");
	shows("<qdm><tree>");
	type("exit\n");
	close_terminal();
}

/*
 * The bar
 */

static void go_on(int signal)
{
	static int step;

	(void)signal;
	fake_status("vg-lv-backup", step++ ? "concluded 10/10 100/100 - intact ok 0 0 0 1" :
					     "running 5/10 50/100 - intact ok 1 0 0 0");
}

static void run_backup(void)
{
	char *argv[] = { (char *)"backup", (char *)"--wait", (char *)"vg-lv",
			 (char *)"target", NULL };
	struct error error = { 0 };

	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	signal(SIGALRM, go_on);
	verb_backup(4, argv, &error);
}

static void bar(void **state)
{
	(void)state;
	open_terminal(run_backup);
	shows("\r[..............................] running 0% 0B of 100B 0B/s");
	kill(child, SIGALRM);
	shows("\r[###############...............] running 50% 50B of 100B");
	shows(" left");
	kill(child, SIGALRM);
	shows("\r[##############################] concluded 100% 100B of 100B");
	close_terminal();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(words),
		CASE(says_killed),
		CASE(completes),
		CASE(remembers),
		CASE(is_interrupted),
		CASE(bar),
	};

	return cmocka_run_group_tests_name("qdm-terminal", tests, NULL, case_end);
}
