/*
 * catalog_pages.c - see catalog_pages.h.
 *
 * Page of a tree:   0 page number (8)  8 unused (2)  10 flags (2)  12 lower (2)  14 upper (2)
 *                   16 offsets of its nodes (2 each) up to lower; nodes from upper to the end
 * Overflow pages:   0 page number (8)  10 flags (2)  12 count of pages (4)  16 one value
 * Node:             0 low (2)  2 high (2)  4 flags (2)  6 key size (2)  8 key, then value
 *                   leaf: low and high are the size of the value; with flag 1 the value is the
 *                   number of its overflow pages. Branch: low, high and flags are a page number.
 * Root:             16 magic (4)  20 version (4)  40 free pages (48)  88 records (48)
 *                   136 last page (8)  144 transaction (8)
 * Tree of a root:   0 page size, in the first only (4)  4 flags (2)  6 depth (2)  8 branch pages (8)
 *                   16 leaf pages (8)  24 overflow pages (8)  32 entries (8)  40 top page (8)
 * Flags of a tree:  records none; free pages FREE_FLAGS, and FREE_FLAG_NAMED where the file was made by
 *                   its own name and not by its directory's, as older versions did
 */
#include "storage/catalog_pages.h"

#include "storage/base/cursor.h"
#include "storage/catalog_record.h"

enum {
    PAGE_HEAD_BYTES = 16,
    NODE_HEAD_BYTES = 8,
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    PAGE_OVERFLOW = 4,
    NODE_OVERFLOW = 1,
    ROOT_BYTES = 152,
    TREE_FREE = 40,
    TREE_RECORDS = 88,
    FREE_FLAGS = 8,           /* integer keys */
    FREE_FLAG_NAMED = 0x4000, /* LMDB's MDB_NOSUBDIR of who made the file; no one looks at it */
    DEPTH_MAX = 32,           /* LMDB's own */
    DATA_VERSION = 1,
};

static const uint32_t root_magic = UINT32_C(0xbeefc0de);

struct tree {
    unsigned flags, depth;
    uint64_t branch_pages, leaf_pages, overflow_pages, entries, top;
};

struct root {
    uint64_t last_page, transaction;
    struct tree free, records;
};

struct file {
    const uint8_t *bytes;
    uint64_t page_count;
    uint64_t page_bytes;
    uint64_t last_page; /* of the root being proven */
    uint64_t *used;     /* owned: a bit for each page that something refers to */
    struct sl_error *err;
};

struct entry {
    const uint8_t *key;
    size_t key_bytes;
    const uint8_t *value;
    size_t value_bytes;
};

typedef sl_status entry_fn(void *context, struct file *f, const struct entry *entry);

static sl_status
refuse(struct file *f, uint64_t page, const char *reason)
{
    return sl_fail(f->err, SL_CORRUPT, "catalog page %" PRIu64 " (offset %" PRIu64 "): %s", page,
                   page * f->page_bytes, reason);
}

/* `count` pages from `page` on belong to one parent from now on. */
static sl_status
claim(struct file *f, uint64_t page, uint64_t count)
{
    uint64_t end = f->last_page < f->page_count ? f->last_page + 1 : f->page_count;
    if (page < 2 || page >= end || count > end - page)
        return refuse(f, page, "does not exist");
    for (uint64_t i = page; i < page + count; i++) {
        if (sl_bit_get(f->used, (size_t)i))
            return refuse(f, i, "is used twice");
        sl_bit_set(f->used, (size_t)i);
    }
    if (sl_read_le(f->bytes + page * f->page_bytes, 8) != page)
        return refuse(f, page, "bears another number");
    return SL_OK;
}

/* A page of a tree on the way down. */
struct step {
    const uint8_t *bytes;
    uint64_t page;
    unsigned node_count;
    unsigned next; /* node to visit */
    bool is_leaf;
};

