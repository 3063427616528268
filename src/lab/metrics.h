/* SPDX-License-Identifier: ISC */
/* GET /metrics: with -proxy-metrics the two counters of toxiproxy and the number of clients
 * that toxics have reset; with -runtime-metrics the kernel's numbers of this process; without
 * either option nothing. */
#ifndef WEIR_LAB_METRICS_H
#define WEIR_LAB_METRICS_H

#include "proto/exposition.h"

struct lab;

void metrics_write(const struct lab *lab, struct exposition *exposition);

#endif
