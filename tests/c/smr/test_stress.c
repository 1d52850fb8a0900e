/* test_stress.c: a stack and a queue under 1 to 8 threads, with each scheme, plain and asymmetric. */
#include "stress.h"

enum { ROUNDS = 40000 };

static void stress_all_schemes(bool plain) {
    cc_smr_options_t options = cc_smr_options();
    options.plain_fence = plain;
    options.batch_nodes = 64;
    options.epoch_frequency = 32;
    options.stall_threshold = 2; /* so that DEBRA+ interrupts threads that were merely preempted */
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++)
        for (size_t threads = 1; threads <= 8; threads *= 2)
            run_stress((cc_smr_scheme_t)scheme, &options, threads, SCALED(ROUNDS) / threads);
}

static void test_asymmetric(void) {
    stress_all_schemes(false);
}

static void test_plain(void) {
    stress_all_schemes(true);
}

static void test_defaults(void) {
    for (int scheme = CC_SMR_IBR; scheme <= CC_SMR_NONE; scheme++)
        run_stress((cc_smr_scheme_t)scheme, NULL, 4, SCALED(4 * ROUNDS));
}

int main(void) {
    RUN(test_asymmetric);
    RUN(test_plain);
    RUN(test_defaults);
    return 0;
}
