// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The command line as a whole: that --json gives JSON wherever it may be given,
 * the exit statuses, and that the man page and bash's completion know the same
 * verbs, options and commands as the tool. Under the name qdm this program is the
 * tool, for the completion to ask.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "graph/job-memory.h"
#include "graph/job.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-line.h"
#include "qmp/command.h"
#include "qmp/reference.h"

#define WORDS	64
#define LEN	65536
#define PATIENCE_MS	20000

static int begin(void **state)
{
	case_set_up(state);
	fake_add("w", "QDM-threshold-w", CASE_SECTORS, "wthreshold", "4000:17 0");
	fake_status("w", "armed 4096 0 1536 0 0");
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	fake_leave_cookie(0x0d4d0001);	/* a trouble that doctor always finds */
	return 0;
}

static int end(void **state)
{
	line_forget();
	jobs_forget();
	return case_tear_down(state);
}

/* Words one a line, as "qdm complete" prints them. */
struct words {
	char text[LEN];
	char *word[WORDS];
	size_t nr;
};

static void ask(struct words *words, const char *line)
{
	char *save = NULL;

	assert_int_equal(line_run(line), 0);
	snprintf(words->text, sizeof(words->text), "%s", line_out);
	words->word[0] = strtok_r(words->text, "\n", &save);
	for (words->nr = 0; words->word[words->nr];)
		words->word[++words->nr] = strtok_r(NULL, "\n", &save);
}

/* Does any line of the table begin with that verb? */
static bool is_tried(const char * const *lines, size_t nr, const char *verb)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (strcspn(lines[i], " ") == strlen(verb) &&
		    !strncmp(lines[i], verb, strlen(verb)))
			return true;
	return false;
}

/*
 * --json
 */

static const char * const json_lines[] = {
	"tree --json",
	"show --json vg-lv",
	"show --json vg-lv size",
	"list --json",
	"watch --json --once",
	"insert --json --node n throttle vg-lv iops-total=5",
	"insert --json threshold vg-lv 1G",
	"remove --json n",
	"throttle --json vg-lv",
	"throttle --json vg-lv iops-total=6",
	"throttle --json vg-lv off",
	"group --json",
	"group --json show g",
	"group --json set g iops-total=6",
	"threshold --json w 8K",
	"threshold --json w",
	"grow --json",
	"grow --json w off",
	"backup --json vg-lv target",
	"jobs --json",
	"job --json speed vg-lv 1M",
	"exec --json {'execute':'query-version'}",
};

#define JSON_LINES	(sizeof(json_lines) / sizeof(*json_lines))

/* What it prints is JSON from the first byte to the last, and not nothing. */
static void prints_json(const char *line, int status)
{
	struct json_tokener *reader = json_tokener_new();
	const char *at;
	size_t len;

	if (line_run(line) != status)
		fail_msg("%s: %s%s", line, line_out, line_err);
	at = line_out;
	len = strlen(at);
	if (!len)
		fail_msg("%s prints nothing", line);
	while (len > strspn(at, " \n")) {
		json_object_put(json_tokener_parse_ex(reader, at, len));
		if (json_tokener_get_error(reader) != json_tokener_success)
			fail_msg("%s prints no JSON: %s", line, at);
		at += json_tokener_get_parse_end(reader);
		len = strlen(at);
	}
	json_tokener_free(reader);
}

static bool has_option(const char *verb, const char *option)
{
	char *line = print("complete %s", verb);
	struct words options;
	bool found = false;
	size_t i;

	ask(&options, line);
	for (i = 0; i < options.nr; i++)
		found |= !strcmp(options.word[i], option);
	free(line);
	return found;
}

static void json_everywhere(void **state)
{
	struct words verbs;
	size_t i;

	(void)state;
	for (i = 0; i < JSON_LINES; i++)
		prints_json(json_lines[i], 0);
	prints_json("doctor --json", 1);
	ask(&verbs, "complete");
	for (i = 0; i < verbs.nr; i++)
		if (has_option(verbs.word[i], "--json") &&
		    !is_tried(json_lines, JSON_LINES, verbs.word[i]) &&
		    strcmp(verbs.word[i], "doctor") &&
		    strcmp(verbs.word[i], "events"))	/* test-qdm-people.c */
			fail_msg("%s --json is not tried", verbs.word[i]);
}

/*
 * Exit statuses: 0 done, 1 refused or failed, 2 the command line is wrong
 */

