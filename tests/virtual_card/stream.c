/* A direction of a card that is open: alsa-lib's ioplug calls `card_pointer` for where the hardware is, `card_transfer`
 * to move samples, `card_revents` to find out whether a poll() may return.
 */
#include "card.h"

#include <math.h>
#include <sys/timerfd.h>

enum {
    JOIN_WITHIN_NS = 5000000,  /* the second direction of a duplex stream starts within this */
    FROZEN_POLL_NS = 20000000, /* how often a frozen card looks whether it has been thawed */
};

void log_event(handle *h, enum event_kind kind, int64_t frame, int64_t value)
{
    timeline *t = h->card.header;
    uint32_t slot = __sync_fetch_and_add(&t->n_events, 1) % MAX_EVENTS;
    t->events[slot] = (timeline_event){kind, h->io.stream, frame, now_ns(), value};
}

/* ---- losing the card */

static int is_lost(const handle *h)
{
    return !h->card.header->present || h->card.header->generation != h->generation;
}

static int loss_looks_like_xrun(const handle *h)
{
    const timeline *t = h->card.header;
    return t->loss_mode == LOSS_STUCK_IN_XRUN ||
           (t->loss_mode == LOSS_XRUN_THEN_DISCONNECTED && t->gave_up != t->generation);
}

/* ---- ioplug: waiting. The timer is readable exactly when `avail_min` frames are there, or the card is lost. */

