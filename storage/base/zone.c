/*
 * zone.c - see zone.h. The bytes of a TZif file are decoded in zone_file.c.
 */
#include "storage/base/zone.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "storage/base/clock.h"
#include "storage/base/file.h"
#include "storage/base/zone_file.h"

#define ZONE_DIRECTORY "/usr/share/zoneinfo/"

enum { HOURS_MAX = 14, NEIGHBOURS = 2 };

/* Zones that were found, from the front: a place is filled once and stays, so nobody needs a lock. */
static _Atomic(struct sl_zone *) found[SL_ZONES_MAX];

uint32_t
sl_zone_number(const struct sl_zone *zone)
{
    return zone == NULL ? 0 : zone->number;
}

const struct sl_zone *
sl_zone_at(uint32_t number)
{
    SL_ASSERT(number <= SL_ZONES_MAX);
    return number == 0 ? NULL : atomic_load(&found[number - 1]);
}

void
sl_zone_destroy(struct sl_zone *zone)
{
    if (zone != NULL)
        free(zone->changes);
    free(zone);
}

/* ---- finding ---- */

static bool
parse_offset(const char *name, int32_t *out_s)
{
    bool is_form = (name[0] == '+' || name[0] == '-') && strlen(name) == 6 && name[3] == ':';
    for (int i = 1; is_form && i < 6; i++)
        is_form = i == 3 || isdigit((unsigned char)name[i]);
    if (!is_form)
        return false;
    int hours = (name[1] - '0') * 10 + name[2] - '0';
    int minutes = (name[4] - '0') * 10 + name[5] - '0';
    if (minutes > 59 || hours * 60 + minutes > HOURS_MAX * 60)
        return false;
    *out_s = (hours * 3600 + minutes * 60) * (name[0] == '-' ? -1 : 1);
    return true;
}

/* Words with '/' between them: neither a way up nor an absolute path can be written so. */
static bool
is_file_name(const char *name)
{
    bool is_start = true;
    for (const char *at = name; *at != '\0'; at++) {
        bool is_letter = isalnum((unsigned char)*at) || (!is_start && strchr("_-+", *at) != NULL);
        if (!is_letter && (*at != '/' || is_start))
            return false;
        is_start = *at == '/';
    }
    return !is_start;
}

/* One word of a path, `word_bytes` long, as the directory `path` spells it; it stays when nothing is
 * named so. */
static void
spell_word(const char *path, char *word, size_t word_bytes)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (strlen(entry->d_name) != word_bytes ||
            strncasecmp(entry->d_name, word, word_bytes) != 0)
            continue;
        memcpy(word, entry->d_name, word_bytes);
        break;
    }
    if (directory != NULL)
        (void)closedir(directory);
}

/* A name in the case that the system's files have: each word is looked for where the words before it
 * lead. */
static void
spell_path(char *path)
{
    for (char *word = path + sizeof(ZONE_DIRECTORY) - 1; *word != '\0';) {
        size_t word_bytes = strcspn(word, "/");
        char above[sizeof(ZONE_DIRECTORY) + SL_ZONE_NAME_BYTES_MAX];
        (void)snprintf(above, sizeof(above), "%.*s", (int)(word - path), path);
        spell_word(above, word, word_bytes);
        word += word_bytes + (word[word_bytes] == '/');
    }
}

static struct sl_zone *
read_file(const char *name)
{
    char path[sizeof(ZONE_DIRECTORY) + SL_ZONE_NAME_BYTES_MAX];
    uint64_t size_bytes = 0;
    struct sl_zone *zone = NULL;
    uint8_t *bytes = NULL;
    int fd = -1;

    (void)snprintf(path, sizeof(path), "%s%s", ZONE_DIRECTORY, name);
    if (access(path, R_OK) != 0)
        spell_path(path);
    if (sl_file_open(AT_FDCWD, path, O_RDONLY | O_NONBLOCK, &fd, NULL) != SL_OK)
        return NULL;
    sl_status st = sl_file_size(fd, &size_bytes, NULL);
    if (st == SL_OK && size_bytes <= SL_ZONE_FILE_BYTES_MAX) {
        bytes = sl_new((size_t)size_bytes + 1);
        st = sl_file_read_at(fd, 0, bytes, (size_t)size_bytes, NULL);
        if (st == SL_OK)
            (void)!sl_zone_decode(bytes, (size_t)size_bytes, &zone, NULL);
    }
    sl_file_close(fd);
    free(bytes);
    return zone;
}

