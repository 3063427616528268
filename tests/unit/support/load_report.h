/* SPDX-License-Identifier: ISC */
/* A minimal report of weirload, for tests of code that reads reports. */
#ifndef WEIR_TESTS_LOAD_REPORT_H
#define WEIR_TESTS_LOAD_REPORT_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** Ten streams, closed 1 to 3 ms late. */
static const char load_report_text[] =
	"{'schema':1,'weirload':'0.1','scenario':'idle','interrupted':false,'lasted_us':1500000,"
	"'began':'2026-11-26T12:00:00Z','host':'h','kernel':'Linux 6.1','machine':'x86_64',"
	"'processors':2,'libuv':'1.44.2','command':['weirload','idle'],"
	"'options':{'target':'127.0.0.1:80','serve':null,'connections':10,'ramp':1000.0,"
	"'expect_us':1000000,'silent':false,'max_late_us':50000},"
	"'connections':{'opened':10,'matched':0,'unserved':0,'unopened':0,'failed':0,'void':0,"
	"'early':0,'on_time':10,'late':0,'measured':0,'never':0,'unfinished':0,'failed_by':{},"
	"'earliest_us':0,'opened_per_second':1000.0},'connect_us':null,'failed_us':null,"
	"'client':{'count':10,'fin':10,'rst':0,'error':0,'weirload':0,'early_us':null,"
	"'late_us':{'count':10,'min':1000,'p50':2000,'p90':3000,'p99':3000,'p999':3000,"
	"'max':3000},'after_us':null,"
	"'deviations_us':[[1000,1000,4],[2000,2001,3],[3000,3000,3]]},'server':null,"
	"'closes':{'every_us':1000000,'opened':[10,0],'failed':[0,0],'void':[0,0],'early':[0,0],"
	"'on_time':[0,10],'late':[0,0],'measured':[0,0],'never':[0,0]},"
	"'worst':[{'connection':7,'port':40000,'verdict':'on_time','open_us':7,"
	"'client':{'sent_us':10,'closed_us':1003010,'late_us':3000,'by':'fin','error':null},"
	"'server':null}],"
	"'tool':{'loop_delay_us':{'count':5,'min':1,'p50':10,'p90':20,'p99':50,'p999':50,"
	"'max':50},'memory_bytes_per_connection':1,'strangers':0},"
	"'limits':{'max_early':{'limit':0,'value':0,'holds':true,'words':null}},'failed':[],"
	"'holds':true}";

/** The report as a JSON value; the caller calls json_decref(). */
static inline json_t *load_report(void)
{
	char text[sizeof(load_report_text)];

	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = load_report_text[i] == '\'' ? '"' : load_report_text[i];
	}
	return json_loads(text, 0, NULL);
}

/**
 * Replaces the value at `path` ("client.late_us.p50", "worst.0.verdict") by `value`, which is JSON;
 * NULL removes it.
 */
static inline void load_report_set(json_t *report, const char *path, const char *value)
{
	char name[32];
	size_t n = strcspn(path, ".");
	json_t *new_value;

	(void)snprintf(name, sizeof(name), "%.*s", (int)n, path);
	if (path[n] == '.') {
		load_report_set(json_is_array(report) ? json_array_get(report, (size_t)atoi(name))
						      : json_object_get(report, name),
			path + n + 1, value);
		return;
	}
	new_value = value == NULL ? NULL : json_loads(value, JSON_DECODE_ANY, NULL);
	if (json_is_array(report)) {
		(void)json_array_set_new(report, (size_t)atoi(name), new_value);
	} else if (value == NULL) {
		(void)json_object_del(report, name);
	} else {
		(void)json_object_set_new(report, name, new_value);
	}
}

#endif
