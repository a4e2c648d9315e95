// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm shell: the verbs without qdm before them, with history and completion. A line
 * that begins with a brace is a QMP command. No state is kept between lines; the
 * history ends with the shell. A verb that runs until it is interrupted has a process
 * of its own, so that ^C does not end the shell.
 */
#include <histedit.h>
#include <locale.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "cli/shell.h"
#include "kernel/dm.h"
#include "qmp/reference.h"

#define HISTORY		500
#define WORD_LEN	1024

static const struct shell *current;

static char *prompt(EditLine *line)
{
	static char text[] = "qdm> ";

	(void)line;
	return text;
}

/*
 * Completion: verbs or QMP commands for the first word, and then the verb's
 * options and devices
 */

struct match {
	const char *begun;
	size_t len;
	char common[WORD_LEN];
	int nr;
};

static void offer(struct match *match, const char *word)
{
	size_t i = 0;

	if (strncmp(word, match->begun, match->len))
		return;
	if (!match->nr++) {
		snprintf(match->common, sizeof(match->common), "%s", word);
		return;
	}
	while (match->common[i] && match->common[i] == word[i])
		i++;
	match->common[i] = '\0';
}

static void offer_devices(struct match *match)
{
	struct error ignored = { 0 };
	char (*names)[KDM_NAME_LEN];
	size_t nr, i;

	if (kdm_open(&ignored) || kdm_list(&names, &nr, &ignored))
		return;
	for (i = 0; i < nr; i++)
		offer(match, names[i]);
	free(names);
}

static void offer_verbs(struct match *match)
{
	unsigned int i;

	for (i = 0; current->verb(i); i++)
		offer(match, current->verb(i));
}

static void offer_commands(struct match *match)
{
	char *text = NULL, *line, *save = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	reference_templates(out);
	fclose(out);
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save))
		offer(match, line);
	free(text);
}

static void offer_options(struct match *match, const char *line)
{
	char *verb = print("%.*s", (int)strcspn(line, " "), line);
	char option[64];
	unsigned int i;

	for (i = 0; current->option(verb, i, option, sizeof(option)); i++)
		offer(match, option);
	free(verb);
}

static unsigned char complete(EditLine *edit, int key)
{
	const LineInfo *info = el_line(edit);
	struct match match = { 0 };
	const char *at = info->cursor;

	(void)key;
	while (at > info->buffer && at[-1] != ' ')
		at--;
	match.begun = at;
	match.len = info->cursor - at;
	if (at == info->buffer && *at == '{')
		offer_commands(&match);
	else if (at == info->buffer)
		offer_verbs(&match);
	else if (*at == '-')
		offer_options(&match, info->buffer);
	else
		offer_devices(&match);
	if (!match.nr || strlen(match.common) < match.len)
		return CC_ERROR;
	el_insertstr(edit, match.common + match.len);
	if (match.nr == 1)
		el_insertstr(edit, " ");
	return CC_REFRESH;
}

/*
 * Lines
 */

static int run_json(const struct shell *shell, const char *text)
{
	char *command = copy(text);
	char *argv[] = { (char *)"qdm", (char *)"exec", command, NULL };
	int result = shell->run(3, argv);

	free(command);
	return result;
}

static int run_apart(const struct shell *shell, int argc, char **argv)
{
	pid_t child;
	int status;

	fflush(stdout);
	child = fork();
	if (!child) {
		signal(SIGINT, SIG_DFL);
		status = shell->run(argc, argv);
		fflush(stdout);
		_exit(status);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0)
		return 1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The words of a line, after a first word, as in main()'s argv. */
static int run_words(const struct shell *shell, int argc, const char **words)
{
	char **argv = resize(NULL, (argc + 2) * sizeof(*argv));
	int result, i;

	argv[0] = (char *)"qdm";
	for (i = 0; i < argc; i++)
		argv[i + 1] = (char *)words[i];
	argv[argc + 1] = NULL;
	result = shell->stays(words[0]) ? run_apart(shell, argc + 1, argv) :
					  shell->run(argc + 1, argv);
	free(argv);
	return result;
}

static int unclosed(void)
{
	fputs("qdm: a quote is not closed\n", stderr);
	return 2;
}

int shell_line(const struct shell *shell, const char *text)
{
	Tokenizer *tokens = tok_init(NULL);
	const char **words;
	int result = 0;
	int argc;

	if (*text == '{')
		result = run_json(shell, text);
	else if (tok_str(tokens, text, &argc, &words))
		result = unclosed();
	else if (argc)
		result = run_words(shell, argc, words);
	tok_end(tokens);
	fflush(stdout);
	return result;
}

static bool is_end(const char *text)
{
	return !strcmp(text, "exit\n") || !strcmp(text, "quit\n");
}

static void read_terminal(EditLine *edit, History *past)
{
	HistEvent event;
	const char *text;
	int len;

	while ((text = el_gets(edit, &len)) && len > 0 && !is_end(text)) {
		if (*text != '\n')
			history(past, &event, H_ENTER, text);
		shell_line(current, text);
	}
	putchar('\n');
}

static void use_terminal(void)
{
	EditLine *edit = el_init("qdm", stdin, stdout, stderr);
	History *past = history_init();
	HistEvent event;

	signal(SIGINT, SIG_IGN);
	history(past, &event, H_SETSIZE, HISTORY);
	el_set(edit, EL_PROMPT, prompt);
	el_set(edit, EL_EDITOR, "emacs");
	el_set(edit, EL_HIST, history, past);
	el_set(edit, EL_ADDFN, "qdm-complete", "complete a word", complete);
	el_set(edit, EL_BIND, "^I", "qdm-complete", NULL);
	read_terminal(edit, past);
	history_end(past);
	el_end(edit);
}

static int use_pipe(void)
{
	char *text = NULL;
	size_t room = 0;
	int result = 0;

	while (getline(&text, &room, stdin) > 0 && !is_end(text))
		result = shell_line(current, text);
	free(text);
	return result;
}

int shell_loop(const struct shell *shell)
{
	current = shell;
	setlocale(LC_CTYPE, "");
	if (!isatty(STDIN_FILENO))
		return use_pipe();
	use_terminal();
	return 0;
}
