/* Resamples an image under an affine map, in integers: bit for bit the pixels of data/warp.py, with any compiler and
   flags. That module explains the arithmetic, and where it comes from. */

#include <stddef.h>
#include <stdint.h>

#define TM_INLINE static inline __attribute__((always_inline))

enum { TM_NEAREST, TM_LINEAR, TM_CUBIC };
enum { TM_CONSTANT, TM_REPLICATE, TM_REFLECT, TM_REFLECT_101, TM_WRAP };
enum { TM_ONE = 2048, TM_FARTHEST = TM_ONE << 19 }; /* a pixel, and the last coordinate, in 1/2048 pixel */

/* Pixels to 2^-32 pixel, rounded half away from 0; NaN becomes 0. */
static inline int64_t tm_fixed(double value, double limit) {
    value = value > limit ? limit : value < -limit ? -limit : value == value ? value : 0.0;
    value *= 4294967296.0;
    return (int64_t)(value + (value < 0 ? -0.5 : 0.5));
}

/* From 2^-32 pixel to 1/2048 pixel. */
TM_INLINE int tm_rounded(int64_t position, int interpolation) {
    if (interpolation == TM_NEAREST) /* a half goes to the even pixel */
        position = ((position + ((position >> 32) & 1) + 0x7fffffff) >> 32) * TM_ONE;
    else
        position = (position + (1 << 20)) >> 21;
    return position < -TM_FARTHEST ? -TM_FARTHEST : position > TM_FARTHEST ? TM_FARTHEST : (int)position;
}

/* The pixel of a line of `size` that is seen at `place`, or -1 for fill. */
TM_INLINE int tm_seen(int place, int size, int border) {
    if ((unsigned)place < (unsigned)size) return place;
    if (border == TM_CONSTANT) return -1;
    if (border == TM_REPLICATE) return place < 0 ? 0 : size - 1;
    const int period = border == TM_WRAP || size == 1 ? size : border == TM_REFLECT ? 2 * size : 2 * size - 2;
    place %= period;
    if (place < 0) place += period;
    return place < size ? place : 2 * size - (border == TM_REFLECT ? 1 : 2) - place;
}

/* Clips a coordinate for cubic interpolation, at one image size (at least 16 pixels) beyond the image. */
TM_INLINE int tm_near(int position, int size) {
    const int end = (size > 16 ? size : 16) * TM_ONE;
    return position < -end ? -end : position > 2 * end ? 2 * end : position;
}

