// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Nothing waits for ever and nobody else waits: an edit that hangs in the kernel holds
 * up its own client alone, neither queries nor events nor the server's end, and so
 * does a client that asks for much, or does not read. No verdict depends on how long
 * something takes: what must not wait is asked for while the other is held.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/alloc.h"
#include "qdm-case.h"
#include "qdm-fake-dm.h"
#include "qdm-served.h"
#include "server/server.h"

#define VERSION		"{'execute':'query-version'}"
#define SCHEMA		"{'execute':'query-qmp-schema'}"
#define LIMIT(id)	"{'execute':'block_set_io_throttle','arguments':{'id':'vg-lv','bps':0,'bps_rd':0,'bps_wr':0,'iops':5,'iops_rd':0,'iops_wr':0},'id':" id "}"
#define BACKUP		"{'execute':'blockdev-backup','arguments':{'device':'vg-lv','target':'target','sync':'full'},'id':'begun'}"
#define MANY		2000

static void eventually(bool (*is)(void))
{
	int i;

	for (i = 0; i < SERVED_PATIENCE_MS / 10 && !is(); i++)
		usleep(10000);
	assert_true(is());
}

static bool is_limited(void)
{
	return strcmp(fake_table("vg-lv")->line[0].type, "linear") ||
	       !strncmp(fake_table("vg-lv")->line[0].params, "253:", 4);
}

static bool is_silent(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return !poll(&wait, 1, 0);
}

/* A client whose edit hangs. */
static int hanging_client(void)
{
	int fd = served_client();

	fake_hang("vg-lv");
	served_tell(fd, LIMIT("'slow'"));
	eventually(fake_hangs);
	return fd;
}

static void asks_meanwhile(void **state)
{
	int slow = hanging_client();
	int other = served_client();

	(void)state;
	served_tell(other, VERSION);
	assert_non_null(strstr(served_line(other), "\"package\": \"qdm\""));
	served_tell(other, "{'execute':'query-named-block-nodes'}");
	assert_non_null(strstr(served_line(other), "\"vg-lv\""));
	served_answers(other, "{'execute':'object-del','arguments':{'id':5}}",
		       "{\"error\": {\"class\": \"GenericError\", \"desc\": \"Invalid parameter type for 'id', expected: string\"}}\r\n");
	fake_status("w", "fired 0 512 5000 1 4096");
	assert_non_null(strstr(served_line(other), "\"BLOCK_WRITE_THRESHOLD\""));
	assert_non_null(strstr(served_line(slow), "\"BLOCK_WRITE_THRESHOLD\""));
	assert_true(fake_hangs());
	assert_true(is_silent(slow));
	fake_hang(NULL);
	assert_string_equal(served_line(slow), "{\"return\": {}, \"id\": \"slow\"}\r\n");
	assert_true(is_limited());
	close(slow);
	close(other);
}

/* What a client sends behind an edit is read after it. */
static void answers_in_order(void **state)
{
	int fd = served_client();

	(void)state;
	fake_hang("vg-lv");
	served_tell(fd, LIMIT("1") VERSION LIMIT("2") "{'execute':'x','id':3}");
	eventually(fake_hangs);
	assert_true(is_silent(fd));
	fake_hang(NULL);
	assert_string_equal(served_line(fd), "{\"return\": {}, \"id\": 1}\r\n");
	assert_non_null(strstr(served_line(fd), "\"package\": \"qdm\""));
	assert_string_equal(served_line(fd), "{\"return\": {}, \"id\": 2}\r\n");
	assert_non_null(strstr(served_line(fd), "\"id\": 3}"));
	close(fd);
}

/* The edit is neither lost nor half done, and another server can begin meanwhile. */
static void ends_meanwhile(void **state)
{
	struct error error = { 0 };
	int slow = hanging_client();
	pid_t second;

	(void)state;
	kill(served_by, SIGTERM);
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	assert_true(fake_hangs());
	assert_string_equal(served_line(slow), "");
	close(slow);
	second = fork();
	if (!second)
		exit(!!server_on_socket(served_path, &error));
	served_by = second;
	close(served_client());
	assert_true(fake_hangs());
	fake_hang(NULL);
	eventually(is_limited);
}

