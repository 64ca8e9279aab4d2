/* LANES images side by side: one vector holds the same pixel of each. The generated file defines LANES.

   Every machine is to give the same bits. So compilers must not contract a multiplication and an addition as they please
   (-ffp-contract=off): where one rounding is wanted, the code says `fused`. No function of libm is called but the square
   root, which IEEE 754 defines. And sums over images begin with four of them, whatever the width of a vector. */
#include <math.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef float vf __attribute__((vector_size(4 * LANES)));
typedef int32_t vi __attribute__((vector_size(4 * LANES)));
typedef uint32_t vu __attribute__((vector_size(4 * LANES)));

/* What a block keeps of a sum over its images: a part for each four of them. */
#define FOURS (LANES / 4)
typedef struct {
    float of[FOURS];
} fours;

#define INLINE static inline __attribute__((always_inline, unused))
#define KERNEL static __attribute__((noinline, unused)) void
#if defined(__clang__)
#define UNROLL _Pragma("unroll")
#define UNROLL_4 _Pragma("unroll 4")
#define VECTOR_FMA __has_builtin(__builtin_elementwise_fma)
#else
#define UNROLL _Pragma("GCC unroll 64")
#define UNROLL_4 _Pragma("GCC unroll 4")
#define VECTOR_FMA 0
#endif

#if defined(__clang__)
INLINE vf shuffled(vf a, vi from) {
    vf b = a;
    UNROLL for (int l = 0; l < LANES; l++) b[l] = a[from[l]];
    return b;
}
#else
INLINE vf shuffled(vf a, vi from) { return __builtin_shuffle(a, from); }
#endif

INLINE vf splat(float a) { return a - (vf){0}; }
INLINE vf keep_where(vi mask, vf a) { return (vf)((vi)a & mask); }
INLINE vf blend(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }

/* Compilers do not turn the comparison below into x86's own instruction, which does the same; and to read <immintrin.h>
   takes a quarter of the time that a program takes to compile. */
#if (LANES == 16 && defined(__AVX512F__)) || (LANES == 8 && defined(__AVX__))
INLINE vf maximum(vf a, vf b) {
    vf c;
    __asm__("vmaxps %2, %1, %0" : "=v"(c) : "v"(a), "vm"(b));
    return c;
}
INLINE vf minimum(vf a, vf b) {
    vf c;
    __asm__("vminps %2, %1, %0" : "=v"(c) : "v"(a), "vm"(b));
    return c;
}
#else
INLINE vf maximum(vf a, vf b) { return blend(a > b, a, b); }
INLINE vf minimum(vf a, vf b) { return blend(a < b, a, b); }
#endif

/* a * b + c, rounded once where the processor can. */
#if VECTOR_FMA && (defined(__FMA__) || defined(__aarch64__))
INLINE vf fused(vf a, vf b, vf c) { return __builtin_elementwise_fma(a, b, c); }
#elif defined(__FMA__) && LANES == 16
INLINE vf fused(vf a, vf b, vf c) { return __builtin_ia32_vfmaddps512_mask(a, b, c, -1, 4); }
#elif defined(__FMA__) && LANES == 8
INLINE vf fused(vf a, vf b, vf c) { return __builtin_ia32_vfmaddps256(a, b, c); }
#elif defined(__FMA__)
INLINE vf fused(vf a, vf b, vf c) { return __builtin_ia32_vfmaddps(a, b, c); }
#elif defined(__aarch64__)
INLINE vf fused(vf a, vf b, vf c) {
    __asm__("fmla %0.4s, %1.4s, %2.4s" : "+w"(c) : "w"(a), "w"(b));
    return c;
}
#else
INLINE vf fused(vf a, vf b, vf c) { return a * b + c; }
#endif

