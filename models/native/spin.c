#include "spin.h"

#include <time.h>

/* libgomp's cpu_relax: x86 has its PAUSE, of 10 to 140 cycles by processor; the others do nothing (config/linux/). */
static inline void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("rep; nop" ::: "memory");
#else
    __asm__ volatile("" ::: "memory");
#endif
}

int64_t nf_spin_ns(uint32_t turns) {
    static int word; /* what would be waited for: nobody changes it */
    struct timespec began, ended;
    clock_gettime(CLOCK_MONOTONIC, &began);
    for (uint32_t turn = 0; turn < turns; turn++) {
        if (__builtin_expect(__atomic_load_n(&word, __ATOMIC_RELAXED) != 0, 0)) {
            break;
        }
        relax();
    }
    clock_gettime(CLOCK_MONOTONIC, &ended);
    return (int64_t)(ended.tv_sec - began.tv_sec) * 1000000000 + (ended.tv_nsec - began.tv_nsec);
}
