/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Argument tables and handlers, for the table of commands. */
#ifndef QDM_QMP_COMMANDS_HANDLERS_H
#define QDM_QMP_COMMANDS_HANDLERS_H

#include "qmp/command.h"

#define HANDLER(name)	int name(struct call *call, struct error *error)

/* group.c: throttle groups */
extern const struct arg object_add_args[];
extern const struct arg object_del_args[];
extern const struct arg qom_get_args[];
extern const struct arg qom_set_args[];
extern const struct arg qom_list_args[];
HANDLER(object_add);
HANDLER(object_del);
HANDLER(qom_get);
HANDLER(qom_set);
extern const struct arg qom_type_args[];
HANDLER(qom_list);
HANDLER(qom_list_properties);

/* node.c: nodes and edges */
extern const struct arg blockdev_add_args[];
extern const struct arg node_name_args[];
extern const struct arg edge_args[];
extern const struct arg threshold_set_args[];
extern const struct arg resize_args[];
HANDLER(blockdev_add);
extern const struct arg reopen_args[];
extern const struct arg replace_args[];
extern const struct arg change_args[];
HANDLER(blockdev_reopen);
HANDLER(blockdev_replace);
HANDLER(x_blockdev_change);
HANDLER(blockdev_del);
HANDLER(block_insert_node);
HANDLER(block_remove_node);
HANDLER(block_set_write_threshold);
HANDLER(block_resize);

/* limit.c: the older way to throttle */
extern const struct arg io_throttle_args[];
HANDLER(block_set_io_throttle);

/* backup.c: starting backups */
extern const struct arg backup_args[];
extern const struct arg transaction_args[];
HANDLER(blockdev_backup);
HANDLER(transaction);

/* job.c: backups as jobs */
extern const struct arg job_id_args[];
extern const struct arg block_job_args[];
extern const struct arg block_job_id_args[];
extern const struct arg job_cancel_args[];
extern const struct arg set_speed_args[];
HANDLER(job_pause);
HANDLER(job_resume);
HANDLER(job_cancel);
HANDLER(job_complete);
HANDLER(job_finalize_it);
HANDLER(job_dismiss);
HANDLER(block_job_set_speed);
HANDLER(query_jobs);
HANDLER(query_block_jobs);

/* qmp/execute.c */
extern const struct arg capabilities_args[];
HANDLER(qmp_capabilities);
HANDLER(quit);

/* query.c: queries */
extern const struct arg no_args[];
extern const struct arg flat_args[];
HANDLER(query_named_block_nodes);
extern const struct arg blockstats_args[];
extern const struct arg option_args[];
HANDLER(query_block);
HANDLER(query_blockstats);
HANDLER(query_block_graph);
HANDLER(query_command_line_options);
HANDLER(query_version);
HANDLER(query_status);
HANDLER(query_name);
HANDLER(query_block_exports);
HANDLER(query_commands);
HANDLER(query_qmp_schema);

#endif /* QDM_QMP_COMMANDS_HANDLERS_H */
