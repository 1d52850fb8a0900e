/* smr/reclaim.c: from retire to free. docs/smr.md has the argument; the steps cite it.
 *
 * Sealing reads and advances the epoch in one read-modify-write. A section that begins with a later epoch has read it
 * from that operation or a later one of the same chain, so the batch's unlinking happens before it (C11 5.1.2.4,
 * release sequences), and it cannot find the batch's nodes. Sections that began earlier are those whose reservation a
 * look must see: a barrier between the sealing and the look makes it visible. */
#include "smr_internal.h"

static uint64_t load_lower(const cc__smr_handle_t *handle) {
    /* acquire pairs with the release in cc_smr_exit: what the section read, it read before we free */
    return __atomic_load_n(&handle->inner.lower, __ATOMIC_ACQUIRE);
}

/* ---- the schemes ------------------------------------------------------------------------------------------------ */

/* Wen et al., 2GE: the reservation is [lower, upper], and a node's life [birth, retired] is kept if they meet. */
static uint64_t interval_reach(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower) {
    (void)looker, (void)lower;
    /* A section stores upper before lower. So upper, read here after lower, is that section's or a later one's, and no
     * less. */
    return __atomic_load_n(&reader->inner.upper, __ATOMIC_ACQUIRE);
}

static uint64_t epoch_reach(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower) {
    (void)looker, (void)reader, (void)lower;
    return UINT64_MAX;
}

/* Brown, DEBRA+: a reader that lags too far behind is sent out of its section. */
static uint64_t interrupting_reach(cc__smr_handle_t *looker, cc__smr_handle_t *reader, uint64_t lower) {
    uint64_t lag = cc__load_relaxed(&looker->domain->epoch) - lower;
    if (lag >= looker->domain->options.stall_threshold && cc__smr_neutralize(looker, reader, lower)) return 0;
    return UINT64_MAX;
}

const cc__smr_scheme_t cc__smr_schemes[] = {
    [CC_SMR_IBR] = {interval_reach, false},
    [CC_SMR_DEBRA] = {interrupting_reach, true},
    [CC_SMR_EPOCH] = {epoch_reach, false},
    [CC_SMR_NONE] = {NULL, false},
};

/* ---- looking ---------------------------------------------------------------------------------------------------- */

/* Makes every reservation visible that was stored before a load which found a node sealed by now. */
static void execute_barrier(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    uint64_t epoch = cc__load_acquire(&domain->epoch); /* pairs with the sealing of every batch retired before it */
    if (domain->asymmetric) {
        cc__os_barrier();
        cc__own_add(&self->counters.barriers, 1);
    } else {
        cc__fence_seq_cst(); /* pairs with the readers' */
    }
    uint64_t covered = cc__load_relaxed(&domain->covered);
    /* release pairs with the acquire load in look(): who relies on this barrier comes after it */
    while (covered < epoch && !cc__swap_if_acq_rel(&domain->covered, &covered, epoch)) continue;
}

/* Moves what no reservation covers from a group to the ready list. */
static void sift(cc__smr_handle_t *self, cc__smr_group_t *group, uint64_t horizon) {
    if (horizon >= group->youngest) return;
    if (horizon < group->oldest) {
        cc__smr_append(&self->ready, &group->nodes);
        return;
    }
    cc__smr_group_t kept = {{NULL, NULL, 0}, group->retired, 0, 0};
    for (cc__smr_node_t *node = group->nodes.first, *next; node != NULL; node = next) {
        next = node->next;
        if (node->birth > horizon)
            cc__smr_push(&self->ready, node);
        else
            cc__smr_group_push(&kept, node);
    }
    *group = kept;
}

