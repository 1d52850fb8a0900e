/* queue_vyukov.c: the bounded ring with a sequence number in each cell (D. Vyukov, 1024cores.net, "Bounded MPMC
 * queue"), written from its description. Not linearizable: a get finds it empty while an earlier put is still
 * between its two steps. */
#include "load.h"

#define QUEUE_NAME "Vyukov ring"

typedef struct cell {
    uint64_t turn; /* position: free for the put of that position; position + 1: holds its value */
    uint64_t value;
} cell_t;

static cell_t *cells;
static uint64_t mask;
static _Alignas(128) uint64_t head; /* of gets */
static _Alignas(128) uint64_t tail; /* of puts */

static void queue_create(uint64_t capacity) {
    cells = (cell_t *)malloc(capacity * sizeof *cells);
    if (cells == NULL) abort();
    mask = capacity - 1;
    for (uint64_t i = 0; i < capacity; i++) cells[i].turn = i;
}
static void queue_attach(void) {}
static void queue_detach(void) {}

/* The cell whose turn is `offset` past its position at *end; NULL when the ring is full (or empty). */
static inline cell_t *claim(uint64_t *end, uint64_t offset, uint64_t *position) {
    uint64_t at = __atomic_load_n(end, __ATOMIC_RELAXED);
    for (;;) {
        cell_t *cell = &cells[at & mask];
        /* acquire pairs with the release by which the other side gave the cell away */
        int64_t ahead = (int64_t)(__atomic_load_n(&cell->turn, __ATOMIC_ACQUIRE) - (at + offset));
        if (ahead < 0) return NULL;
        if (ahead > 0) {
            at = __atomic_load_n(end, __ATOMIC_RELAXED);
        } else if (__atomic_compare_exchange_n(end, &at, at + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            *position = at;
            return cell;
        }
    }
}

static inline bool queue_put(uint64_t value) {
    uint64_t position;
    cell_t *cell = claim(&tail, 0, &position);
    if (cell == NULL) return false;
    cell->value = value;
    __atomic_store_n(&cell->turn, position + 1, __ATOMIC_RELEASE); /* pairs with claim in a get */
    return true;
}

static inline bool queue_get(uint64_t *value) {
    uint64_t position;
    cell_t *cell = claim(&head, 1, &position);
    if (cell == NULL) return false;
    *value = cell->value;
    __atomic_store_n(&cell->turn, position + mask + 1, __ATOMIC_RELEASE); /* pairs with claim in a put */
    return true;
}

#include "queue_load.h"
