/* SPDX-License-Identifier: ISC */
/* Permissions, owner and group of a file that weir makes. */
#ifndef WEIR_BASE_FILE_ACCESS_H
#define WEIR_BASE_FILE_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct file_access {
	mode_t mode; /**< the permission bits; the umask does not apply */
	/** False: the owner is that of any new file of the process. The same for sets_group. */
	bool sets_owner;
	bool sets_group;
	uid_t owner;
	gid_t group;
};

#endif
