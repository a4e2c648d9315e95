/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * One table describes a target's options; the constructor, the messages, the
 * configfs files and the TABLE and IMA status all use it. So an option has one
 * name, one range and one default, and the output of dmsetup table can be
 * loaded again.
 */
#ifndef QDM_ARGS_H
#define QDM_ARGS_H

#include <linux/device-mapper.h>
#include <linux/stddef.h>
#include <linux/types.h>
#include <linux/qdm.h>

/* Rule for names, in refusals. */
#define QDM_NAME_RULE	"a name is 1 to 63 letters, digits, '.', '_' or '-', but not '.' or '..'"

/**
 * struct qdm_why - reason for a refusal that a user can act on
 * @text: names the invalid word and the allowed values
 */
struct qdm_why {
	char text[192];
};

/**
 * struct qdm_opt - one option of a table line, message or configfs file
 * @name: the word that introduces it
 * @offset: offset of its value in the options structure: a u64, or with
 *	@name_len a string
 * @min: smallest allowed value
 * @max: largest allowed value
 * @def: default value; it is not printed
 * @words: for an option with words as values: the words, ended by NULL; the
 *	value is the word's index
 * @name_len: for an option with a name as value: its buffer size with the NUL
 * @range_text: replaces the usual text for a value out of range
 */
struct qdm_opt {
	const char *name;
	size_t offset;
	u64 min;
	u64 max;
	u64 def;
	const char * const *words;
	size_t name_len;
	const char *range_text;
};

/**
 * struct qdm_opt_table - a target's options
 * @opts: the options
 * @nr: number of options, at most 64
 */
struct qdm_opt_table {
	const struct qdm_opt *opts;
	unsigned int nr;
};

__printf(2, 3) int qdm_refuse(struct qdm_why *why, const char *fmt, ...);
int qdm_refuse_table(struct dm_target *ti, const struct qdm_why *why);
int qdm_refuse_message(struct dm_target *ti, const struct qdm_why *why);

int qdm_parse_u64(const char *what, const char *word, u64 min, u64 max,
		  u64 *value, struct qdm_why *why);
bool qdm_name_ok(const char *name);

void qdm_opts_default(const struct qdm_opt_table *table, void *to);
int qdm_opts_parse(const struct qdm_opt_table *table, void *to,
		   unsigned int argc, char **argv, u64 *given,
		   struct qdm_why *why);
int qdm_opts_parse_group(const struct qdm_opt_table *table, void *to,
			 unsigned int argc, char **argv, u64 *given,
			 struct qdm_why *why);
unsigned int qdm_opts_emit(const struct qdm_opt_table *table, const void *from,
			   char *result, unsigned int maxlen);
unsigned int qdm_opts_emit_ima(const struct qdm_opt_table *table,
			       const void *from, char *result,
			       unsigned int maxlen);

#endif /* QDM_ARGS_H */
