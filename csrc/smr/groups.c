/* smr/groups.c: lists and groups of retired nodes. They are linked through the nodes' own headers: nothing is
 * allocated. */
#include "smr_internal.h"

void cc__smr_push(cc__smr_list_t *list, cc__smr_node_t *node) {
    node->next = list->first;
    if (list->first == NULL) list->last = node;
    list->first = node;
    list->count++;
}

void cc__smr_append(cc__smr_list_t *list, cc__smr_list_t *more) {
    if (more->first == NULL) return;
    more->last->next = list->first;
    if (list->first == NULL) list->last = more->last;
    list->first = more->first;
    list->count += more->count;
    *more = (cc__smr_list_t){NULL, NULL, 0};
}

void cc__smr_group_push(cc__smr_group_t *group, cc__smr_node_t *node) {
    bool first = group->nodes.first == NULL;
    if (first || node->birth < group->oldest) group->oldest = node->birth;
    if (first || node->birth > group->youngest) group->youngest = node->birth;
    cc__smr_push(&group->nodes, node);
}

/* Puts what `from` has into its neighbour `into`. */
static void merge(cc__smr_group_t *into, cc__smr_group_t *from) {
    if (from->oldest < into->oldest) into->oldest = from->oldest;
    if (from->youngest > into->youngest) into->youngest = from->youngest;
    if (from->retired > into->retired) into->retired = from->retired;
    cc__smr_append(&into->nodes, &from->nodes);
}

static void remove_at(cc__smr_groups_t *groups, size_t at) {
    groups->count--;
    for (size_t i = at; i < groups->count; i++) groups->all[i] = groups->all[i + 1];
}

void cc__smr_drop_empty_groups(cc__smr_groups_t *groups) {
    for (size_t i = groups->count; i-- > 0;)
        if (groups->all[i].nodes.first == NULL) remove_at(groups, i);
}

/* The two neighbours that are smallest together become one. Never the newest half: a merged group's epoch then lies
 * some batches back, so that only sections longer than those keep it, and short ones, however many, cannot. */
static void make_room(cc__smr_groups_t *groups) {
    size_t best = 0;
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < CC__SMR_GROUPS / 2; i++) {
        uint64_t sum = groups->all[i].nodes.count + groups->all[i + 1].nodes.count;
        if (sum < least) best = i, least = sum;
    }
    merge(&groups->all[best], &groups->all[best + 1]);
    remove_at(groups, best + 1);
}

void cc__smr_add_group(cc__smr_groups_t *groups, cc__smr_group_t *group) {
    if (group->nodes.first == NULL) return;
    if (groups->count == CC__SMR_GROUPS) make_room(groups);
    size_t at = groups->count;
    while (at > 0 && groups->all[at - 1].retired > group->retired) at--;
    if (at > 0 && groups->all[at - 1].retired == group->retired) {
        merge(&groups->all[at - 1], group);
        return;
    }
    for (size_t i = groups->count; i > at; i--) groups->all[i] = groups->all[i - 1];
    groups->all[at] = *group;
    groups->count++;
    *group = (cc__smr_group_t){{NULL, NULL, 0}, 0, 0, 0};
}
