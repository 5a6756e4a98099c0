/*
 * group_number.c - codes to numbers, and the record of each number: see group_number.h.
 *
 * An array indexed by codes is the fastest, and only what is touched of it costs memory; it is
 * taken where the rows of a chunk pay for it. Else there are slots, and neighbours with the same code
 * ask once.
 */
#include "query/group.h"

enum {
    SLOTS_FIRST = 1024,
    CAPACITY_FIRST = 256,
    ARRAY_FREE = 4096,   /* an array of so many codes always pays */
    ARRAY_PER_ROW = 128, /* and one of so many for each row of a chunk */
    CODE_BITS = 63,      /* so that no part is shifted by 64, and the greatest integer has no id */
    AHEAD = 64,          /* runs whose slots are on their way from memory */
    ARRAY_SMALL = 1 << 18, /* codes of an array that is looked into all over */
    NUMBER_BITS = 21,      /* of a slot; its code's low bits are above */
    SCATTERED = 1 << 17,   /* groups of which it is known whether rows share them */
};

_Static_assert((int)GROUP_NUMBERS_MAX < 1 << NUMBER_BITS, "every number fits a slot");

/* Zeroed; unless it is a table, only what is touched costs memory. */
static void *
take(struct sl_budget *budget, size_t bytes, bool is_table)
{
    if (!sl_budget_take(budget, bytes))
        return NULL;
    void *memory = is_table ? sl_try_alloc_table(bytes) : sl_try_alloc(bytes);
    if (memory == NULL)
        sl_budget_give(budget, bytes);
    return memory;
}

static void
give(struct sl_budget *budget, void *memory, size_t bytes)
{
    if (memory != NULL)
        sl_budget_give(budget, bytes);
    free(memory);
}

/* ---- code to number ---- */

static uint32_t
slot_of(const struct group_numbers *numbers, uint64_t code)
{
    return (uint32_t)(code * UINT64_C(0x9e3779b97f4a7c15) >> 32) & numbers->slot_mask;
}

static uint32_t
number_in(uint64_t slot)
{
    return (uint32_t)slot & ((1U << NUMBER_BITS) - 1);
}

/* The slot of a code, or the empty one where it would be. */
static inline uint64_t *
find_slot(const struct group_numbers *numbers, uint64_t code)
{
    bool is_whole = numbers->bits <= 64 - NUMBER_BITS;

    for (uint32_t at = slot_of(numbers, code);; at = (at + 1) & numbers->slot_mask) {
        uint64_t slot = numbers->slots[at];
        bool is_alike = ((slot ^ code << NUMBER_BITS) >> NUMBER_BITS) == 0;
        if (slot == 0 || (is_alike && (is_whole || numbers->codes[number_in(slot)] == code)))
            return &numbers->slots[at];
    }
}

static uint64_t
make_slot(uint64_t code, uint32_t number)
{
    return code << NUMBER_BITS | number;
}

static void
close_map(struct group_numbers *numbers)
{
    give(numbers->budget, numbers->array, ((size_t)1 << numbers->array_bits) * sizeof(uint32_t));
    give(numbers->budget, numbers->slots,
         ((size_t)numbers->slot_mask + 1) * sizeof(*numbers->slots));
    numbers->array = NULL;
    numbers->slots = NULL;
}

static bool
pays_array(const struct group_numbers *numbers)
{
    uint64_t codes = UINT64_C(1) << numbers->bits; /* at most CODE_BITS */
    return numbers->bits <= GROUP_NUMBER_ARRAY_BITS &&
           (codes <= ARRAY_FREE || codes <= (uint64_t)ARRAY_PER_ROW * numbers->chunk_rows);
}

/* A new map of the numbers that there are, with room for `more`. */
static bool
open_map(struct group_numbers *numbers, uint32_t more)
{
    size_t slots = SLOTS_FIRST;

    close_map(numbers);
    if (pays_array(numbers)) {
        numbers->array_bits = numbers->bits;
        numbers->array = take(numbers->budget, ((size_t)1 << numbers->bits) * sizeof(uint32_t),
                              UINT64_C(1) << numbers->bits <= ARRAY_SMALL);
        for (uint32_t n = 1; n <= numbers->count && numbers->array != NULL; n++)
            numbers->array[numbers->codes[n]] = n;
    }
    if (numbers->array != NULL)
        return true;
    while (slots < 4 * ((size_t)numbers->count + more))
        slots *= 2;
    numbers->slots = take(numbers->budget, slots * sizeof(*numbers->slots), true);
    numbers->slot_mask = (uint32_t)slots - 1;
    for (uint32_t n = 1; n <= numbers->count && numbers->slots != NULL; n++)
        *find_slot(numbers, numbers->codes[n]) = make_slot(numbers->codes[n], n);
    return numbers->slots != NULL;
}