/* Looks at all reservations: finds the horizon of the sealed nodes, and which nodes of the groups are ready. */
static void look(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    cc__smr_groups_t *groups = &self->groups;
    self->looked = true;
    self->sealed_horizon = UINT64_MAX;
    if (domain->scheme->reach == NULL) return;

    bool sealed = self->sealed != self->sealed_end;
    uint64_t newest = sealed ? self->sealed_epoch : 0;
    if (groups->count > 0 && groups->all[groups->count - 1].retired > newest)
        newest = groups->all[groups->count - 1].retired;
    if (newest == 0) return;
    /* acquire pairs with the release in execute_barrier */
    if (!domain->asymmetric || cc__load_acquire(&domain->covered) <= newest) execute_barrier(self);

    /* What was retired by the end of epoch r is kept up to birth epoch max {reach : lower <= r}. */
    uint64_t sealed_horizon = 0, horizons[CC__SMR_GROUPS] = {0};
    CC__SMR_EACH_HANDLE(domain, reader) {
        uint64_t lower = load_lower(reader);
        if (lower > newest) continue; /* began later, or idle */
        uint64_t reach = domain->scheme->reach(self, reader, lower);
        if (lower <= self->sealed_epoch && sealed_horizon < reach) sealed_horizon = reach;
        for (size_t i = 0; i < groups->count; i++)
            if (lower <= groups->all[i].retired && horizons[i] < reach) horizons[i] = reach;
    }
    self->sealed_horizon = sealed_horizon;
    for (size_t i = 0; i < groups->count; i++) sift(self, &groups->all[i], horizons[i]);
    cc__smr_drop_empty_groups(groups);
    cc__own_add(&self->counters.scans, 1);
}

/* Takes over what threads that ended have left, unless somebody else is at it. */
static void adopt_orphans(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    if (cc__load_relaxed(&domain->orphan_count) == 0 || !cc__mutex_try_lock(&domain->lock)) return;
    for (size_t i = 0; i < domain->orphans.count; i++) cc__smr_add_group(&self->groups, &domain->orphans.all[i]);
    domain->orphans.count = 0;
    cc__own_add(&self->held_nodes, cc__exchange_relaxed(&domain->orphan_count, 0));
    cc__own_add(&self->held_bytes, cc__exchange_relaxed(&domain->orphan_bytes, 0));
    cc__mutex_unlock(&domain->lock);
}

/* ---- freeing ---------------------------------------------------------------------------------------------------- */

/* What one pass frees. */
typedef struct {
    size_t nodes, bytes;
    uint32_t stamp; /* the time, once it was asked for */
} freed_t;

static inline void free_node(cc_smr_t *domain, cc__smr_node_t *node, freed_t *freed) {
    cc_smr_free_function_t *function = node->free_function;
    size_t size = node->size;
    freed->nodes++;
    freed->bytes += size;
    if (CC_UNLIKELY(node->stamp != 0)) {
        if (freed->stamp == 0) freed->stamp = cc__smr_stamp();
        cc__smr_record_delay(domain, freed->stamp - node->stamp);
    }
    if (function == NULL)
        cc_free(node, size + CC_SMR_HEADER_SIZE);
    else
        function(node + 1, size);
}

static void free_ready(cc__smr_handle_t *self, size_t budget, freed_t *freed) {
    while (freed->nodes < budget && self->ready.first != NULL) {
        cc__smr_node_t *node = self->ready.first;
        self->ready.first = node->next;
        self->ready.count--;
        __builtin_prefetch(node->next);
        free_node(self->domain, node, freed);
    }
}

/* Frees of the sealed nodes those born after the horizon, and keeps the others as a group. */
static void free_sealed(cc__smr_handle_t *self, size_t budget, freed_t *freed) {
    uint64_t horizon = self->sealed_horizon;
    while (freed->nodes < budget && self->sealed < self->sealed_end) {
        cc__smr_node_t *node = *self->sealed++;
        __builtin_prefetch(self->sealed[CC__SMR_AHEAD - 1]); /* behind the last, too: it may be stale */
        if (CC_UNLIKELY(node->birth <= horizon)) {
            cc__smr_group_push(&self->pinned, node);
            continue;
        }
        free_node(self->domain, node, freed);
    }
    if (self->sealed == self->sealed_end) {
        self->pinned.retired = self->sealed_epoch;
        cc__smr_add_group(&self->groups, &self->pinned);
    }
}

/* ---- filling and sealing ---------------------------------------------------------------------------------------- */

static cc__smr_node_t **array_of(const cc__smr_handle_t *self) {
    size_t capacity = self->domain->capacity;
    return self->inner.fill < self->arrays + capacity ? self->arrays : self->arrays + capacity;
}

static int64_t gathered_bytes(const cc__smr_handle_t *self) {
    return (int64_t)self->domain->options.batch_bytes - self->inner.bytes_left;
}

