/* csv_totals.c: the sum of sales for each product and the longest comment, from a CSV file, in two ways.
 *
 *     csv_totals make FILE LINES      writes a file
 *     csv_totals plain FILE           reads it line by line, copies each field
 *     csv_totals regions FILE         maps it; fields are slices of it, the table of products lies in an arena
 *
 * Both keep all rows, as a program would that goes on to sort or join them, and print the same; the last line on
 * stderr is JSON: seconds, and bytes: own (anonymous) memory with all rows in it, and the peak of all with the
 * file's pages.
 *
 *     cc -O2 examples/csv_totals.c $(pkg-config --cflags --libs libcc) -o csv_totals
 * with PKG_CONFIG_PATH=<the installed package>/lib/pkgconfig. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cc/regions.h"

enum { BUCKETS = 4096 };

/* Bytes of a line of /proc/self/status; 0 where there is none. */
static unsigned long long status_bytes(const char *name) {
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) kilobytes = strtoull(line + strlen(name) + 1, NULL, 10);
    if (file != NULL) fclose(file);
    return kilobytes * 1024;
}

static unsigned long long own_bytes; /* anonymous memory when all rows were there */

/* ---- plain: what one writes with the C library alone ------------------------------------------------------------- */

typedef struct plain_row {
    struct plain_row *next;
    char *product, *city, *comment;
    long amount;
    double price;
} plain_row_t;

typedef struct plain_total {
    struct plain_total *next;
    char *product;
    double sum;
} plain_total_t;

static unsigned hash(const char *text, size_t length) {
    unsigned value = 2166136261u;
    for (size_t i = 0; i < length; i++) value = (value ^ (unsigned char)text[i]) * 16777619u;
    return value % BUCKETS;
}

static char *copied(const char *text) {
    char *copy = malloc(strlen(text) + 1);
    return copy != NULL ? strcpy(copy, text) : NULL;
}

static char *next_field(char **rest) {
    char *field = *rest, *end = field + strcspn(field, ",\n");
    *rest = *end != 0 ? end + 1 : end;
    *end = 0;
    return field;
}

static int sum_plainly(const char *path) {
    static plain_total_t *totals[BUCKETS];
    static char line[4096];
    plain_row_t *rows = NULL;
    size_t count = 0, longest = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) return perror(path), 1;
    while (fgets(line, sizeof line, file) != NULL) {
        char *rest = line;
        plain_row_t *row = malloc(sizeof *row);
        if (row == NULL) return 1;
        row->product = copied(next_field(&rest));
        row->city = copied(next_field(&rest));
        row->amount = strtol(next_field(&rest), NULL, 10);
        row->price = strtod(next_field(&rest), NULL);
        row->comment = copied(next_field(&rest));
        row->next = rows;
        rows = row;
        count++;
        if (strlen(row->comment) > longest) longest = strlen(row->comment);
        plain_total_t **bucket = &totals[hash(row->product, strlen(row->product))], *total = *bucket;
        while (total != NULL && strcmp(total->product, row->product) != 0) total = total->next;
        if (total == NULL) {
            total = malloc(sizeof *total);
            if (total == NULL) return 1;
            *total = (plain_total_t){*bucket, row->product, 0};
            *bucket = total;
        }
        total->sum += (double)row->amount * row->price;
    }
    fclose(file);
    own_bytes = status_bytes("RssAnon");
    printf("%zu rows, longest comment %zu\n", count, longest);
    for (size_t i = 0; i < BUCKETS; i++)
        for (plain_total_t *total = totals[i]; total != NULL; total = total->next)
            printf("%s %.2f\n", total->product, total->sum);
    return 0;
}

/* ---- with regions ------------------------------------------------------------------------------------------------ */

/* Fields are offsets into the line: the file is there anyway. */
typedef struct row {
    const char *line;
    unsigned short product, city, comment, end;
    int amount;
    double price;
} row_t;

typedef struct rows {
    struct rows *next;
    row_t row[512];
} rows_t;

typedef struct total {
    struct total *next;
    cc_slice_t product;
    double sum;
} total_t;

