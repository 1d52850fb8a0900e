/* test_file.c: cc/file.h. */
#include "cc/file.h"

#include "../check.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char name[] = "/tmp/cc_file_XXXXXX";
static size_t page;

static void fill(size_t size) {
    int file = open(name, O_WRONLY | O_TRUNC);
    CHECK(file >= 0);
    for (size_t i = 0; i < size; i++) {
        char byte = (char)(i * 7);
        if (i % 4096 == 0 || i == size - 1) CHECK(pwrite(file, &byte, 1, (off_t)i) == 1);
    }
    close(file);
}

static cc_file_t *opened(unsigned flags) {
    cc_file_t *mapped;
    CHECK_EQUAL(cc_file_open(name, flags, &mapped), CC_OK);
    return mapped;
}

static void test_contents(void) {
    fill(3 * page + 5);
    cc_file_t *mapped = opened(0);
    cc_slice_t slice = cc_file_slice(mapped);
    CHECK_EQUAL(slice.length, 3 * page + 5);
    CHECK_EQUAL((unsigned char)slice.data[page], (unsigned char)(page * 7));
    char byte;
    CHECK_EQUAL(cc_file_read(mapped, 3 * page + 4, &byte, 1), CC_OK);
    CHECK_EQUAL(byte, slice.data[3 * page + 4]);
    CHECK_EQUAL(cc_file_read(mapped, 3 * page + 5, &byte, 0), CC_OK);
    CHECK_EQUAL(cc_file_read(mapped, 3 * page + 5, &byte, 1), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_file_read(mapped, SIZE_MAX, &byte, 2), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_file_read(mapped, 2, &byte, check_hide(SIZE_MAX)), CC_ERROR_ARGUMENT);
    CHECK(!cc_file_truncated(mapped));
    for (int advice = CC_FILE_NORMAL; advice <= CC_FILE_DONT_NEED; advice++) {
        CHECK_EQUAL(cc_file_advise(mapped, 0, SIZE_MAX, (cc_file_advice_t)advice), CC_OK);
        CHECK_EQUAL(cc_file_advise(mapped, page + 3, 10, (cc_file_advice_t)advice), CC_OK);
        CHECK_EQUAL(cc_file_advise(mapped, SIZE_MAX, 10, (cc_file_advice_t)advice), CC_OK);
    }
    CHECK_EQUAL(cc_file_advise(mapped, 0, 1, (cc_file_advice_t)17), CC_ERROR_ARGUMENT);
    CHECK_EQUAL((unsigned char)slice.data[page], (unsigned char)(page * 7));
    CHECK(unlink(name) == 0); /* the mapping stays */
    CHECK_EQUAL((unsigned char)slice.data[page], (unsigned char)(page * 7));
    cc_file_close(mapped);
    cc_file_close(NULL);
    CHECK(close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
}

static void test_copy_on_write_never_reaches_the_file(void) {
    fill(page);
    for (unsigned guarded = 0; guarded <= CC_FILE_GUARDED; guarded += CC_FILE_GUARDED) {
        cc_file_t *mapped = opened(CC_FILE_COPY_ON_WRITE | guarded), *other = opened(0);
        char *data = (char *)(uintptr_t)cc_file_slice(mapped).data;
        data[1] = 'x';
        CHECK_EQUAL(data[1], 'x');
        CHECK_EQUAL(cc_file_slice(other).data[1], 0);
        char byte;
        CHECK_EQUAL(cc_file_read(mapped, 1, &byte, 1), CC_OK);
        CHECK_EQUAL(byte, 0);
        cc_file_close(mapped);
        cc_file_close(other);
    }
}

static void test_clear_errors(void) {
    cc_file_t *mapped;
    CHECK_EQUAL(cc_file_open("/tmp/cc_there_is_no_such_file", 0, &mapped), CC_ERROR_MISSING);
    CHECK(mapped == NULL);
    CHECK_EQUAL(cc_file_open("/tmp/cc_there_is_no_such_file/inside", 0, &mapped), CC_ERROR_MISSING);
    CHECK_EQUAL(cc_file_open("/tmp", 0, &mapped), CC_ERROR_DIRECTORY);
    CHECK_EQUAL(cc_file_open("/dev/null", 0, &mapped), CC_ERROR_KIND);
    fill(0);
    CHECK_EQUAL(cc_file_open(name, 0, &mapped), CC_ERROR_EMPTY);
    CHECK_EQUAL(cc_file_open(NULL, 0, &mapped), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_file_open(name, 64, &mapped), CC_ERROR_ARGUMENT);
    CHECK_EQUAL(cc_file_open(name, 0, NULL), CC_ERROR_ARGUMENT);
    CHECK(unlink(name) == 0 && mkfifo(name, 0600) == 0);
    CHECK_EQUAL(cc_file_open(name, 0, &mapped), CC_ERROR_KIND); /* and does not wait for a writer */
    CHECK(unlink(name) == 0 && close(open(name, O_CREAT | O_WRONLY, 0600)) == 0);
    fill(page);
    if (geteuid() != 0) {
        CHECK(chmod(name, 0) == 0);
        CHECK_EQUAL(cc_file_open(name, 0, &mapped), CC_ERROR_ACCESS);
        CHECK(chmod(name, 0600) == 0);
    }
    struct rlimit limit, none;
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    none = limit;
    none.rlim_cur = 0;
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK_EQUAL(cc_file_open(name, 0, &mapped), CC_ERROR_LIMIT);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void read_truncated(unsigned flags) {
    fill(4 * page);
    cc_file_t *mapped = opened(flags), *whole = opened(flags);
    CHECK(!cc_file_truncated(mapped));
    CHECK(truncate(name, (off_t)page + 10) == 0);
    CHECK(cc_file_truncated(mapped)); /* nothing was read yet: the size tells */
    char byte = 1;
    CHECK_EQUAL(cc_file_read(mapped, page + 9, &byte, 1), CC_OK);
    CHECK_EQUAL(cc_file_read(mapped, page + 9, &byte, 2), CC_ERROR_TRUNCATED);
    CHECK_EQUAL(cc_file_read(mapped, 3 * page, &byte, 1), CC_ERROR_TRUNCATED);
#if !defined(CC_VALGRIND) /* it does not go on from a fault with all registers as they were */
    volatile const char *data = cc_file_slice(mapped).data;
    CHECK_EQUAL(data[3 * page], 0); /* unguarded: SIGBUS */
    CHECK_EQUAL(data[2 * page + 5], 0);
    CHECK_EQUAL((unsigned char)data[page], (unsigned char)(page * 7)); /* what is still there */
    if ((flags & CC_FILE_COPY_ON_WRITE) != 0) {
        ((volatile char *)(uintptr_t)data)[3 * page] = 'x';
        CHECK_EQUAL(data[3 * page], 'x');
    }
    fill(4 * page); /* the size is right again, what was seen was not */
    CHECK(cc_file_truncated(mapped));
    CHECK(!cc_file_truncated(whole));
#endif
    cc_file_close(mapped);
    cc_file_close(whole);
    fill(4 * page);
    mapped = opened(flags); /* in the same place of the table */
    CHECK(!cc_file_truncated(mapped));
    cc_file_close(mapped);
}

#if !defined(CC_VALGRIND)
/* What the child does to its memory, and what its end was. Its stderr is thrown away. */
static int in_child(void (*function)(void)) {
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        CHECK(freopen("/dev/null", "w", stderr) != NULL);
        function();
        _exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    return status;
}

static void unguarded(void) {
    signal(SIGBUS, SIG_DFL);
    read_truncated(0);
}

static void read_elsewhere(void) {
    cc_file_t *mapped = opened(CC_FILE_GUARDED);
    int file = open(name, O_RDWR);
    volatile char *other = mmap(NULL, 4 * page, PROT_READ, MAP_SHARED, file, 0); /* not a guarded one */
    CHECK(ftruncate(file, 1) == 0);
    (void)other[2 * page];
    cc_file_close(mapped);
}

static void guarded_and_elsewhere(void) {
    signal(SIGBUS, SIG_DFL);
    read_elsewhere();
}

static void bus_error_sent(void) {
    signal(SIGBUS, SIG_DFL);
    cc_file_t *mapped = opened(CC_FILE_GUARDED);
    raise(SIGBUS);
    cc_file_close(mapped);
}

static void own_handler(int number) {
    _exit(number == SIGBUS ? 42 : 1);
}
static void handler_before(void) {
    signal(SIGBUS, own_handler);
    read_elsewhere();
}

#endif

static void test_truncation(void) {
#if !defined(CC_VALGRIND)
    fill(4 * page);
    int status = in_child(unguarded);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0); /* killed, by SIGBUS or by the tool that saw it */
    fill(4 * page);
    status = in_child(guarded_and_elsewhere);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    fill(4 * page);
    status = in_child(bus_error_sent);
    CHECK(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
    fill(4 * page);
    status = in_child(handler_before); /* whoever handled it before still does */
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 42);
#endif
    read_truncated(CC_FILE_GUARDED);
    read_truncated(CC_FILE_GUARDED | CC_FILE_COPY_ON_WRITE);
}

static void test_many_files_come_and_go(void) {
    enum { MANY = 200 };
    static cc_file_t *files[MANY];
    struct rlimit limit, few;
    fill(page);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    few = limit;
    few.rlim_cur = MANY + 100; /* so that a file left open would be missed */
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    for (int turn = 0; turn < 20; turn++) {
        for (size_t i = 0; i < MANY; i++) files[i] = opened(CC_FILE_GUARDED);
        for (size_t i = 0; i < MANY; i++) cc_file_close(files[i]);
    }
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void test_the_guards_have_an_end(void) {
    static cc_file_t *files[1100];
    size_t count = 0;
    fill(page);
    int status;
    while ((status = cc_file_open(name, CC_FILE_GUARDED, &files[count])) == CC_OK) CHECK(++count < 1100);
    CHECK_EQUAL(status, CC_ERROR_LIMIT);
    CHECK(files[count] == NULL && count <= 1024);
    while (count > 0) cc_file_close(files[--count]);
    cc_file_close(opened(CC_FILE_GUARDED));
}

int main(void) {
    page = (size_t)sysconf(_SC_PAGESIZE);
    int file = mkstemp(name);
    CHECK(file >= 0 && close(file) == 0);
    RUN(test_truncation); /* first: its children begin without the handler */
    RUN(test_contents);
    RUN(test_copy_on_write_never_reaches_the_file);
    RUN(test_clear_errors);
    RUN(test_many_files_come_and_go);
    RUN(test_the_guards_have_an_end);
    unlink(name);
    return 0;
}
