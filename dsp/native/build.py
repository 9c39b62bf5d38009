"""Builds the native extension `dsp.native._native`: rings, the duplex callback, echo canceller, live resampler.

    pip install --no-deps -e .        # in place, from the root of the repository
    python dsp/native/build.py        # the same, where setuptools is 77 or newer

Needs a C11 compiler and libspeexdsp's headers (Debian: gcc libspeexdsp-dev). cffi in API mode: the calls are compiled,
and every one of them releases the GIL while it runs.
"""

from pathlib import Path

from cffi import FFI

NATIVE = Path("dsp/native")
MODULES = ("ring", "duplex", "echo", "resampler")

CDEF = """
    typedef struct nf_ring nf_ring;
    nf_ring *nf_ring_new(uint32_t channels, uint64_t min_frames);
    void nf_ring_free(nf_ring *ring);
    uint64_t nf_ring_capacity(const nf_ring *ring);
    uint64_t nf_ring_written(nf_ring *ring);
    uint64_t nf_ring_consumed(nf_ring *ring);
    uint64_t nf_ring_available(nf_ring *ring);
    uint64_t nf_ring_room(nf_ring *ring);
    uint64_t nf_ring_write(nf_ring *ring, const int16_t *frames, uint64_t count);
    uint64_t nf_ring_read(nf_ring *ring, int16_t *frames, uint64_t count);
    uint64_t nf_ring_discard(nf_ring *ring, uint64_t count);

    typedef struct nf_duplex nf_duplex;
    typedef struct nf_record {
        uint64_t frame;
        uint64_t played_from;
        uint64_t played_to;
        double dac_offset;
        uint64_t status;
        int64_t monotonic_ns;
        uint64_t muted;
        int64_t adc_ns;
        int64_t dac_ns;
    } nf_record;
    typedef struct nf_counters {
        uint64_t blocks;
        uint64_t capture_lost;
        uint64_t overflows;
        uint64_t underflows;
        uint64_t starved;
        uint64_t odd_blocks;
        int64_t last_callback_ns;
        int64_t worst_interval_ns;
        int64_t thread_id;
    } nf_counters;
    nf_duplex *nf_duplex_new(uint32_t rate_hz, uint32_t channels_in, uint32_t channels_out, uint32_t mic_channel,
                             int wake_fd);
    void nf_duplex_free(nf_duplex *duplex);
    int nf_duplex_configure(nf_duplex *duplex, int format_in, int format_out, int reference_channel);
    uint32_t nf_duplex_block_frames(const nf_duplex *duplex);
    void nf_duplex_set_default_dac_offset(nf_duplex *duplex, double frames);
    int nf_duplex_play(nf_duplex *duplex, const int16_t *mono, uint64_t frames);
    void nf_duplex_flush(nf_duplex *duplex);
    uint64_t nf_duplex_written(nf_duplex *duplex);
    uint64_t nf_duplex_consumed(nf_duplex *duplex);
    uint64_t nf_duplex_room(nf_duplex *duplex);
    void nf_duplex_set_muted(nf_duplex *duplex, int muted);
    int nf_duplex_muted(const nf_duplex *duplex);
    void nf_duplex_set_volume(nf_duplex *duplex, float factor);
    int nf_duplex_next(nf_duplex *duplex, nf_record *record, int16_t *mic, int16_t *far);
    void nf_duplex_count(nf_duplex *duplex, nf_counters *counters);
    int64_t nf_monotonic_ns(void);
    void nf_duplex_tick(nf_duplex *duplex, const void *in, void *out, double dac_offset);
    int nf_duplex_callback(const void *in, void *out, unsigned long frames, const void *time_info,
                           unsigned long status, void *user);

    typedef struct nf_echo nf_echo;
    typedef struct nf_echo_options {
        int32_t rate_hz;
        int32_t block;
        int32_t tail;
        int32_t noise_suppress_db;
        int32_t residual_db;
        int32_t residual_active_db;
        int32_t dereverb;
        int32_t quiet_peak;
        int32_t quiet_blocks;
    } nf_echo_options;
    nf_echo *nf_echo_new(const nf_echo_options *options);
    void nf_echo_free(nf_echo *echo);
    void nf_echo_reset(nf_echo *echo);
    int32_t nf_echo_adapted(const nf_echo *echo);
    typedef struct nf_echo_powers {
        float near;
        float linear;
        float estimate;
    } nf_echo_powers;
    void nf_echo_last_powers(const nf_echo *echo, nf_echo_powers *powers);
    void nf_echo_last_linear(const nf_echo *echo, int16_t *linear);
    void nf_echo_process(nf_echo *echo, const int16_t *near, const int16_t *far, int16_t *clean);

    typedef struct nf_resampler nf_resampler;
    nf_resampler *nf_resampler_new(uint32_t channels, uint32_t from_hz, uint32_t to_hz, int32_t quality);
    void nf_resampler_free(nf_resampler *resampler);
    void nf_resampler_reset(nf_resampler *resampler);
    uint32_t nf_resampler_lag_frames(nf_resampler *resampler);
    uint32_t nf_resampler_process(nf_resampler *resampler, const int16_t *in, uint32_t frames, int16_t *out,
                                  uint32_t room);
"""

ffibuilder = FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source(
    "dsp.native._native",
    "".join(f'#include "{name}.h"\n' for name in MODULES),
    sources=[str(NATIVE / f"{name}.c") for name in MODULES],
    depends=[str(NATIVE / f"{name}.h") for name in MODULES],
    include_dirs=[str(NATIVE)],
    libraries=["speexdsp"],
    extra_compile_args=["-std=gnu11", "-O3", "-Wall", "-Wextra", "-Wno-unused-parameter"],
    py_limited_api=True,
)

if __name__ == "__main__":
    ffibuilder.compile(tmpdir=".", verbose=True)
