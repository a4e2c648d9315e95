// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Runs a command and kills it, as kill -9 does, at a chosen system call: when
 * the call is about to be made, so that what came before it is all there is.
 *
 *	killer change N COMMAND...	before its Nth call that can change anything
 *	killer call N COMMAND...	before its Nth call of any kind; 0: never
 *
 * Calls that change something are ioctls of device-mapper other than queries,
 * whatever makes, fills or removes files, and semaphores. Prints how many of
 * them there were, and of those that could stop it, and ends with 0 if it has
 * killed the command and with 3 if that had ended before.
 *
 * A filter of system calls stops the command where it must be looked at, since
 * in an emulated guest each stop costs as much as a hundred calls; for the same
 * reason both are on one processor. Processes that the command forks have the
 * filter, too, so they are let on at each stop, until they have ended.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/dm-ioctl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ENDED	3
#define OPTIONS	(PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | \
		 PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

/* Which of them change something is seen at the stop. */
static const unsigned int kinds[] = {
	SYS_ioctl, SYS_write, SYS_writev, SYS_pwrite64, SYS_mkdir, SYS_rmdir,
	SYS_unlink, SYS_unlinkat, SYS_mkdirat, SYS_mknod, SYS_mknodat,
	SYS_symlink, SYS_symlinkat, SYS_rename, SYS_mount, SYS_semget,
	SYS_semctl, SYS_semop, SYS_semtimedop,
};

#define KINDS	(sizeof(kinds) / sizeof(*kinds))

struct count {
	long changes;
	long calls;
};

__attribute__((noreturn)) static void fail(const char *what)
{
	fprintf(stderr, "killer: %s: %s\n", what, strerror(errno));
	exit(1);
}

static bool dm_changes(unsigned long request)
{
	static const unsigned long requests[] = {
		DM_DEV_CREATE, DM_DEV_REMOVE, DM_DEV_RENAME, DM_DEV_SUSPEND,
		DM_TABLE_LOAD, DM_TABLE_CLEAR, DM_TARGET_MSG,
	};
	size_t i;

	for (i = 0; i < sizeof(requests) / sizeof(*requests); i++)
		if (request == requests[i])
			return true;
	return false;
}

static bool changes(unsigned long nr, const uint64_t *args)
{
	size_t i;

	if (nr == SYS_ioctl)
		return dm_changes(args[1]);
	if (nr == SYS_write || nr == SYS_writev || nr == SYS_pwrite64)
		return args[0] > STDERR_FILENO;
	for (i = 0; i < KINDS; i++)
		if (nr == kinds[i])
			return true;
	return false;
}

/* Stops at all calls, or at those of the kinds above. */
static void set_filter(bool all)
{
	struct sock_filter code[KINDS + 3];
	struct sock_fprog program = { .filter = code };
	size_t i, n = 0;

	code[n++] = (struct sock_filter)
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (i = 0; i < KINDS && !all; i++)
		code[n++] = (struct sock_filter)
			BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kinds[i], KINDS - i, 0);
	if (!all)
		code[n++] = (struct sock_filter)
			BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE);
	program.len = n;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		fail("no filter");
}

static void look_at_call(pid_t pid, struct count *count)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) <= 0)
		fail("cannot see the call");
	if (info.op != PTRACE_SYSCALL_INFO_SECCOMP)
		return;
	count->calls++;
	count->changes += changes(info.seccomp.nr, info.seccomp.args);
}

/* Only the command's own signals are for it, not what stops it for us. */
static void let_on(pid_t pid, int status)
{
	int stop = WSTOPSIG(status);

	if (status >> 16 || stop == SIGTRAP || stop == SIGSTOP)
		stop = 0;
	ptrace(PTRACE_CONT, pid, NULL, (long)stop);
}

/* The end of all: true if the command was killed. */
static bool watch(pid_t command, const long *counted, long wanted,
		  struct count *count)
{
	bool killed = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, __WALL)) > 0) {
		if (!WIFSTOPPED(status))
			continue;
		if (pid == command && status >> 16 == PTRACE_EVENT_SECCOMP)
			look_at_call(pid, count);
		if (pid == command && !killed && wanted && *counted == wanted) {
			killed = true;
			kill(pid, SIGKILL);
		} else {
			let_on(pid, status);
		}
	}
	return killed;
}

/* What the command says is for the log. */
static pid_t begin(bool all, char **argv)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		set_filter(all);
		execvp(*argv, argv);
		fail(*argv);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, OPTIONS) ||
	    ptrace(PTRACE_CONT, pid, NULL, NULL))
		fail("cannot begin");
	return pid;
}

int main(int argc, char **argv)
{
	struct count count = { 0 };
	cpu_set_t one;
	bool all, killed;

	if (argc < 4 || (strcmp(argv[1], "change") && strcmp(argv[1], "call")))
		return 2;
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	all = !strcmp(argv[1], "call");
	killed = watch(begin(all, argv + 3), all ? &count.calls : &count.changes,
		       atol(argv[2]), &count);
	printf("%ld %ld\n", count.changes, count.calls);
	return killed ? 0 : ENDED;
}
