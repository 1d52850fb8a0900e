/* base/base.c: version and error texts. */
#include "cc/base.h"

#define TEXT_(number) #number
#define TEXT(number) TEXT_(number)

const char *cc_version(void) {
    return TEXT(CC_VERSION_MAJOR) "." TEXT(CC_VERSION_MINOR) "." TEXT(CC_VERSION_PATCH);
}

int cc_abi_version(void) {
    return CC_ABI_VERSION;
}

const char *cc_strerror(int status) {
    switch (status) {
    case CC_OK: return "success";
    case CC_ERROR_MEMORY: return "out of memory";
    case CC_ERROR_ARGUMENT: return "an argument is out of range";
    case CC_ERROR_STATE: return "the call does not fit the object's state";
    case CC_ERROR_LIMIT: return "a documented limit was reached";
    case CC_ERROR_SUPPORT: return "not supported in this build or on this system";
    case CC_ERROR_MISSING: return "no such file";
    case CC_ERROR_ACCESS: return "access to the file is denied";
    case CC_ERROR_DIRECTORY: return "the file is a directory";
    case CC_ERROR_EMPTY: return "the file is empty";
    case CC_ERROR_KIND: return "not a regular file";
    case CC_ERROR_TRUNCATED: return "the file has become shorter";
    case CC_ERROR_SYSTEM: return "the system failed";
    default: return "unknown status";
    }
}