/* No number for anybody any more; what was summed is there until it is moved to the records. */
static enum group_outcome
give_up(struct group_numbers *numbers)
{
    numbers->is_full = true;
    close_map(numbers);
    return GROUP_UNFIT;
}

/* ---- layout of a code ---- */

static unsigned
bits_of(uint64_t value)
{
    return value == 0 ? 0 : 64u - (unsigned)__builtin_clzll(value);
}

/* Parts as wide as their ids; codes that there are go with them. False: they are too wide, or the
 * budget is used up. */
static bool
lay_out(const struct group *group, struct group_numbers *numbers, uint32_t more)
{
    unsigned shifts[GROUP_NUMBER_KEYS_MAX] = {0};
    unsigned bits = 0;

    for (uint32_t k = group->key_count; k-- > 0;) {
        shifts[k] = bits;
        bits += bits_of(numbers->parts[k].seen);
        if (bits > CODE_BITS)
            return false;
    }
    for (uint32_t n = 1; n <= numbers->count; n++) {
        uint64_t code = 0;
        for (uint32_t k = 0; k < group->key_count; k++) {
            const struct group_code_part *part = &numbers->parts[k];
            uint64_t id = numbers->codes[n] >> part->shift & ((UINT64_C(1) << part->bits) - 1);
            code |= id << shifts[k];
        }
        numbers->codes[n] = code;
    }
    for (uint32_t k = 0; k < group->key_count; k++) {
        numbers->parts[k].shift = shifts[k];
        numbers->parts[k].bits = bits_of(numbers->parts[k].seen);
    }
    numbers->bits = bits;
    return open_map(numbers, more);
}

/* ---- numbers ---- */

bool
group_numbers_init(const struct group *group, struct sl_budget *budget, struct sl_arena *arena,
                   struct group_numbers *out_numbers)
{
    struct group_numbers *numbers = out_numbers;
    size_t value_count = (size_t)GROUP_SLICE_ROWS * group->sum_stride;

    *numbers = (struct group_numbers){.budget = budget, .sum_stride = group->sum_stride};
    numbers->is_full = group->key_count > GROUP_NUMBER_KEYS_MAX;
    numbers->row_codes = sl_arena_alloc(arena, GROUP_SLICE_ROWS * sizeof(uint64_t));
    numbers->row_numbers = sl_arena_alloc(arena, GROUP_SLICE_ROWS * sizeof(uint32_t));
    numbers->run_rows = sl_arena_alloc(arena, GROUP_SLICE_ROWS * sizeof(uint32_t));
    numbers->run_numbers = sl_arena_alloc(arena, GROUP_SLICE_ROWS * sizeof(uint32_t));
    numbers->missing = sl_arena_alloc(arena, GROUP_SLICE_ROWS * sizeof(uint32_t));
    numbers->row_values = sl_arena_alloc(arena, value_count * sizeof(uint64_t));
    return numbers->row_codes != NULL && numbers->row_numbers != NULL &&
           numbers->run_rows != NULL && numbers->run_numbers != NULL && numbers->missing != NULL &&
           numbers->row_values != NULL && group_code_init(group, arena, numbers);
}

static size_t
bytes_per_number(const struct group_numbers *numbers)
{
    return sizeof(uint64_t) + sizeof(void *) + numbers->sum_stride * sizeof(uint64_t);
}

void
group_numbers_fini(const struct group *group, struct group_numbers *numbers)
{
    if (numbers->budget == NULL)
        return;
    close_map(numbers);
    group_code_fini(group, numbers);
    free(numbers->codes);
    free(numbers->records);
    free(numbers->sums);
    sl_budget_give(numbers->budget, numbers->capacity * bytes_per_number(numbers));
    numbers->budget = NULL;
}

bool
group_numbers_forget(const struct group *group, struct group_worker *w)
{
    if (!group_sums_fold(group, w))
        return false;
    close_map(&w->numbers);
    group_code_forget(group, &w->numbers);
    w->numbers.count = 0;
    w->numbers.mapped_rows = 0;
    return true;
}

