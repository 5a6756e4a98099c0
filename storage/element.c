/*
 * element.c - the table of information elements: element.def, and two ways into it.
 *
 * By number: the table is sorted by (pen, id), so a binary search. By name: a table of slots
 * that is filled once, before the first look-up ends, and never changes afterwards. Names of
 * the registry and names of NetFlow v9 live in one space of keys: a test proves that no name
 * means two elements, so the precedence of schema.h needs no second table.
 */
#include <pthread.h>
#include <stdio.h>

#include "storage/base/hash.h"
#include "storage/base/limits.h"
#include "storage/schema.h"

#define ELEMENT(pen_, id_, form_, type_, iana_, name_, column_) \
    {.pen = (pen_),                                             \
     .id = (id_),                                               \
     .form = SL_WIRE_##form_,                                   \
     .type = SL_TYPE_##type_,                                   \
     .iana = (iana_),                                           \
     .name = (name_),                                           \
     .column = (column_),                                       \
     .text = ""},

static const struct sl_element elements[] = {
#define SL_ELEMENT(pen, id, form, type, iana, name, column) \
    ELEMENT(pen, id, form, type, iana, name, column)
#define SL_SYNONYM(name, pen, id)
#include "storage/element.def"
#undef SL_ELEMENT
#undef SL_SYNONYM
};

static const struct {
    const char *name;
    uint32_t pen;
    uint16_t id;
} synonyms[] = {
#define SL_ELEMENT(pen, id, form, type, iana, name, column)
#define SL_SYNONYM(name, pen, id) {name, pen, id},
#include "storage/element.def"
#undef SL_ELEMENT
#undef SL_SYNONYM
};

enum { NAME_SLOTS = 8192, NAME_BYTES_MAX = 64 };
_Static_assert(2 * SL_COUNTOF(elements) + SL_COUNTOF(synonyms) < NAME_SLOTS / 2,
               "the name table stays sparse");

static struct {
    const char *name;
    const struct sl_element *element;
} slots[NAME_SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool
is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool
names_equal(const char *known, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < name_bytes; i++)
        if (known[i] == '\0' || lower(known[i]) != lower(name[i]))
            return false;
    return known[name_bytes] == '\0';
}

static uint32_t
name_slot(const char *name, size_t name_bytes)
{
    char folded[NAME_BYTES_MAX];
    SL_ASSERT(name_bytes <= sizeof(folded));
    for (size_t i = 0; i < name_bytes; i++)
        folded[i] = lower(name[i]);
    return (uint32_t)(sl_hash64(folded, name_bytes) % NAME_SLOTS);
}

static void
enter_name(const char *name, const struct sl_element *element)
{
    if (name == NULL)
        return;
    size_t name_bytes = strlen(name);
    uint32_t slot = name_slot(name, name_bytes);
    for (; slots[slot].name != NULL; slot = (slot + 1) % NAME_SLOTS)
        if (names_equal(slots[slot].name, name, name_bytes))
            return; /* the first one stands: registry names are entered first */
    slots[slot].name = name;
    slots[slot].element = element;
}

static void
fill_slots(void)
{
    for (size_t i = 0; i < SL_COUNTOF(elements); i++)
        enter_name(elements[i].iana, &elements[i]);
    for (size_t i = 0; i < SL_COUNTOF(elements); i++)
        enter_name(elements[i].name, &elements[i]);
    for (size_t i = 0; i < SL_COUNTOF(synonyms); i++)
        enter_name(synonyms[i].name, sl_element_find(synonyms[i].pen, synonyms[i].id));
}

const struct sl_element *
sl_element_find(uint32_t pen, uint16_t id)
{
    uint64_t wanted = (uint64_t)pen << 16 | id;
    size_t low = 0;
    size_t high = SL_COUNTOF(elements);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        uint64_t key = (uint64_t)elements[middle].pen << 16 | elements[middle].id;
        if (key == wanted)
            return &elements[middle];
        if (key < wanted)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct sl_element *
sl_element_by_name(const char *name, size_t name_bytes)
{
    if (name_bytes == 0 || name_bytes > NAME_BYTES_MAX)
        return NULL;
    (void)pthread_once(&slots_once, fill_slots);
    for (uint32_t slot = name_slot(name, name_bytes); slots[slot].name != NULL;
         slot = (slot + 1) % NAME_SLOTS)
        if (names_equal(slots[slot].name, name, name_bytes))
            return slots[slot].element;
    return NULL;
}

const struct sl_element *
sl_element_at(uint32_t index)
{
    return index < SL_COUNTOF(elements) ? &elements[index] : NULL;
}

/* Words that the rule of capitals would tear apart. */
static const struct {
    const char *text;
    const char *word;
} words[] = {{"IPv", "ipv"}, {"MCast", "mcast"}, {"VRFname", "vrf_name"}};

static size_t
word_at(const char *text, const char **out_word)
{
    for (size_t i = 0; i < SL_COUNTOF(words); i++) {
        size_t size_bytes = strlen(words[i].text);
        if (strncmp(text, words[i].text, size_bytes) == 0) {
            *out_word = words[i].word;
            return size_bytes;
        }
    }
    return 0;
}

void
sl_element_own_column(const struct sl_element *element, char name[SL_COLUMN_NAME_BYTES_MAX + 1])
{
    const char *text = element->iana != NULL ? element->iana : element->name;
    size_t used = 0;
    for (size_t i = 0; text[i] != '\0' && used + 12 < SL_COLUMN_NAME_BYTES_MAX;) {
        const char *word = NULL;
        size_t word_bytes = element->iana == NULL ? 0 : word_at(&text[i], &word);
        if (word_bytes != 0) {
            used += (size_t)snprintf(&name[used], 12, "%s%s", i == 0 ? "" : "_", word);
            i += word_bytes;
            continue;
        }
        /* A capital begins a word after a small letter, and before one: ipTTL, hashIPPayload. */
        bool begins = element->iana != NULL && i > 0 && is_upper(text[i]) &&
                      (!is_upper(text[i - 1]) || (text[i + 1] >= 'a' && text[i + 1] <= 'z'));
        if (begins)
            name[used++] = '_';
        name[used++] = lower(text[i++]);
    }
    name[used] = '\0';
}
