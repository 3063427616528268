/* SPDX-License-Identifier: ISC */
/* GET /metrics: with -proxy-metrics toxiproxy's two counters, with -runtime-metrics what the kernel
 * says of this process; without either nothing. */
#ifndef WEIR_LAB_METRICS_H
#define WEIR_LAB_METRICS_H

#include "proto/exposition.h"

struct lab;

void metrics_write(const struct lab *lab, struct exposition *exposition);

#endif