/* Room for `more` numbers in the arrays, of which number 0 is none, and in the map. */
static bool
reserve(struct group_numbers *numbers, uint32_t more)
{
    uint32_t wanted = numbers->count + more + 1;
    uint32_t capacity = numbers->capacity == 0 ? (uint32_t)CAPACITY_FIRST : numbers->capacity;
    size_t used = (size_t)numbers->count + 1;

    if (numbers->slots != NULL && 2 * (size_t)wanted > (size_t)numbers->slot_mask + 1 &&
        !open_map(numbers, more))
        return false;
    if (wanted <= numbers->capacity)
        return true;
    while (capacity < wanted)
        capacity *= 2;
    if (!sl_budget_take(numbers->budget, capacity * bytes_per_number(numbers)))
        return false;
    size_t sum_bytes = numbers->sum_stride * sizeof(uint64_t);
    uint64_t *codes = sl_try_alloc(capacity * sizeof(*codes));
    void **records = sl_try_alloc(capacity * sizeof(*records));
    uint64_t *sums = sl_try_alloc(capacity * sum_bytes);
    if (codes == NULL || records == NULL || sums == NULL) {
        free(codes);
        free(records);
        free(sums);
        sl_budget_give(numbers->budget, capacity * bytes_per_number(numbers));
        return false;
    }
    if (numbers->capacity != 0) {
        memcpy(codes, numbers->codes, used * sizeof(*codes));
        memcpy(records, numbers->records, used * sizeof(*records));
        memcpy(sums, numbers->sums, used * sum_bytes);
    }
    free(numbers->codes);
    free(numbers->records);
    free(numbers->sums);
    sl_budget_give(numbers->budget, numbers->capacity * bytes_per_number(numbers));
    numbers->codes = codes;
    numbers->records = records;
    numbers->sums = sums;
    numbers->capacity = capacity;
    return true;
}

enum group_outcome
group_numbers_open(const struct group *group, struct group_worker *w, unsigned side_index,
                   const struct key_side *side, uint32_t row_count)
{
    struct group_numbers *numbers = &w->numbers;

    if (numbers->is_full)
        return GROUP_UNFIT;
    numbers->chunk_rows = row_count;
    enum group_outcome outcome = group_code_open(group, numbers, side_index, side, row_count);
    /* An array may pay only now. */
    bool is_late = group->key_count != 0 && numbers->array == NULL && pays_array(numbers);
    if (outcome == GROUP_DONE && is_late && !open_map(numbers, GROUP_SLICE_ROWS))
        return give_up(numbers);
    return outcome;
}

/* A number for each code; rows whose code is new are put down in `missing`. Returns how many. */
static uint32_t
map_by_array(struct group_numbers *numbers, const struct group_slice *slice)
{
    const uint64_t *codes = numbers->row_codes;
    uint32_t *array = numbers->array;
    uint32_t *restrict row_numbers = numbers->row_numbers;
    const uint64_t *sums = numbers->sums;
    size_t stride = numbers->sum_stride;
    uint32_t missing = 0;

    for (uint32_t i = 0; i < slice->count; i++) {
        uint32_t number = array[codes[i]];
        if (SL_UNLIKELY(number == 0)) {
            number = ++numbers->count;
            array[codes[i]] = number;
            numbers->codes[number] = codes[i];
            numbers->missing[missing++] = slice->rows[i];
        }
        row_numbers[i] = number;
        __builtin_prefetch(&sums[number * stride], 1);
    }
    return missing;
}

/* Runs of equal codes to the front of row_codes; the run of each row in row_numbers. Returns how
 * many runs. */
static uint32_t
fold_runs(struct group_numbers *numbers, uint32_t count)
{
    uint64_t *codes = numbers->row_codes;
    uint32_t run = 0;

    numbers->run_rows[0] = 0;
    numbers->row_numbers[0] = 0;
    for (uint32_t i = 1; i < count; i++) {
        uint64_t code = codes[i];
        run += code != codes[run];
        codes[run] = code;
        numbers->row_numbers[i] = run;
        numbers->run_rows[run] = i; /* the last of it */
    }
    return run + 1;
}

static uint32_t
map_by_slots(struct group_numbers *numbers, const struct group_slice *slice)
{
    const uint64_t *codes = numbers->row_codes;
    uint32_t *run_numbers = numbers->run_numbers;
    uint32_t run_count = fold_runs(numbers, slice->count);
    uint32_t missing = 0;

    for (uint32_t run = 0; run < run_count; run++) {
        if (run + AHEAD < run_count)
            __builtin_prefetch(&numbers->slots[slot_of(numbers, codes[run + AHEAD])]);
        uint64_t *slot = find_slot(numbers, codes[run]);
        if (SL_UNLIKELY(*slot == 0)) {
            *slot = make_slot(codes[run], ++numbers->count);
            numbers->codes[numbers->count] = codes[run];
            numbers->missing[missing++] = slice->rows[numbers->run_rows[run]];
        }
        uint32_t number = number_in(*slot);
        run_numbers[run] = number;
        __builtin_prefetch(&numbers->sums[(size_t)number * numbers->sum_stride], 1);
    }
    for (uint32_t i = 0; i < slice->count; i++)
        numbers->row_numbers[i] = run_numbers[numbers->row_numbers[i]];
    return missing;
}

