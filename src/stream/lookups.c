/* SPDX-License-Identifier: ISC */
/*
 *	home				a thread
 *	lookups_begin() ── queue ────▶	getaddrinfo()
 *	answered() ◀── post ──────────	  ┘
 *
 * A lookup that hangs occupies its thread as long as getaddrinfo(3) does. So the queue is never
 * longer than the number of threads that wait: lookups_begin() adds a thread, or refuses.
 */
#include "stream/lookups.h"

#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/thread.h"
#include "stream/loop_private.h"

enum thread_state {
	THREAD_NONE,
	THREAD_RUNS,
	THREAD_OVER, /* can be joined */
};

struct thread {
	struct lookups *lookups;
	pthread_t id;
	enum thread_state state;
};

struct lookups {
	struct loop *home;
	pthread_mutex_t lock; /**< for all fields below */
	pthread_cond_t work;
	struct list queue;  /* struct lookup::link */
	unsigned n_waiting; /**< idle threads beyond those that the queue needs */
	bool stopping;
	struct thread threads[LOOKUPS_MAX];
};

/* ---- the threads ---- */

/** getaddrinfo(3)'s codes, and libuv's, which are no errnos. */
static const struct {
	int eai;
	int status;
} codes[] = {
	{EAI_ADDRFAMILY, UV_EAI_ADDRFAMILY},
	{EAI_AGAIN, UV_EAI_AGAIN},
	{EAI_BADFLAGS, UV_EAI_BADFLAGS},
	{EAI_FAIL, UV_EAI_FAIL},
	{EAI_FAMILY, UV_EAI_FAMILY},
	{EAI_MEMORY, UV_EAI_MEMORY},
	{EAI_NODATA, UV_EAI_NODATA},
	{EAI_NONAME, UV_EAI_NONAME},
	{EAI_OVERFLOW, UV_EAI_OVERFLOW},
	{EAI_SERVICE, UV_EAI_SERVICE},
	{EAI_SOCKTYPE, UV_EAI_SOCKTYPE},
};

static int status_of(int eai)
{
	if (eai == 0) {
		return 0;
	}
	if (eai == EAI_SYSTEM) {
		return errno == 0 ? -EIO : -errno;
	}
	if (eai == EAI_MEMORY) {
		return -ENOMEM; /* a lack of resources looks the same everywhere: base/shortage.h */
	}
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].eai == eai) {
			return codes[i].status;
		}
	}
	return UV_EAI_FAIL;
}

int lookup_eai(int status)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		if (codes[i].status == status) {
			return codes[i].eai;
		}
	}
	return 0;
}

/*
 * AI_ADDRCONFIG is not set: it ignores the addresses of lo, so ::1 would be no address on a machine
 * without other IPv6. An unreachable address fails at once, and the next one is tried.
 */
static const struct addrinfo hints = {
	.ai_family = AF_UNSPEC,
	.ai_socktype = SOCK_STREAM,
};

static void look_up(struct lookups *lookups, struct lookup *lookup)
{
	struct addrinfo *list = NULL;

	errno = 0;
	lookup->status = status_of(getaddrinfo(lookup->host, NULL, &hints, &list));
	lookup->list = lookup->status == 0 ? list : NULL;
	/* Before the post: home may begin the next lookup before this thread runs again. */
	pthread_mutex_lock(&lookups->lock);
	lookups->n_waiting++;
	pthread_mutex_unlock(&lookups->lock);
	loop_post(lookups->home, &lookup->done);
}

/**
 * Under the lock: takes the next lookup, or waits for it; NULL: the thread is not needed any more.
 */
static struct lookup *next_lookup(struct lookups *lookups)
{
	struct lookup *lookup;

	while (list_empty(&lookups->queue)) {
		if (lookups->stopping || lookups->n_waiting > LOOKUPS_THREADS) {
			return NULL;
		}
		(void)pthread_cond_wait(&lookups->work, &lookups->lock);
	}
	lookup = container_of(lookups->queue.next, struct lookup, link);
	list_remove(&lookup->link);
	return lookup;
}

