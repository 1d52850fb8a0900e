/* profile/baseline.h: what a profile's figures are counted from. A profile is a view of the recorder: it keeps what had
 * been counted when it began, and what is counted after that but is none of its own: frees of blocks that are older
 * than it. */
#ifndef CC_PROFILE_BASELINE_H
#define CC_PROFILE_BASELINE_H

#include "flows.h"
#include "peaks.h"
#include "rows.h"

/* What a baseline needs memory for. */
typedef struct cc__zero {
    cc__row_t *rows; /* at the start */
    size_t row_count;
    cc__flow_table_t flows;       /* at the start */
    cc__flow_table_t flows_older; /* since the start, of older blocks */
    struct cc__older_row {
        double count, bytes, received;
    } *rows_older; /* by slot, CC__MAX_SLOTS: frees since the start, of older blocks */
} cc__zero_t;

typedef struct cc__baseline {
    unsigned first_session; /* blocks of it and of later ones are the profile's own */
    cc__zero_t zero;
    cc__totals_t totals;                  /* at the start */
    cc__sums_t older[CC_PROFILE_DOMAINS]; /* frees since the start, of older blocks; under the lock */
    double older_count, older_crossed;    /* all of them, and those by another thread than their allocation */
    cc__peak_t peak;
    struct cc__baseline *next;
} cc__baseline_t;

/* All functions but cc__free_special are called with the recorder's lock held. */

/* Reads what may fail for want of memory. It is called when the new session has begun: from then on all threads wait
 * for the lock before they count on (but for one call that may be in flight in each), so that all parts of a baseline
 * agree. */
bool cc__zero_take(cc__zero_t *zero);
void cc__zero_free(cc__zero_t *zero);

/* Makes the present the baseline; takes `zero` over. pre: its session has just begun. */
void cc__baseline_begin(cc__baseline_t *baseline, const cc__zero_t *zero, uint64_t now_ns);

/* No frees are older than it from now on, and its peak is not followed any more. */
void cc__baseline_end(cc__baseline_t *baseline);

/* What was counted since. */
void cc__baseline_totals(const cc__baseline_t *baseline, cc__totals_t *totals);
void cc__baseline_counts(const cc__baseline_t *baseline, cc__counts_t *counts);
bool cc__baseline_flows(const cc__baseline_t *baseline, cc__flow_table_t *flows);
size_t cc__baseline_rows(const cc__baseline_t *baseline, cc__row_t *rows, size_t room);

/* Counts a free whose record is sampled, or older than some active profile. pre: the caller owns the shard. */
void cc__free_special(cc__shard_t *shard, unsigned domain, uint64_t record, uint64_t size);

#endif