/* The numbers by entry, where the slice's one key has entries, all of them there; else NULL. */
static uint32_t *
entry_numbers(const struct group *group, const struct group_numbers *numbers, unsigned side_index,
              const struct key_side *side)
{
    bool has_entries = group->key_count == 1 && side->vectors[0].encoding == SL_DICT &&
                       side->vectors[0].present == NULL;
    return has_entries ? numbers->parts[0].entries[side_index].numbers : NULL;
}

/* False: some entry has no number yet. */
static bool
map_by_entry(const uint32_t *by_entry, const uint32_t *codes, const struct group_slice *slice,
             uint32_t *row_numbers)
{
    bool is_missing = false;

    if (slice->is_adjacent) {
        codes += slice->rows[0];
        for (uint32_t i = 0; i < slice->count; i++) {
            row_numbers[i] = by_entry[codes[i]];
            is_missing |= row_numbers[i] == 0;
        }
        return !is_missing;
    }
    for (uint32_t i = 0; i < slice->count; i++) {
        row_numbers[i] = by_entry[codes[slice->rows[i]]];
        is_missing |= row_numbers[i] == 0;
    }
    return !is_missing;
}

static enum group_outcome
map_keyless(struct group_worker *w)
{
    if (w->numbers.count == 1)
        return GROUP_DONE;
    if (!reserve(&w->numbers, 1))
        return GROUP_NO_MEMORY;
    w->numbers.records[1] = sl_group_table_add(&w->table, 0, 0, NULL);
    w->numbers.count = 1;
    return w->numbers.records[1] == NULL ? GROUP_NO_MEMORY : GROUP_DONE;
}

/* Where every other row is a group of its own, numbers cost more than they save. */
static bool
is_scattered(const struct group_numbers *numbers)
{
    return numbers->count > SCATTERED && numbers->count > numbers->mapped_rows / 2;
}

static enum group_outcome
map_by_code(const struct group *group, struct group_worker *w, unsigned side_index,
            struct key_side *side, const struct group_slice *slice)
{
    struct group_numbers *numbers = &w->numbers;
    bool is_wider = false;

    if (numbers->is_full || numbers->count + slice->count > GROUP_NUMBERS_MAX ||
        is_scattered(numbers))
        return give_up(numbers);
    numbers->mapped_rows += slice->count;
    do {
        enum group_outcome outcome = group_code_put(group, w, side_index, side, slice, &is_wider);
        if (outcome != GROUP_DONE || (is_wider && !lay_out(group, numbers, slice->count)))
            return give_up(numbers);
    } while (is_wider);
    bool has_map = numbers->array != NULL || numbers->slots != NULL;
    if ((!has_map && !open_map(numbers, slice->count)) || !reserve(numbers, slice->count))
        return give_up(numbers);
    uint32_t first = numbers->count + 1;
    uint32_t missing =
        numbers->array != NULL ? map_by_array(numbers, slice) : map_by_slots(numbers, slice);
    if (missing == 0)
        return GROUP_DONE;
    if (!group_pack_keys(group, w, side, numbers->missing, missing))
        return GROUP_NO_MEMORY;
    for (uint32_t i = 0; i < missing; i++) {
        const uint8_t *key = w->keys + i * group->key_bytes;
        unsigned partition = sl_group_partition_of(sl_group_hash(key, group->key_bytes));
        numbers->records[first + i] = sl_group_table_append(&w->table, partition, NULL, key);
        if (numbers->records[first + i] == NULL)
            return GROUP_NO_MEMORY;
    }
    return GROUP_DONE;
}

enum group_outcome
group_numbers_map(const struct group *group, struct group_worker *w, unsigned side_index,
                  struct key_side *side, const struct group_slice *slice)
{
    struct group_numbers *numbers = &w->numbers;

    if (group->key_count == 0)
        return map_keyless(w);
    uint32_t *by_entry = entry_numbers(group, numbers, side_index, side);
    if (by_entry == NULL || numbers->is_full)
        return map_by_code(group, w, side_index, side, slice);
    const uint32_t *codes = side->vectors[0].codes;
    if (map_by_entry(by_entry, codes, slice, numbers->row_numbers)) {
        numbers->mapped_rows += slice->count;
        return GROUP_DONE;
    }
    enum group_outcome outcome = map_by_code(group, w, side_index, side, slice);
    for (uint32_t i = 0; i < slice->count && outcome == GROUP_DONE; i++)
        by_entry[codes[slice->rows[i]]] = numbers->row_numbers[i];
    return outcome;
}