static void quits_meanwhile(void **state)
{
	int slow = hanging_client();
	int other = served_client();

	(void)state;
	served_answers(other, "{'execute':'quit'}", DONE);
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	assert_true(fake_hangs());
	fake_hang(NULL);
	eventually(is_limited);
	close(slow);
	close(other);
}

static void client_goes_meanwhile(void **state)
{
	(void)state;
	close(hanging_client());
	close(served_client());
	fake_hang(NULL);
	eventually(is_limited);
	close(served_client());
}

static pid_t child_of(pid_t parent)
{
	char *path = print("/proc/%d/task/%d/children", parent, parent);
	FILE *in = fopen(path, "r");
	int pid = 0;

	if (!in || fscanf(in, "%d", &pid) != 1)
		pid = 0;
	if (in)
		fclose(in);
	free(path);
	return pid;
}

/* What the client waits for does not come; so it is told, and the next one comes. */
static void edit_killed(void **state)
{
	int slow = hanging_client();

	(void)state;
	assert_int_not_equal(child_of(served_by), 0);
	kill(child_of(served_by), SIGKILL);
	assert_string_equal(served_line(slow),
			    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"the process of this edit was killed; see what there is, and ask qdm doctor\"}, \"id\": \"slow\"}\r\n");
	fake_hang(NULL);
	served_tell(slow, VERSION);
	assert_non_null(strstr(served_line(slow), "\"package\": \"qdm\""));
	close(slow);
}

/* How a job is to end is known before its states are told, and these before the reply. */
static void told_before(void **state)
{
	int fd = served_client();

	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	served_tell(fd, BACKUP);
	assert_non_null(strstr(served_line(fd), "\"id\": \"vg-lv\", \"status\": \"created\""));
	assert_non_null(strstr(served_line(fd), "\"id\": \"vg-lv\", \"status\": \"running\""));
	assert_string_equal(served_line(fd), "{\"return\": {}, \"id\": \"begun\"}\r\n");
	close(fd);
}

static bool filter_is_gone(void)
{
	return !fake_device("vg-lv-backup");
}

static void read_until(int fd, const char *what)
{
	const char *line;

	do {
		line = served_line(fd);
		assert_string_not_equal(line, "");
	} while (!strstr(line, what));
}

/* LVM has its lock: the end is told at once, and the filter goes as soon as it can. */
static void end_is_told(void **state)
{
	char *path = print("%s/lvm/V_vg", case_folder());
	int fd = served_client(), lock;

	(void)state;
	fake_add("target", "", CASE_SECTORS, "linear", "4000:32 0");
	served_tell(fd, BACKUP);
	read_until(fd, "begun");
	lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	fake_status("vg-lv-backup", "concluded 10/10 100/100 - intact ok 0 0 0 1");
	read_until(fd, "BLOCK_JOB_COMPLETED");
	read_until(fd, "\"concluded\"");
	served_tell(fd, VERSION);
	read_until(fd, "\"package\": \"qdm\"");
	assert_false(filter_is_gone());
	close(lock);
	eventually(filter_is_gone);
	read_until(fd, "\"status\": \"null\"");
	free(path);
	close(fd);
}

/* One line for each edit, with who asked; what is refused or only asked has none. */
static void is_logged(void **state)
{
	char *wanted = print("<5>block_set_io_throttle {\"id\":\"vg-lv\",\"bps\":0,\"bps_rd\":0,\"bps_wr\":0,\"iops\":5,\"iops_rd\":0,\"iops_wr\":0}: vg-lv-root, vg-lv-throttle, vg-lv: done, for process %d (",
			     getpid());
	int fd = served_client();

	(void)state;
	served_tell(fd, VERSION LIMIT("1") "{'execute':'blockdev-del','arguments':{'node-name':'no'}}");
	read_until(fd, "\"id\": 1");
	read_until(fd, "\"error\"");
	assert_int_equal(strncmp(case_log(), wanted, strlen(wanted)), 0);
	assert_ptr_equal(strchr(case_log(), '\n'), strrchr(case_log(), '\n'));
	assert_non_null(strstr(case_log(), ") of user "));
	free(wanted);
	close(fd);
}