/* The zone, made; NULL. */
static struct sl_zone *
make_zone(const char *name)
{
    int32_t offset_s = 0;
    struct sl_zone *zone = NULL;
    if (parse_offset(name, &offset_s)) {
        zone = sl_new(sizeof(*zone));
        zone->first_offset_s = offset_s;
    } else if (is_file_name(name)) {
        zone = read_file(name);
    }
    if (zone != NULL)
        (void)snprintf(zone->name, sizeof(zone->name), "%s", name);
    return zone;
}

/* The zone of this name among the found ones. `made` (may be NULL) takes the first free place, when no zone
 * before it has the name. NULL: there is none, or no place. */
static const struct sl_zone *
find_known(const char *name, struct sl_zone *made)
{
    for (uint32_t i = 0; i < SL_ZONES_MAX; i++) {
        struct sl_zone *zone = atomic_load(&found[i]);
        if (zone == NULL && made != NULL) {
            made->number = i + 1;
            if (atomic_compare_exchange_strong(&found[i], &zone, made))
                return made;
        }
        if (zone == NULL)
            return NULL;
        if (strcasecmp(zone->name, name) == 0)
            return zone;
    }
    return NULL;
}

bool
sl_zone_find(const char *name, const struct sl_zone **out_zone)
{
    *out_zone = NULL;
    if (name == NULL || name[0] == '\0' || strcasecmp(name, "UTC") == 0 ||
        strcasecmp(name, "SYSTEM") == 0)
        return true;
    if (strlen(name) > SL_ZONE_NAME_BYTES_MAX)
        return false;
    *out_zone = find_known(name, NULL);
    if (*out_zone != NULL)
        return true;
    struct sl_zone *zone = make_zone(name);
    if (zone == NULL)
        return false;
    *out_zone = find_known(name, zone);
    if (*out_zone != zone)
        sl_zone_destroy(zone); /* another thread was faster */
    return *out_zone != NULL;
}

/* ---- converting ---- */

/* How many changes are at or before `time_s`. */
static uint32_t
count_changes(const struct sl_zone *zone, int64_t time_s)
{
    uint32_t low = 0, high = zone->change_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (zone->changes[middle].time_s <= time_s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The offset after the first `count` changes. */
static int64_t
offset_after(const struct sl_zone *zone, uint32_t count)
{
    return count == 0 ? zone->first_offset_s : zone->changes[count - 1].offset_s;
}

static int64_t
add_s(int64_t time_us, int64_t seconds)
{
    int64_t sum_us = 0;
    if (__builtin_add_overflow(time_us, seconds * SL_US_PER_S, &sum_us))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return sum_us;
}

static int64_t
floor_s(int64_t time_us)
{
    return time_us / SL_US_PER_S - (time_us % SL_US_PER_S < 0);
}

int64_t
sl_zone_to_local(const struct sl_zone *zone, int64_t time_us)
{
    if (zone == NULL)
        return time_us;
    return add_s(time_us, offset_after(zone, count_changes(zone, floor_s(time_us))));
}

int64_t
sl_zone_to_utc(const struct sl_zone *zone, int64_t local_us)
{
    if (zone == NULL)
        return local_us;
    /* An offset is about a day at most: the change that matters is near the one that the local time
     * would have as UTC. Spans between changes are tried from the earliest. */
    int64_t local_s = floor_s(local_us);
    uint32_t near = count_changes(zone, local_s);
    uint32_t span = near > NEIGHBOURS ? near - NEIGHBOURS : 0;
    uint32_t last = (uint32_t)sl_min_size(near + NEIGHBOURS, zone->change_count);
    for (; span < last; span++) {
        int64_t time_s = local_s - offset_after(zone, span);
        int64_t end_s = zone->changes[span].time_s;
        if (time_s < end_s)
            break;
        if (local_s - offset_after(zone, span + 1) < end_s)
            return end_s * SL_US_PER_S; /* skipped by the clock */
    }
    return add_s(local_us, -offset_after(zone, span));
}
