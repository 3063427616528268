/* SPDX-License-Identifier: ISC */
/* Who may use a file that weir makes: its mode, and whom it belongs to. */
#ifndef WEIR_BASE_FILE_ACCESS_H
#define WEIR_BASE_FILE_ACCESS_H

#include <stdbool.h>
#include <sys/types.h>

struct file_access {
	mode_t mode;     /**< permissions alone, whatever the umask */
	bool sets_owner; /**< else it is whose weir's new files are */
	bool sets_group;
	uid_t owner;
	gid_t group;
};

#endif
