/* test_queue.c: what a queue and a stack do for one thread. */
#include "queues.h"

enum { MODEL = 5000 };

typedef struct {
    uint64_t values[MODEL];
    size_t first, end; /* of the values that are in it */
} model_t;

static int compare(void *value, void *context) {
    uint64_t **next = (uint64_t **)context;
    CHECK_EQUAL((uintptr_t)value, **next);
    ++*next;
    return 0;
}

static int compare_down(void *value, void *context) {
    uint64_t **next = (uint64_t **)context;
    CHECK_EQUAL((uintptr_t)value, *--*next);
    return 0;
}

/* Random operations, the same on an array. */
static void follow_model(bool stack, bool locked, uint64_t capacity, unsigned rounds) {
    static model_t model;
    memset(&model, 0, sizeof model);
    box_t box = box_create(stack, NULL, capacity % 2 == 0 ? 7 : capacity);
    CHECK(box_exists(&box));
    if (capacity % 2 == 0) box_set_capacity(&box, capacity);
    box.locked = locked;
    cc_smr_thread_t *self = box_self(&box);
    uint64_t state = 0x9E3779B97F4A7C15u + capacity, next = 0, value = 0;
    for (unsigned round = 0; round < rounds; round++) {
        uint32_t chance = check_random(&state);
        bool mostly_in = (round / 700) % 2 == 0; /* it grows over many segments, and shrinks */
        size_t count = model.end - model.first;
        if (chance % 8 < (mostly_in ? 5 : 3) && model.end < MODEL) {
            bool room = capacity == 0 || count < capacity;
            CHECK_EQUAL(box_put(&box, self, ++next), room);
            if (room) model.values[model.end++] = next;
        } else {
            CHECK_EQUAL(box_get(&box, self, &value), count > 0);
            if (count > 0) CHECK_EQUAL(value, stack ? model.values[--model.end] : model.values[model.first++]);
        }
        CHECK_EQUAL(box_count(&box, self), model.end - model.first);
        if (round % 500 == 0) {
            uint64_t *at = stack ? model.values + model.end : model.values + model.first;
            CHECK_EQUAL(box_visit(&box, stack ? compare_down : compare, &at), 0);
            CHECK(at == (stack ? model.values + model.first : model.values + model.end));
        }
        if (model.first == model.end) model.first = model.end = 0;
    }
    box_destroy(&box);
}

static void test_like_an_array(void) {
    static const uint64_t capacities[] = {0, 1, 2, 3, 31, 32, 33, 100, 1000};
    for (size_t i = 0; i < sizeof capacities / sizeof *capacities; i++)
        for (int kind = 0; kind < 3; kind++) follow_model(kind == 0, kind == 1, capacities[i], (unsigned)SCALED(20000));
}

static void test_values_and_capacities(void) {
    cc_queue_t *queue = cc_queue_create(NULL, UINT64_MAX); /* as good as none */
    cc_smr_thread_t *self = cc_smr_self(cc_queue_domain(queue));
    CHECK_EQUAL(cc_queue_put(queue, self, NULL), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_put(queue, self, (void *)UINTPTR_MAX), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_put(queue, self, (void *)(UINTPTR_MAX - 1)), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_put_exclusive(queue, NULL), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_put_exclusive(queue, (void *)UINTPTR_MAX), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_put_exclusive(queue, (void *)(UINTPTR_MAX - 1)), -CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_queue_total(queue, self), 0);
    CHECK_EQUAL(cc_queue_put(queue, self, (void *)(UINTPTR_MAX - 2)), 1);
    CHECK_EQUAL(cc_queue_put(queue, self, (void *)1), 1);
    void *value = NULL;
    CHECK_EQUAL(cc_queue_get(queue, self, &value), 1);
    CHECK_EQUAL((uintptr_t)value, UINTPTR_MAX - 2);
    CHECK_EQUAL(cc_queue_total(queue, self), 2);
    CHECK_EQUAL(cc_queue_count(queue, self), 1);
    cc_queue_destroy(queue);
    cc_queue_destroy(NULL);

    cc_stack_t *stack = cc_stack_create(NULL, 0);
    self = cc_smr_self(cc_stack_domain(stack));
    CHECK_EQUAL(cc_stack_put(stack, self, NULL), 1);
    value = stack;
    CHECK_EQUAL(cc_stack_get(stack, self, &value), 1);
    CHECK(value == NULL);
    cc_stack_destroy(stack);
    cc_stack_destroy(NULL);
}