/* Adds a sum over the lanes of `mask`: of four lanes (0 + 2) + (1 + 3). */
INLINE void add_fours(fours *to, vi mask, vf a) {
    vi next = {0}, neighbour = {0}, first = {0};
    UNROLL for (int l = 0; l < LANES; l++) next[l] = l ^ 2, neighbour[l] = l ^ 1, first[l] = 4 * l % LANES;
    a = keep_where(mask, a);
    a += shuffled(a, next);
    a = shuffled(a + shuffled(a, neighbour), first);
    UNROLL for (int k = 0; k < FOURS; k++) to->of[k] += a[k];
}

/* The totals of `count` neighbours that each of `blocks` blocks keeps, `stride` apart. Of the fours, numbered as their
   images are, each fourth is added up by itself first: that takes vectors of any width the same number of steps. */
#define NEIGHBOURS 64 /* at most */
INLINE void totals(const fours *kept, const int64_t stride, const int64_t blocks, const int count, double *to) {
    double sums[NEIGHBOURS][4];
    memset(sums, 0, (size_t)count * sizeof *sums);
    for (int64_t block = 0; block < blocks; block++)
        for (int i = 0; i < count; i++)
            UNROLL for (int k = 0; k < FOURS; k++)
                sums[i][FOURS == 4 ? k : (block * FOURS + k) % 4] += (double)kept[block * stride + i].of[k];
    for (int i = 0; i < count; i++) to[i] = (sums[i][0] + sums[i][2]) + (sums[i][1] + sums[i][3]);
}
INLINE double total(const fours *kept, const int64_t stride, const int64_t blocks) {
    double sum;
    totals(kept, stride, blocks, 1, &sum);
    return sum;
}

/* exp by 2^n e^r with |r| <= ln(2)/2 and the Taylor series to r^7: relative error below 1e-7. */
INLINE vf exponential(vf x) {
    x = minimum(maximum(x, splat(-87.0f)), splat(88.0f));
    const vf rounder = splat(12582912.0f); /* 1.5 * 2^23: adding it rounds to a whole number */
    const vf n = fused(x, splat(1.44269504f), rounder) - rounder;
    vf r = fused(n, splat(-0.693359375f), x); /* ln(2) in two parts, the first exact in 9 bits (Cody and Waite 1980) */
    r = fused(n, splat(2.12194440e-4f), r);
    vf p = splat(1.0f / 5040);
    p = fused(p, r, splat(1.0f / 720));
    p = fused(p, r, splat(1.0f / 120));
    p = fused(p, r, splat(1.0f / 24));
    p = fused(p, r, splat(1.0f / 6));
    p = fused(p, r, splat(0.5f));
    p = fused(p, r, splat(1.0f));
    p = fused(p, r, splat(1.0f));
    return p * (vf)((__builtin_convertvector(n, vi) + 127) << 23);
}

/* The logarithm of a number that is neither 0, negative nor subnormal: of m in m 2^e, between 1 / sqrt(2) and sqrt(2), by
   the series of the inverse hyperbolic tangent of (m - 1) / (m + 1), to a few units in the last place. */
INLINE double natural_logarithm(double x) {
    if (!(x < (double)INFINITY)) return x;
    int64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int64_t exponent = (bits - 0x3fe6a09e667f3bcd) >> 52; /* of 2, from the bits of 1 / sqrt(2) */
    bits -= exponent * ((int64_t)1 << 52);
    double m, sum = 0;
    memcpy(&m, &bits, sizeof m);
    const double s = (m - 1) / (m + 1), square = s * s;
    for (int k = 21; k > 1; k -= 2) sum = (sum + 1.0 / k) * square;
    return (double)exponent * 0.693147180559945309 + 2 * s * (sum + 1);
}

/* erf by Abramowitz and Stegun 7.1.26: absolute error below 1.5e-7, plus rounding. */
INLINE vf error_function(vf x) {
    const vf size = maximum(x, -x);
    const vf t = 1.0f / (1.0f + 0.3275911f * size);
    const vf p = t * (0.254829592f + t * (-0.284496736f + t * (1.421413741f + t * (-1.453152027f + t * 1.061405429f))));
    const vf y = 1.0f - p * exponential(-size * size);
    return blend(x < 0.0f, -y, y);
}