static const struct {
	const char *line;
	int status;
} statuses[] = {
	{ "tree", 0 }, { "tree all", 2 },
	{ "show vg-lv", 0 }, { "show /dev/mapper/vg-lv", 0 }, { "show nosuch", 1 }, { "show vg-lv nosuch", 1 },
	{ "show", 2 },
	{ "insert threshold vg-lv 1G", 0 }, { "insert threshold vg-lv 1G", 1 },
	{ "insert threshold vg-lv 1.5X", 2 }, { "insert", 2 },
	{ "insert --force threshold vg-lv 1G", 2 },
	{ "insert --group g threshold vg-lv 1G", 2 }, { "insert --group g backup vg-lv target", 2 },
	{ "remove --node w w", 2 }, { "remove --group g w", 2 }, { "remove --force w", 2 },
	{ "insert threshold", 2 }, { "insert throttle vg-lv", 2 },
	{ "remove vg-lv-threshold", 0 }, { "remove vg-lv-threshold", 1 },
	{ "remove", 2 }, { "remove a b", 2 },
	{ "list", 0 }, { "list all", 2 },
	{ "throttle vg-lv iops-total=5", 0 }, { "throttle nosuch iops-total=5", 1 },
	{ "throttle vg-lv iops-total", 2 }, { "throttle", 2 },
	{ "group", 0 }, { "group add g iops-total=5", 1 }, { "group lose g", 2 },
	{ "group show g h", 2 }, { "group del g h", 2 },
	{ "threshold w 8K", 0 }, { "threshold nosuch 8K", 1 },
	{ "threshold w 8x", 2 }, { "threshold", 2 },
	{ "grow", 0 }, { "grow nosuch --step 1G", 1 }, { "grow w on", 2 }, { "grow --step 1G", 2 },
	{ "backup vg-lv nosuch", 1 }, { "backup vg-lv", 2 },
	{ "backup --speed fast vg-lv target", 2 },
	{ "jobs", 0 }, { "jobs all", 2 }, { "job", 2 }, { "job stop vg-lv", 2 }, { "job cancel nosuch", 1 },
	{ "put-back", 0 }, { "put-back all", 2 }, { "watch all", 2 }, { "events all", 2 },
	{ "doctor", 1 }, { "doctor --idle", 2 }, { "doctor all", 2 },
	{ "doctor --dry-run", 2 }, { "doctor --dry-run --repair --json", 2 },
	{ "shell all", 2 },
	{ "exec {'execute':'query-version'}", 0 }, { "exec {'execute':'nosuch'}", 1 },
	{ "exec {", 1 }, { "exec", 2 }, { "exec --force {}", 2 },
	{ "qmp --stdout", 2 }, { "qmp --socket", 2 },
	{ "reference", 0 }, { "reference all", 2 },
	{ "complete", 0 }, { "complete backup --sync", 0 }, { "complete a b", 2 },
	{ "--help", 0 }, { "-h", 0 }, { "--version", 0 }, { "-V", 0 }, { "--version x", 2 },
	{ "help", 0 }, { "help throttle", 0 }, { "help nosuch", 2 }, { "help throttle list", 2 },
	{ "tree --help", 0 }, { "backup vg-lv -h", 0 }, { "show -- -h", 1 }, { "list -x", 2 },
	{ "list --json=yes", 2 }, { "throttle --dry-run vg-lv iops-total=5 --group=new", 0 },
	{ "throttle --dry vg-lv iops-total=6", 0 }, { "throttle --group", 2 },
	{ "nosuch", 2 }, { "-x", 2 }, { "", 2 },
};

#define STATUSES	(sizeof(statuses) / sizeof(*statuses))

static void exit_statuses(void **state)
{
	const char *lines[STATUSES];
	struct words verbs;
	bool json;
	size_t i;

	(void)state;
	for (i = 0; i < STATUSES; i++) {
		lines[i] = statuses[i].line;
		if (line_run(lines[i]) != statuses[i].status)
			fail_msg("%s: not %d: %s%s", lines[i],
				 statuses[i].status, line_out, line_err);
		/* why is said, by exec in its reply and by the rest beside it */
		json = !strncmp(lines[i], "exec {", 6) ||
		       !strcmp(lines[i], "doctor");
		if (!json && !*line_err != !statuses[i].status)
			fail_msg("%s says: %s", lines[i], line_err);
	}
	ask(&verbs, "complete");
	for (i = 0; i < verbs.nr; i++)
		if (!is_tried(lines, STATUSES, verbs.word[i]))
			fail_msg("%s is not tried", verbs.word[i]);
}

/*
 * Help
 */

static void says_help(const char *line, const char *words)
{
	assert_int_equal(line_run(line), 0);
	if (!strstr(line_out, words))
		fail_msg("%s does not say '%s': %s", line, words, line_out);
}

