#include "echo.h"

#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Far-end blocks after which the filter counts as adapted: 0.8 s at least, then as soon as it takes away 15 dB, and 2.5 s at
     * most (with no echo at all, as on headphones, it never takes away anything). Until then the residual suppressor
     * works from a wrong estimate, and the first second of the first answer would pass for a voice. */
    LEARN_MIN_BLOCKS = 80,
    LEARN_MAX_BLOCKS = 250,
};
/* linear output to microphone: 15 dB */
static const float LEARNT_POWER_RATIO = 0.03f;
/* a block: the powers are means over some 200 ms */
static const float POWER_MEMORY = 0.95f;
/* microphone to loudspeaker: below -40 dB there is no echo worth adapting to (headphones); the means need some blocks */
static const float NO_ECHO_POWER_RATIO = 1e-4f;
enum { NO_ECHO_BLOCKS = 20 };
/* Somebody who spoke into the first sound is in those means for two seconds more. So the same is asked of the last 0.5 s
 * of far end alone, longer than any echo takes to come; they are gathered by halves. */
enum { HALF_BLOCKS = 25 };
/* -24 dB. Near silence instead would tune a voice detector to the faint leftovers that follow. */
static const float TURNED_DOWN = 1.0f / 16;

struct nf_echo {
    nf_echo_options options;
    SpeexEchoState *filter;
    SpeexPreprocessState *suppressor;
    int16_t *linear;   /* the filter's output of this block, */
    int16_t *previous; /* and of the one before: the suppressor's overlap-add lags by one block */
    int16_t *work;
    int32_t quiet_for; /* silent far-end blocks in a row, saturating */
    int32_t suppressing; /* whether the last sample came from the suppressor */
    int32_t learnt_for;  /* far-end blocks heard while learning; LEARN_MAX_BLOCKS: adapted */
    float near_power, linear_power, far_power;
    struct powers {
        float near, far;
    } half, half_before; /* sums over HALF_BLOCKS far-end blocks; of the newer one over fewer, */
    int32_t half_blocks; /* so many */
    float gain; /* of the last sample */
    nf_echo_powers powers;
};

static void set_up(nf_echo *echo)
{
    nf_echo_options *o = &echo->options;
    spx_int32_t rate = o->rate_hz, on = 1, off = 0;
    speex_echo_ctl(echo->filter, SPEEX_ECHO_SET_SAMPLING_RATE, &rate);
    /* Without denoise the preprocessor applies no gain at all, residual echo suppression included. */
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_DENOISE, &on);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_AGC, &off);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_DEREVERB, o->dereverb ? &on : &off);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_NOISE_SUPPRESS, &o->noise_suppress_db);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS, &o->residual_db);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_ECHO_SUPPRESS_ACTIVE, &o->residual_active_db);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_ECHO_STATE, echo->filter);
}

nf_echo *nf_echo_new(const nf_echo_options *options)
{
    nf_echo *echo = calloc(1, sizeof *echo);
    if (!echo)
        return NULL;
    echo->options = *options;
    echo->filter = speex_echo_state_init(options->block, options->tail);
    echo->suppressor = speex_preprocess_state_init(options->block, options->rate_hz);
    echo->linear = calloc((size_t)options->block, sizeof(int16_t));
    echo->previous = calloc((size_t)options->block, sizeof(int16_t));
    echo->work = calloc((size_t)options->block, sizeof(int16_t));
    if (!echo->filter || !echo->suppressor || !echo->linear || !echo->previous || !echo->work) {
        nf_echo_free(echo);
        return NULL;
    }
    echo->quiet_for = options->quiet_blocks; /* nothing has been played yet */
    echo->gain = 1;
    set_up(echo);
    return echo;
}

void nf_echo_free(nf_echo *echo)
{
    if (!echo)
        return;
    if (echo->suppressor)
        speex_preprocess_state_destroy(echo->suppressor);
    if (echo->filter)
        speex_echo_state_destroy(echo->filter);
    free(echo->linear);
    free(echo->previous);
    free(echo->work);
    free(echo);
}

void nf_echo_reset(nf_echo *echo)
{
    speex_echo_state_reset(echo->filter);
    memset(echo->previous, 0, (size_t)echo->options.block * sizeof(int16_t));
    echo->quiet_for = echo->options.quiet_blocks;
    echo->suppressing = 0;
    echo->learnt_for = 0;
    echo->near_power = echo->linear_power = echo->far_power = 0;
    echo->half.near = echo->half.far = echo->half_before.near = echo->half_before.far = 0;
    echo->half_blocks = 0;
    echo->gain = 1;
    echo->powers = (nf_echo_powers){0, 0, 0};
}

int32_t nf_echo_adapted(const nf_echo *echo)
{
    return echo->learnt_for >= LEARN_MAX_BLOCKS;
}