static size_t
node_bytes(const uint8_t *node, bool is_leaf)
{
    size_t size_bytes = NODE_HEAD_BYTES + (size_t)sl_read_le(node + 6, 2);
    if (is_leaf)
        size_bytes += (sl_read_le(node + 4, 2) & NODE_OVERFLOW) != 0 ? 8 : sl_read_le(node, 4);
    return (size_bytes + 1) / 2 * 2;
}

/* All nodes lie in the page behind each other's room: together they fill it exactly. */
static sl_status
open_page(struct file *f, uint64_t page, struct step *out_step)
{
    SL_TRY(claim(f, page, 1));
    const uint8_t *bytes = f->bytes + page * f->page_bytes;
    unsigned flags = (unsigned)sl_read_le(bytes + 10, 2);
    size_t lower = sl_read_le(bytes + 12, 2);
    size_t upper = sl_read_le(bytes + 14, 2);
    if (flags != PAGE_BRANCH && flags != PAGE_LEAF)
        return refuse(f, page, "is of another kind");
    if (lower < PAGE_HEAD_BYTES || lower % 2 != 0 || lower > upper || upper > f->page_bytes)
        return refuse(f, page, "has impossible bounds");

    *out_step = (struct step){.bytes = bytes, .page = page, .is_leaf = flags == PAGE_LEAF};
    out_step->node_count = (unsigned)(lower - PAGE_HEAD_BYTES) / 2;
    if (out_step->node_count < (out_step->is_leaf ? 1u : 2u))
        return refuse(f, page, "has too few nodes");
    size_t total_bytes = 0;
    for (unsigned i = 0; i < out_step->node_count; i++) {
        size_t at = sl_read_le(bytes + PAGE_HEAD_BYTES + 2 * (size_t)i, 2);
        if (at < upper || at % 2 != 0 || at + NODE_HEAD_BYTES > f->page_bytes)
            return refuse(f, page, "has a node outside");
        size_t size_bytes = node_bytes(bytes + at, out_step->is_leaf);
        if (size_bytes > f->page_bytes - at)
            return refuse(f, page, "has a node that does not end in it");
        total_bytes += size_bytes;
    }
    if (total_bytes != f->page_bytes - upper)
        return refuse(f, page, "is not filled by its nodes");
    return SL_OK;
}

static sl_status
read_entry(struct file *f, const struct step *s, const uint8_t *node, struct tree *counted,
           struct entry *out_entry)
{
    unsigned flags = (unsigned)sl_read_le(node + 4, 2);
    *out_entry = (struct entry){.key = node + NODE_HEAD_BYTES,
                                .key_bytes = sl_read_le(node + 6, 2),
                                .value_bytes = sl_read_le(node, 4)};
    out_entry->value = out_entry->key + out_entry->key_bytes;
    if ((flags & ~(unsigned)NODE_OVERFLOW) != 0 || out_entry->key_bytes == 0 ||
        out_entry->key_bytes > SL_CATALOG_KEYS_BYTES_MAX)
        return refuse(f, s->page, "has an impossible node");
    if (flags != NODE_OVERFLOW)
        return SL_OK;

    uint64_t page = sl_read_le(out_entry->value, 8);
    if (page >= f->page_count)
        return refuse(f, s->page, "leads to a value beyond the end");
    const uint8_t *head = f->bytes + page * f->page_bytes;
    uint64_t pages = sl_read_le(head + 12, 4);
    if (sl_read_le(head + 10, 2) != PAGE_OVERFLOW || pages == 0 ||
        pages * f->page_bytes < PAGE_HEAD_BYTES + out_entry->value_bytes)
        return refuse(f, page, "does not hold the value that leads to it");
    SL_TRY(claim(f, page, pages));
    counted->overflow_pages += pages;
    out_entry->value = head + PAGE_HEAD_BYTES;
    return SL_OK;
}

static uint64_t
child_page(const uint8_t *node)
{
    return sl_read_le(node, 6);
}

static sl_status
compare_counts(struct file *f, const struct tree *told, const struct tree *counted)
{
    if (told->branch_pages != counted->branch_pages || told->leaf_pages != counted->leaf_pages ||
        told->overflow_pages != counted->overflow_pages || told->entries != counted->entries)
        return refuse(f, told->top, "is the top of a tree of another size");
    return SL_OK;
}

