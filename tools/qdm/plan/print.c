// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A plan as a shell script, for --dry-run: with dmsetup, mkdir and echo it does the
 * same as run.c, for reading, keeping and running.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernel/groups.h"
#include "kernel/targets.h"
#include "plan/plan.h"

void print_quoted(FILE *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_";

	if (*word && word[strspn(word, plain)] == '\0') {
		fputs(word, out);
		return;
	}
	putc('\'', out);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", out);
		else
			putc(*word, out);
	putc('\'', out);
}

static void print_lines(FILE *out, const struct kdm_table *table)
{
	const struct kdm_line *line;
	char *text;
	size_t i;

	fputs("printf '%s\\n'", out);
	for (i = 0; i < table->nr; i++) {
		line = &table->line[i];
		text = print("%llu %llu %s%s%s",
			     (unsigned long long)line->start,
			     (unsigned long long)line->len, line->type,
			     *line->params ? " " : "", line->params);
		fputs(" \\\n\t", out);
		print_quoted(out, text);
		free(text);
	}
	fputs(" |\n\t", out);
}

/* A key is never printed: the script reads it from the device itself. */
static void print_source(FILE *out, const struct step *step)
{
	if (!step->copy_of && !shape_is_secret(&step->table)) {
		print_lines(out, &step->table);
		return;
	}
	fputs("dmsetup table --showkeys ", out);
	print_quoted(out, step->copy_of ? step->copy_of : step->name);
	if (!step->copy_of)
		fprintf(out, " |\n\tsed 's# %s # %s #'", step->old_word,
			step->new_word);
	fputs(" |\n\t", out);
}

/* dmsetup removes the node in /dev/mapper even if it could not remove the device. */
static void print_deferred(FILE *out, const char *name)
{
	fputs("\ndmsetup remove --deferred ", out);
	print_quoted(out, name);
	fputs("\ndmsetup mknodes ", out);
	print_quoted(out, name);
}

static void print_resume(FILE *out, const struct step *step)
{
	if (step->comes_out) {
		fputs("dmsetup message ", out);
		print_quoted(out, step->comes_out);
		fputs(" 0 @cancel_deferred_remove\n", out);
	}
	fprintf(out, "dmsetup resume%s", step->how.freeze ? "" : " --nolockfs");
	if (step->how.read_ahead)
		fprintf(out, " --readahead %u", step->how.read_ahead);
	putc(' ', out);
	print_quoted(out, step->name);
	if (step->goes_in)
		print_deferred(out, step->goes_in);
}

static void print_dm_step(FILE *out, const struct step *step)
{
	if (step->kind == STEP_RESUME) {
		print_resume(out, step);
		return;
	}
	if (step->kind == STEP_SUSPEND) {
		fputs("dmsetup suspend ", out);
		print_quoted(out, step->name);
		return;
	}
	if (step->kind == STEP_CREATE || step->kind == STEP_LOAD)
		print_source(out, step);
	fprintf(out, "dmsetup %s ",
		step->kind == STEP_CREATE ? "create" :
		step->kind == STEP_LOAD ? "load" :
		step->kind == STEP_REMOVE ? "remove --retry" :
		step->kind == STEP_RENAME ? "rename" : "message");
	print_quoted(out, step->name);
	if (step->kind == STEP_CREATE) {
		fputs(" --uuid ", out);
		print_quoted(out, step->uuid);
	} else if (step->kind == STEP_RENAME) {
		putc(' ', out);
		print_quoted(out, step->text);
	} else if (step->kind == STEP_MESSAGE) {
		fprintf(out, " 0 %s", step->text);
	}
}

static void print_group_step(FILE *out, const struct step *step)
{
	if (step->kind == STEP_LIMITS) {
		fputs("echo ", out);
		print_quoted(out, step->text);
		fputs(" > ", out);
	} else {
		fputs(step->kind == STEP_MKGROUP ? "mkdir " : "rmdir ", out);
	}
	print_quoted(out, groups_dir());
	putc('/', out);
	print_quoted(out, step->name);
	if (step->kind == STEP_LIMITS)
		fputs("/limits", out);
}

static void print_groups_mount(FILE *out)
{
	fputs("dmsetup target-version qthrottle > /dev/null\n"
	      "mountpoint -q /sys/kernel/config ||\n"
	      "\tmount -t configfs none /sys/kernel/config", out);
}

/* However the script ends, it resumes every device that it has suspended. */
static void print_trap(FILE *out, const struct plan *plan)
{
	size_t i;

	fputs("go_on() {\n", out);
	for (i = 0; i < plan->nr; i++) {
		if (plan->step[i].kind != STEP_SUSPEND)
			continue;
		fputs("\tdmsetup clear ", out);
		print_quoted(out, plan->step[i].name);
		fputs(" || :\n\tdmsetup resume ", out);
		print_quoted(out, plan->step[i].name);
		fputs(" || :\n", out);
	}
	fputs("}\ntrap go_on EXIT\n", out);
}

void plan_print(const struct plan *plan, FILE *out)
{
	const struct step *step;
	bool trapped = false;
	size_t i;

	fputs("#!/bin/bash\nset -euo pipefail\n", out);
	for (i = 0; i < plan->nr; i++) {
		step = &plan->step[i];
		if (step->kind == STEP_SUSPEND && !trapped) {
			print_trap(out, plan);
			trapped = true;
		}
		if (step->kind == STEP_GROUPS)
			print_groups_mount(out);
		else if (step->kind > STEP_GROUPS)
			print_group_step(out, step);
		else
			print_dm_step(out, step);
		putc('\n', out);
	}
}
