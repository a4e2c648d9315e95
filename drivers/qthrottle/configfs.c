// SPDX-License-Identifier: GPL-2.0-only
/*
 * Groups by name: each named group is a directory in
 * /sys/kernel/config/qthrottle with its limits, statistics and members. It is
 * created by mkdir, or by a table line that names it.
 *
 * A group made by mkdir lives until rmdir, and configfs refuses rmdir (EBUSY)
 * while a table names it, as each such table depends on the item. A group made
 * for a table line lives until the last such table is destroyed; rmdir cannot
 * remove it.
 *
 * Locking: @names_lock makes finding, creating and dropping a group one step
 * for tables. It is taken in constructors and destructors only, and never in a
 * configfs callback, so configfs may be called with it held. Races with mkdir,
 * which does not take it, are decided by configfs, and the loser retries.
 * Allocations under it cause no I/O: a destructor that waits for it may be that
 * of a device which others need resumed.
 */
#include <linux/configfs.h>
#include <linux/delay.h>
#include <linux/device-mapper.h>
#include <linux/err.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "group.h"
#include "options.h"

#define DM_MSG_PREFIX QDM_TARGET_QTHROTTLE

/* Retries of a table after races with mkdir or rmdir. */
#define TRIES	1000

static DEFINE_MUTEX(names_lock);
static struct configfs_subsystem groups;

static struct qt_group *item_group(struct config_item *item)
{
	return container_of(to_config_group(item), struct qt_group, config);
}

static ssize_t group_limits_show(struct config_item *item, char *page)
{
	struct qt_options options;
	const struct qdm_opt *opt;
	ssize_t len = 0;
	int i;

	qt_group_read_limits(item_group(item), &options.limits);
	for (i = 0; i < QT_NR_LIMITS; i++) {
		opt = &qt_limit_table.opts[i];
		len += scnprintf(page + len, PAGE_SIZE - len, "%s=%llu\n",
				 opt->name,
				 *(u64 *)((char *)&options + opt->offset));
	}
	return len;
}

/* Splits "a=1 b=2" into words, in place. */
static int split_words(char *text, char **argv, unsigned int room,
		       struct qdm_why *why)
{
	unsigned int argc = 0;
	char *pair, *value;

	while ((pair = strsep(&text, " \t\n"))) {
		if (!*pair)
			continue;
		value = strchr(pair, '=');
		if (!value)
			return qdm_refuse(why, "'%.40s' is not <limit>=<value>",
					  pair);
		if (argc + 2 > room)
			return qdm_refuse(why, "more than %u limits", room / 2);
		*value++ = '\0';
		argv[argc++] = pair;
		argv[argc++] = value;
	}
	if (!argc)
		return qdm_refuse(why, "nothing given, expected is <limit>=<value> ...");
	return argc;
}

