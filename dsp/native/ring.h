/* A lock-free ring of int16 frames for one writer thread and one reader thread.
 *
 *     nf_ring *ring = nf_ring_new(1, 16000);           // at least one second of mono
 *     nf_ring_write(ring, samples, 160);               // writer thread
 *     uint64_t got = nf_ring_read(ring, block, 160);   // reader thread
 *
 * A frame is `channels` interleaved samples. Positions are absolute frame counts that never wrap in practice
 * (2^64 frames), so "how much is in it" is a subtraction and a position names one frame for good.
 */
#ifndef NEARFIELD_RING_H
#define NEARFIELD_RING_H

#include <stdatomic.h>
#include <stdint.h>

typedef struct nf_ring {
    int16_t *samples;
    uint64_t capacity; /* frames, a power of two */
    uint32_t channels;
    /* Each on its own cache line: the two threads do not take the line from each other at every block. */
    _Alignas(64) _Atomic uint64_t written;  /* frames ever written; only the writer stores */
    _Alignas(64) _Atomic uint64_t consumed; /* frames ever read or discarded; only the reader stores */
} nf_ring;

nf_ring *nf_ring_new(uint32_t channels, uint64_t min_frames); /* NULL: out of memory or a silly size */
void nf_ring_free(nf_ring *ring);

uint64_t nf_ring_capacity(const nf_ring *ring);
uint64_t nf_ring_written(nf_ring *ring);
uint64_t nf_ring_consumed(nf_ring *ring);
uint64_t nf_ring_available(nf_ring *ring); /* frames that can be read now */
uint64_t nf_ring_room(nf_ring *ring);      /* frames that can be written now */

uint64_t nf_ring_write(nf_ring *ring, const int16_t *frames, uint64_t count); /* writer: frames taken, <= count */
uint64_t nf_ring_read(nf_ring *ring, int16_t *frames, uint64_t count);        /* reader: frames given, <= count */
uint64_t nf_ring_discard(nf_ring *ring, uint64_t count);                      /* reader: frames dropped, <= count */

#endif
