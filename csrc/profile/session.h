/* profile/session.h: what is recorded, as one configuration word.
 *
 * The word changes with every start, stop and reset of a profile, and each thread brings its own state in line when it
 * meets a word that it has not seen. A *session* is the time between two changes. Blocks remember theirs, so that a
 * profile knows which blocks are younger than it. A *generation* is the time from the first start to when no profile is
 * left. */
#ifndef CC_PROFILE_SESSION_H
#define CC_PROFILE_SESSION_H

#include "cc/profile.h"

#include "../base/atomics.h"
#include "../base/os.h"
#include "shadow.h"

/* The word: flags below, the session above them. 0 when idle. */
enum {
    CC__EXACT = 1u << 8,      /* record every allocation */
    CC__RATE = 1u << 9,       /* sample by count */
    CC__INTERVAL = 1u << 10,  /* sample by bytes */
    CC__ALL_FREES = 1u << 11, /* records may lie outside the bitmap: an exact session came before this one */
    CC__LATENCY = 1u << 12,
    CC__TIMES = 1u << 13,
    CC__STACKS = 1u << 14,
    CC__FILTERED = 1u << 15,     /* only blocks in the bitmap have records: sampled, without ALL_FREES */
    CC__CONFIG_ROUND_SHIFT = 16, /* how often session numbers began anew: no word comes twice */
    CC__CONFIG_ROUNDS = 1 << 14,
    CC__CONFIG_SESSION_SHIFT = 32
};
/* The word while idle and probed; wrappers only look whether they are meant. */
#define CC__PROBE ((uint64_t)1 << 31)

/* The word of each domain, or 0 when the domain is not to be seen: what its tap looks at first. */
extern CC__NEAR _Atomic(uint64_t) cc__profile_config[CC_PROFILE_DOMAINS];

enum { CC__MAX_SESSIONS = (1 << CC__SESSION_BITS) - 1 };

/* How allocations were chosen in a session: the weight of a record follows from it and the block's size. */
typedef struct cc__session {
    bool exact;
    double rate;     /* of RATE */
    double interval; /* of INTERVAL, else 0 */
    uint32_t step;   /* what an allocation takes off the countdown beside its bytes */
    double weight;   /* of RATE: 1 / rate */
    double scale;    /* what the logarithm of a uniform number is multiplied by to give a distance */
} cc__session_t;

/* What the active profiles ask for, all together. */
typedef struct cc__wanted {
    unsigned domains; /* bits; 0: there is no active profile */
    unsigned stack_depth;
    bool exact, latency, times;
    double rate, interval; /* the most frequent sampling of each kind; 0: none */
} cc__wanted_t;

/* The lock over all of the recorder that is not a thread's own. A fork holds it. */
extern cc__mutex_t cc__recorder_lock;

/* Under the lock. Only `all` is also read without it (cc__session_of). */
typedef struct cc__sessions {
    cc__session_t *_Atomic all; /* by number, from 1. An entry does not change while records of its session may exist */
    cc__session_t *spare;       /* another table, for when numbers are given anew */
    uint64_t numbering;         /* grows when numbers are given anew */
    bool stragglers;            /* calls in flight may have written records with numbers from before */
    unsigned present;           /* the number of the present one */
    unsigned exact_since;       /* the first of the exact sessions up to now; 0: this one is sampled */
    bool exact_before;          /* some session since idle was exact */
    unsigned domains;           /* all that were seen since idle: what is recorded must be seen to be freed */
    unsigned stack_depth;       /* the largest that is asked for */
    unsigned oldest, youngest;  /* the first sessions of the oldest and the youngest active profile */
    uint64_t round;             /* grows when session numbers begin anew */
    uint64_t generation;        /* grows when slots and sites begin anew */
} cc__sessions_t;
extern CC__NEAR cc__sessions_t cc__sessions;

/* acquire pairs with the release in cc__sessions_renumber */
static inline const cc__session_t *cc__session_of(unsigned number) {
    return &cc__load_acquire(&cc__sessions.all)[number];
}

/* Makes what sessions need all their life. CC_ERROR_MEMORY. pre: lock held. */
int cc__sessions_open(void);

/* Begins a generation. pre: lock held, idle. */
void cc__sessions_restart(void);

/* Begins a session that suits the active profiles. pre: lock held, a number is left. */
void cc__session_begin(const cc__wanted_t *wanted);

/* Gives sessions new numbers, from 1 on: those that nobody can tell apart have one from now on. `begins[number]` says
 * that the figures of some profile begin with that session, or ended with the one before it. Returns the new numbers
 * by those before, up to the largest and one more, good until the next call; NULL, and nothing changes, when less than
 * half of the numbers would be free. The caller changes the numbers that it knows, begins a session, so that threads
 * wait for the lock before they go on, and then has the records changed by cc__sessions_renumber_records. pre: lock
 * held. */
const uint16_t *cc__sessions_renumber(const bool *begins);
void cc__sessions_renumber_records(void);

#endif