/* An option that help cannot explain is in no table. */
static void explains(const char *verb)
{
	char *line = print("help %s", verb);
	char *at;

	assert_int_equal(line_run(line), 0);
	for (at = line_out; (at = strstr(at, "\n  --")); at++)
		if (strcspn(at + 1, "\n") == strspn(at + 1, " -abcdefghijklmnopqrstuvwxyz") &&
		    strcspn(at + 3, " \n") == strcspn(at + 3, "\n"))
			fail_msg("%s leaves an option unexplained: %s", line,
				 line_out);
	free(line);
}

static void helps(void **state)
{
	struct words verbs;
	size_t i;

	(void)state;
	says_help("help throttle", "--group GROUP");
	says_help("help throttle", "iops-write-max-length");
	says_help("throttle --help", "qdm throttle vg-data off");
	says_help("backup -h", "--cancel-on-exit ");
	says_help("help job", "speed JOB SIZE");
	says_help("help group", "make, change and delete them");
	says_help("help", "qdm help VERB");
	ask(&verbs, "complete");
	for (i = 0; i < verbs.nr; i++)
		explains(verbs.word[i]);
	assert_int_equal(line_run(""), 2);
	assert_non_null(strstr(line_err, "usage: qdm VERB"));
	assert_non_null(strstr(line_err, "  backup "));
	assert_int_equal(line_run("list --jso --nosuch"), 2);
	assert_non_null(strstr(line_err, "'--nosuch' is no option here; known are: --json"));
}

/*
 * Serving
 */

/* The tool with its first word, in a process of its own. */
static pid_t serve(const char *line, int in, int out)
{
	pid_t child = fork();

	if (child)
		return child;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	closefrom(3);
	alarm(3 * PATIENCE_MS / 1000);
	_exit(line_run(line));
}

