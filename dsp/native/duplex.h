/* Both directions of a sound card, served by one real-time callback.
 *
 *     nf_duplex *duplex = nf_duplex_new(16000, 1, 1, 0, wake_fd);
 *     Pa_OpenStream(&stream, &in, &out, 16000, 160, paNoFlag, nf_duplex_callback, duplex);
 *     nf_duplex_play(duplex, speech, n);                      // any one thread at a time
 *     while (nf_duplex_next(duplex, &record, mic, far)) ...   // one reader thread
 *     nf_duplex_flush(duplex);                                // barge-in: obeyed by the next callback
 *
 * The callback allocates nothing, takes no lock, calls no Python and makes one system call that cannot block (it adds
 * to an eventfd). What it played is stored beside what it heard, in one record: the echo canceller's two inputs are
 * aligned to the sample by construction.
 */
#ifndef NEARFIELD_DUPLEX_H
#define NEARFIELD_DUPLEX_H

#include <stdint.h>

typedef struct nf_duplex nf_duplex;

/* What one callback did, all counted in frames of the card's own rate. */
typedef struct nf_record {
    uint64_t frame;       /* capture clock: frames the card delivered before this block, lost ones included */
    uint64_t played_from; /* playback positions [played_from, played_to) went to the loudspeaker; */
    uint64_t played_to;   /* the rest of the block was silence */
    double dac_offset;    /* frames from the first microphone sample's ADC time to the first output sample's DAC time */
    uint64_t status;      /* PortAudio's status flags */
    int64_t monotonic_ns; /* CLOCK_MONOTONIC when the callback ran */
    uint64_t muted;       /* 1: the microphone was replaced by zeros before anything could see it */
    int64_t adc_ns;       /* CLOCK_MONOTONIC when the first microphone sample was at the ADC, as the driver says; */
    int64_t dac_ns;       /* ... and when the first output sample will be at the DAC */
} nf_record;

/* Sample formats of a stream's interleaved frames, each in the machine's byte order. */
enum { NF_INT16 = 0, NF_INT32 = 1, NF_FLOAT32 = 2 };

/* None of these ever falls. */
typedef struct nf_counters {
    uint64_t blocks;
    uint64_t capture_lost;  /* frames dropped because nobody read them */
    uint64_t overflows;     /* callbacks that the driver flagged with an input overflow */
    uint64_t underflows;    /* callbacks that the driver flagged with an output underflow */
    uint64_t starved;       /* frames of silence inside a sound, see duplex.c */
    uint64_t odd_blocks;    /* callbacks of another length than the block's: a driver that breaks its promise */
    int64_t last_callback_ns; /* CLOCK_MONOTONIC, 0 before the first */
    int64_t worst_interval_ns; /* longest time between two callbacks */
    int64_t thread_id;         /* of the thread that runs the callback (gettid), 0 before the first */
} nf_counters;

/* `rate_hz` must be a multiple of 25. A block is the shortest of 10, 20 and 40 ms that is a whole number of frames: 20 ms
 * at 22050 Hz, 40 ms at 11025 Hz, 10 ms at all other usual rates. `wake_fd`: an eventfd to add 1 to after each block,
 * or -1. NULL: out of memory or a parameter out of range. */
nf_duplex *nf_duplex_new(uint32_t rate_hz, uint32_t channels_in, uint32_t channels_out, uint32_t mic_channel,
                         int wake_fd);
void nf_duplex_free(nf_duplex *duplex); /* only after the stream is closed */

/* Before the stream starts: the formats of both directions, and the input channel that carries what the loudspeaker
 * plays (a hardware loop-back), -1 for none. It then stands in for `far`, as it was captured. 0: out of range. */
int nf_duplex_configure(nf_duplex *duplex, int format_in, int format_out, int reference_channel);

uint32_t nf_duplex_block_frames(const nf_duplex *duplex);
/* For drivers that give no times: the offset to assume, in frames. */
void nf_duplex_set_default_dac_offset(nf_duplex *duplex, double frames);

/* Writer side. `play` takes all of it or nothing (returns 0). `flush` drops everything written before it. */
int nf_duplex_play(nf_duplex *duplex, const int16_t *mono, uint64_t frames);
void nf_duplex_flush(nf_duplex *duplex);
uint64_t nf_duplex_written(nf_duplex *duplex);  /* position that the next `play` starts at */
uint64_t nf_duplex_consumed(nf_duplex *duplex); /* position that the next callback plays from */
uint64_t nf_duplex_room(nf_duplex *duplex);     /* frames that `play` would take now */

/* Mute, from any thread: from the next callback on the microphone's blocks are zeros, and still in the first blocks after
 * it is lifted, which the card recorded before. `muted` reads back what the newest callback did, not what was asked. */
void nf_duplex_set_muted(nf_duplex *duplex, int muted);
int nf_duplex_muted(const nf_duplex *duplex);

/* Volume, from any thread: what is played is multiplied by `factor` (0 to 1), from the next callback on, with a ramp
 * over one block. It is applied before the echo canceller's reference is taken. */
void nf_duplex_set_volume(nf_duplex *duplex, float factor);

/* Reader side: the oldest block that was not read yet, 0 when there is none. `mic`, `far`: block_frames each. */
int nf_duplex_next(nf_duplex *duplex, nf_record *record, int16_t *mic, int16_t *far);

void nf_duplex_count(nf_duplex *duplex, nf_counters *counters);
int64_t nf_monotonic_ns(void);

/* A card made of software drives the same code: one block in, one block out, interleaved in the stream's formats. */
void nf_duplex_tick(nf_duplex *duplex, const void *in, void *out, double dac_offset);

/* PaStreamCallback; `user` is the nf_duplex. A stream with one direction has NULL for the other: without `in` the
 * microphone is silent; without `out` what is queued passes in its time and is silent in the record, too. */
int nf_duplex_callback(const void *in, void *out, unsigned long frames, const void *time_info, unsigned long status,
                       void *user);

#endif