/* Every entry of a tree, in the order of its pages. */
static sl_status
walk_tree(struct file *f, const struct tree *tree, entry_fn *visit, void *context)
{
    struct step steps[DEPTH_MAX] = {0};
    struct tree counted = {0};
    unsigned depth = 0;

    if (tree->depth > DEPTH_MAX || (tree->depth == 0) != (tree->top == UINT64_MAX))
        return refuse(f, 0, "a tree has an impossible depth");
    if (tree->depth == 0)
        return compare_counts(f, tree, &counted);
    SL_TRY(open_page(f, tree->top, &steps[depth++]));
    while (depth > 0) {
        struct step *s = &steps[depth - 1];
        if (s->is_leaf != (depth == tree->depth))
            return refuse(f, s->page, "is a leaf at another depth");
        if (s->next == s->node_count) {
            counted.leaf_pages += s->is_leaf;
            counted.branch_pages += !s->is_leaf;
            depth--;
            continue;
        }
        const uint8_t *node =
            s->bytes + sl_read_le(s->bytes + PAGE_HEAD_BYTES + 2 * (size_t)s->next++, 2);
        if (!s->is_leaf) {
            SL_TRY(open_page(f, child_page(node), &steps[depth++]));
            continue;
        }
        struct entry entry;
        SL_TRY(read_entry(f, s, node, &counted, &entry));
        counted.entries++;
        SL_TRY(visit(context, f, &entry));
    }
    return compare_counts(f, tree, &counted);
}

static struct tree
read_tree(const uint8_t *bytes)
{
    return (struct tree){.flags = (unsigned)sl_read_le(bytes + 4, 2),
                         .depth = (unsigned)sl_read_le(bytes + 6, 2),
                         .branch_pages = sl_read_le(bytes + 8, 8),
                         .leaf_pages = sl_read_le(bytes + 16, 8),
                         .overflow_pages = sl_read_le(bytes + 24, 8),
                         .entries = sl_read_le(bytes + 32, 8),
                         .top = sl_read_le(bytes + 40, 8)};
}

static sl_status
read_root(struct file *f, unsigned number, struct root *out_root)
{
    const uint8_t *bytes = f->bytes + number * f->page_bytes;
    if (sl_read_le(bytes + 16, 4) != root_magic || sl_read_le(bytes, 8) != number)
        return refuse(f, number, "is not a root");
    if (sl_read_le(bytes + 20, 4) != DATA_VERSION)
        return sl_fail(f->err, SL_VERSION, "catalog is of LMDB's data version %" PRIu64,
                       sl_read_le(bytes + 20, 4));
    out_root->free = read_tree(bytes + TREE_FREE);
    out_root->records = read_tree(bytes + TREE_RECORDS);
    out_root->last_page = sl_read_le(bytes + 136, 8);
    out_root->transaction = sl_read_le(bytes + 144, 8);
    unsigned free_flags = out_root->free.flags & ~(unsigned)FREE_FLAG_NAMED;
    if (sl_read_le(bytes + TREE_FREE, 4) != f->page_bytes || free_flags != FREE_FLAGS ||
        out_root->records.flags != 0 || out_root->transaction % 2 != number)
        return refuse(f, number, "has impossible fields");
    return SL_OK;
}

static sl_status
find_transaction(void *context, struct file *f, const struct entry *e)
{
    uint64_t *transaction = context;
    struct sl_catalog_record record;
    uint8_t bytes[SL_CATALOG_RECORD_HEAD_BYTES + 1 + 8 + SL_CATALOG_HASH_BYTES] = {1, 0};
    if (e->key_bytes != 1 || e->key[0] != SL_CATALOG_TRANSACTION)
        return SL_OK;
    if (e->value_bytes != 8 + SL_CATALOG_HASH_BYTES)
        return sl_fail(f->err, SL_CORRUPT, "catalog transaction has another size");
    bytes[SL_CATALOG_RECORD_HEAD_BYTES] = e->key[0];
    memcpy(bytes + SL_CATALOG_RECORD_HEAD_BYTES + 1, e->value, e->value_bytes);
    SL_TRY(sl_catalog_record_decode(bytes, sizeof(bytes), &record, f->err));
    *transaction = record.number;
    return SL_OK;
}

