/* profile/places.h: frames in words. A *place* is an instruction of a function of a file, and its line. Each is kept
 * once under a number, however many code objects come and go that say the same; no code object is kept. */
#ifndef CC_PROFILE_PLACES_H
#define CC_PROFILE_PLACES_H

#include "cc/profile.h"

/* All functions are called with the sites' lock held. */

/* The place of a frame of the calling thread; 0 when there is no memory. */
uint32_t cc__place_number(const cc_profile_frame_provider_t *provider, const cc_profile_frame_t *frame);

/* A place by its number. Its texts are good until cc__places_clear. */
cc_profile_place_t cc__place(uint32_t number);

/* A code object is gone. Returns whether it was in a frame since the last clear: then its address, and those of its
 * instructions, can come to mean others. */
bool cc__places_end_code(const void *code);

/* Forgets all places. */
void cc__places_clear(void);

#endif