static ssize_t group_limits_store(struct config_item *item, const char *page,
				  size_t len)
{
	struct qt_group *group = item_group(item);
	char *argv[2 * QT_NR_LIMITS];
	struct qdm_why why;
	char *text;
	int r;

	text = kstrndup(page, len, GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	r = split_words(text, argv, ARRAY_SIZE(argv), &why);
	if (r > 0)
		r = qt_group_change_limits(group, r, argv, &why);
	if (r)
		DMERR("group %s: limits refused: %s", qt_group_name(group),
		      why.text);
	kfree(text);
	return r ? r : len;
}

static ssize_t show_direction(struct qt_group *group, enum qt_dir dir,
			      char *page, size_t room)
{
	const char *name = dir == QT_READ ? "read" : "write";
	struct qt_stats sum;

	qt_group_read_stats(group, dir, &sum);
	return scnprintf(page, room,
			 "%s-waiting=%llu\n%s-delayed=%llu\n"
			 "%s-delayed-bytes=%llu\n%s-delay-ns=%llu\n"
			 "%s-longest-ns=%llu\n%s-full-bps=%llu\n"
			 "%s-full-iops=%llu\n",
			 name, sum.waiting, name, sum.delayed, name, sum.bytes,
			 name, sum.total_ns, name, sum.longest_ns, name,
			 sum.full[QT_BPS_TOTAL] + sum.full[QT_BPS_TOTAL + 1 + dir],
			 name,
			 sum.full[QT_OPS_TOTAL] + sum.full[QT_OPS_TOTAL + 1 + dir]);
}

static ssize_t group_stats_show(struct config_item *item, char *page)
{
	struct qt_group *group = item_group(item);
	ssize_t len;

	len = show_direction(group, QT_READ, page, PAGE_SIZE);
	return len + show_direction(group, QT_WRITE, page + len,
				    PAGE_SIZE - len);
}

static ssize_t group_members_show(struct config_item *item, char *page)
{
	struct qt_group *group = item_group(item);
	struct qt_member *member;
	ssize_t len = 0;

	mutex_lock(&group->members_lock);
	list_for_each_entry(member, &group->members, node)
		len += scnprintf(page + len, PAGE_SIZE - len, "%s %llu\n",
				 member->device, READ_ONCE(member->weight));
	mutex_unlock(&group->members_lock);
	return len;
}

CONFIGFS_ATTR(group_, limits);
CONFIGFS_ATTR_RO(group_, stats);
CONFIGFS_ATTR_RO(group_, members);

static struct configfs_attribute *group_attrs[] = {
	&group_attr_limits,
	&group_attr_stats,
	&group_attr_members,
	NULL,
};

static void group_release(struct config_item *item)
{
	qt_group_free(item_group(item));
}

static QDM_CONFIGFS_OPS struct configfs_item_operations group_ops = {
	.release = group_release,
};

static const struct config_item_type group_type = {
	.ct_owner = THIS_MODULE,
	.ct_item_ops = &group_ops,
	.ct_attrs = group_attrs,
};

static struct qt_group *make_named(const char *name)
{
	struct qt_group *group = qt_group_alloc();

	if (!group)
		return NULL;
	config_group_init_type_name(&group->config, name, &group_type);
	if (config_item_name(&group->config.cg_item))
		return group;
	config_group_put(&group->config); /* no memory for a long name */
	return NULL;
}

static struct config_group *groups_make(struct config_group *parent,
					const char *name)
{
	struct qt_group *group;

	if (!qdm_name_ok(name)) {
		DMERR("group '%.70s' refused: " QDM_NAME_RULE, name);
		return ERR_PTR(-EINVAL);
	}
	if (!strcmp(name, QDM_GROUP_PRIVATE)) {
		DMERR("group name '-' refused: it stands for a group of a device's own");
		return ERR_PTR(-EINVAL);
	}
	group = make_named(name);
	return group ? &group->config : ERR_PTR(-ENOMEM);
}

static QDM_CONFIGFS_OPS struct configfs_group_operations groups_ops = {
	.make_group = groups_make,
};

static const struct config_item_type groups_type = {
	.ct_owner = THIS_MODULE,
	.ct_group_ops = &groups_ops,
};

static struct qt_group *find_named(const char *name)
{
	struct config_item *item;

	mutex_lock(&groups.su_mutex);
	item = config_group_find_item(&groups.su_group, name);
	mutex_unlock(&groups.su_mutex);
	return item ? item_group(item) : NULL;
}

/* Uses a group found, unless it is being removed. */
static int use_found(struct qt_group *group)
{
	int r = 0;

	if (!group->ours)
		r = configfs_depend_item(&groups, &group->config.cg_item);
	if (!r)
		group->users++;
	config_group_put(&group->config);
	return r;
}

static struct qt_group *add_named(const char *name)
{
	struct qt_group *group = make_named(name);
	int r;

	if (!group)
		return ERR_PTR(-ENOMEM);
	group->ours = true;
	group->users = 1;
	r = configfs_register_group(&groups.su_group, &group->config);
	if (!r)
		return group;
	config_group_put(&group->config);
	return ERR_PTR(r);
}

/* -EEXIST and -ENOENT mean a race with mkdir or rmdir. */
static struct qt_group *get_once(const char *name)
{
	struct qt_group *group = find_named(name);
	int r;

	if (!group)
		return add_named(name);
	r = use_found(group);
	return r ? ERR_PTR(r) : group;
}

static struct qt_group *get_named(const char *name)
{
	struct qt_group *group;
	unsigned int noio;
	int tries;

	for (tries = 0; tries < TRIES; tries++) {
		mutex_lock(&names_lock);
		noio = memalloc_noio_save();
		group = get_once(name);
		memalloc_noio_restore(noio);
		mutex_unlock(&names_lock);
		if (group != ERR_PTR(-EEXIST) && group != ERR_PTR(-ENOENT))
			return group;
		usleep_range(1000, 2000);
	}
	return ERR_PTR(-EBUSY);
}

/**
 * qt_group_get - find or create the group named by a table line
 * @name: its name, or "-" for a private one
 * @why: the reason, if refused
 *
 * Return: the group, to be released by qt_group_put(), or an error.
 */
struct qt_group *qt_group_get(const char *name, struct qdm_why *why)
{
	struct qt_group *group;

	if (!strcmp(name, QDM_GROUP_PRIVATE)) {
		group = qt_group_alloc();
		if (!group)
			group = ERR_PTR(-ENOMEM);
		else
			group->private = true;
	} else if (!qdm_name_ok(name)) {
		return ERR_PTR(qdm_refuse(why, "group '%.70s' is not '-', and " QDM_NAME_RULE,
					  name));
	} else {
		group = get_named(name);
	}
	if (IS_ERR(group))
		qdm_refuse(why, "group '%s': error %ld", name, PTR_ERR(group));
	return group;
}

/* Once we no longer depend on a group made by mkdir, rmdir may free it. */
static void put_named(struct qt_group *group)
{
	unsigned int noio;
	bool gone;

	mutex_lock(&names_lock);
	noio = memalloc_noio_save();
	gone = !--group->users && group->ours;
	if (gone)
		configfs_unregister_group(&group->config);
	else if (!group->ours)
		configfs_undepend_item(&group->config.cg_item);
	memalloc_noio_restore(noio);
	mutex_unlock(&names_lock);
	if (gone)
		config_group_put(&group->config);
}

/**
 * qt_group_put - release a table's group
 * @group: the group
 */
void qt_group_put(struct qt_group *group)
{
	if (config_item_name(&group->config.cg_item))
		put_named(group);
	else
		qt_group_free(group);
}

/**
 * qt_group_name - the group's name, "-" if private
 * @group: the group
 */
const char *qt_group_name(struct qt_group *group)
{
	const char *name = config_item_name(&group->config.cg_item);

	return name ? name : QDM_GROUP_PRIVATE;
}

static struct configfs_subsystem groups = {
	.su_group = {
		.cg_item = {
			.ci_namebuf = QDM_TARGET_QTHROTTLE,
			.ci_type = &groups_type,
		},
	},
};

/**
 * qt_configfs_init - create the directory
 *
 * Return: 0, or a negative errno.
 */
int qt_configfs_init(void)
{
	config_group_init(&groups.su_group);
	mutex_init(&groups.su_mutex);
	return configfs_register_subsystem(&groups);
}

/**
 * qt_configfs_exit - remove it; no group is left, as each pins the module
 */
void qt_configfs_exit(void)
{
	configfs_unregister_subsystem(&groups);
}