/* Free pages are claimed like pages in use: none may be both, none twice. Their contents are of
 * no account, so claim's look at the page number is not for them. */
static sl_status
claim_free(void *context, struct file *f, const struct entry *e)
{
    const struct root *root = context;
    struct sl_cursor ids = sl_cursor_over(e->value, e->value_bytes);
    uint64_t count = sl_cursor_u64le(&ids);
    if (e->key_bytes != 8 || sl_read_le(e->key, 8) > root->transaction || ids.bad ||
        count > sl_cursor_left(&ids) / 8)
        return sl_fail(f->err, SL_CORRUPT, "catalog: a list of free pages has no form");
    uint64_t last = UINT64_MAX;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t page = sl_cursor_u64le(&ids);
        if (page < 2 || page > root->last_page || page >= last)
            return refuse(f, page, "cannot be free");
        last = page;
        if (page >= f->page_count)
            continue; /* taken and given back by one transaction, never written */
        if (sl_bit_get(f->used, (size_t)page))
            return refuse(f, page, "is free and in use");
        sl_bit_set(f->used, (size_t)page);
    }
    return SL_OK;
}

/* Trees of one root. The free pages of the older one may be in use again. */
static sl_status
prove_root(struct file *f, const struct root *root, bool is_newest)
{
    uint64_t transaction = 0;
    f->last_page = root->last_page;
    memset(f->used, 0, sl_words_for((size_t)f->page_count) * sizeof(*f->used));
    SL_TRY(walk_tree(f, &root->records, find_transaction, &transaction));
    if (transaction != root->transaction)
        return sl_fail(f->err, SL_CORRUPT,
                       "catalog root of transaction %" PRIu64 " shows the data of %" PRIu64,
                       root->transaction, transaction);
    if (!is_newest)
        return SL_OK;
    struct root own = *root;
    return walk_tree(f, &root->free, claim_free, &own);
}

sl_status
sl_catalog_pages_prove(const void *bytes, size_t size_bytes, struct sl_error *err)
{
    struct file f = {.bytes = bytes, .err = err};
    struct root roots[2] = {0};

    if (size_bytes < ROOT_BYTES)
        return sl_fail(err, SL_CORRUPT, "catalog of %zu bytes", size_bytes);
    f.page_bytes = sl_read_le(f.bytes + TREE_FREE, 4);
    if (f.page_bytes < 512 || f.page_bytes > 65536 || (f.page_bytes & (f.page_bytes - 1)) != 0)
        return sl_fail(err, SL_CORRUPT, "catalog pages of %" PRIu64 " bytes", f.page_bytes);
    f.page_count = size_bytes / f.page_bytes;
    if (f.page_count < 2)
        return sl_fail(err, SL_CORRUPT, "catalog of %zu bytes", size_bytes);

    SL_TRY(read_root(&f, 0, &roots[0]));
    SL_TRY(read_root(&f, 1, &roots[1]));
    unsigned newest = roots[1].transaction > roots[0].transaction;
    if (roots[newest].transaction - roots[!newest].transaction != 1)
        return sl_fail(err, SL_CORRUPT, "catalog roots do not follow each other");
    /* Pages at the end that a transaction took and gave back are never written. */
    if (roots[newest].last_page > f.page_count + (64 << 20) / f.page_bytes)
        return sl_fail(err, SL_CORRUPT, "catalog ends before its last page");

    f.used = sl_try_alloc(sl_words_for((size_t)f.page_count) * sizeof(*f.used));
    if (f.used == NULL)
        return sl_fail(err, SL_LIMIT, "no memory to prove the catalog");
    sl_status st = prove_root(&f, &roots[newest], true);
    if (st == SL_OK)
        st = prove_root(&f, &roots[!newest], false);
    free(f.used);
    return st;
}