static void greets(int fd)
{
	static const char greeting[] = "{\"QMP\": ";
	char text[sizeof(greeting)] = "";
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	assert_int_equal(poll(&wait, 1, PATIENCE_MS), 1);
	assert_int_equal(read(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	assert_string_equal(text, greeting);
}

static void serves_stdio(void **state)
{
	int in[2], out[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = serve("qmp --stdio", in[0], out[1]);
	greets(out[0]);
	close(in[1]);
	close(in[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(out[0]);
	close(out[1]);
}

static void serves_socket(void **state)
{
	char *path = print("%s/run/qmp.sock", case_folder());
	char *line = print("qmp --socket %s", path);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	pid_t child = serve(line, STDIN_FILENO, STDERR_FILENO);
	int status, i;

	(void)state;
	strcpy(address.sun_path, path);
	for (i = 0; i < PATIENCE_MS / 10; i++) {
		if (!connect(fd, (struct sockaddr *)&address, sizeof(address)))
			break;
		usleep(10000);
	}
	greets(fd);
	kill(child, SIGTERM);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(path, F_OK), -1);
	close(fd);
	free(line);
	free(path);
}

/*
 * The man page
 */

static char *read_page(void)
{
	FILE *page = fopen(QDM_DOCUMENTATION "/man/qdm.8", "r");
	char *text = calloc(1, LEN);

	assert_non_null(page);
	assert_true(fread(text, 1, LEN - 1, page) > 0);
	fclose(page);
	return text;
}

/* "verb --option" for each of its options, all verbs that the synopsis has. */
static char *read_synopsis(char *page)
{
	char *begin = strstr(page, ".Sh SYNOPSIS\n"), *save = NULL;
	char *end = strstr(begin, "\n.Sh DESCRIPTION");
	char *found = copy(";"), *longer, *line, *at;
	char verb[32] = "", option[32];

	*end = '\0';
	for (line = strtok_r(begin, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		if (!strcmp(line, ".Nm"))
			*verb = '\0';
		if (!*verb && sscanf(line, ".Cm %31s", verb) != 1)
			continue;
		for (at = line; *verb && (at = strstr(at, "Fl -")); at += 4) {
			if (sscanf(at + 3, "%31[-a-z]", option) != 1)
				continue;
			longer = print("%s%s -%s;", found, verb, option);
			free(found);
			found = longer;
		}
		longer = print("%s%s;", found, verb);
		free(found);
		found = longer;
	}
	return found;
}

static void is_in(const char *synopsis, const char *verb, const char *option)
{
	char *wanted = print(";%s%s%s;", verb, *option ? " " : "", option);

	if (!strstr(synopsis, wanted))
		fail_msg("qdm(8) has no '%s %s'", verb, option);
	free(wanted);
}

static bool tool_has(const char *entry)
{
	size_t len = strcspn(entry, " ;");
	char *verb = print("%.*s", (int)len, entry);
	char *option = print("%.*s", (int)strcspn(entry + len, ";"), entry + len);
	bool found = !*option || has_option(verb, option + 1);

	free(verb);
	free(option);
	return found;
}

static void man_has_verbs(void **state)
{
	char *page = read_page();
	char *synopsis = read_synopsis(page), *line;
	struct words verbs, options;
	const char *at;
	size_t i, j;

	(void)state;
	ask(&verbs, "complete");
	for (i = 0; i < verbs.nr; i++) {
		if (*verbs.word[i] == '-')
			continue;
		is_in(synopsis, verbs.word[i], "");
		line = print("complete %s", verbs.word[i]);
		ask(&options, line);
		for (j = 0; j < options.nr; j++)
			if (*options.word[j] == '-')
				is_in(synopsis, verbs.word[i], options.word[j]);
		free(line);
	}
	for (at = synopsis + 1; *at; at += strcspn(at, ";") + 1)
		if (!tool_has(at))
			fail_msg("the tool has not what qdm(8) has: %s", at);
	free(synopsis);
	free(page);
}

static void man_has_commands(void **state)
{
	char *page = read_page();

	(void)state;
	assert_int_equal(line_run("reference --man"), 0);
	if (!strstr(page, line_out))
		fail_msg("Documentation/man/qdm.8 has not what 'qdm reference --man' prints");
	free(page);
}

/*
 * bash's completion
 */

/* What bash offers, one a line, for the words; the last one is completed. */
static const char *offers(const char *words)
{
	static char text[LEN];
	char *script = print("PATH='%s':$PATH; . '%s/../tools/completion/qdm'; COMP_WORDS=(%s); "
			     "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _qdm; printf '%%s\\n' \"${COMPREPLY[@]}\"",
			     case_folder(), QDM_DOCUMENTATION, words);
	char *path = print("%s/complete", case_folder());
	char *command = print("bash %s", path);
	FILE *out = fopen(path, "w");
	size_t len;

	fputs(script, out);
	fclose(out);
	out = popen(command, "r");
	len = fread(text, 1, sizeof(text) - 1, out);
	text[len] = '\0';
	assert_int_equal(pclose(out), 0);
	free(command);
	free(path);
	free(script);
	return text;
}

static void full_disk(void **state)
{
	char self[256] = "", *link = print("%s/qdm", case_folder());
	char *command = print("%s --help >/dev/full 2>%s/said", link, case_folder());
	char said[128] = "", *path = print("%s/said", case_folder());
	FILE *file;

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(symlink(self, link), 0);
	assert_int_equal(WEXITSTATUS(system(command)), 1);
	file = fopen(path, "r");
	assert_non_null(fgets(said, sizeof(said), file));
	fclose(file);
	assert_string_equal(said, "qdm: cannot write the answer: No space left on device\n");
	free(path);
	free(command);
	free(link);
}

static void completes(void **state)
{
	char self[256] = "", *link = print("%s/qdm", case_folder()), *template;
	size_t i;

	(void)state;
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	assert_int_equal(symlink(self, link), 0);
	assert_string_equal(offers("qdm ins"), "insert\n");
	assert_string_equal(offers("qdm remove --d"), "--dry-run\n");
	assert_string_equal(offers("qdm insert th"), "throttle\nthreshold\n");
	assert_string_equal(offers("qdm backup --sync ''"), "full\nnone\n");
	assert_string_equal(offers("qdm backup --on-cbw-error break-s"), "break-snapshot\n");
	assert_string_equal(offers("qdm backup --speed ''"), "\n");
	assert_string_equal(offers("qdm throttle vg-lv iops-w"), "iops-write=\niops-write-max=\niops-write-max-length=\n");
	assert_string_equal(offers("qdm backup --wait --s"), "--speed\n--sync\n");
	assert_string_equal(offers("qdm throttle /dev/nul"), "/dev/null\n");
	for (i = 0; i < commands_nr; i++) {
		template = print("'{\"execute\":\"%s\"", commands[i].name);
		if (!strstr(offers("qdm exec ''"), template))
			fail_msg("bash offers no %s", template);
		free(template);
	}
	free(link);
}

static int be_the_tool(int argc, char **argv)
{
	int status;

	begin(NULL);
	status = qdm_main(argc, argv);
	end(NULL);
	case_end(NULL);
	return status;
}

#define TEST(name)	cmocka_unit_test_setup_teardown(name, begin, end)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(json_everywhere),
		TEST(exit_statuses),
		TEST(helps),
		TEST(serves_stdio),
		TEST(serves_socket),
		TEST(man_has_verbs),
		TEST(man_has_commands),
		TEST(full_disk),
		TEST(completes),
	};
	size_t len = strlen(argv[0]);

	if (len > 4 && !strcmp(argv[0] + len - 4, "/qdm"))
		return be_the_tool(argc, argv);
	if (!strcmp(argv[0], "qdm"))
		return be_the_tool(argc, argv);
	return cmocka_run_group_tests_name("qdm-main", tests, NULL, case_end);
}