static size_t gathered_nodes(const cc__smr_handle_t *self) {
    return (size_t)(self->inner.fill - array_of(self)) + self->overflow.count;
}

/* The place of the node that completes the next `period` nodes of the array. */
static cc__smr_node_t **end_of_period(const cc__smr_handle_t *self, size_t period) {
    cc__smr_node_t **array = array_of(self);
    return array + ((size_t)(self->inner.fill - array) / period + 1) * period - 1;
}

/* Where retiring becomes a call: at the end of each step and of the batch; while delays are recorded for one node in
 * CC_SMR_DELAY_PERIOD; during a collection for each. */
static void set_fill_limit(cc__smr_handle_t *self) {
    const cc_smr_t *domain = self->domain;
    cc__smr_node_t **limit = array_of(self) + domain->threshold - 1, **step = end_of_period(self, domain->step);
    if (step < limit) limit = step;
    if (cc__load_relaxed(&domain->recording)) {
        cc__smr_node_t **timed = end_of_period(self, CC_SMR_DELAY_PERIOD);
        if (timed < limit) limit = timed;
    }
    if (cc__load_relaxed(&self->collecting)) limit = NULL;
    __atomic_store_n(&self->inner.fill_limit, limit, __ATOMIC_RELAXED);
}

static void set_fill(cc__smr_handle_t *self, cc__smr_node_t **array) {
    __atomic_store_n(&self->inner.fill, array, __ATOMIC_RELEASE);
    __atomic_store_n(&self->inner.bytes_left, (int64_t)self->domain->options.batch_bytes, __ATOMIC_RELEASE);
}

void cc__smr_begin_fill(cc__smr_handle_t *self) {
    set_fill(self, self->arrays);
    self->sealed = self->sealed_end = self->arrays + self->domain->capacity;
    set_fill_limit(self);
}

/* Brings the domain's sums up to date: what was retired, and what was freed since the last time. */
static void publish(cc__smr_handle_t *self, uint64_t nodes, uint64_t bytes) {
    cc_smr_t *domain = self->domain;
    nodes -= self->unpublished_nodes;
    bytes -= self->unpublished_bytes;
    self->unpublished_nodes = self->unpublished_bytes = 0;
    if (nodes == 0 && bytes == 0) return;
    (void)cc__add_relaxed(&domain->pending_nodes, nodes);
    (void)cc__add_relaxed(&domain->pending_bytes, bytes);
}

static void note_peak(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    uint64_t nodes = gathered_nodes(self) - self->unpublished_nodes,
             bytes = (uint64_t)gathered_bytes(self) - self->unpublished_bytes;
    cc__raise_relaxed(&domain->peak_nodes, cc__load_relaxed(&domain->pending_nodes) + nodes);
    cc__raise_relaxed(&domain->peak_bytes, cc__load_relaxed(&domain->pending_bytes) + bytes);
}

/* pre: no sealed nodes are left. */
static void seal(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    note_peak(self);
    cc__smr_node_t **array = array_of(self);
    size_t nodes = gathered_nodes(self);
    uint64_t bytes = (uint64_t)gathered_bytes(self);
    /* release pairs with cc_smr_enter's acquire load, and with execute_barrier's; see the head of this file */
    self->sealed_epoch = cc__add_acq_rel(&domain->epoch, 1);
    self->sealed = array;
    self->sealed_end = self->inner.fill;
    self->looked = false;
    if (self->overflow.first != NULL) {
        cc__smr_group_t more = {{NULL, NULL, 0}, self->sealed_epoch, 0, 0};
        for (cc__smr_node_t *node = self->overflow.first, *next; node != NULL; node = next) {
            next = node->next;
            cc__smr_group_push(&more, node);
        }
        self->overflow = (cc__smr_list_t){NULL, NULL, 0};
        cc__smr_add_group(&self->groups, &more);
    }
    cc__own_add_release(&self->seals, 1); /* release, as all in between: pairs with the acquire loads in statistics.c */
    cc__own_add_release(&self->counters.retired_nodes, nodes);
    cc__own_add_release(&self->counters.retired_bytes, bytes);
    cc__own_add_release(&self->held_nodes, nodes);
    cc__own_add_release(&self->held_bytes, bytes);
    set_fill(self, array == self->arrays ? self->arrays + domain->capacity : self->arrays);
    cc__own_add_release(&self->seals, 1);
    publish(self, nodes, bytes);
}

