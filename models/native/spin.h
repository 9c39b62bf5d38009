/* How long a turn of libgomp's waiting loop takes on this processor. */
#ifndef NF_SPIN_H
#define NF_SPIN_H

#include <stdint.h>

/* `turns` turns of the loop in which libgomp waits at a barrier (do_spin in config/linux/wait.h): nanoseconds in all. */
int64_t nf_spin_ns(uint32_t turns);

#endif
