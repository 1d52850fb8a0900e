/* test_os_memory.c: how much memory there is, from files as /proc and the control groups have them.
 * variants: release asan */
#define _GNU_SOURCE
#include "base/os.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../check.h"

static char root[64] = "/tmp/cc_os_memory_XXXXXX";

static void write_file(const char *name, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%s%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
        *slash = 0;
        (void)mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void remove_file(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s%s", root, name);
    (void)unlink(path);
}

static void check_memory(uint64_t total, uint64_t available) {
    cc__os_memory_t memory;
    CHECK_EQUAL(cc__os_memory_below(root, &memory), CC_OK);
    CHECK_EQUAL(memory.total, total);
    CHECK_EQUAL(memory.available, available);
    CHECK_EQUAL(memory.swap_total, 2048);
    CHECK_EQUAL(memory.swap_available, 1024);
}

static void test_nothing_there(void) {
    cc__os_memory_t memory;
    CHECK_EQUAL(cc__os_memory_below(root, &memory), CC_ERROR_SUPPORT);
    CHECK_EQUAL(memory.total, 0);
}

enum { KIB = 1024, TOTAL = 1000 * KIB, AVAILABLE = 600 * KIB };

static void test_the_machine(void) {
    write_file("/proc/meminfo", "MemTotal:        1000 kB\nMemFree:          100 kB\nMemAvailable:     600 kB\n"
                                "SwapCached:         9 kB\nSwapTotal:          2 kB\nSwapFree:           1 kB\n");
    check_memory(TOTAL, AVAILABLE);
    write_file("/proc/self/cgroup", "0::/\n");
    check_memory(TOTAL, AVAILABLE);
}

static void test_second_version(void) {
    write_file("/proc/self/cgroup", "0::/user/game\n");
    write_file("/sys/fs/cgroup/user/game/memory.max", "max\n");
    check_memory(TOTAL, AVAILABLE);
    write_file("/sys/fs/cgroup/user/game/memory.max", "409600\n"); /* 400 KiB */
    check_memory(400 * KIB, AVAILABLE);                            /* its usage is unknown */
    write_file("/sys/fs/cgroup/user/game/memory.current", "307200\n");
    check_memory(400 * KIB, 100 * KIB);
    write_file("/sys/fs/cgroup/user/game/memory.stat", "anon 5\ninactive_file 102400\nactive_file 1\n");
    check_memory(400 * KIB, 200 * KIB);
    write_file("/sys/fs/cgroup/user/memory.max", "204800\n"); /* the group above has less */
    write_file("/sys/fs/cgroup/user/memory.current", "204800\n");
    check_memory(200 * KIB, 0);
    write_file("/sys/fs/cgroup/user/memory.current", "999999999\n");
    check_memory(200 * KIB, 0);
    remove_file("/sys/fs/cgroup/user/memory.max");
    write_file("/sys/fs/cgroup/user/game/memory.max", "99999999999\n"); /* more than there is */
    check_memory(TOTAL, AVAILABLE);
    remove_file("/sys/fs/cgroup/user/game/memory.max");
    write_file("/sys/fs/cgroup/memory.max", "102400\n"); /* a container: the path does not exist in it */
    check_memory(100 * KIB, AVAILABLE);
    remove_file("/sys/fs/cgroup/memory.max");
}

static void test_first_version(void) {
    write_file("/proc/self/cgroup", "12:cpu,cpuacct:/x\n7:memory:/docker/abc\n1:name=systemd:/docker/abc\n");
    write_file("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "9223372036854771712\n");
    check_memory(TOTAL, AVAILABLE);
    write_file("/sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "409600\n");
    write_file("/sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes", "204800\n");
    write_file("/sys/fs/cgroup/memory/docker/abc/memory.stat", "inactive_file 7\ntotal_inactive_file 51200\n");
    check_memory(400 * KIB, 250 * KIB);
    write_file("/proc/self/cgroup", "broken\n:\nx:y\n");
    check_memory(TOTAL, AVAILABLE);
}

static void test_this_machine(void) {
    cc__os_memory_t memory;
    CHECK_EQUAL(cc__os_memory(&memory), CC_OK);
    CHECK(memory.total > 1 << 20 && memory.available > 0 && memory.available <= memory.total);
    CHECK(memory.address_used > 0 && memory.address_used < memory.address_total);
}

int main(void) {
    CHECK(mkdtemp(root) != NULL);
    RUN(test_nothing_there);
    RUN(test_the_machine);
    RUN(test_second_version);
    RUN(test_first_version);
    RUN(test_this_machine);
    char command[100];
    snprintf(command, sizeof command, "rm -r %s", root);
    return system(command);
}
