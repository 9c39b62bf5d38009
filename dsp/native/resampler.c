#include "resampler.h"

#include <speex/speex_resampler.h>
#include <stdlib.h>

struct nf_resampler {
    SpeexResamplerState *state;
};

nf_resampler *nf_resampler_new(uint32_t channels, uint32_t from_hz, uint32_t to_hz, int32_t quality)
{
    nf_resampler *resampler = malloc(sizeof *resampler);
    if (!resampler)
        return NULL;
    int error = 0;
    resampler->state = speex_resampler_init(channels, from_hz, to_hz, quality, &error);
    if (!resampler->state) {
        free(resampler);
        return NULL;
    }
    speex_resampler_skip_zeros(resampler->state);
    return resampler;
}

void nf_resampler_free(nf_resampler *resampler)
{
    if (!resampler)
        return;
    speex_resampler_destroy(resampler->state);
    free(resampler);
}

void nf_resampler_reset(nf_resampler *resampler)
{
    speex_resampler_reset_mem(resampler->state);
    speex_resampler_skip_zeros(resampler->state);
}

uint32_t nf_resampler_lag_frames(nf_resampler *resampler)
{
    return (uint32_t)speex_resampler_get_input_latency(resampler->state);
}

uint32_t nf_resampler_process(nf_resampler *resampler, const int16_t *in, uint32_t frames, int16_t *out, uint32_t room)
{
    spx_uint32_t taken = frames, made = room;
    speex_resampler_process_interleaved_int(resampler->state, in, &taken, out, &made);
    return made;
}
