/* A card's clock, and what its microphone hears. */
#include "card.h"

#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SINC_HALF_WIDTH = 16 }; /* of the interpolation between the clocks of two cards, in frames */

/* ---- the clock */

int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double true_rate_hz(const timeline *t)
{
    return t->rate_hz * (1 + t->clock_ppm * 1e-6);
}

int64_t frame_now(const timeline *t)
{
    return t->frozen ? t->frozen_at : (int64_t)floor((now_ns() - t->zero_ns) * 1e-9 * true_rate_hz(t));
}

int64_t ns_of_frame(const timeline *t, int64_t frame)
{
    return t->zero_ns + (int64_t)ceil(frame * 1e9 / true_rate_hz(t));
}

/* ---- the room */

/* What another card's loudspeaker plays at the moment of this card's frame: band-limited interpolation (a sinc under a
 * Hann window) between the frames of the other clock. */
static float air_from_other_card(const handle *h, int64_t frame)
{
    const timeline *own = h->card.header, *other = h->loudspeaker.header;
    double seconds = (own->zero_ns - other->zero_ns) * 1e-9 + frame / true_rate_hz(own);
    double at = seconds * true_rate_hz(other);
    int64_t whole = (int64_t)floor(at);
    double part = at - whole;
    double sine = sin(M_PI * part), sum = 0;
    for (int k = -SINC_HALF_WIDTH + 1; k <= SINC_HALF_WIDTH; k++) {
        int64_t from = whole + k;
        if (from < 0 || from >= other->length)
            continue;
        double x = part - k;
        double sinc = fabs(x) < 1e-9 ? 1 : (k & 1 ? -sine : sine) / (M_PI * x);
        sum += h->loudspeaker.played[from] * sinc * (0.5 + 0.5 * cos(M_PI * x / SINC_HALF_WIDTH));
    }
    return (float)sum;
}

float clipped(float value, int32_t limit)
{
    return value > limit ? limit : value < -limit ? -limit : value;
}

/* The microphone, up to `end` of the time line: never beyond now, so what it hears of the loudspeaker is final. */
void hear_until(handle *h, int64_t end)
{
    const mapped *card = &h->card;
    timeline *t = card->header;
    int64_t taps = t->echo_taps < MAX_ECHO_TAPS ? t->echo_taps : MAX_ECHO_TAPS;
    if (end > t->length)
        end = t->length;
    for (int64_t n = t->heard_to; n < end; n++) {
        float loud = h->loudspeaker.header ? air_from_other_card(h, n) : card->played[n];
        card->air[n] = clipped(loud, t->speaker_limit);
        float echo = 0;
        const float *newest = card->air + n;
        int64_t reach = taps <= n ? taps : n + 1;
        for (int64_t k = 0; k < reach; k++)
            echo += t->echo[k] * newest[-k];
        card->heard[n] = t->mic_is_dead ? 0 : (int16_t)lrintf(clipped(card->said[n] + echo, t->mic_limit));
    }
    if (end > t->heard_to)
        t->heard_to = end;
}

/* ---- the file */

void unmap_timeline(mapped *m)
{
    if (m->header) {
        munmap(m->header, m->bytes);
        close(m->fd);
    }
    m->header = NULL;
}

int map_timeline(const char *path, mapped *m)
{
    struct stat status;
    m->fd = open(path, O_RDWR | O_CLOEXEC);
    if (m->fd < 0)
        return -ENODEV;
    if (fstat(m->fd, &status) < 0 || status.st_size < SAMPLES_OFFSET) {
        close(m->fd);
        return -ENODEV;
    }
    m->bytes = (size_t)status.st_size;
    void *memory = mmap(NULL, m->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (memory == MAP_FAILED) {
        close(m->fd);
        return -ENOMEM;
    }
    m->header = memory;
    if (m->header->magic != TIMELINE_MAGIC || m->header->header_bytes != sizeof(timeline)) {
        SNDERR("nearfield: %s was made by another version of alsa_card.py", path);
        unmap_timeline(m);
        return -EINVAL;
    }
    m->said = (int16_t *)((char *)memory + SAMPLES_OFFSET);
    m->played = m->said + m->header->length;
    m->heard = m->played + m->header->length;
    m->air = (float *)(m->heard + m->header->length);
    return 0;
}
