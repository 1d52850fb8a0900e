/* test_groups.c: lists and groups of retired nodes (smr/smr_internal.h): nothing is lost, and what a group says of
 * its nodes holds. */
#include "smr/smr_internal.h"

#include "../check.h"

enum { NODES = 4000 };

static cc__smr_node_t nodes[NODES];
static uint64_t retired_in[NODES]; /* by node */

static uint64_t check_groups(const cc__smr_groups_t *groups) {
    uint64_t sum = 0;
    CHECK(groups->count <= CC__SMR_GROUPS);
    for (size_t i = 0; i < groups->count; i++) {
        const cc__smr_group_t *group = &groups->all[i];
        uint64_t count = 0;
        if (i > 0) CHECK(groups->all[i - 1].retired < group->retired);
        for (cc__smr_node_t *node = group->nodes.first; node != NULL; node = node->next, count++) {
            CHECK(group->oldest <= node->birth && node->birth <= group->youngest);
            CHECK(retired_in[node - nodes] <= group->retired);
            if (node->next == NULL) CHECK(node == group->nodes.last);
        }
        CHECK(count > 0);
        CHECK_EQUAL(count, group->nodes.count);
        sum += count;
    }
    return sum;
}

static void test_any_sequence_keeps_all(void) {
    uint64_t state = 12345;
    for (int round = 0; round < 20; round++) {
        cc__smr_groups_t groups = {.count = 0};
        size_t used = 0;
        for (uint64_t epoch = 100; used < NODES; epoch++) {
            cc__smr_group_t group = {.retired =
                                         check_random(&state) % 4 != 0 ? epoch : epoch - check_random(&state) % 50};
            uint64_t retired = group.retired;
            size_t count = check_random(&state) % 50;
            for (; count > 0 && used < NODES; count--, used++) {
                nodes[used].birth = retired - check_random(&state) % 30;
                retired_in[used] = retired;
                cc__smr_group_push(&group, &nodes[used]);
            }
            cc__smr_add_group(&groups, &group);
            CHECK(group.nodes.first == NULL); /* moved */
            CHECK_EQUAL(check_groups(&groups), used);
        }
    }
}

static void test_the_newest_half_is_never_merged(void) {
    cc__smr_groups_t groups = {.count = 0};
    for (uint64_t epoch = 1; epoch <= 200; epoch++) {
        cc__smr_group_t group = {.retired = epoch};
        nodes[epoch].birth = epoch;
        cc__smr_group_push(&group, &nodes[epoch]);
        cc__smr_add_group(&groups, &group);
        for (size_t i = groups.count; i-- > 0 && i > CC__SMR_GROUPS / 2;) CHECK_EQUAL(groups.all[i].nodes.count, 1);
    }
}

static void test_empty_ones_go(void) {
    cc__smr_groups_t groups = {.count = 0};
    cc__smr_group_t none = {.retired = 5};
    cc__smr_add_group(&groups, &none);
    CHECK_EQUAL(groups.count, 0);
    for (uint64_t epoch = 1; epoch <= 5; epoch++) {
        cc__smr_group_t group = {.retired = epoch};
        cc__smr_group_push(&group, &nodes[epoch]);
        cc__smr_add_group(&groups, &group);
    }
    cc__smr_list_t list = {NULL, NULL, 0};
    cc__smr_append(&list, &groups.all[1].nodes);
    cc__smr_append(&list, &groups.all[4].nodes);
    cc__smr_append(&list, &groups.all[4].nodes); /* empty by now */
    CHECK_EQUAL(list.count, 2);
    CHECK(list.first == &nodes[5] && list.last == &nodes[2]);
    cc__smr_drop_empty_groups(&groups);
    CHECK_EQUAL(groups.count, 3);
    for (size_t i = 0; i < 3; i++) CHECK_EQUAL(groups.all[i].retired, i == 0 ? 1 : i + 2);
}

int main(void) {
    RUN(test_any_sequence_keeps_all);
    RUN(test_the_newest_half_is_never_merged);
    RUN(test_empty_ones_go);
    return 0;
}
