/* machine.pml: what the models share: threads whose stores pass through a buffer (TSO), membarrier, and the structure, which is
 * one pointer that writers replace. Each statement that is not in atomic braces is one access, in program order.
 *
 *     READERS, WRITERS, ROUNDS    threads, and nodes that each writer replaces
 *     ADVANCES                    how often an allocation may advance the epoch
 *     PLAIN                       the reader fences after each reservation, and there is no membarrier
 *     PLAIN_UNLINK                the writer unlinks by a plain store, which may lie in its buffer, too
 *     BUG_*                       a planted error, which a run must find
 *
 * Checked in each interleaving: no node is freed while a reader that may use it is in a section, and no reader uses a node
 * that is freed. */
#ifndef READERS
#define READERS 1
#endif
#ifndef WRITERS
#define WRITERS 1
#endif
#ifndef ROUNDS
#define ROUNDS 3
#endif
#define NODES (1 + WRITERS * ROUNDS)
#ifndef ADVANCES
#define ADVANCES 1
#endif
#define NONE 255     /* no reservation, no node */
#define BIT(node) (1 << (node))

byte epoch = 1;
byte slot = 0; /* node 0 is there from the beginning */
byte birth[NODES] = 1;
byte retired[NODES];
byte next_node = 1;

/* What memory knows of the reservations, and the stores on their way to it. A reader knows its own. */
byte lower[READERS] = NONE;
byte upper[READERS] = NONE;
mtype = { LOWER, UPPER, ANSWER };
byte answered[READERS];
chan buffer[READERS] = [3] of { mtype, byte };

byte unlinked[WRITERS] = NONE; /* PLAIN_UNLINK: the node on its way to the slot */
byte covered = 0;              /* all batches sealed before this epoch were followed by a barrier */

/* Of the model alone. */
byte advances = 0;
short freed = 0;
short held[READERS] = 0;

inline take_store(reader) {
    atomic {
        if
        :: buffer[reader]?LOWER,lower[reader]
        :: buffer[reader]?UPPER,upper[reader]
        :: buffer[reader]?ANSWER,answered[reader]
        fi
    }
}

inline take_all_stores(reader) {
    atomic {
        do
        :: nempty(buffer[reader]) -> take_store(reader)
        :: empty(buffer[reader]) -> break
        od
    }
}

inline take_unlink(writer) {
    atomic {
        if
        :: unlinked[writer] != NONE -> slot = unlinked[writer]; unlinked[writer] = NONE
        :: else
        fi
    }
}

/* Memory takes stores in its own time. */
proctype reader_memory(byte reader) {
end:
    do
    :: nempty(buffer[reader]) -> take_store(reader)
    od
}

proctype writer_memory(byte writer) {
end:
    do
    :: unlinked[writer] != NONE -> take_unlink(writer)
    od
}

inline fence(reader) {
#if defined(PLAIN) && !defined(BUG_NO_FENCE)
    take_all_stores(reader)
#else
    skip
#endif
}

/* membarrier(2): the processors are interrupted one after the other, in no common instant. */
inline barrier() {
#if !defined(PLAIN) && !defined(BUG_NO_BARRIER)
    i = 0;
    do
    :: i < READERS -> take_all_stores(i); i++
    :: i == READERS -> break
    od;
    i = 0
#else
    skip
#endif
}

/* A new node takes the place of the old one. */
inline replace() {
    atomic { node = next_node; next_node++ }
    birth[node] = epoch; /* alloc_node */
#ifdef PLAIN_UNLINK
    atomic { old = (unlinked[me] != NONE -> unlinked[me] : slot); unlinked[me] = node }
#else
    atomic { old = slot; slot = node }
#endif
    fill = fill | BIT(old); /* retire */
#ifdef BUG_STAMP_AT_RETIRE
    retired[old] = epoch;
#endif
    atomic {
        node = 0;
        old = 0;
        if
        :: advances < ADVANCES -> advances++; epoch++
        :: true
        fi
    }
}

/* A batch is complete: a locked addition, which also pushes the writer's own stores out. */
inline seal() {
#ifdef PLAIN_UNLINK
    take_unlink(me);
#endif
    atomic {
#ifndef BUG_STAMP_AT_RETIRE
        i = 0;
        do
        :: i < NODES -> retired[i] = ((fill & BIT(i)) -> epoch : retired[i]); i++
        :: i == NODES -> break
        od;
        i = 0;
#endif
        sealed = sealed | fill;
        fill = 0;
        last_sealed = epoch;
        epoch++
    }
}

/* A barrier, unless another thread had one since the batch was sealed. */
inline cover() {
    if
    :: covered > last_sealed
    :: else ->
#ifdef BUG_COVERED_TOO_FAR
       barrier();
       seen = epoch;
#else
       seen = epoch;
       barrier();
#endif
       atomic {
           covered = (seen > covered -> seen : covered);
           seen = 0
       }
    fi
}

inline free_nodes(nodes) {
    atomic {
        freed = freed | (nodes);
        i = 0;
        do
        :: i < READERS -> assert((held[i] & freed) == 0); i++
        :: i == READERS -> break
        od;
        i = 0
    }
}

inline use(node) {
    atomic {
        held[me] = held[me] | BIT(node);
        assert((freed & BIT(node)) == 0)
    }
}
