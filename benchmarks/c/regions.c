/* regions.c: what an allocation costs in arenas, heaps and pools, beside their peers.
 *
 *     regions <mimalloc> <rounds> <allocations> <nodes>        prints one JSON object a line
 *
 * Peers take turns round by round; figures are nanoseconds of processor time for one allocation with
 * its share of the discarding (tree: for one node with its label).
 *     alloc SIZE   allocations of one size that are discarded a thousand at a time; the first word of each is written
 *     tree         a tree of <nodes> nodes of 16 to 47 bytes with a label of 8 bytes each is built and discarded
 * Peers: cc_arena, cc_heap, mi_malloc (freed one by one), glibc's obstacks, apr_palloc, talloc (its pool, and freed
 * as a tree). */
#include "cc/regions.h"

#include <apr_general.h>
#include <apr_pools.h>
#include <dlfcn.h>
#include <obstack.h>
#include <stdlib.h>
#include <talloc.h>
#include <time.h>

#define obstack_chunk_alloc malloc
#define obstack_chunk_free free

static void *(*mi_malloc)(size_t size);
static void (*mi_free)(void *pointer);
static void **pointers;
static size_t count, nodes;
enum { BATCH = 1000 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* The regions live on, as they would in a server: each round ends with what takes everything back. */
static cc_arena_t *arena;
static cc_heap_t *heap;
static struct obstack obstack;
static void *obstack_base;
static apr_pool_t *apr;
static TALLOC_CTX *talloc_all;
static size_t talloc_bytes = BATCH * 400;

static void *arena_take(size_t size) {
    return cc_arena_alloc(arena, size);
}
static void arena_drop(void) {
    cc_arena_reset(arena);
}
static void *heap_take(size_t size) {
    return cc_heap_alloc(heap, size);
}
static void heap_drop(void) {
    cc_heap_empty(heap);
}
static void *obstack_take(size_t size) {
    return obstack_alloc(&obstack, size);
}
static void obstack_drop(void) {
    obstack_free(&obstack, obstack_base);
    obstack_base = obstack_alloc(&obstack, 1);
}
static void *apr_take(size_t size) {
    return apr_palloc(apr, size);
}
static void apr_drop(void) {
    apr_pool_clear(apr);
}
static void *talloc_take(size_t size) {
    return talloc_size(talloc_all, size);
}
static void talloc_begin(void) {
    talloc_all = talloc_pool(NULL, talloc_bytes);
}
static void talloc_drop(void) {
    talloc_free(talloc_all);
    talloc_begin();
}
static void *mi_take(size_t size) {
    return mi_malloc(size);
}

/* Each loop is compiled with its allocation in it: so is a user's. */
#define ALLOC(name, take, drop) \
    static double name##_round(size_t size) { \
        double begin = now(); \
        for (size_t batch = 0; batch < count / BATCH; batch++) { \
            for (size_t i = 0; i < BATCH; i++) { \
                size_t *pointer = take(size); \
                *pointer = i; \
                pointers[i] = pointer; \
            } \
            drop(); \
        } \
        return (now() - begin) / (double)count; \
    }
#define TREE(name, take, drop) \
    static double name##_tree(size_t unused) { \
        (void)unused; \
        double begin = now(); \
        node_t *root = NULL; \
        uint64_t state = 88172645463325252u; \
        for (size_t i = 0; i < nodes; i++) { \
            state ^= state << 13, state ^= state >> 7, state ^= state << 17; \
            node_t *node = take(sizeof *node + (state & 31)); \
            char *label = take(8); \
            label[0] = (char)state; \
            node->label = label; \
            node->right = NULL; \
            if (root != NULL && (i & 1) == 0) { \
                node->left = root->right; \
                root->right = node; \
            } else { \
                node->left = root; \
                root = node; \
            } \
        } \
        pointers[0] = root; \
        drop(); \
        return (now() - begin) / (double)nodes; \
    }

typedef struct node {
    struct node *left, *right;
    char *label;
} node_t;

#define WORKLOADS(name, take, drop) ALLOC(name, take, drop) TREE(name, take, drop)
WORKLOADS(cc_arena, arena_take, arena_drop)
WORKLOADS(cc_heap, heap_take, heap_drop)
WORKLOADS(obstack, obstack_take, obstack_drop)
WORKLOADS(apr_pool, apr_take, apr_drop)
WORKLOADS(talloc, talloc_take, talloc_drop)

static double mi_malloc_alloc(size_t size) {
    double begin = now();
    for (size_t batch = 0; batch < count / BATCH; batch++) {
        for (size_t i = 0; i < BATCH; i++) {
            pointers[i] = mi_take(size);
            *(size_t *)pointers[i] = i;
        }
        for (size_t i = 0; i < BATCH; i++) mi_free(pointers[i]);
    }
    return (now() - begin) / (double)count;
}

static void mi_free_tree(node_t *root) {
    while (root != NULL) { /* down the right, which is a list */
        node_t *left = root->left;
        for (node_t *node = root->right, *next; node != NULL; node = next) {
            next = node->left;
            mi_free(node->label);
            mi_free(node);
        }
        mi_free(root->label);
        mi_free(root);
        root = left;
    }
}
static void nothing(void) {}
TREE(mi_kept, mi_take, nothing)
static double mi_malloc_tree(size_t unused) {
    double begin = now();
    (void)mi_kept_tree(unused);
    mi_free_tree(pointers[0]);
    return (now() - begin) / (double)nodes;
}

static const struct {
    const char *name;
    double (*alloc)(size_t size);
    double (*tree)(size_t unused);
} peers[] = {
    {"cc_arena", cc_arena_round, cc_arena_tree},    {"cc_heap", cc_heap_round, cc_heap_tree},
    {"mi_malloc", mi_malloc_alloc, mi_malloc_tree}, {"obstack", obstack_round, obstack_tree},
    {"apr_pool", apr_pool_round, apr_pool_tree},    {"talloc", talloc_round, talloc_tree},
};

int main(int argc, char **arguments) {
    if (argc < 5) return 2;
    void *library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    mi_malloc = (void *(*)(size_t))dlsym(library, "mi_malloc");
    mi_free = (void (*)(void *))dlsym(library, "mi_free");
    int rounds = atoi(arguments[2]);
    count = (size_t)atoll(arguments[3]);
    nodes = (size_t)atoll(arguments[4]);
    pointers = calloc(BATCH, sizeof *pointers);
    arena = cc_arena_create(0, NULL);
    heap = cc_heap_create(NULL);
    obstack_init(&obstack);
    obstack_base = obstack_alloc(&obstack, 1);
    apr_initialize();
    apr_pool_create(&apr, NULL);
    talloc_begin();
    static const size_t sizes[] = {16, 32, 64, 128, 256, 0};
    for (int round = 0; round < rounds + 1; round++) { /* the first one warms up */
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            talloc_free(talloc_all); /* its pool has room for the workload */
            talloc_bytes = sizes[s] != 0 ? BATCH * (sizes[s] + 112) : nodes * 300;
            talloc_begin();
            for (size_t p = 0; p < sizeof peers / sizeof *peers; p++) {
                double ns = sizes[s] != 0 ? peers[p].alloc(sizes[s]) : peers[p].tree(0);
                if (round == 0) continue;
                printf("{\"workload\": \"%s\", \"size\": %zu, \"peer\": \"%s\", \"threads\": 1, \"round\": %d, "
                       "\"nanoseconds\": %.3f}\n",
                       sizes[s] != 0 ? "alloc" : "tree", sizes[s], peers[p].name, round, ns);
            }
        }
    }
    return 0;
}
