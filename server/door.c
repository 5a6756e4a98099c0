/*
 * door.c - see door.h.
 */
#include "server/door.h"

#include "server/conversation.h"

struct sl_door {
    struct sl_service service; /* the server's, with this loop */
    struct sl_conversation_list conversations;
};

static void
stop_loop(void *context)
{
    struct sl_door *door = context;
    sl_loop_stop(door->service.loop);
}

struct sl_door *
sl_door_create(const struct sl_service *service, struct sl_loop *loop)
{
    struct sl_door *door = sl_new(sizeof(*door));
    door->service = *service;
    door->service.loop = loop;
    door->conversations = (struct sl_conversation_list){
        .service = &door->service, .on_empty = stop_loop, .context = door};
    return door;
}

void
sl_door_destroy(struct sl_door *door)
{
    if (door == NULL)
        return;
    SL_ASSERT(door->conversations.count == 0);
    free(door);
}

void
sl_door_take(struct sl_door *door, struct sl_tcp *tcp, const struct sl_endpoint *peer)
{
    sl_conversation_start(&door->conversations, tcp, peer);
}

struct sl_tcp *
sl_door_join(struct sl_door *door, const struct sl_endpoint *peer)
{
    struct sl_tcp *ends[2];
    struct sl_endpoint here = *peer;
    here.is_loopback = true;
    sl_pair_open(door->service.loop, ends);
    sl_conversation_start(&door->conversations, ends[1], &here);
    return ends[0];
}

void
sl_door_stop(struct sl_door *door)
{
    sl_conversation_stop_all(&door->conversations);
}

void
sl_door_leave(struct sl_door *door)
{
    sl_door_stop(door);
    sl_loop_run(door->service.loop);
}

struct kill {
    struct sl_door *door;
    uint64_t connection_id;
    bool is_whole;
};

static void
run_kill(void *context)
{
    struct kill *kill = context;
    sl_conversation_kill(&kill->door->conversations, kill->connection_id, kill->is_whole);
    free(kill);
}

void
sl_door_kill(struct sl_door *door, uint64_t connection_id, bool is_whole)
{
    struct kill *kill = sl_new(sizeof(*kill));
    *kill = (struct kill){.door = door, .connection_id = connection_id, .is_whole = is_whole};
    sl_loop_post(door->service.loop, run_kill, kill);
}
