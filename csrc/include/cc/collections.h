/* cc/collections.h: concurrent containers, and waiting for a change of one: includes the header of each structure. */
#ifndef CC_COLLECTIONS_H
#define CC_COLLECTIONS_H

#include "cc/event.h"
#include "cc/map.h"
#include "cc/queue.h"
#include "cc/stack.h"

#endif
