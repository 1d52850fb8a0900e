/* cc/regions.h: memory that is freed together or shared: includes the header of each structure. */
#ifndef CC_REGIONS_H
#define CC_REGIONS_H

#include "cc/alloc.h"
#include "cc/arena.h"
#include "cc/buffer.h"
#include "cc/file.h"
#include "cc/heap.h"
#include "cc/pool.h"
#include "cc/sized.h"
#include "cc/slice.h"

#endif
