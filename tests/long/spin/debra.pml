/* debra.pml: DEBRA+ (Brown, PODC 2015), as csrc/smr/ does it: see machine.pml.
 *
 *     BLOCKED    readers have the signal blocked: it is never taken, and the writer goes on without
 *
 * Not checked: that a neutralized reader gets done (it may be interrupted again and again). */
#include "machine.pml"

byte requests[READERS];
bool sent[READERS];       /* a signal is on its way */
bool taken[READERS];      /* the handler runs before the reader's next step */
bool searching[READERS];

/* The handler outside a search phase: it answers, and the section goes on. */
inline answer_only(thread) {
#ifdef BUG_ENDS_ANY_SECTION
    buffer[thread]!LOWER,NONE;
#endif
    buffer[thread]!ANSWER,requests[thread]
}

/* The kernel delivers a signal some time after it was sent, between any two steps of the reader. */
proctype kernel(byte reader) {
end:
    do
#ifndef BLOCKED
    :: sent[reader] ->
       atomic {
           sent[reader] = false;
           if
           :: searching[reader] -> taken[reader] = true
           :: else -> answer_only(reader)
           fi
       }
#else
    :: false
#endif
    od
}

proctype reading_thread(byte me) {
    byte now, node;
end:
    do
    :: {
           now = epoch; /* enter; upper plays no part here */
           buffer[me]!LOWER,now;
           fence(me);
           searching[me] = true;
           do
           :: node = slot; use(node)
           :: held[me] != 0 -> break
           od;
           searching[me] = false
       } unless {
           taken[me] ->
           atomic { /* the handler, then siglongjmp: the reader knows nothing any more */
               taken[me] = false;
               searching[me] = false;
#ifndef BUG_GOES_ON
               held[me] = 0
#endif
           }
           buffer[me]!LOWER,NONE;
           buffer[me]!ANSWER,requests[me]
       };
       /* What was found is used after the search, too: nothing interrupts that. */
       atomic { assert((held[me] & freed) == 0); held[me] = 0; now = 0; node = 0 }
       buffer[me]!LOWER,NONE /* exit */
    od
}

/* A section that began before the batch was sealed keeps all of it. It may be asked to end at any time here: when a reader
 * counts as stalled makes no difference to what is safe. */
inline look_at(reader) {
    low = lower[reader];
    if
    :: low != NONE ->
       if
       :: true /* not stalled yet */
       :: atomic { request = requests[reader] + (answered[reader] == requests[reader] -> 1 : 0) }
          requests[reader] = request;
          sent[reader] = true;
#ifndef BUG_NO_ANSWER
          if
          :: answered[reader] == request
          :: lower[reader] != low
          :: true /* no answer in time */
          fi;
#ifndef BUG_TAKES_SILENCE_FOR_YES
          if
          :: lower[reader] != low -> low = NONE
          :: else
          fi
#else
          low = NONE
#endif
#else
          low = NONE
#endif
       fi
    :: else
    fi;
    atomic {
        i = 0;
        do
        :: i < NODES -> kept = kept | ((low != NONE && low <= retired[i]) -> sealed & BIT(i) : 0); i++
        :: i == NODES -> break
        od;
        i = 0; low = 0; request = 0
    }
}

proctype writing_thread(byte me) {
    byte round, node, old, low, i, r, last_sealed, seen, request;
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
        :: i < READERS -> run reader_memory(i); run kernel(i); run reading_thread(i); i++
        :: i == READERS -> break
        od;
        i = 0;
        do
        :: i < WRITERS -> run writer_memory(i); run writing_thread(i); i++
        :: i == WRITERS -> break
        od
    }
}
