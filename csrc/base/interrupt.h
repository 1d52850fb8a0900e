/* base/interrupt.h: makes one other thread of the process run a function, by a signal. */
#ifndef CC_BASE_INTERRUPT_H
#define CC_BASE_INTERRUPT_H

#include <setjmp.h>

#include "cc/base.h"

/* From now on `signal_number` (0: SIGURG) calls `function` in the thread that takes it, then the handler that was there
 * before. If `function` returned NULL the thread goes on where it was (system calls restart), else it jumps to what
 * `function` returned. The function may use only what signal handlers may. There is one signal for the process; a
 * second call changes nothing. CC_ERROR_SUPPORT when the system refuses. */
int cc__interrupt_catch(int signal_number, jmp_buf *(*function)(void));

/* Whether the handler is still in force: nobody has replaced it. */
bool cc__interrupt_caught(void);

/* Sends the signal to the thread with this native id. False when there is no such thread. */
bool cc__interrupt_send(uint64_t native_id);

#endif
