/* test_buffer.c: cc/buffer.h. */
#include "cc/alloc.h"
#include "cc/buffer.h"

#include "../check.h"
#include "counting.h"

static size_t released;
static void release(void *data, size_t size, void *context) {
    CHECK(data == context);
    CHECK_EQUAL(size, 5);
    released++;
}

static void test_ownership(void) {
    counting_t counting = counting_begin();
    char data[] = "12345";
    cc_buffer_t *copy = cc_buffer_copy(data, 5, &counting.methods);
    data[0] = 'x';
    CHECK(memcmp(cc_buffer_slice(copy).data, "12345", 5) == 0);
    cc_buffer_t *view = cc_buffer_view(data, 5, &counting.methods);
    CHECK(cc_buffer_slice(view).data == data && cc_buffer_slice(view).length == 5);
    cc_buffer_t *taken = cc_buffer_take(data, 5, release, data, &counting.methods);
    CHECK_EQUAL(cc_buffer_references(taken), 1);
    CHECK(cc_buffer_retain(taken) == taken);
    cc_buffer_release(taken);
    CHECK_EQUAL(released, 0);
    cc_buffer_release(taken);
    CHECK_EQUAL(released, 1);
    cc_buffer_release(view);
    cc_buffer_release(copy);
    cc_buffer_release(NULL);
    CHECK_EQUAL(counting.live, 0);
    taken = cc_buffer_take(cc_alloc(100), 100, NULL, NULL, NULL); /* cc_free, under the tools' eyes */
    memset(cc_buffer_write(&taken), 1, 100);
    cc_buffer_release(taken);
    CHECK(cc_buffer_create(check_hide(0), NULL) == NULL);
    CHECK(cc_buffer_create(check_hide(SIZE_MAX), NULL) == NULL);
    CHECK(cc_buffer_view(NULL, 5, NULL) == NULL);
    CHECK(cc_buffer_take(NULL, 5, NULL, NULL, NULL) == NULL);
}

static void test_copy_on_write(void) {
    cc_buffer_t *one = cc_buffer_create(5, NULL), *other;
    char *data = cc_buffer_write(&one);
    memcpy(data, "12345", 5);
    CHECK(cc_buffer_write(&one) == data); /* the only owner's */
    other = cc_buffer_retain(one);
    char *own = cc_buffer_write(&other);
    CHECK(own != data && other != one);
    own[0] = 'x';
    CHECK(memcmp(cc_buffer_slice(one).data, "12345", 5) == 0);
    CHECK(memcmp(cc_buffer_slice(other).data, "x2345", 5) == 0);
    CHECK_EQUAL(cc_buffer_references(one), 1);
    CHECK(cc_buffer_write(&one) == data);
    cc_buffer_release(one);
    cc_buffer_release(other);
    char local[] = "12345";
    cc_buffer_t *view = cc_buffer_view(local, 5, NULL);
    cc_buffer_write(&view)[0] = 'x'; /* never the viewed bytes */
    CHECK(memcmp(local, "12345", 5) == 0);
    CHECK(memcmp(cc_buffer_slice(view).data, "x2345", 5) == 0);
    cc_buffer_release(view);
}

/* Each thread holds, lets go and now and then writes; a write must be seen by nobody else. */
static cc_buffer_t *common;
static void share(size_t index, void *unused) {
    (void)unused;
    for (size_t i = 0; i < SCALED(20000); i++) {
        cc_buffer_t *own = cc_buffer_retain(common);
        CHECK_EQUAL(cc_buffer_slice(own).data[7], 7);
        if (i % 16 == index) {
            char *data = cc_buffer_write(&own);
            CHECK(data != NULL);
            data[7] = 99;
        }
        cc_buffer_release(own);
    }
}

static void test_threads(void) {
    common = cc_buffer_create(8, NULL);
    memset(cc_buffer_write(&common), 7, 8);
    check_threads(4, share, NULL);
    CHECK_EQUAL(cc_buffer_references(common), 1);
    CHECK_EQUAL(cc_buffer_slice(common).data[7], 7);
    cc_buffer_release(common);
}

/* The last of several owners sees what the others wrote before they let go. */
static void write_one(size_t index, void *buffer) {
    char *data = (char *)(uintptr_t)cc_buffer_slice(buffer).data;
    data[index] = (char)index;
    cc_buffer_release(buffer);
}
static void sum_up(void *data, size_t size, void *context) {
    (void)size;
    for (size_t i = 0; i < 4; i++) CHECK_EQUAL(((char *)data)[i], i);
    *(bool *)context = true;
}
static void test_the_last_owner_sees_everything(void) {
    for (size_t turn = 0; turn < SCALED(200); turn++) {
        char data[4] = {9, 9, 9, 9};
        bool done = false;
        cc_buffer_t *buffer = cc_buffer_take(data, 4, sum_up, &done, NULL);
        for (int i = 0; i < 3; i++) (void)cc_buffer_retain(buffer);
        check_threads(4, write_one, buffer);
        CHECK(done);
    }
}

int main(void) {
    RUN(test_ownership);
    RUN(test_copy_on_write);
    RUN(test_threads);
    RUN(test_the_last_owner_sees_everything);
    return 0;
}
