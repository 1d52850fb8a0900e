// test_language.cpp: the library from C++, where static objects allocate before main and free after it.
#include "cc/alloc.h"

#include "../check.h"

namespace {

class Held {
  public:
    explicit Held(std::size_t size) : size_(size), bytes_(static_cast<char *>(cc_alloc(size))) {
        CHECK(bytes_ != nullptr);
        memset(bytes_, 1, size_);
    }
    Held(const Held &) = delete;
    Held &operator=(const Held &) = delete;
    ~Held() {
        cc_free(bytes_, size_);
        void *late = cc_alloc_node(24); // after main, after other objects' destructors
        CHECK(late != nullptr);
        cc_free(late, 24);
        cc_free(cc_realloc(cc_alloc(10), 10, 4000), 4000);
    }

    void write() {
        bytes_[0] = 2;
    }

  private:
    std::size_t size_;
    char *bytes_;
};

Held before_main(1000);
thread_local Held of_a_thread(100);

void touch(std::size_t, void *) {
    of_a_thread.write();
}

void test_thread_locals_of_cpp() {
    cc_alloc_stats_enable(true);
    cc_alloc_stats_reset();
    check_threads(4, touch, nullptr);
    cc_alloc_snapshot_t found = cc_alloc_stats_snapshot();
    CHECK_EQUAL(found.alloc_count, cc_alloc_stats_enabled() ? 4 * 4 : 0); /* two for the realloc */
    CHECK_EQUAL(found.free_count, found.alloc_count);
    CHECK_EQUAL(found.current_allocated, 0);
}

void test_functions_have_addresses() {
    void *(*allocate)(std::size_t) = &cc_alloc;
    void (*release)(void *, std::size_t) = &cc_free;
    release(allocate(10), 10);
}

} // namespace

int main() {
    RUN(test_thread_locals_of_cpp);
    RUN(test_functions_have_addresses);
    return 0;
}
