/* base/blocking.c: see blocking.h. */
#include "blocking.h"

#if defined(CC_DEBUG)
void (*_Atomic cc__blocking_check)(const char *what);
#endif
