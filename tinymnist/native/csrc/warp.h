/* Resamples an image under an affine map, in integers: the pixels of data/warp.py, which tells the arithmetic and where
   it comes from, bit for bit, with any compiler and flags. */

#include <stddef.h>
#include <stdint.h>

enum { TM_NEAREST, TM_LINEAR, TM_CUBIC };
enum { TM_CONSTANT, TM_REPLICATE, TM_REFLECT, TM_REFLECT_101, TM_WRAP };
enum { TM_ONE = 2048, TM_FARTHEST = TM_ONE << 19 }; /* a pixel, and the last coordinate, in 1/2048 pixel */

/* In 2^-32 pixel, halves away from 0; NaN is 0. */
static inline int64_t tm_fixed(double value, double limit) {
    value = value > limit ? limit : value < -limit ? -limit : value == value ? value : 0.0;
    value *= 4294967296.0;
    return (int64_t)(value + (value < 0 ? -0.5 : 0.5));
}

/* From 2^-32 pixel to 1/2048 pixel. */
static inline int tm_rounded(int64_t position, int interpolation) {
    if (interpolation == TM_NEAREST) /* a half goes to the even pixel */
        position = ((position + ((position >> 32) & 1) + 0x7fffffff) >> 32) * TM_ONE;
    else
        position = (position + (1 << 20)) >> 21;
    return position < -TM_FARTHEST ? -TM_FARTHEST : position > TM_FARTHEST ? TM_FARTHEST : (int)position;
}

/* The pixel of a line that is seen at `place`, -1 for fill. */
static inline int tm_seen(int place, int size, int border) {
    if ((unsigned)place < (unsigned)size) return place;
    if (border == TM_CONSTANT) return -1;
    if (border == TM_REPLICATE) return place < 0 ? 0 : size - 1;
    const int period = border == TM_WRAP || size == 1 ? size : border == TM_REFLECT ? 2 * size : 2 * size - 2;
    place %= period;
    if (place < 0) place += period;
    return place < size ? place : 2 * size - (border == TM_REFLECT ? 1 : 2) - place;
}

/* Weights of the taps at t / 2048 beyond the coordinate's floor. They add up to 2048. */
static inline void tm_weights(int32_t weights[4], int32_t t, int interpolation) {
    const int64_t u = t, v = TM_ONE - t;
    if (interpolation == TM_CUBIC) { /* Keys, a = -0.75 */
        weights[0] = (int32_t)(((1 << 23) - 3 * u * v * v) >> 24);
        weights[1] = (int32_t)(((5 * u - 9 * TM_ONE) * u * u + (1 << 23)) >> 24) + TM_ONE;
        weights[3] = (int32_t)(((1 << 23) - 3 * v * u * u) >> 24);
        weights[2] = TM_ONE - weights[0] - weights[1] - weights[3];
    } else {
        weights[0] = TM_ONE - t;
        weights[1] = t;
    }
}

/* One pixel anywhere. */
static inline uint8_t tm_pixel(const uint8_t *restrict source, int height, int width, int column, int row,
                               int interpolation, int border, int fill) {
    const int taps = interpolation == TM_CUBIC ? 4 : interpolation == TM_LINEAR ? 2 : 1;
    const int x = (column >> 11) - (taps == 4), y = (row >> 11) - (taps == 4);
    if (border == TM_CONSTANT && (x <= -taps || y <= -taps || x >= width || y >= height)) return (uint8_t)fill;
    int columns[4];
    for (int i = 0; i < taps; i++) columns[i] = tm_seen(x + i, width, border);
    int32_t across[4] = {TM_ONE}, down[4] = {TM_ONE}, total = TM_ONE * TM_ONE / 2;
    if (taps > 1) {
        tm_weights(across, column & (TM_ONE - 1), interpolation);
        tm_weights(down, row & (TM_ONE - 1), interpolation);
    }
    for (int j = 0; j < taps; j++) {
        const int seen = tm_seen(y + j, height, border);
        const uint8_t *line = source + (ptrdiff_t)(seen < 0 ? 0 : seen) * width;
        int32_t sum = 0;
        for (int i = 0; i < taps; i++) sum += across[i] * (seen < 0 || columns[i] < 0 ? fill : line[columns[i]]);
        total += down[j] * sum;
    }
    total >>= 22;
    return (uint8_t)(total < 0 ? 0 : total > 255 ? 255 : total);
}

/* One pixel between four of the source, linear. */
static inline uint8_t tm_between(const uint8_t *restrict source, int width, int column, int row) {
    const int32_t right = column & (TM_ONE - 1), down = row & (TM_ONE - 1);
    const uint8_t *upper = source + (ptrdiff_t)(row >> 11) * width + (column >> 11), *lower = upper + width;
    const int32_t above = upper[0] * TM_ONE + (upper[1] - upper[0]) * right;
    const int32_t below = lower[0] * TM_ONE + (lower[1] - lower[0]) * right;
    return (uint8_t)((above * TM_ONE + (below - above) * down + TM_ONE * TM_ONE / 2) >> 22);
}

/* `inverse` maps output (x, y, 1) to source (x, y), in pixels. Height and width are at most 2^15. */
static inline void tm_warp(const uint8_t *restrict source, uint8_t *restrict target, int height, int width,
                           const double inverse[6], int interpolation, int border, int fill) {
    int64_t map[6];
    for (int i = 0; i < 6; i++) map[i] = tm_fixed(inverse[i], i % 3 == 2 ? 536870912.0 : 16384.0);
    for (int y = 0; y < height; y++, target += width) {
        const int64_t column = map[1] * y + map[2], row = map[4] * y + map[5];
#define TM_AT(start, step) tm_rounded((start) + (step) * x, interpolation)
#define TM_BESIDE(x) target[x] = tm_pixel(source, height, width, TM_AT(column, map[0]), TM_AT(row, map[3]), \
                                          interpolation, border, fill)
        int x = 0, end = width;
        if (interpolation == TM_LINEAR) { /* those between four pixels of the source are one stretch of the row */
        }
        for (; x < end; x++) TM_BESIDE(x);
#undef TM_AT
#undef TM_BESIDE
    }
}
