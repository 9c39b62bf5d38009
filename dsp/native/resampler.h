/* Sample-rate conversion for the live microphone: a short polyphase filter (SpeexDSP's), a few milliseconds of lag.
 *
 *     nf_resampler *down = nf_resampler_new(2, 48000, 16000, 6);
 *     uint32_t got = nf_resampler_process(down, frames, 480, out, 200);
 *
 * Output frame k stands for input time k * from / to: the filter's own delay is skipped at the start.
 */
#ifndef NEARFIELD_RESAMPLER_H
#define NEARFIELD_RESAMPLER_H

#include <stdint.h>

typedef struct nf_resampler nf_resampler;

nf_resampler *nf_resampler_new(uint32_t channels, uint32_t from_hz, uint32_t to_hz, int32_t quality); /* 0..10 */
void nf_resampler_free(nf_resampler *resampler);
void nf_resampler_reset(nf_resampler *resampler);
uint32_t nf_resampler_lag_frames(nf_resampler *resampler); /* input frames that the output waits for */
/* Interleaved; takes all `frames` if `room` is enough (frames * to / from + 1 always is). Returns frames written. */
uint32_t nf_resampler_process(nf_resampler *resampler, const int16_t *in, uint32_t frames, int16_t *out,
                              uint32_t room);

#endif
