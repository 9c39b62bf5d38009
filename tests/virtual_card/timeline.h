/* The file that the plugin and alsa_card.py share: a card's clock, faults and echo, and what was played and heard.
 *
 * Everything lies on one time line that is counted in frames of the card since the file was made. Behind the header, at
 * SAMPLES_OFFSET, are four rows of `length` frames each:
 *
 *     int16 said[]     what a test says into the microphone
 *     int16 played[]   what the program played
 *     int16 heard[]    what the microphone delivered: clip(said + echo * air)
 *     float air[]      the loudspeaker as it is in the air, on this card's clock
 *
 * Both sides must agree to the byte; alsa_card.py writes its own size of the header into it, and the plugin compares.
 */
#ifndef NEARFIELD_TEST_TIMELINE_H
#define NEARFIELD_TEST_TIMELINE_H

#include <stdint.h>

enum {
    TIMELINE_MAGIC = 0x314c544e, /* "NTL1" */
    MAX_ECHO_TAPS = 16384,
    MAX_EVENTS = 4096,
    MAX_PATH = 256,
    SAMPLES_OFFSET = 1 << 20,
};

enum event_kind { EVENT_OPEN = 1, EVENT_CLOSE, EVENT_SIZES, EVENT_START, EVENT_STOP, EVENT_XRUN, EVENT_LOST };

/* What a program sees of a card that was pulled. Real drivers do all three. */
enum loss_mode {
    LOSS_DISCONNECTED,           /* state DISCONNECTED at once, as the kernel sets it in snd_card_disconnect() */
    LOSS_STUCK_IN_XRUN,          /* state XRUN for ever: USB transfers fail, but nothing disconnects the card */
    LOSS_XRUN_THEN_DISCONNECTED, /* XRUN until the first attempt to recover has failed, then DISCONNECTED */
};

/* Bits of `directions` and `busy` are 1 << SND_PCM_STREAM_x; bits of `formats` are these. */
enum { FORMAT_S16 = 1, FORMAT_S32 = 2, FORMAT_FLOAT = 4 };

typedef struct {
    uint32_t kind;
    uint32_t stream; /* SND_PCM_STREAM_PLAYBACK or _CAPTURE */
    int64_t frame;   /* of the card's time line */
    int64_t monotonic_ns;
    int64_t value; /* START: frames in the buffer; SIZES: the same; XRUN: frames lost; LOST: the mode */
} timeline_event;

typedef struct {
    uint32_t magic;
    uint32_t header_bytes;
    uint32_t rate_hz;
    uint32_t formats;
    uint32_t channels_in, channels_out;
    int32_t mic_channel;      /* the channel that carries the microphone, the others are silent; -1: all do */
    int32_t loopback_channel; /* the channel that carries what is played; -1: none */
    uint32_t directions;      /* what the card can do at all */
    volatile uint32_t busy;   /* what another program seems to hold */

    double clock_ppm;         /* how much faster than `rate_hz` the card's clock runs */
    volatile int64_t zero_ns; /* CLOCK_MONOTONIC of frame 0 */
    int64_t length;

    volatile uint32_t present;
    volatile uint32_t generation; /* raised by every loss: handles opened before stay dead, as with a real card */
    volatile uint32_t loss_mode;
    volatile uint32_t gave_up; /* the generation whose first attempt to recover has failed */
    volatile uint32_t frozen;
    volatile uint32_t n_events; /* ever logged; the newest MAX_EVENTS are kept */
    volatile int64_t frozen_at;

    volatile uint32_t echo_taps;
    volatile uint32_t mic_is_dead; /* it delivers nothing but zeros */
    volatile int32_t mic_limit, speaker_limit; /* clipping levels, 32767 for none */
    volatile int64_t heard_to, played_to;      /* ends of what was delivered and taken so far */

    /* The direction that started last, so that the other one can join it: PortAudio starts one after the other, real
     * cards start both with one trigger. */
    int64_t started_frame, started_ns;
    uint32_t started_stream;

    char loudspeaker[MAX_PATH]; /* the file of the card whose loudspeaker this microphone hears; "": its own */
    timeline_event events[MAX_EVENTS];
    float echo[MAX_ECHO_TAPS];
} timeline;

_Static_assert(sizeof(timeline) <= SAMPLES_OFFSET, "the rows begin behind the header");

#endif