static void begin_collecting(cc__smr_handle_t *self) {
    cc__store_relaxed(&self->collecting, true);
    set_fill_limit(self);
    adopt_orphans(self);
}

static void end_collecting(cc__smr_handle_t *self) {
    cc__smr_node_t **last = array_of(self) + self->domain->capacity - 1;
    while (self->overflow.first != NULL && self->inner.fill < last) {
        cc__smr_node_t *node = self->overflow.first;
        self->overflow.first = node->next;
        self->overflow.count--;
        *self->inner.fill = node;
        __atomic_store_n(&self->inner.fill, self->inner.fill + 1, __ATOMIC_RELEASE);
    }
    cc__store_release(&self->collecting, false); /* a forked child finds what was changed inside complete */
    set_fill_limit(self);
}

/* Frees at most `budget` nodes, of which at most `old` were kept back by earlier looks. */
static size_t free_some(cc__smr_handle_t *self, size_t old, size_t budget) {
    freed_t freed = {0, 0, 0};
    free_ready(self, old, &freed);
    free_sealed(self, budget, &freed);
    if (freed.nodes == 0) return 0;
    cc__own_add_release(&self->held_nodes, -(uint64_t)freed.nodes);
    cc__own_add_release(&self->held_bytes, -(uint64_t)freed.bytes);
    cc__own_add_release(&self->counters.reclaimed_nodes,
                        freed.nodes); /* pairs with statistics.c: retired is read later */
    cc__own_add_release(&self->counters.reclaimed_bytes, freed.bytes);
    self->unpublished_nodes += freed.nodes;
    self->unpublished_bytes += freed.bytes;
    return freed.nodes;
}

/* The end of a step. The sealed nodes are looked at when the next batch is nearly full, so that short sections are over
 * and other threads' barriers serve this one, too; then they are freed a few in each step: a batch that is freed at
 * once comes back from the allocator cold (Kim, Brown & Singh, PPoPP 2024). When the batch is full it is sealed. */
static void end_step(cc__smr_handle_t *self, size_t gathered) {
    const cc_smr_t *domain = self->domain;
    bool full = gathered >= domain->threshold || self->inner.bytes_left < 0;
    if (!full && gathered < domain->look_at) return;
    begin_collecting(self);
    if (!self->looked) {
        note_peak(self);
        look(self);
    }
    (void)free_some(self, domain->budget, full && domain->asymmetric ? SIZE_MAX : domain->budget);
    if (full && self->sealed == self->sealed_end) seal(self);
    end_collecting(self);
}

void cc_smr_retire_at_limit(cc_smr_thread_t *self_, struct cc_smr_header *node) {
    cc__smr_handle_t *self = cc__smr_handle(self_);
    cc_smr_t *domain = self->domain;
    if (cc__load_relaxed(&domain->recording)) node->stamp = cc__smr_stamp();
    cc__smr_node_t **array = array_of(self);
    bool collecting = cc__load_relaxed(&self->collecting);
    if (collecting || self_->fill == array + domain->capacity - 1) {
        cc__smr_push(&self->overflow, node);
    } else {
        *self_->fill = node;
        __atomic_store_n(&self_->fill, self_->fill + 1, __ATOMIC_RELEASE);
    }
    if (collecting) return;
    size_t gathered = (size_t)(self_->fill - array);
    if (gathered % domain->step == 0 || gathered >= domain->threshold || self_->bytes_left < 0)
        end_step(self, gathered);
    set_fill_limit(self);
}

/* ---- on request ------------------------------------------------------------------------------------------------- */

size_t cc_smr_poll(cc_smr_thread_t *self_) {
    cc__smr_handle_t *self = cc__smr_handle(self_);
    cc_smr_t *domain = self->domain;
    cc__own_add(&self->counters.polls, 1);
    if (cc__load_relaxed(&self->collecting)) return 0;
    begin_collecting(self);
    if (self->sealed == self->sealed_end && gathered_nodes(self) >= domain->options.retire_threshold) seal(self);
    bool waiting = self->sealed == self->sealed_end && self->ready.first == NULL && self->groups.count > 0;
    if (!self->looked || waiting) look(self);
    size_t budget = (size_t)domain->options.reclaim_per_poll;
    size_t freed = free_some(self, budget, budget);
    publish(self, 0, 0);
    end_collecting(self);
    return freed;
}