/* Activations, and their slopes, which multiply the gradient at the output. Where both need an exponential, NAME_part is
   what it takes long to compute, and NAME_of and NAME_slope_of go on from there. */
INLINE vf relu(vf x) { return maximum(x, (vf){0}); }
INLINE vf relu_slope(vf x) { return keep_where(x > 0.0f, splat(1.0f)); }
INLINE vf relu6(vf x) { return minimum(relu(x), splat(6.0f)); }
INLINE vf relu6_slope(vf x) { return keep_where((x > 0.0f) & (x < 6.0f), splat(1.0f)); }
INLINE vf leaky_relu(vf x, float slope) { return blend(x > 0.0f, x, x * slope); }
INLINE vf leaky_relu_slope(vf x, float slope) { return blend(x > 0.0f, splat(1.0f), splat(slope)); }
INLINE vf hardswish(vf x) { return x * relu6(x + 3.0f) * (1.0f / 6); }
INLINE vf hardswish_slope(vf x) {
    return blend(x > 3.0f, splat(1.0f), keep_where(x > -3.0f, x * (1.0f / 3) + 0.5f));
}
INLINE vf elu_part(vf x) { return exponential(x); }
INLINE vf elu_of(vf x, vf e) { return blend(x > 0.0f, x, e - 1.0f); }
INLINE vf elu_slope_of(vf x, vf e) { return blend(x > 0.0f, splat(1.0f), e); }
INLINE vf sigmoid_part(vf x) { return 1.0f / (1.0f + exponential(-x)); }
INLINE vf sigmoid_of(vf x, vf s) { (void)x; return s; }
INLINE vf sigmoid_slope_of(vf x, vf s) { (void)x; return s * (1.0f - s); }
INLINE vf hyperbolic_tangent_part(vf x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }
INLINE vf hyperbolic_tangent_of(vf x, vf y) { (void)x; return y; }
INLINE vf hyperbolic_tangent_slope_of(vf x, vf y) { (void)x; return 1.0f - y * y; }
INLINE vf silu_part(vf x) { return sigmoid_part(x); }
INLINE vf silu_of(vf x, vf s) { return x * s; }
INLINE vf silu_slope_of(vf x, vf s) { return s * fused(x, 1.0f - s, splat(1.0f)); }
INLINE vf gelu_part(vf x) { return error_function(x * 0.70710678f); }
INLINE vf gelu_of(vf x, vf e) { return 0.5f * x * (1.0f + e); }
INLINE vf gelu_slope_of(vf x, vf e) { return 0.5f * (1.0f + e) + x * 0.39894228f * exponential(-0.5f * x * x); }
/* tanh(softplus(x)) is (e^2 + 2e) / (e^2 + 2e + 2) with e = exp(x), and 1 beyond 20. */
INLINE vf mish_part(vf x) {
    const vf e = exponential(minimum(x, splat(20.0f))), s = e * e + 2.0f * e;
    return s / (s + 2.0f);
}
INLINE vf mish_of(vf x, vf g) { return x * g; }
INLINE vf mish_slope_of(vf x, vf g) { return g + x * sigmoid_part(x) * (1.0f - g * g); }

/* The finalizer of MurmurHash3 (Appleby 2011): every bit of the input changes every bit of the result. */
INLINE vu mixed(vu h) {
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
}
/* Dropout: `scale` or 0 in each lane, decided by nothing but the step's seed, the layer, the image and the element. */
INLINE vf dropout_factor(uint32_t seed, uint32_t layer, uint32_t block, uint32_t element, uint32_t dropped, float scale) {
    vu lane = {0};
    UNROLL for (int l = 0; l < LANES; l++) lane[l] = (uint32_t)l;
    const vu image = lane + block * LANES;
    const vu place = mixed(image * 0x9e3779b1u + seed) + (element * 0x85ebca77u ^ layer * 0xc2b2ae3du);
    return keep_where((vi)(mixed(place) >= dropped), splat(scale));
}
