/* base/poison.h: tells the address sanitizer and valgrind which bytes of a larger block nobody may touch now. Empty in
 * all other builds; CC__POISON says whether somebody listens. Builds for valgrind define CC_VALGRIND. */
#ifndef CC_BASE_POISON_H
#define CC_BASE_POISON_H

#include "cc/base.h"

#if defined(__SANITIZE_ADDRESS__)
#define CC__ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CC__ADDRESS_SANITIZER 1
#endif
#endif

#if defined(CC__ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#define CC__POISON 1
#define cc__poison(address, size) __asan_poison_memory_region((address), (size))
#define cc__unpoison(address, size) __asan_unpoison_memory_region((address), (size))
#define cc__unpoison_kept(address, size) __asan_unpoison_memory_region((address), (size))
#elif defined(CC_VALGRIND)
#include <valgrind/memcheck.h>
#define CC__POISON 1
#define cc__poison(address, size) ((void)VALGRIND_MAKE_MEM_NOACCESS((address), (size)))
#define cc__unpoison(address, size) ((void)VALGRIND_MAKE_MEM_UNDEFINED((address), (size)))
#define cc__unpoison_kept(address, size) ((void)VALGRIND_MAKE_MEM_DEFINED((address), (size)))
#else
#define CC__POISON 0
/* Nobody may touch it; it may be written to and holds nothing; it holds what it held before. */
#define cc__poison(address, size) ((void)(address), (void)(size))
#define cc__unpoison(address, size) ((void)(address), (void)(size))
#define cc__unpoison_kept(address, size) ((void)(address), (void)(size))
#endif

#endif
