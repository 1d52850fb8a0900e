/* test_elimination.c: the places where puts and gets of a stack meet, which they seldom come to: offers and
 * acceptances alone. */
#include "../../../csrc/collections/stack.c"

#include "../check.h"

/* What the library hides. */
cc_smr_t *cc__collections_domain_get(void) {
    return cc_smr_create(CC_SMR_IBR, NULL);
}
void cc__collections_domain_put(void) {}
uint64_t cc__os_monotonic_ns(void) {
    return check_now();
}

enum { OFFERED = 200000, SIDE = 2 };

static cc_stack_t *stack;
static atomic_uint_fast64_t given, withdrawn, taken, given_sum, taken_sum;
static atomic_int offering;

static void meet(size_t index, void *unused) {
    (void)unused;
    cc_smr_thread_t *self = cc_smr_self(cc_stack_domain(stack));
    _Atomic(void *) *place = &stack->offers[0].node;
    if (index < SIDE) {
        for (uint64_t i = 1; i <= SCALED(OFFERED); i++) {
            node_t *node = cc_smr_alloc_node(self, sizeof *node);
            node->value = (void *)(uintptr_t)i;
            cc_smr_enter(self);
            bool gone = offer(stack, place, node, i % 8 == 0 ? LOOKS * 50 : 0);
            cc_smr_exit(self);
            if (gone) {
                atomic_fetch_add(&given, 1);
                atomic_fetch_add(&given_sum, i);
            } else {
                CHECK_EQUAL((uintptr_t)node->value, i); /* still ours */
                cc_smr_free_node(node, sizeof *node);
                atomic_fetch_add(&withdrawn, 1);
            }
        }
        atomic_fetch_sub(&offering, 1);
    } else {
        while (atomic_load(&offering) > 0) {
            cc_smr_enter(self);
            node_t *node = accept(stack, self, place);
            if (node != NULL) {
                atomic_fetch_add(&taken, 1);
                atomic_fetch_add(&taken_sum, (uintptr_t)node->value);
                cc_smr_retire(self, node, sizeof *node, NULL);
            }
            cc_smr_exit(self);
        }
    }
}

/* Each is taken once, or withdrawn. */
static void test_offers(void) {
    atomic_store(&offering, SIDE);
    check_threads(2 * SIDE, meet, NULL);
    CHECK_EQUAL(given, taken);
    CHECK_EQUAL(given_sum, taken_sum);
    CHECK_EQUAL(given + withdrawn, SIDE * SCALED(OFFERED));
    CHECK(taken > 0);
    for (size_t i = 0; i < OFFERS; i++) CHECK(stack->offers[i].node == NULL);
}

/* When the stack is closed neither side goes on. */
static void test_closed(void) {
    cc_smr_thread_t *self = cc_smr_self(cc_stack_domain(stack));
    node_t *node = cc_smr_alloc_node(self, sizeof *node);
    _Atomic(void *) *place = &stack->offers[1].node;
    cc_smr_enter(self);
    atomic_store(place, node);
    cc_stack_close(stack, self);
    CHECK(accept(stack, self, place) == NULL);
    atomic_store(place, NULL);
    CHECK(!offer(stack, place, node, 1000));
    CHECK(atomic_load(place) == NULL);
    cc_smr_exit(self);
    cc_smr_free_node(node, sizeof *node);
}

int main(void) {
    stack = cc_stack_create(NULL, 0);
    RUN(test_offers);
    RUN(test_closed);
    cc_smr_t *domain = cc_stack_domain(stack);
    cc_stack_destroy(stack);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    return 0;
}
