/* canary.c: not a test but the stress with nodes freed where they should be retired, with the scheme that the first
 * argument names: every build that watches memory must report it. */
#define RETIRE_AT_ONCE
#include "stress.h"

int main(int count, char **arguments) {
    int scheme = cc_smr_scheme_by_name(count > 1 ? arguments[1] : "");
    if (scheme < 0) return 2;
    for (int round = 0; round < 20; round++) run_stress((cc_smr_scheme_t)scheme, NULL, 8, 20000);
    printf("unnoticed\n");
    return 0;
}
