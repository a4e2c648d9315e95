// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parses option words by a table and prints them. Every target's constructor,
 * messages and status use this, so that a refusal always names the invalid word
 * and the allowed values. The caller's options are not written before the whole
 * line is valid: callers parse into a copy.
 */
#include <linux/ctype.h>
#include <linux/device-mapper.h>
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/string.h>

#include "args.h"

#define DM_MSG_PREFIX "qdm"

/**
 * qdm_refuse - record why something is refused
 * @why: result
 * @fmt: text, naming the invalid word
 *
 * Return: -EINVAL, so that a caller can return the call.
 */
int qdm_refuse(struct qdm_why *why, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vscnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(qdm_refuse);

/**
 * qdm_refuse_table - report a table line as refused
 * @ti: target under construction
 * @why: the reason
 *
 * dm prints ti->error, which must be a constant string, so the reason is logged
 * just before it.
 *
 * Return: -EINVAL.
 */
int qdm_refuse_table(struct dm_target *ti, const struct qdm_why *why)
{
	DMERR("%s: %s", ti->type->name, why->text);
	ti->error = "Table line refused, the line before this one says why";
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(qdm_refuse_table);

/**
 * qdm_refuse_message - report a message as refused
 * @ti: the target
 * @why: the reason
 *
 * Return: -EINVAL.
 */
int qdm_refuse_message(struct dm_target *ti, const struct qdm_why *why)
{
	DMERR("%s: %s: message refused: %s", ti->type->name,
	      dm_table_device_name(ti->table), why->text);
	return -EINVAL;
}
EXPORT_SYMBOL_GPL(qdm_refuse_message);

/**
 * qdm_parse_u64 - parse a whole decimal number
 * @what: name of the value, for the text
 * @word: the word
 * @min: smallest allowed value
 * @max: largest allowed value
 * @value: the number
 * @why: the reason, if refused
 *
 * Return: 0, or -EINVAL.
 */
int qdm_parse_u64(const char *what, const char *word, u64 min, u64 max,
		  u64 *value, struct qdm_why *why)
{
	u64 number;

	if (!isdigit(*word) || kstrtou64(word, 10, &number))
		return qdm_refuse(why, "%s must be a whole number within [%llu, %llu], not '%s'",
				  what, min, max, word);
	if (number < min || number > max)
		return qdm_refuse(why, "%s must be within [%llu, %llu], not %s",
				  what, min, max, word);
	*value = number;
	return 0;
}
EXPORT_SYMBOL_GPL(qdm_parse_u64);

/**
 * qdm_name_ok - is this a valid name of a group or bitmap?
 * @name: the name, which may become that of a directory
 */
bool qdm_name_ok(const char *name)
{
	size_t i, len = strlen(name);

	for (i = 0; i < len; i++)
		if (!isascii(name[i]) ||
		    (!isalnum(name[i]) && !strchr("._-", name[i])))
			return false;
	return len && len <= QDM_NAME_MAX && strcmp(name, ".") &&
	       strcmp(name, "..");
}
EXPORT_SYMBOL_GPL(qdm_name_ok);

static u64 *number_of(const struct qdm_opt *opt, const void *options)
{
	return (u64 *)((char *)options + opt->offset);
}

static char *name_of(const struct qdm_opt *opt, const void *options)
{
	return (char *)options + opt->offset;
}

/**
 * qdm_opts_default - set all options to their defaults
 * @table: the options
 * @to: the options structure
 */
void qdm_opts_default(const struct qdm_opt_table *table, void *to)
{
	const struct qdm_opt *opt;

	for (opt = table->opts; opt < table->opts + table->nr; opt++)
		if (opt->name_len)
			name_of(opt, to)[0] = '\0';
		else
			*number_of(opt, to) = opt->def;
}
EXPORT_SYMBOL_GPL(qdm_opts_default);

static const struct qdm_opt *find_opt(const struct qdm_opt_table *table,
				      const char *name)
{
	const struct qdm_opt *opt;

	for (opt = table->opts; opt < table->opts + table->nr; opt++)
		if (!strcasecmp(opt->name, name))
			return opt;
	return NULL;
}

static int refuse_unknown(const struct qdm_opt_table *table, const char *name,
			  struct qdm_why *why)
{
	size_t len;
	unsigned int i;

	qdm_refuse(why, "unknown option '%.40s', allowed are", name);
	len = strlen(why->text);
	for (i = 0; i < table->nr; i++) {
		if (len + strlen(table->opts[i].name) + 6 > sizeof(why->text)) {
			scnprintf(why->text + len, sizeof(why->text) - len, " ...");
			break;
		}
		len += scnprintf(why->text + len, sizeof(why->text) - len, " %s",
				 table->opts[i].name);
	}
	return -EINVAL;
}

static int parse_word(const struct qdm_opt *opt, const char *word, u64 *value,
		      struct qdm_why *why)
{
	size_t len = 0;
	unsigned int i;

	for (i = 0; opt->words[i]; i++)
		if (!strcasecmp(opt->words[i], word)) {
			*value = i;
			return 0;
		}
	qdm_refuse(why, "%s cannot be '%.40s', allowed are", opt->name, word);
	for (i = 0; opt->words[i]; i++) {
		len = strlen(why->text);
		scnprintf(why->text + len, sizeof(why->text) - len, " %s",
			  opt->words[i]);
	}
	return -EINVAL;
}

static int parse_name(const struct qdm_opt *opt, const char *word, char *name,
		      struct qdm_why *why)
{
	if (!qdm_name_ok(word) || strlen(word) >= opt->name_len)
		return qdm_refuse(why, "%s cannot be '%.70s': " QDM_NAME_RULE,
				  opt->name, word);
	strscpy(name, word, opt->name_len);
	return 0;
}

/* Also true if negative or too large for any type. */
static bool is_integer(const char *word)
{
	word += *word == '-';
	return *word && !word[strspn(word, "0123456789")];
}

static int parse_number(const struct qdm_opt *opt, const char *word,
			u64 *value, struct qdm_why *why)
{
	int r = qdm_parse_u64(opt->name, word, opt->min, opt->max, value, why);

	if (r && opt->range_text && is_integer(word))
		qdm_refuse(why, "%s: %s %.40s", opt->range_text, opt->name,
			   word);
	return r;
}

static int parse_value(const struct qdm_opt *opt, const char *word, void *to,
		       struct qdm_why *why)
{
	if (opt->name_len)
		return parse_name(opt, word, name_of(opt, to), why);
	if (opt->words)
		return parse_word(opt, word, number_of(opt, to), why);
	return parse_number(opt, word, number_of(opt, to), why);
}

/**
 * qdm_opts_parse - parse "<option> <value>" pairs
 * @table: the options
 * @to: a copy of the options structure; half written if refused
 * @argc: number of words
 * @argv: the words
 * @given: if not NULL, gets a bit set for each option given
 * @why: the reason, if refused
 *
 * Return: 0, or -EINVAL.
 */
int qdm_opts_parse(const struct qdm_opt_table *table, void *to,
		   unsigned int argc, char **argv, u64 *given,
		   struct qdm_why *why)
{
	const struct qdm_opt *opt;
	unsigned int i;
	u64 seen = 0, bit;
	int r;

	for (i = 0; i < argc; i += 2) {
		opt = find_opt(table, argv[i]);
		if (!opt)
			return refuse_unknown(table, argv[i], why);
		if (i + 1 == argc)
			return qdm_refuse(why, "%s needs a value", opt->name);
		bit = 1ULL << (opt - table->opts);
		if (seen & bit)
			return qdm_refuse(why, "%s is given twice", opt->name);
		seen |= bit;
		r = parse_value(opt, argv[i + 1], to, why);
		if (r)
			return r;
	}
	if (given)
		*given = seen;
	return 0;
}
EXPORT_SYMBOL_GPL(qdm_opts_parse);

/**
 * qdm_opts_parse_group - parse "<#words> {<option> <value>}..." to the end
 * @table: the options
 * @to: a copy of the options structure; half written if refused
 * @argc: words left of the table line; may be 0
 * @argv: the words
 * @given: as for qdm_opts_parse()
 * @why: the reason, if refused
 *
 * Return: 0, or -EINVAL.
 */
int qdm_opts_parse_group(const struct qdm_opt_table *table, void *to,
			 unsigned int argc, char **argv, u64 *given,
			 struct qdm_why *why)
{
	u64 words = 0;
	int r;

	if (given)
		*given = 0;
	if (!argc)
		return 0;
	r = qdm_parse_u64("the number of option words", argv[0], 0, 2 * table->nr,
			  &words, why);
	if (r)
		return r;
	if (words != argc - 1)
		return qdm_refuse(why, "%llu option words announced, %u follow",
				  words, argc - 1);
	return qdm_opts_parse(table, to, argc - 1, argv + 1, given, why);
}
EXPORT_SYMBOL_GPL(qdm_opts_parse_group);

static bool is_default(const struct qdm_opt *opt, const void *from)
{
	if (opt->name_len)
		return !name_of(opt, from)[0];
	return *number_of(opt, from) == opt->def;
}

static unsigned int emit_value(const struct qdm_opt *opt, const void *from,
			       char *result, unsigned int maxlen)
{
	if (opt->name_len)
		return scnprintf(result, maxlen, "%s", name_of(opt, from));
	if (opt->words)
		return scnprintf(result, maxlen, "%s",
				 opt->words[*number_of(opt, from)]);
	return scnprintf(result, maxlen, "%llu", *number_of(opt, from));
}

/**
 * qdm_opts_emit - print " <#words> {<option> <value>}..." for the TABLE status
 * @table: the options
 * @from: the options structure
 * @result: buffer
 * @maxlen: its size
 *
 * Options at their default are omitted; if all are, nothing is printed.
 *
 * Return: number of characters printed.
 */
unsigned int qdm_opts_emit(const struct qdm_opt_table *table, const void *from,
			   char *result, unsigned int maxlen)
{
	const struct qdm_opt *opt, *end = table->opts + table->nr;
	unsigned int sz = 0, words = 0;

	for (opt = table->opts; opt < end; opt++)
		words += is_default(opt, from) ? 0 : 2;
	if (!words)
		return 0;
	DMEMIT(" %u", words);
	for (opt = table->opts; opt < end; opt++) {
		if (is_default(opt, from))
			continue;
		DMEMIT(" %s ", opt->name);
		sz += emit_value(opt, from, result + sz, maxlen - sz);
	}
	return sz;
}
EXPORT_SYMBOL_GPL(qdm_opts_emit);

/**
 * qdm_opts_emit_ima - print ",<option>=<value>" for each option
 * @table: the options
 * @from: the options structure
 * @result: buffer
 * @maxlen: its size
 *
 * Return: number of characters printed.
 */
unsigned int qdm_opts_emit_ima(const struct qdm_opt_table *table,
			       const void *from, char *result,
			       unsigned int maxlen)
{
	const struct qdm_opt *opt;
	unsigned int sz = 0;

	for (opt = table->opts; opt < table->opts + table->nr; opt++) {
		DMEMIT(",%s=", opt->name);
		sz += emit_value(opt, from, result + sz, maxlen - sz);
	}
	return sz;
}
EXPORT_SYMBOL_GPL(qdm_opts_emit_ima);
