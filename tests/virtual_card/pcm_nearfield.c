/* An ALSA plugin that is a sound card: paced in real time, with an exact echo, and with the faults of real cards.
 *
 *     pcm_type.nearfield { lib "/path/libasound_module_pcm_nearfield.so" }
 *     pcm.vcard { type nearfield timeline "/path/vcard.timeline" }
 *
 * alsa_card.py makes the file "timeline" and reads it; timeline.h says what is in it. This file opens and closes;
 * stream.c runs what is open, room.c knows the clock and the echo.
 */
#include "card.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void release(handle *h)
{
    unmap_timeline(&h->card);
    unmap_timeline(&h->loudspeaker);
    if (h->timer_fd >= 0)
        close(h->timer_fd);
    if (h->lock_fd >= 0)
        close(h->lock_fd);
    free(h->before_start);
    free(h);
}

int close_stream(snd_pcm_ioplug_t *io)
{
    handle *h = io->private_data;
    log_event(h, EVENT_CLOSE, frame_now(h->card.header), 0);
    release(h);
    return 0;
}

/* One program a direction, as with a real card: -EBUSY when another one has it, or seems to. */
static int take_hold(handle *h, const char *path, snd_pcm_stream_t stream)
{
    char lock_path[MAX_PATH + 16];
    const timeline *t = h->card.header;
    snprintf(lock_path, sizeof lock_path, "%s.lock%d", path, (int)stream);
    if (!t->present || !(t->directions >> stream & 1))
        return -ENODEV;
    if (t->busy >> stream & 1)
        return -EBUSY;
    h->lock_fd = open(lock_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    return h->lock_fd < 0 || flock(h->lock_fd, LOCK_EX | LOCK_NB) < 0 ? -EBUSY : 0;
}

static int restrict_parameters(handle *h)
{
    const timeline *t = h->card.header;
    snd_pcm_ioplug_t *io = &h->io;
    static const unsigned int ACCESS[] = {SND_PCM_ACCESS_MMAP_INTERLEAVED, SND_PCM_ACCESS_RW_INTERLEAVED};
    unsigned int formats[3], n = 0, widest = 2, narrowest = 4;
    if (t->formats & FORMAT_S16)
        formats[n++] = SND_PCM_FORMAT_S16_LE, narrowest = 2;
    if (t->formats & FORMAT_S32)
        formats[n++] = SND_PCM_FORMAT_S32_LE, widest = 4;
    if (t->formats & FORMAT_FLOAT)
        formats[n++] = SND_PCM_FORMAT_FLOAT_LE, widest = 4;
    unsigned int channels = io->stream == SND_PCM_STREAM_CAPTURE ? t->channels_in : t->channels_out;
    unsigned int least = channels * narrowest * (t->rate_hz / 1000); /* 1 ms, in bytes */
    unsigned int most = channels * widest * t->rate_hz;              /* 1 s */
    int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, ACCESS);
    if (!error)
        error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, n, formats);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS, channels, channels);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE, t->rate_hz, t->rate_hz);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, least, most / 2);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 2 * least, 2 * most);
    if (!error)
        error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
    return error;
}

static int open_card(handle *h, const char *name, const char *path, snd_pcm_stream_t stream, int mode)
{
    int error = map_timeline(path, &h->card);
    if (!error)
        error = take_hold(h, path, stream);
    if (!error && stream == SND_PCM_STREAM_CAPTURE && h->card.header->loudspeaker[0])
        error = map_timeline(h->card.header->loudspeaker, &h->loudspeaker);
    if (error)
        return error;
    h->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    h->generation = h->card.header->generation;
    h->avail_min = 1;
    h->io.version = SND_PCM_IOPLUG_VERSION;
    h->io.name = "Nearfield's virtual card";
    h->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
    h->io.callback = &STREAM_CALLBACKS;
    h->io.private_data = h;
    h->io.poll_fd = h->timer_fd;
    h->io.poll_events = POLLIN;
    return snd_pcm_ioplug_create(&h->io, name, stream, mode);
}

SND_PCM_PLUGIN_DEFINE_FUNC(nearfield)
{
    snd_config_iterator_t at, next;
    const char *path = NULL;
    (void)root;
    snd_config_for_each(at, next, conf)
    {
        snd_config_t *entry = snd_config_iterator_entry(at);
        const char *key;
        if (snd_config_get_id(entry, &key) < 0 || !strcmp(key, "type"))
            continue;
        if (strcmp(key, "timeline") || snd_config_get_string(entry, &path) < 0) {
            SNDERR("nearfield: field %s is not known, or is no string", key);
            return -EINVAL;
        }
    }
    if (!path)
        return -EINVAL;
    handle *h = calloc(1, sizeof *h);
    if (!h)
        return -ENOMEM;
    h->lock_fd = h->timer_fd = -1;
    int error = open_card(h, name, path, stream, mode);
    if (error) {
        release(h);
        return error;
    }
    error = restrict_parameters(h);
    if (error) {
        snd_pcm_ioplug_delete(&h->io); /* calls close_stream */
        return error;
    }
    log_event(h, EVENT_OPEN, frame_now(h->card.header), 0);
    *pcmp = h->io.pcm;
    return 0;
}
SND_PCM_PLUGIN_SYMBOL(nearfield);