static void arm(handle *h)
{
    const snd_pcm_ioplug_t *io = &h->io;
    const timeline *t = h->card.header;
    int64_t at_ns = 1; /* in the past: readable at once */
    if (h->running && !is_lost(h)) {
        int64_t frame = h->zero + (int64_t)io->appl_ptr;
        if (io->stream == SND_PCM_STREAM_CAPTURE)
            frame += (int64_t)h->avail_min;
        else if (io->state != SND_PCM_STATE_DRAINING)
            frame += (int64_t)h->avail_min - (int64_t)io->buffer_size;
        at_ns = t->frozen && frame > t->frozen_at ? now_ns() + FROZEN_POLL_NS : ns_of_frame(t, frame);
    }
    if (at_ns < 1)
        at_ns = 1;
    struct itimerspec when = {.it_value = {at_ns / 1000000000, at_ns % 1000000000}};
    timerfd_settime(h->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static int64_t stream_frame_now(const handle *h)
{
    int64_t frame = frame_now(h->card.header) - h->zero;
    return frame > 0 ? frame : 0;
}

static int card_poll_count(snd_pcm_ioplug_t *io)
{
    (void)io;
    return 1;
}

static int card_poll_descriptors(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int space)
{
    handle *h = io->private_data;
    if (space < 1)
        return 0;
    arm(h);
    fds[0] = (struct pollfd){.fd = h->timer_fd, .events = POLLIN | POLLERR};
    return 1;
}

static int card_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int n, unsigned short *revents)
{
    handle *h = io->private_data;
    int capture = io->stream == SND_PCM_STREAM_CAPTURE;
    int64_t here = h->running ? stream_frame_now(h) : 0, program = (int64_t)io->appl_ptr;
    (void)fds, (void)n;
    *revents = 0;
    if (is_lost(h)) {
        *revents = POLLERR | POLLNVAL | (capture ? POLLIN : POLLOUT);
        if (!loss_looks_like_xrun(h))
            snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
        return 0;
    }
    if (!h->running) {
        if (!capture)
            *revents = POLLOUT;
        else if (io->state == SND_PCM_STATE_XRUN)
            *revents = POLLIN | POLLERR;
    } else if (capture) {
        if (here - program >= (int64_t)h->avail_min)
            *revents = POLLIN;
    } else {
        int64_t room = (int64_t)io->buffer_size - (program - here);
        int draining = io->state == SND_PCM_STATE_DRAINING;
        if (draining ? here >= program : room >= (int64_t)h->avail_min)
            *revents = POLLOUT;
    }
    arm(h);
    return 0;
}

/* ---- ioplug: running */

static int card_start(snd_pcm_ioplug_t *io)
{
    handle *h = io->private_data;
    timeline *t = h->card.header;
    int64_t now = now_ns();
    if (is_lost(h))
        return -ENODEV;
    if (t->started_stream != io->stream && now - t->started_ns < JOIN_WITHIN_NS && t->started_ns) {
        h->zero = t->started_frame;
    } else {
        h->zero = frame_now(t) + 1;
        t->started_frame = h->zero;
        t->started_ns = now;
        t->started_stream = io->stream;
    }
    h->running = 1;
    h->position = 0;
    if (io->stream == SND_PCM_STREAM_PLAYBACK) {
        for (int64_t i = 0; i < h->n_before_start && h->zero + i < t->length; i++)
            h->card.played[h->zero + i] = h->before_start[i];
        h->n_before_start = 0;
    } else {
        int64_t audible = h->zero - t->echo_taps; /* nobody heard what was before: it is not worked out */
        if (audible > t->heard_to)
            t->heard_to = audible;
    }
    log_event(h, EVENT_START, h->zero, (int64_t)io->buffer_size);
    arm(h);
    return 0;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
    handle *h = io->private_data;
    timeline *t = h->card.header;
    if (h->running) {
        int64_t now = frame_now(t), end = h->zero + (int64_t)io->appl_ptr;
        if (end > t->length)
            end = t->length;
        log_event(h, EVENT_STOP, now, (int64_t)io->appl_ptr);
        for (int64_t n = now > 0 ? now : 0; io->stream == SND_PCM_STREAM_PLAYBACK && n < end; n++)
            h->card.played[n] = 0; /* what is still in the buffer never sounds */
    }
    h->running = 0;
    arm(h);
    return 0;
}

static snd_pcm_sframes_t overrun(handle *h, int64_t here, int64_t lost)
{
    if (!h->xrun_logged++)
        log_event(h, EVENT_XRUN, h->zero + here, lost);
    return -EPIPE;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
    handle *h = io->private_data;
    int64_t program = (int64_t)io->appl_ptr, buffer = (int64_t)io->buffer_size;
    if (is_lost(h)) {
        if (!h->loss_logged++)
            log_event(h, EVENT_LOST, frame_now(h->card.header), h->card.header->loss_mode);
        if (loss_looks_like_xrun(h))
            return -ENODEV; /* ioplug takes any error for an XRUN */
        snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
        return h->position;
    }
    if (!h->running)
        return h->position;
    int64_t here = stream_frame_now(h);
    if (io->stream == SND_PCM_STREAM_CAPTURE) {
        if (here - program > buffer)
            return overrun(h, here, here - program - buffer);
    } else if (here > program) {
        if (io->state != SND_PCM_STATE_DRAINING)
            return overrun(h, here, here - program);
        here = program;
    }
    h->position = here;
    return here; /* not wrapped at the buffer: SND_PCM_IOPLUG_FLAG_BOUNDARY_WA */
}

static char *address(const snd_pcm_channel_area_t *area, snd_pcm_uframes_t frame)
{
    return (char *)area->addr + (area->first + frame * area->step) / 8;
}

static int16_t get_sample(const char *from, snd_pcm_format_t format)
{
    if (format == SND_PCM_FORMAT_S32_LE)
        return (int16_t)(*(const int32_t *)from >> 16);
    if (format == SND_PCM_FORMAT_FLOAT_LE)
        return (int16_t)lrintf(clipped(*(const float *)from * 32768, 32767));
    return *(const int16_t *)from;
}

static void put_sample(char *to, snd_pcm_format_t format, int16_t sample)
{
    if (format == SND_PCM_FORMAT_S32_LE)
        *(int32_t *)to = (int32_t)sample * 65536;
    else if (format == SND_PCM_FORMAT_FLOAT_LE)
        *(float *)to = sample / 32768.0f;
    else
        *(int16_t *)to = sample;
}

static void take_playback(handle *h, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, int64_t size)
{
    const snd_pcm_ioplug_t *io = &h->io;
    timeline *t = h->card.header;
    for (int64_t i = 0; i < size; i++) { /* the loudspeaker is one: the first channel */
        int16_t sample = get_sample(address(&areas[0], offset + i), io->format);
        int64_t frame = h->zero + (int64_t)io->appl_ptr + i;
        if (h->running && frame < t->length)
            h->card.played[frame] = sample;
        else if (!h->running && h->n_before_start < (int64_t)io->buffer_size)
            h->before_start[h->n_before_start++] = sample;
    }
    if (h->running)
        t->played_to = h->zero + (int64_t)io->appl_ptr + size;
}

static void give_capture(handle *h, const snd_pcm_channel_area_t *areas, snd_pcm_uframes_t offset, int64_t size)
{
    const snd_pcm_ioplug_t *io = &h->io;
    const timeline *t = h->card.header;
    int64_t first = h->zero + (int64_t)io->appl_ptr;
    hear_until(h, first + size);
    for (int64_t i = 0; i < size; i++) {
        int64_t frame = first + i;
        int on_line = frame >= 0 && frame < t->length;
        for (int channel = 0; channel < (int)io->channels; channel++) {
            int16_t sample = 0;
            if (on_line && channel == t->loopback_channel)
                sample = h->card.played[frame];
            else if (on_line && (t->mic_channel < 0 || channel == t->mic_channel))
                sample = h->card.heard[frame];
            put_sample(address(&areas[channel], offset + i), io->format, sample);
        }
    }
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
                                       snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    handle *h = io->private_data;
    if (is_lost(h))
        return -ENODEV;
    if (io->stream == SND_PCM_STREAM_PLAYBACK)
        take_playback(h, areas, offset, (int64_t)size);
    else
        give_capture(h, areas, offset, (int64_t)size);
    arm(h);
    return (snd_pcm_sframes_t)size;
}

static int card_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay)
{
    handle *h = io->private_data;
    int64_t here = h->running ? stream_frame_now(h) : 0, program = (int64_t)io->appl_ptr;
    *delay = io->stream == SND_PCM_STREAM_PLAYBACK ? program - here : here - program;
    return is_lost(h) ? -ENODEV : 0;
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
    handle *h = io->private_data;
    if (is_lost(h)) {
        h->card.header->gave_up = h->card.header->generation;
        return -ENODEV;
    }
    h->running = h->xrun_logged = 0;
    h->position = h->n_before_start = 0;
    free(h->before_start);
    h->before_start = calloc(io->buffer_size, sizeof *h->before_start);
    arm(h);
    return h->before_start ? 0 : -ENOMEM;
}

static int card_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
    handle *h = io->private_data;
    (void)params;
    log_event(h, EVENT_SIZES, (int64_t)io->period_size, (int64_t)io->buffer_size);
    return is_lost(h) ? -ENODEV : 0;
}

static int card_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
    handle *h = io->private_data;
    return snd_pcm_sw_params_get_avail_min(params, &h->avail_min);
}

const snd_pcm_ioplug_callback_t STREAM_CALLBACKS = {
    .start = card_start,
    .stop = card_stop,
    .pointer = card_pointer,
    .transfer = card_transfer,
    .close = close_stream,
    .hw_params = card_hw_params,
    .sw_params = card_sw_params,
    .prepare = card_prepare,
    .poll_descriptors_count = card_poll_count,
    .poll_descriptors = card_poll_descriptors,
    .poll_revents = card_revents,
    .delay = card_delay,
};
