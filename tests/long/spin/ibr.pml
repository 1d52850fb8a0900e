/* ibr.pml: interval-based reclamation, 2GE (Wen et al., PPoPP 2018), as csrc/smr/ does it: see machine.pml. */
#include "machine.pml"

proctype reading_thread(byte me) {
    byte now, reserved, node;
end:
    do
    :: now = epoch; /* enter */
       buffer[me]!UPPER,now;
       buffer[me]!LOWER,now;
       fence(me);
       reserved = now;
       do
       :: do /* protect */
          :: node = slot;
             now = epoch;
             if
             :: now == reserved -> break
             :: else ->
#ifdef BUG_NO_UPPER
                break
#else
                buffer[me]!UPPER,now;
                fence(me);
                reserved = now
#ifdef BUG_NO_RELOAD
                ; break
#endif
#endif
             fi
          od;
          use(node)
       :: held[me] != 0 -> break
       od;
       atomic { held[me] = 0; reserved = 0; now = 0; node = 0 }
       buffer[me]!LOWER,NONE /* exit */
    od
}

/* What a reader's interval covers: it began before the batch was sealed, and has reached the node's birth. */
inline look_at(reader) {
    low = lower[reader];
    high = upper[reader]; /* after lower, which is stored after it */
    atomic {
        i = 0;
        do
        :: i < NODES ->
           kept = kept | ((low != NONE && low <= retired[i] && birth[i] <= high) -> sealed & BIT(i) : 0);
           i++
        :: i == NODES -> break
        od;
        i = 0; low = 0; high = 0
    }
}

proctype writing_thread(byte me) {
    byte round, node, old, low, high, i, r, last_sealed, seen;
    short fill, sealed, kept;
    do
    :: round < ROUNDS ->
       round++;
       replace();
#ifdef BUG_FREE_AT_RETIRE
       free_nodes(fill);
#endif
       if
       :: true /* the batch goes on */
       :: seal();
          cover();
          do
          :: r < READERS -> look_at(r); r++
          :: r == READERS -> break
          od;
          r = 0;
          free_nodes(sealed & ~kept);
          atomic { sealed = sealed & kept; kept = 0 }
       fi
    :: round == ROUNDS -> break
    od
}

init {
    byte i;
    atomic {
        do
        :: i < READERS -> run reader_memory(i); run reading_thread(i); i++
        :: i == READERS -> break
        od;
        i = 0;
        do
        :: i < WRITERS -> run writer_memory(i); run writing_thread(i); i++
        :: i == WRITERS -> break
        od
    }
}
