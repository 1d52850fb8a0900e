/* test_language.cpp: cc/smr.h as C++ sees it. */
#include <atomic>

#include "cc/smr.h"

#include "../check.h"

struct node {
    uint64_t value;
};

static unsigned calls;

static void count_free(void *pointer, size_t size) {
    calls++;
    cc_smr_free_node(pointer, size);
}

int main() {
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, nullptr);
    cc_smr_thread_t *self = cc_smr_self(domain);
    node *first = static_cast<node *>(cc_smr_alloc_node(self, sizeof(node)));
    CHECK(first != nullptr);
    first->value = 42;
    std::atomic<node *> slot(first);
    static_assert(sizeof slot == sizeof(void *), "what cc_smr_protect reads");
    cc_smr_enter(self);
    CHECK_EQUAL(static_cast<node *>(cc_smr_protect(self, &slot))->value, 42);
    cc_smr_exit(self);
    cc_smr_retire(self, slot.exchange(nullptr), sizeof(node), count_free);
    CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
    CHECK_EQUAL(calls, 1);
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
    return 0;
}
