/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of commands, printed; see reference.c. */
#ifndef QDM_QMP_REFERENCE_H
#define QDM_QMP_REFERENCE_H

#include <stdio.h>

/* The page Documentation/qmp-reference.rst. */
void reference_print(FILE *out);
/* The commands and events in the man page qdm(8). */
void reference_print_man(FILE *out);
/* Each command with its mandatory arguments, as `qdm exec` accepts it. */
void reference_templates(FILE *out);

#endif /* QDM_QMP_REFERENCE_H */
