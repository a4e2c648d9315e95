/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef QDM_BASE_PAUSE_H
#define QDM_BASE_PAUSE_H

void pause_ms(int ms);

#endif /* QDM_BASE_PAUSE_H */
