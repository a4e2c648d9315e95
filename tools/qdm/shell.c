// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * qdm shell: the verbs without typing qdm before them, with history and
 * completion. A line that begins with a brace is a QMP command. Nothing is kept
 * between lines; the history ends with the shell.
 */
#include <histedit.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "alloc.h"
#include "dm.h"
#include "shell.h"

#define HISTORY	500

static const struct shell *current;

static char *prompt(EditLine *line)
{
	static char text[] = "qdm> ";

	(void)line;
	return text;
}

/*
 * Completion: verbs for the first word, devices for the others
 */

struct match {
	const char *begun;
	size_t len;
	char common[KDM_NAME_LEN];
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

static unsigned char complete(EditLine *edit, int key)
{
	const LineInfo *info = el_line(edit);
	struct match match = { 0 };
	const char *at = info->cursor;
	unsigned int i;

	(void)key;
	while (at > info->buffer && at[-1] != ' ')
		at--;
	match.begun = at;
	match.len = info->cursor - at;
	if (at == info->buffer)
		for (i = 0; current->verb(i); i++)
			offer(&match, current->verb(i));
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

/* The words of a line with a word before them, as main() gets them. */
static int run_words(const struct shell *shell, int argc, const char **words)
{
	char **argv = resize(NULL, (argc + 2) * sizeof(*argv));
	int result, i;

	argv[0] = (char *)"qdm";
	for (i = 0; i < argc; i++)
		argv[i + 1] = (char *)words[i];
	argv[argc + 1] = NULL;
	result = shell->run(argc + 1, argv);
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
