#include "ring.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 64 };
static const uint64_t MAX_FRAMES = (uint64_t)1 << 30;

nf_ring *nf_ring_new(uint32_t channels, uint64_t min_frames)
{
    if (channels == 0 || channels > MAX_CHANNELS || min_frames == 0 || min_frames > MAX_FRAMES)
        return NULL;
    uint64_t capacity = 1;
    while (capacity < min_frames)
        capacity *= 2;
    nf_ring *ring = aligned_alloc(64, sizeof *ring);
    if (!ring)
        return NULL;
    size_t bytes = (size_t)capacity * channels * sizeof(int16_t);
    int16_t *samples = malloc(bytes);
    if (!samples) {
        free(ring);
        return NULL;
    }
    /* Written once now, so that the audio thread never pays for a page fault. Not calloc: it maps pages lazily, and
     * the compiler folds malloc + memset(0) into it. */
    for (volatile char *page = (volatile char *)samples; page < (volatile char *)samples + bytes; page += 4096)
        *page = 0;
    ring->samples = samples;
    ring->capacity = capacity;
    ring->channels = channels;
    atomic_init(&ring->written, 0);
    atomic_init(&ring->consumed, 0);
    return ring;
}

void nf_ring_free(nf_ring *ring)
{
    if (!ring)
        return;
    free(ring->samples);
    free(ring);
}

uint64_t nf_ring_capacity(const nf_ring *ring)
{
    return ring->capacity;
}

uint64_t nf_ring_written(nf_ring *ring)
{
    return atomic_load_explicit(&ring->written, memory_order_acquire);
}

uint64_t nf_ring_consumed(nf_ring *ring)
{
    return atomic_load_explicit(&ring->consumed, memory_order_acquire);
}

uint64_t nf_ring_available(nf_ring *ring)
{
    /* `consumed` first: read later than it, `written` can only be larger, so the difference is never negative. */
    uint64_t consumed = nf_ring_consumed(ring);
    return nf_ring_written(ring) - consumed;
}

uint64_t nf_ring_room(nf_ring *ring)
{
    uint64_t consumed = nf_ring_consumed(ring);
    return ring->capacity - (nf_ring_written(ring) - consumed);
}

/* Where the stretch [position, position + count) lies: `*first` frames from the place returned, the rest at the start. */
static int16_t *place(nf_ring *ring, uint64_t position, uint64_t count, uint64_t *first)
{
    uint64_t index = position & (ring->capacity - 1);
    uint64_t to_end = ring->capacity - index;
    *first = count < to_end ? count : to_end;
    return ring->samples + index * ring->channels;
}

uint64_t nf_ring_write(nf_ring *ring, const int16_t *frames, uint64_t count)
{
    uint64_t room = nf_ring_room(ring);
    if (count > room)
        count = room;
    if (count == 0)
        return 0;
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    size_t frame_bytes = ring->channels * sizeof(int16_t);
    uint64_t first;
    int16_t *at = place(ring, written, count, &first);
    memcpy(at, frames, first * frame_bytes);
    memcpy(ring->samples, frames + first * ring->channels, (count - first) * frame_bytes);
    atomic_store_explicit(&ring->written, written + count, memory_order_release);
    return count;
}

uint64_t nf_ring_read(nf_ring *ring, int16_t *frames, uint64_t count)
{
    uint64_t available = nf_ring_available(ring);
    if (count > available)
        count = available;
    if (count == 0)
        return 0;
    uint64_t consumed = atomic_load_explicit(&ring->consumed, memory_order_relaxed);
    size_t frame_bytes = ring->channels * sizeof(int16_t);
    uint64_t first;
    const int16_t *at = place(ring, consumed, count, &first);
    memcpy(frames, at, first * frame_bytes);
    memcpy(frames + first * ring->channels, ring->samples, (count - first) * frame_bytes);
    atomic_store_explicit(&ring->consumed, consumed + count, memory_order_release);
    return count;
}

uint64_t nf_ring_discard(nf_ring *ring, uint64_t count)
{
    uint64_t available = nf_ring_available(ring);
    if (count > available)
        count = available;
    uint64_t consumed = atomic_load_explicit(&ring->consumed, memory_order_relaxed);
    atomic_store_explicit(&ring->consumed, consumed + count, memory_order_release);
    return count;
}