static size_t read_lines(int fd, size_t wanted)
{
	static char bytes[65536];
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t lines = 0;
	ssize_t got, i;

	while (lines < wanted) {
		if (poll(&wait, 1, SERVED_PATIENCE_MS) <= 0)
			fail_msg("nothing comes after %zu lines", lines);
		got = read(fd, bytes, sizeof(bytes));
		if (got <= 0)
			break;
		for (i = 0; i < got; i++)
			lines += bytes[i] == '\n';
	}
	return lines;
}

static void tell_often(int fd, const char *text, size_t nr)
{
	char *all = copy(text), *longer;
	size_t i;

	for (i = 1; i < nr; i++) {
		longer = resize(all, strlen(text) * (i + 1) + 1);
		all = longer;
		strcpy(all + strlen(text) * i, text);
	}
	served_tell(fd, all);
	free(all);
}

/* Those that have not been read are made when there is room, so none is lost. */
static void many_at_once(void **state)
{
	int greedy = served_client();
	int other;

	(void)state;
	tell_often(greedy, SCHEMA, MANY);
	other = served_client();
	served_tell(other, VERSION);
	assert_non_null(strstr(served_line(other), "\"package\": \"qdm\""));
	assert_int_equal(read_lines(greedy, MANY), MANY);
	assert_true(is_silent(greedy));
	close(greedy);
	close(other);
}

static unsigned long sleeps_of(pid_t pid)
{
	char *path = print("/proc/%d/status", pid);
	FILE *in = fopen(path, "r");
	unsigned long nr = 0;
	char line[256];

	while (in && fgets(line, sizeof(line), in))
		if (sscanf(line, "voluntary_ctxt_switches: %lu", &nr) == 1)
			break;
	if (in)
		fclose(in);
	free(path);
	return nr;
}

static int with_descriptors(void **state, int nr)
{
	struct rlimit few = { nr, 4096 }, before;
	int result;

	getrlimit(RLIMIT_NOFILE, &before);
	few.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_NOFILE, &few);
	result = served_set_up(state);
	setrlimit(RLIMIT_NOFILE, &before);
	return result;
}

static int limited_set_up(void **state)
{
	return with_descriptors(state, 32);
}

/* A client takes two: once the last one would do for half of it. */
static int oddly_limited_set_up(void **state)
{
	return with_descriptors(state, 33);
}

static bool is_greeted(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, 1000) > 0;
}

/* All descriptors are in use by clients that talk: others wait, and it does not spin. */
static void no_descriptor(void **state)
{
	int clients[32], nr = 0, last, i;
	unsigned long before;

	(void)state;
	for (last = served_connect(); is_greeted(last); last = served_connect()) {
		served_line(last);
		served_answers(last, CAPABILITIES, DONE);
		clients[nr++] = last;
	}
	before = sleeps_of(served_by);
	for (i = 0; i < SERVED_PATIENCE_MS / 10; i++) {
		usleep(10000);
		if (sleeps_of(served_by) > before + 4)
			break;
	}
	assert_true(sleeps_of(served_by) > before + 4);
	close(clients[0]);
	assert_non_null(strstr(served_line(last), "\"QMP\""));
	for (i = 1; i < nr; i++)
		close(clients[i]);
	close(last);
}