/* Wherever in a segment the end is. */
static void test_closing(void) {
    for (int kind = 0; kind < 3; kind++) {
        bool stack = kind == 0;
        for (uint64_t count = 0; count < 110; count++) {
            box_t box = box_create(stack, NULL, 0);
            box.locked = kind == 1;
            cc_smr_thread_t *self = box_self(&box);
            for (uint64_t i = 1; i <= count; i++) CHECK_EQUAL(box_put(&box, self, i), 1);
            box_close(&box, self);
            box_close(&box, self);
            CHECK_EQUAL(box_put(&box, self, 1), -CC_ERROR_STATE);
            CHECK_EQUAL(box_count(&box, self), count);
            if (!stack) CHECK_EQUAL(cc_queue_total(box.queue, self), count);
            uint64_t value = 0;
            for (uint64_t i = 1; i <= count; i++) {
                CHECK_EQUAL(box_get(&box, self, &value), 1);
                CHECK_EQUAL(value, stack ? count + 1 - i : i);
            }
            for (int again = 0; again < 2; again++) CHECK_EQUAL(box_get(&box, self, &value), -CC_ERROR_STATE);
            for (int again = 0; again < 2; again++) CHECK_EQUAL(box_put(&box, self, 1), -CC_ERROR_STATE);
            box_destroy(&box);
        }
    }
}

/* What is full is said to be closed once it is. */
static void test_closing_when_full(void) {
    for (int kind = 0; kind < 3; kind++) {
        box_t box = box_create(kind == 0, NULL, 2);
        box.locked = kind == 1;
        cc_smr_thread_t *self = box_self(&box);
        CHECK(box_put(&box, self, 1) == 1 && box_put(&box, self, 2) == 1 && box_put(&box, self, 3) == 0);
        CHECK_EQUAL(box_put(&box, self, 3), 0);
        box_close(&box, self);
        for (int again = 0; again < 2; again++) CHECK_EQUAL(box_put(&box, self, 3), -CC_ERROR_STATE);
        box_destroy(&box); /* with what is in it */
    }
}

static int stop_at_third(void *value, void *context) {
    (void)context;
    return (uintptr_t)value == 3 ? 33 : 0;
}

static void test_visit_stops(void) {
    for (int stack = 0; stack < 2; stack++) {
        box_t box = box_create(stack != 0, NULL, 0);
        for (uint64_t i = 1; i <= 100; i++) CHECK_EQUAL(box_put(&box, box_self(&box), i), 1);
        CHECK_EQUAL(box_visit(&box, stop_at_third, NULL), 33);
        box_destroy(&box);
    }
}

/* Memory follows what is inside; one domain serves several. */
static void test_memory(void) {
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, NULL);
    cc_smr_thread_t *self = cc_smr_self(domain);
    for (int stack = 0; stack < 2; stack++) {
        box_t box = box_create(stack != 0, domain, 0), other = box_create(stack != 0, domain, 5);
        size_t empty = box_memory_usage(&box, self), full;
        CHECK(empty < 1024);
        uint64_t value = 0;
        for (uint64_t i = 1; i <= 100000; i++) CHECK_EQUAL(box_put(&box, self, i), 1);
        full = box_memory_usage(&box, self);
        CHECK(full > 100000 * sizeof(void *) && full < 100000 * (stack ? CC_CACHE_LINE_SIZE : 8) * 11 / 10);
        CHECK_EQUAL(box_put(&other, self, 1), 1);
        for (uint64_t i = 1; i <= 100000; i++) CHECK_EQUAL(box_get(&box, self, &value), 1);
        CHECK(box_memory_usage(&box, self) < 20 * 1024);
        box_destroy(&box);
        box_destroy(&other);
        CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
        CHECK_EQUAL(domain_stats(domain).pending_nodes, 0);
    }
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

/* A segment is freed only when neither end is in it any more, wherever the queue became empty. */
static void test_segments_are_left_behind(void) {
    cc_smr_options_t options = cc_smr_options();
    options.batch_nodes = 1;
    cc_smr_t *domain = cc_smr_create(CC_SMR_IBR, &options);
    cc_smr_thread_t *self = cc_smr_self(domain);
    for (uint64_t count = 1; count < 110; count++) {
        box_t box = box_create(false, domain, 0);
        uint64_t value = 0;
        for (int round = 0; round < 3; round++) {
            for (uint64_t i = 1; i <= count; i++) CHECK_EQUAL(box_put(&box, self, i), 1);
            for (uint64_t i = 1; i <= count; i++) CHECK(box_get(&box, self, &value) == 1 && value == i);
            CHECK_EQUAL(box_get(&box, self, &value), 0);
            CHECK_EQUAL(cc_smr_drain(self, 0), CC_OK);
        }
        box_destroy(&box);
    }
    CHECK_EQUAL(cc_smr_destroy(domain), CC_OK);
}

int main(void) {
    RUN(test_like_an_array);
    RUN(test_values_and_capacities);
    RUN(test_closing);
    RUN(test_closing_when_full);
    RUN(test_visit_stops);
    RUN(test_memory);
    RUN(test_segments_are_left_behind);
    return 0;
}