/* Weights of the taps, at t / 2048 beyond the coordinate's floor. They add up to 2048. */
TM_INLINE void tm_weights(int32_t weights[4], int32_t t, int interpolation) {
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

typedef struct {
    const uint8_t *pixels;
    int height, width, interpolation, border, fill;
} tm_image;

/* Source coordinates of one output row: those of its first pixel, and what each further pixel adds. */
typedef struct {
    int64_t column, row, columns, rows;
} tm_line;

TM_INLINE int tm_column(const tm_line *line, int x, int interpolation) {
    return tm_rounded(line->column + line->columns * x, interpolation);
}

TM_INLINE int tm_row(const tm_line *line, int x, int interpolation) {
    return tm_rounded(line->row + line->rows * x, interpolation);
}

/* One output pixel, wherever it lies in the source. */
TM_INLINE uint8_t tm_anywhere(const tm_image *image, const tm_line *line, int x) {
    const int taps = image->interpolation == TM_CUBIC ? 4 : image->interpolation == TM_LINEAR ? 2 : 1;
    int column = tm_column(line, x, image->interpolation), row = tm_row(line, x, image->interpolation);
    if (taps == 4 && image->border != TM_CONSTANT && image->border != TM_REPLICATE) {
        column = tm_near(column, image->width);
        row = tm_near(row, image->height);
    }
    const int left = (column >> 11) - (taps == 4), top = (row >> 11) - (taps == 4);
    if (image->border == TM_CONSTANT && (left <= -taps || top <= -taps || left >= image->width || top >= image->height))
        return (uint8_t)image->fill;
    int32_t across[4] = {TM_ONE}, down[4] = {TM_ONE}, total = TM_ONE * TM_ONE / 2;
    if (taps > 1) {
        tm_weights(across, column & (TM_ONE - 1), image->interpolation);
        tm_weights(down, row & (TM_ONE - 1), image->interpolation);
    }
    int seen_columns[4];
    for (int i = 0; i < taps; i++) seen_columns[i] = tm_seen(left + i, image->width, image->border);
    for (int j = 0; j < taps; j++) {
        const int seen = tm_seen(top + j, image->height, image->border);
        const uint8_t *pixels = image->pixels + (ptrdiff_t)(seen < 0 ? 0 : seen) * image->width;
        int32_t sum = 0;
        for (int i = 0; i < taps; i++)
            sum += across[i] * (seen < 0 || seen_columns[i] < 0 ? image->fill : pixels[seen_columns[i]]);
        total += down[j] * sum;
    }
    total >>= 22;
    return (uint8_t)(total < 0 ? 0 : total > 255 ? 255 : total);
}

/* Whether an output pixel lies between four pixels of the source. */
TM_INLINE int tm_is_between(const tm_image *image, const tm_line *line, int x) {
    return (unsigned)(tm_column(line, x, TM_LINEAR) >> 11) < (unsigned)image->width - 1 &&
           (unsigned)(tm_row(line, x, TM_LINEAR) >> 11) < (unsigned)image->height - 1;
}

/* One such pixel, by linear interpolation. */
TM_INLINE uint8_t tm_between(const tm_image *image, const tm_line *line, int x) {
    const int column = (int)((line->column + line->columns * x + (1 << 20)) >> 21);
    const int row = (int)((line->row + line->rows * x + (1 << 20)) >> 21);
    const int32_t right = column & (TM_ONE - 1), down = row & (TM_ONE - 1);
    const uint8_t *upper = image->pixels + (ptrdiff_t)(row >> 11) * image->width + (column >> 11);
    const uint8_t *lower = upper + image->width;
    const int32_t above = upper[0] * TM_ONE + (upper[1] - upper[0]) * right;
    const int32_t below = lower[0] * TM_ONE + (lower[1] - lower[0]) * right;
    return (uint8_t)((above * TM_ONE + (below - above) * down + TM_ONE * TM_ONE / 2) >> 22);
}

TM_INLINE void tm_lines(const tm_image image, uint8_t *restrict target, const int64_t map[6]) {
    for (int y = 0; y < image.height; y++, target += image.width) {
        const tm_line line = {map[1] * y + map[2], map[4] * y + map[5], map[0], map[3]};
        int x = 0, end = image.width;
        if (image.interpolation == TM_LINEAR) { /* the pixels between four of the source are one stretch of the row */
            for (; x < end && !tm_is_between(&image, &line, x); x++) target[x] = tm_anywhere(&image, &line, x);
            for (; x < end && !tm_is_between(&image, &line, end - 1); end--)
                target[end - 1] = tm_anywhere(&image, &line, end - 1);
            for (; x < end; x++) target[x] = tm_between(&image, &line, x);
        } else {
            for (; x < end; x++) target[x] = tm_anywhere(&image, &line, x);
        }
    }
}

/* `inverse` maps output (x, y, 1) to source (x, y), in pixels. Height and width are at most 2^15. */
static inline void tm_warp(const uint8_t *restrict source, uint8_t *restrict target, int height, int width,
                           const double inverse[6], int interpolation, int border, int fill) {
    int64_t map[6];
    for (int i = 0; i < 6; i++) map[i] = tm_fixed(inverse[i], i % 3 == 2 ? 536870912.0 : 16384.0);
    if (interpolation == TM_LINEAR && border == TM_CONSTANT) /* compiled for itself: most recipes use it */
        tm_lines((tm_image){source, height, width, TM_LINEAR, TM_CONSTANT, fill}, target, map);
    else
        tm_lines((tm_image){source, height, width, interpolation, border, fill}, target, map);
}
