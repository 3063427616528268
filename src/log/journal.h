/* SPDX-License-Identifier: ISC */
/*
 * Writes to the journal by its own protocol: a line becomes an entry with a field for each of its
 * keys, so that "journalctl WEIR_REASON=idle" works. Private to src/log/.
 *
 * "event=close pair=17 late_us=180" becomes WEIR_EVENT=close, WEIR_PAIR=17, WEIR_LATE_USEC=180,
 * beside MESSAGE= (the line itself), PRIORITY= and SYSLOG_IDENTIFIER=weir. The log thread splits
 * the line, so this costs the workers nothing. Escapes are unambiguous, so a field has exactly the
 * bytes that log_str() was given.
 */
#ifndef WEIR_LOG_JOURNAL_H
#define WEIR_LOG_JOURNAL_H

struct log_record;

/*
 * The MESSAGE_ID= of an entry, which never changes: one for each reason for which weir or a failure
 * ends a pair, and for some other events. Pairs that peers end normally have none, since there is
 * nothing to explain. systemd/weir.catalog explains these entries, weir(8) lists them.
 */
#define LOG_MESSAGE_CLOSE_IDLE            "9762649799c640bfa89be60b98936b6c"
#define LOG_MESSAGE_CLOSE_HALF_CLOSE      "68902fb3fdfd4126b3e5b9f46f6f4363"
#define LOG_MESSAGE_CLOSE_WRITE_STALL     "45b3fdbbbe4d45f8b331faa0bed17fcc"
#define LOG_MESSAGE_CLOSE_FIRST_BYTE      "76b18639559f4531aa98f36542aabdaa"
#define LOG_MESSAGE_CLOSE_IDLE_CLIENT     "7651f8a1e3c04d60bbe5c02e0a5fe186"
#define LOG_MESSAGE_CLOSE_IDLE_UPSTREAM   "7e93ee566508437a96f7011f16bb095b"
#define LOG_MESSAGE_CLOSE_LIFETIME        "62993aadfe774e44acb26f01b686be75"
#define LOG_MESSAGE_CLOSE_DRAIN           "aed8b6b463424c27aa97c5e0fd737b87"
#define LOG_MESSAGE_CLOSE_CONNECT_TIMEOUT "128799a44faf492cb67d737252dfe4e2"
#define LOG_MESSAGE_CLOSE_CONNECT_FAILED  "4f44d9f9cef943f9b4321356f1fefb94"
#define LOG_MESSAGE_CLOSE_PREFACE         "4c140ca975c447f19723c1452eb7f8d3"
#define LOG_MESSAGE_CLOSE_BAD_PREFACE     "2edddb95c85b48b8bd8ab9502741d522"
#define LOG_MESSAGE_CLOSE_NO_SERVER       "3bc6738daac248f0962ad3fb5e249dd6"
#define LOG_MESSAGE_CLOSE_QUEUE           "8f816e922f404a25bcd82d74acd97aa6"
#define LOG_MESSAGE_CLOSE_QUEUE_FULL      "55fda6cdb1a5472f857fa18b74562964"
#define LOG_MESSAGE_CLOSE_SERVER_DOWN     "c1e7722d602b49e8abc69305c37822c5"
#define LOG_MESSAGE_CLOSE_ACCESS          "08b914ed847344169864c49df7c56999"
#define LOG_MESSAGE_CLOSE_ADMIN           "6002be309070401f9276bc8112c379e4"
#define LOG_MESSAGE_CLOSE_NO_ROUTE        "535cf8233a334075b274f2bdeacc1ca5"
#define LOG_MESSAGE_CLOSE_DENIED          "6c25708993124d798be332e43c2fd97b"
#define LOG_MESSAGE_CLOSE_SOURCE_LIMIT    "f464e1ed81164b2badaf396e7516ba5e"
#define LOG_MESSAGE_CLOSE_RATE            "fb96eabbfbeb4b6c8826a7f12a53af99"
#define LOG_MESSAGE_CLOSE_LOST            "edee74113e554496af62a3815a6a33de"
#define LOG_MESSAGE_CLOSE_LIMIT           "ff2b2fde312d483383c7051ed4863f38"
#define LOG_MESSAGE_CLOSE_ERROR           "550dcde3dcfe412b84cc5833912b2e7e"
#define LOG_MESSAGE_FAILED_MORE           "c99fca5f479f43288ed627661cd4d8e8"
#define LOG_MESSAGE_REFUSED_MORE          "7e751db4372e411da20046e0b4f70c1d"
#define LOG_MESSAGE_SERVER_DOWN           "6842a418915948988f566065bbb8324a"
#define LOG_MESSAGE_SERVER_UP             "bebcbe8ad21b40e4ae19c49a5af373b1"
#define LOG_MESSAGE_RELOAD_FAILED         "31109f2579a74aeb90c5a9d220bb1f9b"
#define LOG_MESSAGE_SERVER_EJECTED        "42d09d20a3e04c0fae3b0c0a1b2f4de7"

/** In which form lines go to an fd. */
enum log_form {
	LOG_FORM_TEXT,     /**< with time and level */
	LOG_FORM_PREFIXED, /**< for the journal's stream: "<6>" for the level, no time */
	LOG_FORM_ENTRY,    /**< by the journal's protocol; nothing is written to the fd */
};

/**
 * Chooses the form by $JOURNAL_STREAM, which has device and inode of the stream to journald (see
 * systemd.exec(5)), and by whether journald's socket exists. A service with a root directory of its
 * own may not have that socket, and sd_journal_sendv() would then lose every entry silently.
 */
enum log_form log_journal_form(int fd);

/** The level (enum log_level) as a priority of syslog: LOG_ERR ... LOG_DEBUG. */
int log_journal_priority(unsigned int level);

/**
 * Sends a line, whose text begins with a blank, as an entry. Blocks while journald does not read.
 * 0, or a negative errno: the line is lost.
 */
int log_journal_send(const struct log_record *record, const char *text);

#endif
