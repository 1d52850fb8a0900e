/* stress.h: threads that push and pop, put and get: nothing is lost, nothing comes twice, and what is read is alive. */
#ifndef STRESS_H
#define STRESS_H

#include "structures.h"

typedef struct stress {
    cc_smr_t *domain;
    stack_t_ stack;
    queue_t_ queue;
    size_t rounds;
    atomic_uint_fast64_t sum_in, sum_out, nodes_made;
} stress_t;

static inline void stress_thread(size_t index, void *argument) {
    stress_t *stress = (stress_t *)argument;
    cc_smr_thread_t *self = cc_smr_self(stress->domain);
    CHECK(self != NULL && self == cc_smr_self(stress->domain));
    uint64_t state = 0x9E3779B97F4A7C15u + index, in = 0, out = 0, made = 0, value = 0;
    for (size_t i = 0; i < stress->rounds; i++) {
        uint64_t next = index * stress->rounds + i + 1;
        switch (check_random(&state) % 4) {
        case 0:
            stack_push(self, &stress->stack, next);
            in += next;
            made++;
            break;
        case 1:
            queue_put(self, &stress->queue, next);
            in += next;
            made++;
            break;
        case 2: out += stack_pop(self, &stress->stack, &value) ? value : 0; break;
        default: out += queue_get(self, &stress->queue, &value) ? value : 0; break;
        }
    }
    atomic_fetch_add(&stress->sum_in, in);
    atomic_fetch_add(&stress->sum_out, out);
    atomic_fetch_add(&stress->nodes_made, made);
}

static inline void run_stress(cc_smr_scheme_t scheme, const cc_smr_options_t *options, size_t threads, size_t rounds) {
    static stress_t stress;
    memset(&stress, 0, sizeof stress);
    atomic_store(&nodes_freed, 0);
    stress.domain = cc_smr_create(scheme, options);
    CHECK(stress.domain != NULL);
    stress.rounds = rounds;
    cc_smr_thread_t *self = cc_smr_self(stress.domain);
    CHECK(self != NULL);
    queue_begin(self, &stress.queue);
    check_threads(threads, stress_thread, &stress);

    uint64_t value = 0, rest = 0;
    while (stack_pop(self, &stress.stack, &value)) rest += value;
    while (queue_get(self, &stress.queue, &value)) rest += value;
    CHECK_EQUAL(stress.sum_out + rest, stress.sum_in);
    give_up(self, atomic_load(&stress.queue.head)); /* the dummy */
    if (scheme != CC_SMR_NONE) CHECK_EQUAL(cc_smr_drain(self, UINT64_C(60000000000)), CC_OK);
    CHECK_EQUAL(cc_smr_destroy(stress.domain), CC_OK);
    CHECK_EQUAL(atomic_load(&nodes_freed), stress.nodes_made + 1); /* each once */
}

#endif
