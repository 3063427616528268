/* SPDX-License-Identifier: ISC */
/* Makes a model from a file, or from a tape of another process. */
#include <errno.h>
#include <stdlib.h>

#include "conf/conf.h"
#include "conf/errors.h"
#include "conf/merge.h"
#include "conf/parse.h"
#include "conf/prefix_files.h"
#include "conf/read.h"
#include "conf/source.h"
#include "conf/tape.h"

/* Makes the model from a tape. 0, or a negative errno with errors (except for -ENOMEM). */
static int make(const struct conf_source *source, const struct conf_tape *tape,
	struct prefix_files *files, struct conf_errors *errors, const struct conf **ret_conf)
{
	struct conf *conf = calloc(1, sizeof(*conf));
	struct conf_reader reader = {
		.conf = conf,
		.source = source,
		.files = files,
		.errors = errors,
		.lacks_part = source->lacks_part,
		.failed = source->lacks_part, /* and that was reported */
	};
	struct tree tree;
	size_t len;
	int r;

	if (conf == NULL) {
		return -ENOMEM;
	}
	refs_init(&conf->refs);
	r = tape_read(tape->bytes, tape->len, &tree, &len);
	if (r == 0) {
		r = prefix_files_take(files, tape->bytes + len, tape->len - len);
	}
	if (r == -EBADMSG) {
		conf_errors_add(errors, source->files[0], 0, NULL,
			"what the check hands on is not whole; try again");
	} else if (r == 0) {
		conf_merge_files(&reader, &tree);
		if (reader.no_memory || !conf_read(&reader, &tree.root)) {
			r = reader.no_memory ? -ENOMEM : -EINVAL;
		}
	}
	tree_fini(&tree);
	if (r < 0) {
		(void)conf_unref(conf);
		return r;
	}
	*ret_conf = conf;
	return 0;
}

int conf_load(const char *path, struct conf_errors *errors, struct conf_tape *ret_tape,
	const struct conf **ret_conf)
{
	struct conf_tape tape = {0};
	struct prefix_files files = {0};
	struct conf_source source;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_read(&source, path, errors);
	if (r == 0) {
		r = conf_parse(&source, errors, &tape);
		if (r == 0) {
			r = make(&source, &tape, &files, errors, ret_conf);
		}
		if (r == 0 && ret_tape != NULL) {
			r = prefix_files_write(&files, &tape);
			if (r < 0) {
				*ret_conf = conf_unref(*ret_conf);
			}
		}
		r = conf_errors_result(errors, path, r);
	}
	prefix_files_fini(&files);
	conf_source_fini(&source);
	if (r == 0 && ret_tape != NULL) {
		*ret_tape = tape;
	} else {
		free(tape.bytes);
	}
	return r;
}

int conf_take(const char *path, const struct conf_tape *tape, struct conf_errors *errors,
	const struct conf **ret_conf)
{
	struct prefix_files files = {.is_taken = true};
	struct conf_source source;
	int r;

	conf_errors_begin(errors, path);
	r = conf_source_name(&source, path);
	if (r == 0) {
		r = make(&source, tape, &files, errors, ret_conf);
	}
	prefix_files_fini(&files);
	conf_source_fini(&source);
	return conf_errors_result(errors, path, r);
}
