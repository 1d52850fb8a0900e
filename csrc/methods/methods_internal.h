/* methods/methods_internal.h: what the files of methods/ share with each other alone. */
#ifndef CC_METHODS_INTERNAL_H
#define CC_METHODS_INTERNAL_H

#include "cc/methods.h"

#include "../base/atomics.h"
#include "../base/os.h"

/* ---- locks.c: all locks of the layer, held across fork ----------------------------------------------------------- */

/* A thread that takes several takes them in this order. */
enum cc__mem_lock { CC__LOCK_CORE, CC__LOCK_BACKENDS, CC__LOCK_STATUS, CC__LOCK_FAULTS, CC__LOCK_NAMED };

cc__mutex_t *cc__mem_lock(enum cc__mem_lock name);

/* A lock for an allocator instance. Instances beyond the 60th share theirs with others, so none may call another one
 * under it. */
cc__mutex_t *cc__mem_instance_lock(void);

enum { CC__MEM_ALIGNMENT = 16 }; /* of blocks */

/* ---- faults.c ---------------------------------------------------------------------------------------------------- */

/* Arms, NULL disarms. CC_ERROR_ARGUMENT as cc_mem_arm_faults. */
int cc__mem_set_faults(const cc_mem_faults_t *faults);

/* Whether the present request must fail. */
bool cc__mem_fault_due(void);

#endif