/* A program that listens and does not accept: its queue is full. */
static void queue_is_full(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct error error = { 0 };
	int waiting[64], nr = 0;

	(void)state;
	kill(served_by, SIGTERM);
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	strcpy(address.sun_path, served_path);
	assert_int_equal(bind(listening, (struct sockaddr *)&address,
			      sizeof(address)), 0);
	assert_int_equal(listen(listening, 1), 0);
	do {
		waiting[nr] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (!connect(waiting[nr++], (struct sockaddr *)&address,
			  sizeof(address)));
	assert_int_equal(errno, EAGAIN);
	alarm(3 * SERVED_PATIENCE_MS / 1000);
	assert_int_equal(server_on_socket(served_path, &error), -1);
	alarm(0);
	assert_non_null(strstr(error.text, "another server listens on"));
	while (nr--)
		close(waiting[nr]);
	close(listening);
	assert_int_equal(unlink(served_path), 0);
}

/* Another server has the path's lock and does not listen yet. */
static void server_begins(void **state)
{
	char *lock_path = print("%s.lock", served_path);
	struct error error = { 0 };
	int lock;

	(void)state;
	kill(served_by, SIGTERM);
	assert_int_equal(served_end(served_by), 0);
	served_by = 0;
	assert_int_equal(access(lock_path, F_OK), -1);
	lock = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(lock, LOCK_EX), 0);
	assert_int_equal(server_on_socket(served_path, &error), -1);
	assert_non_null(strstr(error.text, "another server listens on"));
	assert_int_equal(access(lock_path, F_OK), 0);
	assert_int_equal(unlink(lock_path), 0);
	close(lock);
	free(lock_path);
}

/* Standard input and output are pipes; what is written to *@to ends with @asked. */
static pid_t on_pipes(int *to, int *from)
{
	struct error error = { 0 };
	int in[2], out[2];
	pid_t child;

	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		alarm(3 * SERVED_PATIENCE_MS / 1000);
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[1]);
		close(out[0]);
		exit(!!server_on_stdio(&error));
	}
	close(in[0]);
	close(out[1]);
	*to = in[1];
	*from = out[0];
	return child;
}

static void ask_on_pipe(int to, int nr)
{
	assert_true(write(to, CAPABILITIES, strlen(CAPABILITIES)) > 0);
	while (nr--)
		assert_true(write(to, SCHEMA, strlen(SCHEMA)) > 0);
	close(to);
}

/* The reader pauses for longer than a client on a socket may. */
static void reader_pauses(void **state)
{
	int to, from;
	pid_t child = on_pipes(&to, &from);

	(void)state;
	ask_on_pipe(to, 31);
	usleep(2500000);
	assert_int_equal(read_lines(from, 64), 33);
	assert_int_equal(served_end(child), 0);
	close(from);
}

/* An edit is under way at the end of the input. */
static void edit_at_end(void **state)
{
	int to, from;
	pid_t child = on_pipes(&to, &from);

	(void)state;
	fake_hang("vg-lv");
	assert_true(write(to, CAPABILITIES, strlen(CAPABILITIES)) > 0);
	assert_true(write(to, LIMIT("1"), strlen(LIMIT("1"))) > 0);
	close(to);
	eventually(fake_hangs);
	usleep(1500000);
	fake_hang(NULL);
	assert_int_equal(read_lines(from, 8), 3);
	assert_int_equal(served_end(child), 0);
	close(from);
}

static void reader_goes(void **state)
{
	int to, from;
	pid_t child = on_pipes(&to, &from);

	(void)state;
	ask_on_pipe(to, 31);
	assert_non_null(strstr(served_line(from), "\"QMP\""));
	close(from);
	assert_int_equal(served_end(child), 1);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, served_set_up, served_tear_down)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(asks_meanwhile),
		TEST(answers_in_order),
		TEST(ends_meanwhile),
		TEST(quits_meanwhile),
		TEST(client_goes_meanwhile),
		TEST(edit_killed),
		TEST(told_before),
		TEST(end_is_told),
		TEST(is_logged),
		TEST(many_at_once),
		cmocka_unit_test_setup_teardown(no_descriptor, limited_set_up,
						served_tear_down),
		{ "no_descriptor_for_the_second_half", no_descriptor,
		  oddly_limited_set_up, served_tear_down, NULL },
		TEST(queue_is_full),
		TEST(server_begins),
		TEST(reader_pauses),
		TEST(edit_at_end),
		TEST(reader_goes),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("qdm-waits", tests, NULL, case_end);
}
