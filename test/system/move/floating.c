/* SPDX-License-Identifier: BSD-3-Clause */
/* floating.c - control words of the x87 and SSE units: rounding, exceptions, flush to zero. */
#include <fenv.h>
#include <math.h>
#include <xmmintrin.h>

#include "move_test.h"

static void spoil(void)
{
    fesetround(FE_TONEAREST);
}

static unsigned short control_word(void)
{
    unsigned short word;
    __asm__("fnstcw %0" : "=m"(word));
    return word;
}

int main(void)
{
    volatile double one = 1, three = 3, rounded = one / three;
    unsigned short wanted = (unsigned short)(control_word() & ~0x300); /* single precision */
    __asm__("fldcw %0" : : "m"(wanted));
    MUST(fesetround(FE_UPWARD));
    wanted = control_word();
    _mm_setcsr(_mm_getcsr() | 0x8040); /* flush to zero, denormals are zero */
    unsigned csr = _mm_getcsr() & ~0x3fU;
    volatile long double x87 = 1.0L / 3.0L;
    hop(spoil);
    CHECK(control_word() == wanted, "control word %x, not %x", control_word(), wanted);
    CHECK((_mm_getcsr() & ~0x3fU) == csr, "mxcsr %x, not %x", _mm_getcsr(), csr);
    CHECK(fegetround() == FE_UPWARD, "rounding %d", fegetround());
    CHECK(one / three > rounded, "1/3 is not rounded upward");
    volatile float tiny = 1e-38F;
    CHECK(tiny / 100 == 0, "a denormal was not flushed");
    CHECK(x87 == 1.0L / 3.0L, "a long double");
    return 0;
}
