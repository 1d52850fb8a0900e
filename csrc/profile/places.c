/* profile/places.c: code objects that are alive, and what their instructions are called. */
#include "places.h"

#include <stdlib.h>
#include <string.h>

#include "../base/fault.h"
#include "interned.h"

/* A text is known by 128 bits of hash: that two texts ever have the same is out of the question. */
typedef struct text {
    uint64_t hash[2]; /* the key */
    char *copy;
} text_t;

typedef struct place {
    uint32_t file, function, line, offset, held; /* the key; file and function are texts' numbers */
} place_t;

/* Grows with the addresses that code objects had, not with code objects. */
typedef struct code {
    const void *address; /* the key */
    uint64_t life;       /* the number of the object that is there, never used twice; 0: it is gone */
} code_t;

static cc__interned_t texts = {.item_size = sizeof(text_t), .key_size = sizeof(uint64_t[2])};
static cc__interned_t places = {.item_size = sizeof(place_t), .key_size = sizeof(place_t)};
static cc__interned_t codes = {.item_size = sizeof(code_t), .key_size = sizeof(const void *)};
static uint64_t lives;

/* Frames that were met last: to describe one takes a walk through its code object's table of lines. */
enum { RECENT = 1 << 12 };
static struct recent {
    uint64_t life; /* that another object never has: it need not be forgotten */
    uintptr_t offset;
    uint32_t place;
} recent[RECENT];

static uint32_t text_number(const char *text) {
    size_t length = strlen(text);
    text_t key = {{length, ~(uint64_t)length}, NULL};
    for (size_t at = 0; at < length; at += sizeof(uint64_t)) {
        uint64_t word = 0;
        memcpy(&word, text + at, length - at < sizeof word ? length - at : sizeof word);
        key.hash[0] = cc_profile_mix(key.hash[0], word);
        key.hash[1] = cc_profile_mix(key.hash[1] ^ key.hash[0] >> 32, ~word);
    }
    uint32_t number = cc__intern(&texts, key.hash);
    if (number == 0) return 0;
    text_t *kept = cc__interned_item(&texts, number);
    if (kept->copy != NULL) return number;
    kept->copy = cc__own_calloc(length + 1, 1);
    if (kept->copy == NULL) return 0; /* the next one tries again */
    memcpy(kept->copy, text, length);
    return number;
}

static uint32_t describe(const cc_profile_frame_provider_t *provider, const cc_profile_frame_t *frame) {
    cc_profile_place_t words = {NULL, NULL, 0, false};
    provider->describe(frame, &words);
    place_t key = {text_number(words.file), text_number(words.function), words.line, (uint32_t)frame->offset,
                   words.held};
    return key.file != 0 && key.function != 0 ? cc__intern(&places, &key) : 0;
}

uint32_t cc__place_number(const cc_profile_frame_provider_t *provider, const cc_profile_frame_t *frame) {
    uint32_t number = cc__intern(&codes, &frame->code);
    if (number == 0) return 0;
    code_t *code = cc__interned_item(&codes, number);
    if (code->life == 0) code->life = ++lives;
    struct recent *entry = &recent[cc_profile_mix(code->life, frame->offset) % RECENT];
    if (entry->life == code->life && entry->offset == frame->offset) return entry->place;
    uint32_t place = describe(provider, frame);
    *entry = (struct recent){place != 0 ? code->life : 0, frame->offset, place};
    return place;
}

cc_profile_place_t cc__place(uint32_t number) {
    const place_t *place = cc__interned_item(&places, number);
    const text_t *file = cc__interned_item(&texts, place->file);
    const text_t *function = cc__interned_item(&texts, place->function);
    return (cc_profile_place_t){file->copy, function->copy, place->line, place->held != 0};
}

bool cc__places_end_code(const void *address) {
    uint32_t number = cc__interned_find(&codes, &address);
    code_t *code = number != 0 ? cc__interned_item(&codes, number) : NULL;
    if (code == NULL || code->life == 0) return false;
    code->life = 0;
    return true;
}

void cc__places_clear(void) {
    for (uint32_t number = 1; number <= texts.used; number++) free(((text_t *)cc__interned_item(&texts, number))->copy);
    cc__interned_clear(&texts);
    cc__interned_clear(&places);
    cc__interned_clear(&codes);
}