static int sum_with_regions(const char *path) {
    static total_t *totals[BUCKETS];
    CC_CLEANUP(cc_file_cleanup) cc_file_t *file = NULL;
    CC_CLEANUP(cc_arena_cleanup) cc_arena_t *arena = cc_arena_create(1 << 20, NULL);
    int status = cc_file_open(path, CC_FILE_GUARDED, &file);
    if (status != CC_OK) return fprintf(stderr, "%s: %s\n", path, cc_strerror(status)), 1;
    (void)cc_file_advise(file, 0, SIZE_MAX, CC_FILE_SEQUENTIAL);
    rows_t *rows = NULL;
    size_t count = 0, longest = 0;
    cc_slice_t rest = cc_file_slice(file), line;
    while (cc_slice_split_byte(&rest, '\n', &line)) {
        cc_slice_t fields = line, product, city, amount, price, comment;
        if (!cc_slice_split_byte(&fields, ',', &product) || !cc_slice_split_byte(&fields, ',', &city) ||
            !cc_slice_split_byte(&fields, ',', &amount) || !cc_slice_split_byte(&fields, ',', &price) ||
            !cc_slice_split_byte(&fields, ',', &comment))
            continue;
        int64_t number;
        double value;
        if (cc_slice_to_int64(amount, &number) != CC_OK || cc_slice_to_double(price, &value) != CC_OK) continue;
        if (count % 512 == 0) {
            rows_t *more = cc_arena_alloc(arena, sizeof *more);
            if (more == NULL) return 1;
            more->next = rows;
            rows = more;
        }
        rows->row[count++ % 512] = (row_t){.line = line.data,
                                           .product = (unsigned short)product.length,
                                           .city = (unsigned short)(city.data - line.data),
                                           .comment = (unsigned short)(comment.data - line.data),
                                           .end = (unsigned short)line.length,
                                           .amount = (int)number,
                                           .price = value};
        if (comment.length > longest) longest = comment.length;
        total_t **bucket = &totals[hash(product.data, product.length)], *total = *bucket;
        while (total != NULL && !cc_slice_equal(total->product, product)) total = total->next;
        if (total == NULL) {
            total = cc_arena_alloc(arena, sizeof *total);
            if (total == NULL) return 1;
            *total = (total_t){*bucket, product, 0};
            *bucket = total;
        }
        total->sum += (double)number * value;
    }
    if (cc_file_truncated(file)) return fprintf(stderr, "%s: became shorter while it was read\n", path), 1;
    own_bytes = status_bytes("RssAnon");
    printf("%zu rows, longest comment %zu\n", count, longest);
    for (size_t i = 0; i < BUCKETS; i++)
        for (total_t *total = totals[i]; total != NULL; total = total->next)
            printf("%.*s %.2f\n", (int)total->product.length, total->product.data, total->sum);
    return 0;
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static int make(const char *path, long lines) {
    static const char *const cities[] = {"Antwerp", "Bergen", "Cork", "Dresden", "Evora", "Foggia", "Graz", "Haarlem"};
    static const char *const words[] = {"late",          "broken", "as ordered", "paid in advance",
                                        "returned once", "gift",   "urgent"};
    unsigned long long state = 1;
    FILE *file = fopen(path, "w");
    if (file == NULL) return perror(path), 1;
    for (long i = 0; i < lines; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        unsigned random = (unsigned)(state >> 33);
        fprintf(file, "product-%u,%s,%u,%u.%02u,%s; %s\n", random % 1000, cities[random / 7 % 8], 1 + random / 11 % 90,
                random / 13 % 500, random / 17 % 100, words[random / 19 % 7], words[random / 23 % 7]);
    }
    return fclose(file) == 0 ? 0 : 1;
}

static int finish(int status, struct timespec begin) {
    struct timespec end;
    timespec_get(&end, TIME_UTC);
    double seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    fprintf(stderr, "{\"seconds\": %.6f, \"anonymous\": %llu, \"peak\": %llu}\n", seconds, own_bytes,
            status_bytes("VmHWM"));
    return status;
}

int main(int count, char **arguments) {
    struct timespec begin;
    timespec_get(&begin, TIME_UTC);
    if (count == 4 && strcmp(arguments[1], "make") == 0) return make(arguments[2], atol(arguments[3]));
    if (count == 3 && strcmp(arguments[1], "plain") == 0) return finish(sum_plainly(arguments[2]), begin);
    if (count == 3 && strcmp(arguments[1], "regions") == 0) return finish(sum_with_regions(arguments[2]), begin);
    fprintf(stderr, "use: csv_totals make FILE LINES | plain FILE | regions FILE\n");
    return 2;
}
