/* SPDX-License-Identifier: ISC */
/*
 * Any bytes as a recording of weirlab. An error names the file. A recording that is written and
 * read again is the same, except for parts of a microsecond.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "lab/recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int parse(struct recording *recording, const void *text, size_t n)
{
	char error[RECORDING_ERROR_MAX] = "";
	char *copy = malloc(n + 1);
	int r;

	assert(copy != NULL);
	memcpy(copy, text, n);
	copy[n] = '\0';
	r = recording_parse(recording, "f", copy, n, error);
	assert(r == 0 || (strncmp(error, "f:", 2) == 0 && recording->events == NULL));
	free(copy);
	return r;
}

static void check_again(const struct recording *recording)
{
	struct recording again = {0};
	char *text = NULL;
	size_t n = 0;
	FILE *file = open_memstream(&text, &n);

	assert(file != NULL && recording_write(recording, file) == 0);
	(void)fclose(file);
	assert(parse(&again, text, n) == 0 && again.n_events == recording->n_events);
	for (size_t i = 0; i < again.n_events; i++) {
		const struct recorded_event *one = &recording->events[i];
		const struct recorded_event *other = &again.events[i];

		assert(one->n == other->n && one->kind == other->kind &&
			one->direction == other->direction);
		assert(other->at_ns >= one->at_ns && other->at_ns - one->at_ns < NS_PER_US);
	}
	recording_free(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recording recording = {0};

	if (parse(&recording, data, size) == 0) {
		check_again(&recording);
		recording_free(&recording);
	}
	return 0;
}
