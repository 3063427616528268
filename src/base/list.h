/* SPDX-License-Identifier: ISC */
/*
 * Intrusive doubly linked lists.
 *
 * A `struct list` is both the head of a list and the link that an element embeds. Nothing is
 * allocated, and a list owns nothing. A field that is a head names its element in a comment:
 *
 *	struct list sessions;	// struct session::link   (as a block comment in the code)
 *
 * A link that was initialised or removed points to itself. So list_remove() may be called twice,
 * and list_empty(&x->link) tells whether x is on no list.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>

/** The object of type `type` whose `member` is at `ptr`, which must be of the member's type. */
#define container_of(ptr, type, member)                                                            \
	({                                                                                         \
		static_assert(                                                                     \
			__builtin_types_compatible_p(typeof(*(ptr)), typeof(((type *)0)->member)), \
			"not a pointer to " #type "::" #member);                                   \
		(type *)(void *)((char *)(ptr)-offsetof(type, member));                            \
	})

/** Walks a list. The body may remove `pos`, but not the element after it. */
#define list_for_each(pos, head)                                                                   \
	for (struct list *pos = (head)->next, *pos##_next = pos->next; pos != (head);              \
		pos = pos##_next, pos##_next = pos->next)

struct list {
	struct list *prev; /**< the last element, seen from a head */
	struct list *next; /**< the first element, seen from a head */
};

static inline void list_init(struct list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/** Puts `link`, which must be on no list, at the end of `head`. */
static inline void list_append(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/** Takes `link` off its list. Does nothing if it is on none. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/** Moves all elements of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_empty(from)) {
		return;
	}
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#endif
