/* smr/smr.c: domains and handles: how they come and go, with threads, fork and destruction. */
#include <stdlib.h>
#include <string.h>

#include "../base/blocking.h"
#include "../base/fault.h"
#include "../base/fork.h"
#include "smr_internal.h"

_Static_assert(sizeof(struct cc_smr_header) == CC_SMR_HEADER_SIZE, "a node is aligned to 16");

cc__mutex_t cc__smr_registry_lock;
cc_smr_t *cc__smr_domains;
static uint64_t last_id; /* under the registry's lock, like the rest here */

/* ---- handles ---------------------------------------------------------------------------------------------------- */

static cc__smr_chunk_t *make_chunk(size_t capacity) {
    cc__smr_chunk_t *chunk = cc__os_map(sizeof *chunk + capacity * sizeof *chunk->handles);
    if (chunk != NULL) chunk->capacity = capacity;
    return chunk;
}

static size_t chunk_size(const cc__smr_chunk_t *chunk) {
    return sizeof *chunk + chunk->capacity * sizeof *chunk->handles;
}

static size_t arrays_size(const cc_smr_t *domain) {
    return (2 * domain->capacity + CC__SMR_AHEAD) * sizeof(cc__smr_node_t *);
}

/* A handle that was never used. pre: the domain's lock is held. */
static cc__smr_handle_t *new_handle(cc_smr_t *domain) {
    cc__smr_chunk_t *chunk = domain->first;
    size_t total = chunk->capacity;
    while (cc__load_relaxed(&chunk->next) != NULL) {
        chunk = cc__load_relaxed(&chunk->next);
        total += chunk->capacity;
    }
    size_t used = cc__load_relaxed(&chunk->used);
    if (used == chunk->capacity) {
        cc__smr_chunk_t *more = make_chunk(total);
        if (more == NULL) return NULL;
        cc__store_release(&chunk->next, more); /* pairs with CC__SMR_EACH_HANDLE: the chunk is complete */
        chunk = more;
        used = 0;
    }
    cc__smr_handle_t *handle = &chunk->handles[used];
    handle->domain = domain;
    handle->inner.lower = CC_SMR_IDLE;
    handle->inner.epoch = (uint64_t *)&domain->epoch;
    handle->inner.fenced = !domain->asymmetric;
    handle->inner.recovery = domain->scheme->interrupts ? &handle->recovery : NULL;
    cc__store_release(&chunk->used, used + 1); /* pairs with CC__SMR_EACH_HANDLE: the handle is complete */
    return handle;
}

static void put_back(cc_smr_t *domain, cc__smr_handle_t *handle) {
    cc__store_relaxed(&handle->owner, NULL);
    handle->next_free = domain->free_handles;
    domain->free_handles = handle;
}

/* pre: the domain's lock is held. */
static cc__smr_handle_t *take_handle(cc_smr_t *domain, cc__thread_t *thread) {
    cc__smr_handle_t *handle = domain->free_handles;
    if (handle != NULL)
        domain->free_handles = handle->next_free;
    else
        handle = new_handle(domain);
    if (handle == NULL) return NULL;
    if (handle->arrays == NULL) handle->arrays = cc__os_map(arrays_size(domain));
    if (handle->arrays == NULL) {
        put_back(domain, handle);
        return NULL;
    }
    cc__smr_begin_fill(handle);
    handle->inner.births_left = (uint32_t)domain->options.epoch_frequency;
    handle->retired_before = cc__load_relaxed(&handle->counters.retired_nodes);
    handle->neutralized_before = cc__load_relaxed(&handle->counters.neutralizations);
    cc__store_relaxed(&handle->deaf, false);
    cc__store_relaxed(&handle->native_id, thread->native_id);
    cc__store_relaxed(&handle->owner, thread);
    return handle;
}

