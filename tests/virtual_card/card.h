/* What the parts of the plugin share: the mapped time line, and a handle of one direction of a card. */
#ifndef NEARFIELD_TEST_CARD_H
#define NEARFIELD_TEST_CARD_H

#define _GNU_SOURCE
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#include "timeline.h"

typedef struct {
    timeline *header;
    int16_t *said, *played, *heard;
    float *air;
    size_t bytes;
    int fd;
} mapped;

typedef struct {
    snd_pcm_ioplug_t io;
    mapped card;
    mapped loudspeaker; /* of another card; header NULL: this one's own */
    int lock_fd;        /* one program at a time */
    int timer_fd;       /* what programs poll */
    uint32_t generation;
    int running, xrun_logged, loss_logged;
    int64_t zero;     /* the time line's frame of the stream's frame 0 */
    int64_t position; /* last answer of card_pointer */
    snd_pcm_uframes_t avail_min;
    int16_t *before_start; /* playback written before the start: one buffer */
    int64_t n_before_start;
} handle;

/* room.c: a card's clock, and what its microphone hears */
int64_t now_ns(void);
int64_t frame_now(const timeline *t);
int64_t ns_of_frame(const timeline *t, int64_t frame);
int map_timeline(const char *path, mapped *m); /* 0 or a negative errno */
void unmap_timeline(mapped *m);
float clipped(float value, int32_t limit);
void hear_until(handle *h, int64_t end);

/* stream.c: a direction that is open */
extern const snd_pcm_ioplug_callback_t STREAM_CALLBACKS;
void log_event(handle *h, enum event_kind kind, int64_t frame, int64_t value);

/* pcm_nearfield.c */
int close_stream(snd_pcm_ioplug_t *io);

#endif
