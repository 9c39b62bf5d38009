/* Acoustic echo cancellation: SpeexDSP's adaptive filter with its preprocessor tied to it.
 *
 *     nf_echo *echo = nf_echo_new(&(nf_echo_options){.rate_hz = 16000, .block = 160, .tail = 3200, ...});
 *     nf_echo_process(echo, near, far, clean);     // `block` samples each; clean lags near by `block` samples
 *
 * Until the filter has adapted (the first 0.2 to 2.5 s of far-end sound after a start or a reset) the output is turned down while
 * the far end sounds: nothing in it could be told from the echo.
 */
#ifndef NEARFIELD_ECHO_H
#define NEARFIELD_ECHO_H

#include <stdint.h>

typedef struct nf_echo nf_echo;

typedef struct nf_echo_options {
    int32_t rate_hz;
    int32_t block;               /* samples a call */
    int32_t tail;                /* samples: the longest echo that the filter can model */
    int32_t noise_suppress_db;   /* most that noise is turned down, <= 0 */
    int32_t residual_db;         /* most that residual echo is turned down while the near end is silent, <= 0 */
    int32_t residual_active_db;  /* the same while the near end speaks, <= 0 */
    int32_t dereverb;            /* 0 or 1 */
    int32_t quiet_peak;          /* a far-end block whose peak is at most this is silent */
    int32_t quiet_blocks;        /* after so many silent far-end blocks the linear output is used alone */
} nf_echo_options;

nf_echo *nf_echo_new(const nf_echo_options *options); /* NULL: out of memory */
void nf_echo_free(nf_echo *echo);
void nf_echo_reset(nf_echo *echo);
void nf_echo_process(nf_echo *echo, const int16_t *near, const int16_t *far, int16_t *clean);
/* 1 once the filter has adapted (or there is no echo to adapt to), 0 before. */
int32_t nf_echo_adapted(const nf_echo *echo);

/* Mean squares of the first difference (so that rumble does not count) of the last block that was processed. */
typedef struct nf_echo_powers {
    float near;     /* the microphone */
    float linear;   /* what the filter left of it: the near end and the echo that it cannot model */
    float estimate; /* what the filter took away: its idea of the echo */
} nf_echo_powers;
void nf_echo_last_powers(const nf_echo *echo, nf_echo_powers *powers);
/* What the filter alone left: `block` samples of the time of the last `clean`, neither suppressed nor turned down. */
void nf_echo_last_linear(const nf_echo *echo, int16_t *linear);

#endif