static int is_quiet(const int16_t *block, int32_t n, int32_t peak)
{
    for (int32_t i = 0; i < n; i++)
        if (block[i] > peak || block[i] < -peak)
            return 0;
    return 1;
}

static float power(const int16_t *block, int32_t n)
{
    float sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += (float)block[i] * block[i];
    return sum;
}

/* One far-end block more: does the microphone hear nothing of what has sounded lately? */
static int hears_nothing(nf_echo *echo, float near_power, float far_power)
{
    echo->half.near += near_power;
    echo->half.far += far_power;
    if (++echo->half_blocks < HALF_BLOCKS)
        return 0;
    const float near = echo->half_before.near + echo->half.near, far = echo->half_before.far + echo->half.far;
    const int whole = echo->half_before.far > 0;
    echo->half_before = echo->half;
    echo->half.near = echo->half.far = 0;
    echo->half_blocks = 0;
    return whole && near < NO_ECHO_POWER_RATIO * far;
}

/* One far-end block more: has the filter adapted? */
static void learn(nf_echo *echo, const int16_t *near, const int16_t *far)
{
    const int32_t n = echo->options.block;
    const float near_power = power(near, n), far_power = power(far, n);
    echo->near_power = POWER_MEMORY * echo->near_power + near_power;
    echo->linear_power = POWER_MEMORY * echo->linear_power + power(echo->linear, n);
    echo->far_power = POWER_MEMORY * echo->far_power + far_power;
    echo->learnt_for++;
    if (echo->learnt_for >= NO_ECHO_BLOCKS && echo->near_power < NO_ECHO_POWER_RATIO * echo->far_power)
        echo->learnt_for = LEARN_MAX_BLOCKS;
    if (hears_nothing(echo, near_power, far_power))
        echo->learnt_for = LEARN_MAX_BLOCKS;
    if (echo->learnt_for >= LEARN_MIN_BLOCKS && echo->linear_power < LEARNT_POWER_RATIO * echo->near_power)
        echo->learnt_for = LEARN_MAX_BLOCKS;
}

static void measure(nf_echo *echo, const int16_t *near)
{
    const int32_t n = echo->options.block;
    float sums[3] = {0, 0, 0};
    for (int32_t i = 1; i < n; i++) {
        const float heard = (float)near[i] - near[i - 1];
        const float left = (float)echo->linear[i] - echo->linear[i - 1];
        sums[0] += heard * heard;
        sums[1] += left * left;
        sums[2] += (heard - left) * (heard - left);
    }
    echo->powers = (nf_echo_powers){sums[0] / (n - 1), sums[1] / (n - 1), sums[2] / (n - 1)};
}

void nf_echo_last_powers(const nf_echo *echo, nf_echo_powers *powers)
{
    *powers = echo->powers;
}

void nf_echo_last_linear(const nf_echo *echo, int16_t *linear)
{
    /* after the swap in nf_echo_process this is the block before the newest */
    memcpy(linear, echo->linear, (size_t)echo->options.block * sizeof(int16_t));
}

static void ramp(int16_t *block, int32_t n, float from, float to)
{
    for (int32_t i = 0; i < n; i++)
        block[i] = (int16_t)(block[i] * (from + (to - from) * (i + 1) / n));
}

void nf_echo_process(nf_echo *echo, const int16_t *near, const int16_t *far, int16_t *clean)
{
    const int32_t n = echo->options.block;
    speex_echo_cancellation(echo->filter, near, far, echo->linear);
    memcpy(echo->work, echo->linear, (size_t)n * sizeof(int16_t));
    speex_preprocess_run(echo->suppressor, echo->work);
    measure(echo, near);

    if (!is_quiet(far, n, echo->options.quiet_peak)) {
        echo->quiet_for = 0;
        if (echo->learnt_for < LEARN_MAX_BLOCKS)
            learn(echo, near, far);
    } else if (echo->quiet_for < echo->options.quiet_blocks)
        echo->quiet_for++;
    /* While nothing is played there is no echo to suppress, and the suppressor would only shave the user's voice. */
    const int32_t suppress = echo->quiet_for < echo->options.quiet_blocks;
    for (int32_t i = 0; i < n; i++) {
        if (suppress == echo->suppressing)
            clean[i] = suppress ? echo->work[i] : echo->previous[i];
        else { /* changing over: linear cross-fade through the block, both sides carry the same time */
            const int32_t weight = suppress ? i + 1 : n - i - 1;
            clean[i] = (int16_t)((echo->work[i] * weight + echo->previous[i] * (n - weight)) / n);
        }
    }
    echo->suppressing = suppress;
    const float gain = suppress && echo->learnt_for < LEARN_MAX_BLOCKS ? TURNED_DOWN : 1;
    if (gain != 1 || echo->gain != 1)
        ramp(clean, n, echo->gain, gain);
    echo->gain = gain;
    int16_t *swap = echo->previous;
    echo->previous = echo->linear;
    echo->linear = swap;
}
