#define _GNU_SOURCE /* gettid */
#include "duplex.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

enum {
    LONGEST_BLOCK_MS = 40,
    CAPTURE_BLOCKS = 4096, /* 41 s at 10 ms a block; a power of two */
    PLAYBACK_S = 60,
    MAX_CHANNELS = 8,
    /* Length of the ramp that a flush ends with. A cut from full level to nothing is a loud click, and 3 ms is past
     * the ear's onset of one while it is still far within the block. */
    FADE_MS = 3,
    /* Silence shorter than this between two sounds, with no flush, is a sound whose rest came too late (two clauses of
     * one answer); anything longer is two sounds, since a person has to speak in between. */
    STARVED_MAX_MS = 500,
    /* Blocks that stay zero after a mute is lifted: the card recorded up to two periods of them (20 ms each way are asked
     * of PortAudio) while it was in force. */
    UNMUTE_BLOCKS = 5,
};

/* PortAudio's portaudio.h: PaStreamCallbackFlags and PaStreamCallbackTimeInfo. Copied because the development package
 * is not needed for anything else; both are part of its ABI since version 19. */
enum { PA_INPUT_OVERFLOW = 2, PA_OUTPUT_UNDERFLOW = 4 };
typedef struct {
    double input_adc_s, now_s, output_dac_s;
} pa_time_info;

struct nf_duplex {
    uint32_t rate_hz, channels_in, channels_out, mic_channel, block;
    int format_in, format_out, reference_channel;
    int wake_fd;
    nf_ring *playback; /* mono; its positions are the playback positions */

    /* Capture: slots of one record and one block of mic and far each. Published together by one index. */
    nf_record *records;
    int16_t *blocks; /* CAPTURE_BLOCKS x (block mic samples, then block far samples) */
    _Alignas(64) _Atomic uint64_t slots_written;
    _Alignas(64) _Atomic uint64_t slots_read;

    _Alignas(64) _Atomic uint64_t flush_to; /* everything below this position is dropped */
    _Atomic double default_dac_offset;
    _Atomic int muted;   /* what is asked */
    _Atomic int zeroed;  /* what the newest callback did */
    _Atomic float volume; /* what is asked */

    /* Owned by the callback. */
    uint32_t unmute_in; /* blocks that are zeroed yet after a mute */
    float gain;         /* of the last sample played */
    uint64_t frame;
    uint64_t gap;     /* frames of silence since the ring ran dry */
    int sounding;     /* a sound ran and was not flushed: a gap may be starvation */
    int16_t *scratch; /* one block of mono output, or of silence for a missing input */

    _Alignas(64) _Atomic uint64_t n_blocks, n_lost, n_overflows, n_underflows, n_starved, n_odd;
    _Atomic int64_t last_callback_ns, worst_interval_ns, thread_id;
};

