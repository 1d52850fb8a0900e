/* profile/sources.h: what is asked of a domain's source, by the table of sources. */
#ifndef CC_PROFILE_SOURCES_H
#define CC_PROFILE_SOURCES_H

#include "source.h"

/* Begins or ends that calls come to the taps of these domains (bits), where the recorder does that. pre: lock held. */
void cc__sources_attach(unsigned domains);

/* Bytes of the blocks of a domain: of `count` blocks in a bin of small sizes; and what `count` blocks in a bin of large
 * ones take beyond the bytes that were asked for, on average over the bin's sizes. pre: lock held. */
double cc__source_small_blocks(unsigned domain, unsigned bin, double count);
double cc__source_large_padding(unsigned domain, unsigned bin, double count);

#endif