static __attribute__((noinline)) cc_smr_thread_t *attach(cc_smr_t *domain) {
    cc__thread_t *thread = cc__thread_get();
    if (thread == NULL) return NULL;
    cc__smr_handle_t *handle = NULL;
    cc__mutex_lock(&cc__smr_registry_lock);
    cc__table_t *table = cc__table_with_room(&thread->slots[CC__SLOT_SMR], domain->index, NULL);
    if (table != NULL) {
        cc__mutex_lock(&domain->lock);
        handle = take_handle(domain, thread);
        cc__mutex_unlock(&domain->lock);
        cc__table_set(table, domain->index, handle);
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return handle != NULL ? &handle->inner : NULL;
}

cc_smr_thread_t *cc_smr_self(cc_smr_t *domain) {
    cc__thread_t *thread = cc__thread_self;
    if (CC_LIKELY(thread != NULL)) {
        cc__smr_handle_t *handle =
            cc__table_at(thread->slots[CC__SLOT_SMR], domain->index); /* others only clear it, in destroy */
        if (CC_LIKELY(handle != NULL)) return &handle->inner;
    }
    return attach(domain);
}

/* Takes a handle out of the calling thread's table, which goes with the last one. pre: the registry's lock is held. */
static void forget(cc__thread_t *thread, size_t index) {
    cc__table_t *table = thread->slots[CC__SLOT_SMR];
    cc__table_set(table, index, NULL);
    for (size_t i = 0; i < table->capacity; i++)
        if (cc__table_at(table, i) != NULL) return;
    cc__table_drop(&thread->slots[CC__SLOT_SMR]);
}

/* Gives a handle back, from its own thread. pre: its domain's `leaving` was raised, so that the domain is not
 * destroyed. */
static void leave(cc__smr_handle_t *handle) {
    cc_smr_t *domain = handle->domain;
    handle->inner.searching = 0;
    handle->inner.nested = 0;
    __atomic_store_n(&handle->inner.lower, CC_SMR_IDLE, __ATOMIC_RELEASE); /* as in cc_smr_exit */
    cc__smr_flush(handle);
    cc__mutex_lock(&cc__smr_registry_lock);
    cc__mutex_lock(&domain->lock);
    cc__smr_abandon(handle);
    put_back(domain, handle);
    cc__mutex_unlock(&domain->lock);
    domain->leaving--;
    forget(cc__thread_self, domain->index);
    cc__mutex_unlock(&cc__smr_registry_lock);
}

void cc_smr_detach(cc_smr_thread_t *self) {
    if (self == NULL) return;
    cc__smr_handle_t *handle = cc__smr_handle(self);
    cc__mutex_lock(&cc__smr_registry_lock);
    handle->domain->leaving++;
    cc__mutex_unlock(&cc__smr_registry_lock);
    leave(handle);
}

/* A thread ends. What free functions attach meanwhile is found by the next round. */
static void end_thread(cc__thread_t *thread) {
    for (;;) {
        cc__smr_handle_t *handle = NULL;
        cc__mutex_lock(&cc__smr_registry_lock);
        cc__table_t *table = thread->slots[CC__SLOT_SMR];
        for (size_t i = 0; table != NULL && i < table->capacity && handle == NULL; i++) handle = cc__table_at(table, i);
        if (handle != NULL)
            handle->domain->leaving++;
        else /* a table without handles: others destroyed their domains */
            cc__table_drop(&thread->slots[CC__SLOT_SMR]);
        cc__mutex_unlock(&cc__smr_registry_lock);
        if (handle == NULL) return;
        leave(handle);
    }
}

cc_smr_t *cc_smr_domain(const cc_smr_thread_t *self) {
    return cc__smr_handle(self)->domain;
}

void cc_smr_advance_epoch(cc_smr_thread_t *self) {
    cc__smr_handle_t *handle = cc__smr_handle(self);
    self->births_left = (uint32_t)handle->domain->options.epoch_frequency;
    /* a read-modify-write, as every change of the epoch: see reclaim.c */
    (void)cc__add_acq_rel(&handle->domain->epoch, 1);
}

/* ---- domains ---------------------------------------------------------------------------------------------------- */

/* Links the domain, under the smallest index that no living one has. */
static void enlist(cc_smr_t *domain) {
    cc__mutex_lock(&cc__smr_registry_lock);
    domain->id = ++last_id;
    bool taken = true;
    for (domain->index = 0; taken; domain->index += taken) {
        taken = false;
        for (cc_smr_t *other = cc__smr_domains; other != NULL; other = other->next)
            taken |= other->index == domain->index;
    }
    cc_smr_t **link = &cc__smr_domains;
    while (*link != NULL) link = &(*link)->next;
    *link = domain;
    cc__mutex_unlock(&cc__smr_registry_lock);
}

cc_smr_t *cc_smr_create(cc_smr_scheme_t scheme, const cc_smr_options_t *options) {
    cc_smr_options_t chosen = options != NULL ? *options : cc_smr_options();
    if (scheme == CC_SMR_DEFAULT) scheme = cc_smr_default_scheme();
    if (cc_smr_scheme_name((int)scheme) == NULL || cc_smr_check_options(&chosen) != NULL) return NULL;
    chosen.name[CC_SMR_NAME_SIZE - 1] = 0;
    const cc__smr_scheme_t *kind = &cc__smr_schemes[scheme];
    if (kind->interrupts && cc__smr_catch_signal((int)chosen.signal) != CC_OK) return NULL;

    cc_smr_t *domain = cc__os_map(sizeof *domain);
    if (domain == NULL) return NULL;
    domain->first = make_chunk((size_t)chosen.initial_threads);
    if (domain->first == NULL) {
        cc__os_unmap(domain, sizeof *domain);
        return NULL;
    }
    domain->scheme = kind;
    domain->kind = scheme;
    domain->options = chosen;
    domain->asymmetric = chosen.plain_fence == 0 && cc__os_barrier_available();
    domain->threshold = (size_t)(domain->asymmetric ? chosen.batch_nodes : chosen.retire_threshold);
    domain->look_at = domain->asymmetric ? domain->threshold / 8 : domain->threshold - domain->threshold / 4;
    domain->step = domain->asymmetric ? 64 : domain->threshold / 4;
    if (domain->step < 1) domain->step = 1;
    if (domain->step > domain->threshold) domain->step = domain->threshold;
    /* A batch is freed while the rest of the next is gathered, little by little: what is freed is taken again while it
     * is in the first cache. */
    domain->budget = domain->asymmetric ? domain->step + domain->step / 4 : (size_t)chosen.reclaim_per_poll;
    if (domain->budget < 2) domain->budget = 2; /* fewer than are retired meanwhile would never come to an end */
    domain->capacity = domain->threshold + 64;
    cc__store_relaxed(&domain->epoch, 1);
    enlist(domain);
    return domain;
}

/* Takes the domain out of every list. False when a thread is inside a section. */
static bool delist(cc_smr_t *domain) {
    cc__mutex_lock(&cc__smr_registry_lock);
    while (domain->leaving > 0) {
        cc__mutex_unlock(&cc__smr_registry_lock);
        cc__os_yield();
        cc__mutex_lock(&cc__smr_registry_lock);
    }
    bool quiet = true;
    CC__SMR_EACH_HANDLE(domain, handle) {
        /* acquire pairs with the release in cc_smr_exit */
        quiet &= __atomic_load_n(&handle->inner.lower, __ATOMIC_ACQUIRE) == CC_SMR_IDLE;
    }
    if (quiet) {
        CC__SMR_EACH_HANDLE(domain, handle) {
            cc__thread_t *owner = cc__load_relaxed(&handle->owner);
            if (owner == NULL || owner == cc__thread_self) continue; /* free functions may use the caller's */
            cc__table_t *table = owner->slots[CC__SLOT_SMR];
            cc__table_set(table, domain->index, NULL);
        }
        cc_smr_t **link = &cc__smr_domains;
        while (*link != domain) link = &(*link)->next;
        *link = domain->next;
    }
    cc__mutex_unlock(&cc__smr_registry_lock);
    return quiet;
}

int cc_smr_destroy(cc_smr_t *domain) {
    if (domain == NULL) return CC_OK;
    if (!delist(domain)) return CC_ERROR_STATE;
    /* Free functions may retire through the caller's handle, or attach one. */
    do {
        CC__SMR_EACH_HANDLE(domain, handle) {
            if (handle->arrays == NULL) continue;
            cc__smr_abandon(handle);
            cc__smr_begin_fill(handle);
        }
        cc__smr_free_orphans(domain);
        CC__SMR_EACH_HANDLE(domain, handle) {
            if (handle->arrays != NULL) cc__smr_abandon(handle);
        }
    } while (domain->orphans.count > 0);

    cc__thread_t *thread = cc__thread_self;
    cc__mutex_lock(&cc__smr_registry_lock);
    const cc__table_t *table = thread != NULL ? thread->slots[CC__SLOT_SMR] : NULL;
    if (table != NULL && domain->index < table->capacity) forget(thread, domain->index);
    cc__mutex_unlock(&cc__smr_registry_lock);
    CC__SMR_EACH_HANDLE(domain, handle) {
        if (handle->arrays != NULL) cc__os_unmap(handle->arrays, arrays_size(domain));
    }
    for (cc__smr_chunk_t *chunk = domain->first, *next; chunk != NULL; chunk = next) {
        next = cc__load_relaxed(&chunk->next);
        cc__os_unmap(chunk, chunk_size(chunk));
    }
    free(cc__load_relaxed(&domain->delays));
    cc__os_unmap(domain, sizeof *domain);
    return CC_OK;
}

cc_smr_scheme_t cc_smr_scheme(const cc_smr_t *domain) {
    return domain->kind;
}

uint64_t cc_smr_id(const cc_smr_t *domain) {
    return domain->id;
}

/* ---- the calls that are inlined, as functions -------------------------------------------------------------------- */

void(cc_smr_enter)(cc_smr_thread_t *self) {
    cc_smr_enter_inline(self);
}

void(cc_smr_exit)(cc_smr_thread_t *self) {
    cc_smr_exit_inline(self);
}

void *(cc_smr_protect)(cc_smr_thread_t * self, const void *address) {
    return cc_smr_protect_inline(self, address);
}

void *(cc_smr_alloc_node)(cc_smr_thread_t * self, size_t size) {
    return cc_smr_alloc_node_inline(self, size);
}

void(cc_smr_retire)(cc_smr_thread_t *self, void *node, size_t size, cc_smr_free_function_t *free_function) {
    cc_smr_retire_inline(self, node, size, free_function);
}

void cc_smr_free_node(void *node, size_t size) {
    if (node != NULL) cc_free((struct cc_smr_header *)node - 1, size + CC_SMR_HEADER_SIZE);
}

/* ---- fork ------------------------------------------------------------------------------------------------------- */

static void before_fork(void) {
    for (cc_smr_t *domain = cc__smr_domains; domain != NULL; domain = domain->next) cc__mutex_lock(&domain->lock);
}

static void after_fork(void) {
    for (cc_smr_t *domain = cc__smr_domains; domain != NULL; domain = domain->next) cc__mutex_unlock(&domain->lock);
}

/* The other threads are no more: their sections end, and what they had is handed on, unless they were changing it. */
static void after_fork_in_child(void) {
    cc__thread_t *self = cc__thread_self;
    for (cc_smr_t *domain = cc__smr_domains; domain != NULL; domain = domain->next) {
        CC__SMR_EACH_HANDLE(domain, handle) {
            cc__thread_t *owner = cc__load_relaxed(&handle->owner);
            if (owner == self && owner != NULL) cc__store_relaxed(&handle->native_id, cc__os_thread_id());
            if (owner == NULL || owner == self) continue;
            handle->inner.searching = 0;
            handle->inner.nested = 0;
            __atomic_store_n(&handle->inner.lower, CC_SMR_IDLE, __ATOMIC_RELAXED);
            if (!cc__load_acquire(&handle->collecting)) { /* pairs with end_collecting */
                cc__smr_abandon(handle);
                put_back(domain, handle);
            } else {
                cc__store_relaxed(&handle->owner, NULL); /* the handle is lost with what it holds */
            }
        }
        domain->leaving = 0;
        domain->signal_lock = (cc__mutex_t){0};
    }
}

CC__AT_FORK(CC__FORK_SMR, .locks = &cc__smr_registry_lock, .count = 1, .before = before_fork,
            .in_child = after_fork_in_child, .after = after_fork);

__attribute__((constructor)) static void set_handlers(void) {
    cc__thread_at_exit(CC__SLOT_SMR, end_thread);
#if defined(CC_DEBUG)
    cc__store_relaxed(&cc__blocking_check, cc_smr_may_block);
#endif
}