static void bump(_Atomic uint64_t *counter, uint64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

int64_t nf_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The shortest of 10, 20 and 40 ms that is a whole number of frames; 0 if none is. */
static uint32_t block_frames(uint32_t rate_hz)
{
    for (uint32_t ms = 10; ms <= LONGEST_BLOCK_MS; ms *= 2)
        if (rate_hz * (uint64_t)ms % 1000 == 0)
            return (uint32_t)(rate_hz * (uint64_t)ms / 1000);
    return 0;
}

nf_duplex *nf_duplex_new(uint32_t rate_hz, uint32_t channels_in, uint32_t channels_out, uint32_t mic_channel,
                         int wake_fd)
{
    if (rate_hz < 4000 || rate_hz > 768000 || !block_frames(rate_hz) || channels_in < 1 ||
        channels_in > MAX_CHANNELS || channels_out < 1 || channels_out > MAX_CHANNELS || mic_channel >= channels_in)
        return NULL;
    nf_duplex *duplex = aligned_alloc(64, sizeof *duplex);
    if (!duplex)
        return NULL;
    memset(duplex, 0, sizeof *duplex);
    duplex->rate_hz = rate_hz;
    duplex->channels_in = channels_in;
    duplex->channels_out = channels_out;
    duplex->mic_channel = mic_channel;
    duplex->reference_channel = -1;
    duplex->block = block_frames(rate_hz);
    duplex->wake_fd = wake_fd;
    duplex->gain = 1.0f;
    atomic_init(&duplex->volume, 1.0f);
    duplex->playback = nf_ring_new(1, (uint64_t)rate_hz * PLAYBACK_S);
    duplex->records = calloc(CAPTURE_BLOCKS, sizeof *duplex->records);
    size_t capture_bytes = (size_t)CAPTURE_BLOCKS * 2 * duplex->block * sizeof(int16_t);
    duplex->blocks = malloc(capture_bytes);
    duplex->scratch = calloc(2 * duplex->block, sizeof(int16_t));
    if (!duplex->playback || !duplex->records || !duplex->blocks || !duplex->scratch) {
        nf_duplex_free(duplex);
        return NULL;
    }
    /* A minor page fault costs the callback about a microsecond, once: the 30 s of capture that are seldom used are
     * not worth holding in memory from the start. */
    return duplex;
}

void nf_duplex_free(nf_duplex *duplex)
{
    if (!duplex)
        return;
    nf_ring_free(duplex->playback);
    free(duplex->records);
    free(duplex->blocks);
    free(duplex->scratch);
    free(duplex);
}

int nf_duplex_configure(nf_duplex *duplex, int format_in, int format_out, int reference_channel)
{
    if (format_in < NF_INT16 || format_in > NF_FLOAT32 || format_out < NF_INT16 || format_out > NF_FLOAT32 ||
        reference_channel < -1 || reference_channel >= (int)duplex->channels_in)
        return 0;
    duplex->format_in = format_in;
    duplex->format_out = format_out;
    duplex->reference_channel = reference_channel;
    return 1;
}

uint32_t nf_duplex_block_frames(const nf_duplex *duplex)
{
    return duplex->block;
}

void nf_duplex_set_default_dac_offset(nf_duplex *duplex, double frames)
{
    atomic_store_explicit(&duplex->default_dac_offset, frames, memory_order_relaxed);
}

int nf_duplex_play(nf_duplex *duplex, const int16_t *mono, uint64_t frames)
{
    if (frames > nf_ring_room(duplex->playback))
        return 0;
    nf_ring_write(duplex->playback, mono, frames);
    return 1;
}

void nf_duplex_flush(nf_duplex *duplex)
{
    atomic_store_explicit(&duplex->flush_to, nf_ring_written(duplex->playback), memory_order_release);
}

void nf_duplex_set_muted(nf_duplex *duplex, int muted)
{
    atomic_store_explicit(&duplex->muted, muted != 0, memory_order_release);
}

int nf_duplex_muted(const nf_duplex *duplex)
{
    return atomic_load_explicit(&duplex->zeroed, memory_order_acquire);
}

void nf_duplex_set_volume(nf_duplex *duplex, float factor)
{
    atomic_store_explicit(&duplex->volume, factor < 0.0f ? 0.0f : factor > 1.0f ? 1.0f : factor, memory_order_relaxed);
}

uint64_t nf_duplex_written(nf_duplex *duplex)
{
    return nf_ring_written(duplex->playback);
}

uint64_t nf_duplex_consumed(nf_duplex *duplex)
{
    return nf_ring_consumed(duplex->playback);
}

uint64_t nf_duplex_room(nf_duplex *duplex)
{
    return nf_ring_room(duplex->playback);
}

int nf_duplex_next(nf_duplex *duplex, nf_record *record, int16_t *mic, int16_t *far)
{
    uint64_t slot = atomic_load_explicit(&duplex->slots_read, memory_order_relaxed);
    if (slot == atomic_load_explicit(&duplex->slots_written, memory_order_acquire))
        return 0;
    uint64_t index = slot % CAPTURE_BLOCKS;
    const int16_t *block = duplex->blocks + index * 2 * duplex->block;
    *record = duplex->records[index];
    memcpy(mic, block, duplex->block * sizeof(int16_t));
    memcpy(far, block + duplex->block, duplex->block * sizeof(int16_t));
    atomic_store_explicit(&duplex->slots_read, slot + 1, memory_order_release);
    return 1;
}

void nf_duplex_count(nf_duplex *duplex, nf_counters *counters)
{
    counters->blocks = atomic_load_explicit(&duplex->n_blocks, memory_order_relaxed);
    counters->capture_lost = atomic_load_explicit(&duplex->n_lost, memory_order_relaxed);
    counters->overflows = atomic_load_explicit(&duplex->n_overflows, memory_order_relaxed);
    counters->underflows = atomic_load_explicit(&duplex->n_underflows, memory_order_relaxed);
    counters->starved = atomic_load_explicit(&duplex->n_starved, memory_order_relaxed);
    counters->odd_blocks = atomic_load_explicit(&duplex->n_odd, memory_order_relaxed);
    counters->last_callback_ns = atomic_load_explicit(&duplex->last_callback_ns, memory_order_relaxed);
    counters->worst_interval_ns = atomic_load_explicit(&duplex->worst_interval_ns, memory_order_relaxed);
    counters->thread_id = atomic_load_explicit(&duplex->thread_id, memory_order_relaxed);
}

/* Takes the next block for the loudspeaker out of the ring. A block that obeys a flush holds the fade and then silence,
 * even if more was queued since: its positions stay one stretch, and the new sound starts with the next block. */
static void fill_output(nf_duplex *duplex, int16_t *out, nf_record *record)
{
    nf_ring *ring = duplex->playback;
    uint64_t at = nf_ring_consumed(ring);
    uint64_t flush_to = atomic_load_explicit(&duplex->flush_to, memory_order_acquire);
    uint64_t taken;
    record->played_from = at;
    if (flush_to > at) {
        uint64_t fade = (uint64_t)duplex->rate_hz * FADE_MS / 1000;
        taken = nf_ring_read(ring, out, fade < flush_to - at ? fade : flush_to - at);
        /* The ramp is as long as what there is: a sound that ends within it on its own fades a little faster. */
        for (uint64_t i = 0; i < taken; i++)
            out[i] = (int16_t)((int64_t)out[i] * (int64_t)(taken - i) / (int64_t)(taken + 1));
        nf_ring_discard(ring, flush_to - at - taken);
        duplex->sounding = 0;
        duplex->gap = 0;
    } else {
        taken = nf_ring_read(ring, out, duplex->block);
        if (taken > 0) {
            if (duplex->sounding && duplex->gap <= (uint64_t)duplex->rate_hz * STARVED_MAX_MS / 1000)
                bump(&duplex->n_starved, duplex->gap);
            duplex->sounding = 1;
            duplex->gap = 0;
        }
        duplex->gap += duplex->block - taken;
    }
    record->played_to = at + taken;
    memset(out + taken, 0, (duplex->block - taken) * sizeof(int16_t));
}

static void apply_volume(nf_duplex *duplex, int16_t *out)
{
    float to = atomic_load_explicit(&duplex->volume, memory_order_relaxed);
    float from = duplex->gain;
    duplex->gain = to;
    if (from == 1.0f && to == 1.0f)
        return;
    for (uint32_t i = 0; i < duplex->block; i++)
        out[i] = (int16_t)lrintf((float)out[i] * (from + (to - from) * (float)(i + 1) / (float)duplex->block));
}

/* Is the microphone of this block to be zeros? Asked once a block. */
static int is_muted(nf_duplex *duplex)
{
    if (atomic_load_explicit(&duplex->muted, memory_order_acquire)) {
        duplex->unmute_in = UNMUTE_BLOCKS;
        return 1;
    }
    if (duplex->unmute_in == 0)
        return 0;
    duplex->unmute_in--;
    return 1;
}

/* To the nearest, halves up; full scale is 1.0 or 2^31. What does not fit is clipped, and no number is silence. */
static int16_t from_int32(int32_t sample)
{
    int64_t rounded = ((int64_t)sample + 0x8000) >> 16;
    return rounded > INT16_MAX ? INT16_MAX : (int16_t)rounded;
}

static int16_t from_float32(float sample)
{
    double scaled = floor(sample * 32768.0 + 0.5); /* exact: a float has 24 bits, the sum needs 40 */
    if (scaled >= 32767.0)
        return INT16_MAX;
    if (scaled <= -32768.0)
        return INT16_MIN;
    return scaled == scaled ? (int16_t)scaled : 0;
}

/* One channel of an interleaved block as int16. */
static void take_channel(const nf_duplex *duplex, const void *in, uint32_t channel, int16_t *mono)
{
    size_t at = channel, step = duplex->channels_in;
    if (duplex->format_in == NF_INT32)
        for (uint32_t i = 0; i < duplex->block; i++, at += step)
            mono[i] = from_int32(((const int32_t *)in)[at]);
    else if (duplex->format_in == NF_FLOAT32)
        for (uint32_t i = 0; i < duplex->block; i++, at += step)
            mono[i] = from_float32(((const float *)in)[at]);
    else
        for (uint32_t i = 0; i < duplex->block; i++, at += step)
            mono[i] = ((const int16_t *)in)[at];
}

/* The same block on all channels of the output. Every int16 has an exact int32 and float32. */
static void give_channels(const nf_duplex *duplex, const int16_t *mono, void *out)
{
    size_t at = 0;
    for (uint32_t i = 0; i < duplex->block; i++)
        for (uint32_t channel = 0; channel < duplex->channels_out; channel++, at++)
            if (duplex->format_out == NF_INT32)
                ((int32_t *)out)[at] = (int32_t)mono[i] * 65536;
            else if (duplex->format_out == NF_FLOAT32)
                ((float *)out)[at] = (float)mono[i] / 32768.0f;
            else
                ((int16_t *)out)[at] = mono[i];
}

static void store_block(nf_duplex *duplex, const nf_record *record, const void *in, const int16_t *played)
{
    uint64_t slot = atomic_load_explicit(&duplex->slots_written, memory_order_relaxed);
    uint64_t read = atomic_load_explicit(&duplex->slots_read, memory_order_acquire);
    if (slot - read >= CAPTURE_BLOCKS) { /* nobody reads: the newest is dropped, and the clock in `frame` shows it */
        bump(&duplex->n_lost, duplex->block);
        return;
    }
    uint64_t index = slot % CAPTURE_BLOCKS;
    int16_t *mic = duplex->blocks + index * 2 * duplex->block;
    if (in && !record->muted)
        take_channel(duplex, in, duplex->mic_channel, mic);
    else
        memset(mic, 0, duplex->block * sizeof(int16_t));
    if (in && duplex->reference_channel >= 0 && record->muted) /* whatever is wired to that channel */
        memset(mic + duplex->block, 0, duplex->block * sizeof(int16_t));
    else if (in && duplex->reference_channel >= 0)
        take_channel(duplex, in, (uint32_t)duplex->reference_channel, mic + duplex->block);
    else
        memcpy(mic + duplex->block, played, duplex->block * sizeof(int16_t));
    duplex->records[index] = *record;
    atomic_store_explicit(&duplex->slots_written, slot + 1, memory_order_release);
}

/* The callback's own time keeping: one system call in all, with the first callback. */
static void note_time(nf_duplex *duplex, int64_t now_ns)
{
    int64_t last_ns = atomic_load_explicit(&duplex->last_callback_ns, memory_order_relaxed);
    if (!last_ns)
        atomic_store_explicit(&duplex->thread_id, gettid(), memory_order_relaxed);
    else if (now_ns - last_ns > atomic_load_explicit(&duplex->worst_interval_ns, memory_order_relaxed))
        atomic_store_explicit(&duplex->worst_interval_ns, now_ns - last_ns, memory_order_relaxed);
    atomic_store_explicit(&duplex->last_callback_ns, now_ns, memory_order_relaxed);
}

static void serve(nf_duplex *duplex, const void *in, void *out, nf_record record)
{
    record.frame = duplex->frame;
    int16_t *mono = duplex->scratch;
    fill_output(duplex, mono, &record);
    apply_volume(duplex, mono);
    if (out)
        give_channels(duplex, mono, out);
    else
        memset(mono, 0, duplex->block * sizeof(int16_t));
    record.muted = (uint64_t)is_muted(duplex);
    store_block(duplex, &record, in, mono);
    atomic_store_explicit(&duplex->zeroed, (int)record.muted, memory_order_release);
    duplex->frame += duplex->block;
    bump(&duplex->n_blocks, 1);
    if (record.status & PA_INPUT_OVERFLOW)
        bump(&duplex->n_overflows, 1);
    if (record.status & PA_OUTPUT_UNDERFLOW)
        bump(&duplex->n_underflows, 1);
    note_time(duplex, record.monotonic_ns);
    if (duplex->wake_fd >= 0) {
        uint64_t one = 1; /* the eventfd is non-blocking: a full counter means that the reader is awake anyway */
        ssize_t ignored = write(duplex->wake_fd, &one, sizeof one);
        (void)ignored;
    }
}

static int64_t frames_ns(const nf_duplex *duplex, double frames)
{
    return (int64_t)(frames * 1e9 / duplex->rate_hz);
}

void nf_duplex_tick(nf_duplex *duplex, const void *in, void *out, double dac_offset)
{
    int64_t now = nf_monotonic_ns();
    int64_t adc = now - frames_ns(duplex, duplex->block);
    serve(duplex, in, out, (nf_record){.dac_offset = dac_offset, .monotonic_ns = now, .adc_ns = adc,
                                       .dac_ns = adc + frames_ns(duplex, dac_offset)});
}

/* A time of PortAudio's, whose clock is the driver's, as CLOCK_MONOTONIC; `otherwise` where the driver gives none, or
 * one that cannot be. */
static int64_t on_our_clock(int64_t now, double stream_now_s, double stream_s, int64_t otherwise)
{
    double from_now_s = stream_s - stream_now_s;
    if (stream_s <= 0.0 || stream_now_s <= 0.0 || !(fabs(from_now_s) < 2.0))
        return otherwise;
    return now + (int64_t)(from_now_s * 1e9);
}

int nf_duplex_callback(const void *in, void *out, unsigned long frames, const void *time_info, unsigned long status,
                       void *user)
{
    nf_duplex *duplex = user;
    const pa_time_info *times = time_info;
    if (frames != duplex->block) { /* PortAudio promises the length it was opened with */
        bump(&duplex->n_odd, 1);
        if (out)
            memset(out, 0, frames * duplex->channels_out * (duplex->format_out == NF_INT16 ? 2 : 4));
        return 0;
    }
    double offset_s = times ? times->output_dac_s - times->input_adc_s : 0.0;
    double dac_offset = offset_s * duplex->rate_hz;
    if (!times || times->input_adc_s <= 0.0 || offset_s <= 0.0 || offset_s > 2.0) /* no times, or none that can be */
        dac_offset = atomic_load_explicit(&duplex->default_dac_offset, memory_order_relaxed);
    int64_t now = nf_monotonic_ns();
    int64_t adc = now - frames_ns(duplex, duplex->block), dac = adc + frames_ns(duplex, dac_offset);
    if (times) {
        adc = on_our_clock(now, times->now_s, times->input_adc_s, adc);
        dac = on_our_clock(now, times->now_s, times->output_dac_s, dac);
    }
    serve(duplex, in, out, (nf_record){.dac_offset = dac_offset, .status = status, .monotonic_ns = now, .adc_ns = adc,
                                       .dac_ns = dac});
    return 0; /* paContinue */
}
