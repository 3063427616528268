/* SPDX-License-Identifier: ISC */
#include "lab/recorder.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "lab/lab.h"
#include "lab/say.h"
#include "stream/loop.h"

int recorder_open(struct recorder *recorder, struct lab *lab, const char *path)
{
	struct whole_file file;
	int r = whole_file_open(&file, path);

	*recorder = (struct recorder){.lab = lab, .path = path};
	if (r == 0) {
		recorder->file = file;
	}
	return r;
}

bool recorder_take(struct recorder *recorder, uint64_t now_ns)
{
	if (recorder == NULL || recorder->is_taken) {
		return false;
	}
	recorder->is_taken = true;
	recorder->begun_ns = now_ns;
	return true;
}

void recorder_note(
	struct recorder *recorder, enum direction direction, enum recorded kind, size_t n)
{
	int r;

	if (recorder->is_full) {
		return; /* later events would follow a gap */
	}
	r = recording_note(&recorder->recording, direction, kind, (uint32_t)n,
		clock_ns() - recorder->begun_ns);
	if (r < 0) {
		recorder->is_full = true;
		recorder->failed = r == -ENOMEM;
		say(SAY_ERROR, "%s: what follows is not recorded: %s", recorder->path,
			r == -EFBIG ? "there are too many events" : strerrordesc_np(-r));
	}
}

void recorder_end(struct recorder *recorder)
{
	int r = recording_write(&recorder->recording, recorder->file.out);

	if (r < 0) {
		recorder->failed = true;
		say(SAY_ERROR, "%s: %s", recorder->path, strerrordesc_np(-r));
	} else {
		recorder->is_written = true;
		say(SAY_INFO, "%s: %zu events are recorded", recorder->path,
			recorder->recording.n_events);
	}
	if (loop_is_running(recorder->lab->loop)) {
		(void)loop_stop(recorder->lab->loop);
	}
}

void recorder_close(struct recorder *recorder)
{
	int r = 0;

	if (recorder->file.out == NULL) {
		return;
	}
	if (!recorder->is_taken) {
		recorder->failed = true;
		say(SAY_ERROR, "%s: there was no connection to record", recorder->path);
	}
	if (recorder->is_written) {
		r = whole_file_close(&recorder->file);
	} else {
		whole_file_abandon(&recorder->file);
	}
	if (r < 0) {
		recorder->failed = true;
		say(SAY_ERROR, "%s: %s", recorder->path, strerrordesc_np(-r));
	}
	recording_free(&recorder->recording);
}