/* One pass over everything that the thread has. */
static size_t free_all_now(cc__smr_handle_t *self) {
    begin_collecting(self);
    if (self->sealed == self->sealed_end)
        seal(self); /* without nodes too: the epoch must go on for a laggard to be noticed */
    look(self);
    size_t freed = free_some(self, SIZE_MAX, SIZE_MAX);
    publish(self, 0, 0);
    end_collecting(self);
    return freed;
}

static bool has_nodes(const cc__smr_handle_t *self) {
    return gathered_nodes(self) > 0 || cc__load_relaxed(&self->held_nodes) > 0;
}

/* Whether another pass may free more: the last one freed some, or sealed nodes kept it from sealing the rest. */
static bool goes_on(const cc__smr_handle_t *self, size_t freed) {
    return freed > 0 || gathered_nodes(self) > 0;
}

void cc__smr_flush(cc__smr_handle_t *self) {
    if (cc__load_relaxed(&self->collecting)) return;
    while (has_nodes(self) && goes_on(self, free_all_now(self))) continue;
}

int cc_smr_drain(cc_smr_thread_t *self_, uint64_t timeout_ns) {
    cc__smr_handle_t *self = cc__smr_handle(self_);
    if (self_->lower != CC_SMR_IDLE || cc__load_relaxed(&self->collecting)) return CC_ERROR_STATE;
    uint64_t begin = cc__os_monotonic_ns();
    enum { PAUSE_NS = 50000 };
    for (;;) {
        size_t freed = free_all_now(self);
        if (!has_nodes(self) && cc__load_relaxed(&self->domain->orphan_count) == 0) return CC_OK;
        if (goes_on(self, freed)) continue;
        if (self->domain->scheme->reach == NULL || cc__os_monotonic_ns() - begin >= timeout_ns) return CC_ERROR_LIMIT;
        cc__os_sleep(PAUSE_NS);
    }
}

/* ---- handing on ------------------------------------------------------------------------------------------------- */

void cc__smr_abandon(cc__smr_handle_t *self) {
    cc_smr_t *domain = self->domain;
    cc__smr_group_t rest = {{NULL, NULL, 0}, 0, 0, 0};
    while (self->sealed < self->sealed_end) cc__smr_group_push(&rest, *self->sealed++);
    self->pinned.retired = self->sealed_epoch;
    seal(self); /* the fill and the overflow */
    while (self->sealed < self->sealed_end) cc__smr_group_push(&rest, *self->sealed++);
    while (self->ready.first != NULL) {
        cc__smr_node_t *node = self->ready.first;
        self->ready.first = node->next;
        cc__smr_group_push(&rest, node);
    }
    self->ready = (cc__smr_list_t){NULL, NULL, 0};
    rest.retired = self->sealed_epoch;
    cc__smr_add_group(&domain->orphans, &rest);
    cc__smr_add_group(&domain->orphans, &self->pinned);
    for (size_t i = 0; i < self->groups.count; i++) cc__smr_add_group(&domain->orphans, &self->groups.all[i]);
    self->groups.count = 0;
    (void)cc__add_relaxed(&domain->orphan_count, cc__load_relaxed(&self->held_nodes));
    (void)cc__add_relaxed(&domain->orphan_bytes, cc__load_relaxed(&self->held_bytes));
    cc__store_relaxed(&self->held_nodes, 0);
    cc__store_relaxed(&self->held_bytes, 0);
}

void cc__smr_free_orphans(cc_smr_t *domain) {
    freed_t freed = {0, 0, 0};
    cc__smr_groups_t taken = domain->orphans; /* a free function may retire, and so come back to the domain's */
    domain->orphans.count = 0;
    cc__store_relaxed(&domain->orphan_count, 0);
    cc__store_relaxed(&domain->orphan_bytes, 0);
    for (size_t i = 0; i < taken.count; i++) {
        for (cc__smr_node_t *node = taken.all[i].nodes.first, *next; node != NULL; node = next) {
            next = node->next;
            free_node(domain, node, &freed);
        }
    }
}