static void *thread_main(void *arg)
{
	struct thread *thread = arg;
	struct lookups *lookups = thread->lookups;
	struct lookup *lookup;

	pthread_mutex_lock(&lookups->lock);
	while ((lookup = next_lookup(lookups)) != NULL) {
		pthread_mutex_unlock(&lookups->lock);
		look_up(lookups, lookup);
		pthread_mutex_lock(&lookups->lock);
	}
	lookups->n_waiting--;
	thread->state = THREAD_OVER;
	pthread_mutex_unlock(&lookups->lock);
	return NULL;
}

/** Under the lock: adds an idle thread. 0, or -EAGAIN: not possible. */
static int add_thread(struct lookups *lookups)
{
	struct thread *thread = lookups->threads;

	while (thread->state == THREAD_RUNS) {
		if (++thread == &lookups->threads[LOOKUPS_MAX]) {
			return -EAGAIN;
		}
	}
	if (thread->state == THREAD_OVER) {
		(void)pthread_join(thread->id, NULL);
		thread->state = THREAD_NONE;
	}
	thread->lookups = lookups;
	if (thread_start(&thread->id, thread_main, thread) < 0) {
		return -EAGAIN;
	}
	thread->state = THREAD_RUNS;
	lookups->n_waiting++;
	return 0;
}

/* ---- home's thread ---- */

static void on_done(struct task *task)
{
	struct lookup *lookup = container_of(task, struct lookup, done);

	lookup->answered(lookup, lookup->status, lookup->list);
}

int lookups_begin(struct lookups *lookups, struct lookup *lookup)
{
	int r = 0;

	assert(loop_is_current(lookups->home));
	task_init(&lookup->done, on_done);
	pthread_mutex_lock(&lookups->lock);
	if (lookups->n_waiting == 0) {
		r = add_thread(lookups);
	}
	if (r == 0) {
		lookups->n_waiting--;
		list_append(&lookups->queue, &lookup->link);
		(void)pthread_cond_signal(&lookups->work);
	}
	pthread_mutex_unlock(&lookups->lock);
	return r;
}

struct lookups *lookups_new(struct loop *home)
{
	struct lookups *lookups = calloc(1, sizeof(*lookups));
	int r = 0;

	if (lookups == NULL) {
		return NULL;
	}
	lookups->home = home;
	(void)pthread_mutex_init(&lookups->lock, NULL);
	(void)pthread_cond_init(&lookups->work, NULL);
	list_init(&lookups->queue);
	pthread_mutex_lock(&lookups->lock);
	for (unsigned i = 0; i < LOOKUPS_THREADS && r == 0; i++) {
		r = add_thread(lookups);
	}
	pthread_mutex_unlock(&lookups->lock);
	if (r < 0) {
		(void)lookups_free(lookups);
		errno = -r;
		return NULL;
	}
	return lookups;
}

static bool is_thread(struct lookups *lookups, const struct thread *thread)
{
	bool is;

	pthread_mutex_lock(&lookups->lock);
	is = thread->state != THREAD_NONE;
	pthread_mutex_unlock(&lookups->lock);
	return is;
}

struct lookups *lookups_free(struct lookups *lookups)
{
	if (lookups == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&lookups->lock);
	assert(list_empty(&lookups->queue));
	lookups->stopping = true;
	(void)pthread_cond_broadcast(&lookups->work);
	pthread_mutex_unlock(&lookups->lock);
	for (struct thread *thread = lookups->threads; thread < &lookups->threads[LOOKUPS_MAX];
		thread++) {
		if (is_thread(lookups, thread)) {
			(void)pthread_join(thread->id, NULL);
		}
	}
	(void)pthread_cond_destroy(&lookups->work);
	pthread_mutex_destroy(&lookups->lock);
	free(lookups);
	return NULL;
}
