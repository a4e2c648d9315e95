/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The argument names of block_set_io_throttle; see limit.c. */
#ifndef QDM_QMP_COMMANDS_LIMIT_H
#define QDM_QMP_COMMANDS_LIMIT_H

/* block_set_io_throttle's name of limit_names[@i]. */
const char *limit_old_name(int i);

#endif /* QDM_QMP_COMMANDS_LIMIT_H */
