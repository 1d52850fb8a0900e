/* smr/neutralize.c: DEBRA+'s search phases, and how a stalled one is interrupted (Brown, PODC 2015, section 5).
 *
 * A thread in a search phase has changed nothing, so it can be sent back to the begin of the phase at any moment. The
 * reclaimer raises the reader's `requests` and sends it a signal; the reader's handler ends its section, if it is in a
 * search phase, and answers. Only then is anything freed: that a signal was sent says nothing about a thread that is
 * running. */
#include <stdio.h>
#include <stdlib.h>

#include "../base/interrupt.h"
#include "smr_internal.h"

static const cc__table_t *own_table(void) {
    cc__thread_t *thread = cc__thread_self;
    return thread != NULL ? thread->slots[CC__SLOT_SMR] : NULL;
}

/* In the signal handler. */
static jmp_buf *answer(void) {
    jmp_buf *recovery = NULL;
    const cc__table_t *table = own_table();
    for (size_t i = 0; table != NULL && i < table->capacity; i++) {
        cc__smr_handle_t *handle = cc__table_at(table, i);
        if (handle == NULL) continue;
        uint64_t request = cc__load_acquire(&handle->requests); /* pairs with the release in ask() */
        if (request == cc__load_relaxed(&handle->answered)) continue;
        if (__atomic_load_n(&handle->inner.searching, __ATOMIC_RELAXED) != 0) {
            __atomic_store_n(&handle->inner.searching, 0, __ATOMIC_RELAXED);
            __atomic_store_n(&handle->inner.lower, CC_SMR_IDLE, __ATOMIC_RELEASE); /* as in cc_smr_exit */
            cc__own_add(&handle->counters.neutralizations, 1);
            recovery = &handle->recovery;
        }
        cc__store_release(&handle->answered,
                          request); /* pairs with the acquire in wait_for_answer: lower is what it says */
    }
    return recovery;
}

int cc__smr_catch_signal(int signal_number) {
    return cc__interrupt_catch(signal_number, answer);
}

void cc_smr_search_begin(cc_smr_thread_t *self) {
    if (__atomic_load_n(&self->lower, __ATOMIC_RELAXED) == CC_SMR_IDLE)
        cc_smr_enter_inline(self);             /* interrupted: a new section */
    atomic_signal_fence(memory_order_seq_cst); /* the handler finds a complete section */
    __atomic_store_n(&self->searching, 1, __ATOMIC_RELAXED);
    atomic_signal_fence(memory_order_seq_cst); /* the search stays behind it */
}

void cc_smr_search_end(cc_smr_thread_t *self) {
    atomic_signal_fence(memory_order_seq_cst); /* the search stays before it */
    __atomic_store_n(&self->searching, 0, __ATOMIC_RELAXED);
    atomic_signal_fence(memory_order_seq_cst); /* and what must not be lost behind it */
}

void cc_smr_may_block(const char *what) {
#if defined(CC_DEBUG)
    const cc__table_t *table = own_table();
    for (size_t i = 0; table != NULL && i < table->capacity; i++) {
        cc__smr_handle_t *handle = cc__table_at(table, i);
        if (handle == NULL || handle->inner.searching == 0) continue;
        fprintf(stderr, "libcc: %s inside a search phase (CC_SMR_SEARCH), which may be interrupted at any moment\n",
                what);
        abort();
    }
#else
    (void)what;
#endif
}

/* ---- the reclaimer's side --------------------------------------------------------------------------------------- */

enum { ANSWER_NS = 100000000 }; /* who does not answer in this time has the signal blocked, or is stopped */

static bool answered(const cc__smr_handle_t *reader) {
    /* acquire pairs with the release in answer() */
    return cc__load_acquire(&reader->answered) == cc__load_relaxed(&reader->requests);
}

static bool has_left(const cc__smr_handle_t *reader, uint64_t lower) {
    /* acquire pairs with the release in cc_smr_exit and answer(): what it read, it read before we free */
    return __atomic_load_n(&reader->inner.lower, __ATOMIC_ACQUIRE) != lower;
}

static void wait_for_answer(cc__smr_handle_t *reader, uint64_t lower) {
    uint64_t begin = cc__os_monotonic_ns();
    while (!answered(reader) && !has_left(reader, lower) && cc__os_monotonic_ns() - begin < ANSWER_NS) cc__os_yield();
}

/* pre: the signal lock is held. */
static void ask(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower) {
    reader->asked_at = cc__load_relaxed(&looker->domain->epoch);
    if (!cc__interrupt_caught()) {
        cc__own_add(&looker->counters.fallbacks, 1);
        return;
    }
    /* release pairs with the acquire in answer() */
    if (answered(reader)) cc__store_release(&reader->requests, cc__load_relaxed(&reader->requests) + 1);
    if (!cc__interrupt_send(cc__load_relaxed(&reader->native_id))) {
        cc__own_add(&looker->counters.fallbacks, 1);
        return;
    }
    cc__own_add(&looker->counters.signals, 1);
    wait_for_answer(reader, lower);
    if (has_left(reader, lower)) return;
    if (!answered(reader)) cc__store_relaxed(&reader->deaf, true);
    cc__own_add(&looker->counters.fallbacks, 1); /* it is not in a search phase, or deaf */
}

bool cc__smr_neutralize(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower) {
    cc_smr_t *domain = looker->domain;
    if (reader == looker) return false;
    /* Who comes while another thread waits for the answer waits, too: so no more is retired than was before the
     * signal. */
    cc__mutex_lock(&domain->signal_lock);
    if (cc__load_relaxed(&reader->deaf) && answered(reader)) cc__store_relaxed(&reader->deaf, false);
    /* One who was not searching may be searching by now; he is asked again, but not at every look. */
    bool asked_lately = reader->asked_at > lower &&
                        cc__load_relaxed(&domain->epoch) - reader->asked_at < domain->options.stall_threshold;
    if (!cc__load_relaxed(&reader->deaf) && !asked_lately && !has_left(reader, lower)) ask(looker, reader, lower);
    cc__mutex_unlock(&domain->signal_lock);
    return has_left(reader, lower);
}
