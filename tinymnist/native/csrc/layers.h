/* Convolutions on blocks of LANES images. Every size is a constant where these functions are called, so that the
   compiler keeps a tile of outputs in registers (parameters in capitals are the size of the tile). Distances (planes,
   rows) are in vectors; a linear layer is a 1x1 convolution. */

/* Packs weights (groups, outputs, inputs, kernel_h, kernel_w) as `conv` reads them: (groups, inputs, kernel_h,
   kernel_w, outputs). If `turned`, they are for the gradient of the input, a convolution with inputs and outputs
   exchanged and the kernel rotated by 180 degrees: (groups, outputs, kernel_h, kernel_w, inputs). */
INLINE void pack_weights(const float *w, const int groups, const int inputs, const int outputs, const int kernel_h,
                         const int kernel_w, const int turned, float *to) {
    const int taps = kernel_h * kernel_w;
    for (int g = 0; g < groups; g++)
        for (int o = 0; o < outputs; o++)
            for (int c = 0; c < inputs; c++)
                for (int k = 0; k < taps; k++) {
                    const int place = turned ? (o * taps + taps - 1 - k) * inputs + c : (c * taps + k) * outputs + o;
                    to[g * outputs * inputs * taps + place] = *w++;
                }
}

/* Addresses that a thread needs next, fetched a little at a time while convolutions compute. */
struct ahead {
    uintptr_t next, end;
};
#define LINE 64 /* bytes of a cache line */
#define LINES (LANES > 8 ? 2 : 1)

INLINE void fetch_some(struct ahead *ahead) {
    UNROLL for (int k = 0; k < LINES; k++) __builtin_prefetch((const void *)(ahead->next + k * LINE), 0, 2);
    ahead->next = ahead->next + LINES * LINE < ahead->end ? ahead->next + LINES * LINE : ahead->end;
}

/* WIDE outputs in each of HIGH channels. */
INLINE void conv_tile(const int HIGH, const int WIDE, const vf *restrict x, const int plane, const int row,
                      const float *restrict w, const int inputs, const int outputs, const int kernel_h,
                      const int kernel_w, const int stride, const float *restrict bias, int add, vf *restrict z,
                      const int z_plane, vf *restrict sums, struct ahead *ahead) {
    vf sum[TILE]; /* HIGH * WIDE of them, in registers */
    UNROLL for (int o = 0; o < HIGH; o++) UNROLL for (int t = 0; t < WIDE; t++) {
        sum[o * WIDE + t] = bias ? splat(bias[o]) : (vf){0};
        if (add) sum[o * WIDE + t] += z[o * z_plane + t];
    }
    struct ahead local = *ahead;
    for (int c = 0; c < inputs; c++)
        for (int i = 0; i < kernel_h; i++) {
            fetch_some(&local);
            UNROLL for (int j = 0; j < kernel_w; j++) UNROLL for (int o = 0; o < HIGH; o++) {
                const vf weight = splat(w[((c * kernel_h + i) * kernel_w + j) * outputs + o]);
                UNROLL for (int t = 0; t < WIDE; t++)
                    sum[o * WIDE + t] = fused(weight, x[c * plane + i * row + t * stride + j], sum[o * WIDE + t]);
            }
        }
    *ahead = local;
    UNROLL for (int o = 0; o < HIGH; o++) UNROLL for (int t = 0; t < WIDE; t++) z[o * z_plane + t] = sum[o * WIDE + t];
    if (sums)
        UNROLL for (int o = 0; o < HIGH; o++) UNROLL for (int t = 0; t < WIDE; t++) {
            sums[2 * o] += sum[o * WIDE + t];
            sums[2 * o + 1] = fused(sum[o * WIDE + t], sum[o * WIDE + t], sums[2 * o + 1]);
        }
}

INLINE void conv_rows(const int HIGH, const int WIDE, const vf *x, const int plane, const int row, const float *w,
                      const int inputs, const int outputs, const int kernel_h, const int kernel_w, const int stride_h,
                      const int stride_w, const float *bias, int add, vf *z, const int height, const int width,
                      vf *sums, struct ahead *ahead) {
    const int rest = width % WIDE;
    for (int y = 0; y < height; y++) {
        const vf *from = x + y * stride_h * row;
        vf *to = z + y * width;
        for (int t = 0; t < width - rest; t += WIDE)
            conv_tile(HIGH, WIDE, from + t * stride_w, plane, row, w, inputs, outputs, kernel_h, kernel_w, stride_w, bias,
                      add, to + t, height * width, sums, ahead);
        if (rest)
            conv_tile(HIGH, rest, from + (width - rest) * stride_w, plane, row, w, inputs, outputs, kernel_h, kernel_w,
                      stride_w, bias, add, to + width - rest, height * width, sums, ahead);
    }
}

/* z (groups * outputs, height, width) = bias + sum of w x, from packed weights and padded x with `plane` and `row`.
   `bias` may be NULL. If `add`, the result is added to what z holds. Unless `sums` (2 per channel) is NULL, the sums of
   z and of its square are added to it. */
INLINE void conv(const int HIGH, const int WIDE, const vf *x, const int plane, const int row, const float *w,
                 const int groups, const int inputs, const int outputs, const int kernel_h, const int kernel_w,
                 const int stride_h, const int stride_w, const float *bias, int add, vf *z, const int height,
                 const int width, vf *sums, struct ahead *ahead) {
    const int rest = outputs % HIGH;
    for (int g = 0; g < groups; g++) {
        const vf *from = x + g * inputs * plane;
        const float *weights = w + g * inputs * outputs * kernel_h * kernel_w;
        for (int o = 0; o < outputs - rest; o += HIGH)
            conv_rows(HIGH, WIDE, from, plane, row, weights + o, inputs, outputs, kernel_h, kernel_w, stride_h, stride_w,
                      bias ? bias + g * outputs + o : NULL, add, z + (g * outputs + o) * height * width, height, width,
                      sums ? sums + 2 * (g * outputs + o) : NULL, ahead);
        if (rest) {
            const int o = outputs - rest;
            conv_rows(rest, WIDE, from, plane, row, weights + o, inputs, outputs, kernel_h, kernel_w, stride_h, stride_w,
                      bias ? bias + g * outputs + o : NULL, add, z + (g * outputs + o) * height * width, height, width,
                      sums ? sums + 2 * (g * outputs + o) : NULL, ahead);
        }
    }
}

/* HIGH outputs by DEEP inputs by TALL rows by WIDE columns of the weight gradient. */
INLINE void weight_tile(const int HIGH, const int DEEP, const int TALL, const int WIDE, const vf *restrict x,
                        const int plane, const int row, const vf *restrict d, const int d_plane, const int d_row,
                        const int d_step, fours *restrict gradient, const int inputs, const int kernel_h,
                        const int kernel_w, const int stride_h, const int stride_w, const int height, const int width,
                        const vi mask) {
    vf sum[TILE];
#define EACH_SUM                                                                                      \
    UNROLL for (int c = 0; c < DEEP; c++) UNROLL for (int i = 0; i < TALL; i++) UNROLL for (int j = 0; j < WIDE; j++)
#define SUM(o) sum[(((o) * DEEP + c) * TALL + i) * WIDE + j]
    EACH_SUM UNROLL for (int o = 0; o < HIGH; o++) SUM(o) = (vf){0};
    for (int y = 0; y < height; y++)
        UNROLL_4 for (int t = 0; t < width; t++) EACH_SUM { /* unrolled, a pixel stays in its register for the next t */
                const vf pixel = x[c * plane + (y * stride_h + i) * row + t * stride_w + j];
                UNROLL for (int o = 0; o < HIGH; o++)
                    SUM(o) = fused(pixel, d[o * d_plane + y * d_row + t * d_step], SUM(o));
            }
    EACH_SUM UNROLL for (int o = 0; o < HIGH; o++)
        add_fours(&gradient[((o * inputs + c) * kernel_h + i) * kernel_w + j], mask, SUM(o));
#undef SUM
#undef EACH_SUM
}

INLINE void weight_column(const int HIGH, const int DEEP, const int TALL, const int WIDE, const vf *x, const int plane,
                          const int row, const vf *d, const int d_plane, const int d_row, const int d_step,
                          fours *gradient, const int inputs, const int kernel_h, const int kernel_w,
                          const int stride_h, const int stride_w, const int height, const int width, const vi mask) {
    for (int c = 0; c < inputs; c += DEEP)
        for (int i = 0; i < kernel_h; i += TALL)
            for (int j = 0; j < kernel_w; j += WIDE)
                weight_tile(HIGH, DEEP, TALL, WIDE, x + c * plane + i * row + j, plane, row, d, d_plane, d_row, d_step,
                            gradient + (c * kernel_h + i) * kernel_w + j, inputs, kernel_h, kernel_w, stride_h,
                            stride_w, height, width, mask);
}

/* Adds the weight gradient of the block's images in `mask` to `gradient` (groups, outputs, inputs, kernel_h, kernel_w).
   DEEP divides inputs, TALL divides kernel_h, and WIDE divides kernel_w. */
INLINE void weight_gradient(const int HIGH, const int DEEP, const int TALL, const int WIDE, const vf *x,
                            const int plane, const int row, const vf *d, const int d_plane, const int d_row,
                            const int d_step, fours *gradient, const int groups, const int inputs, const int outputs,
                            const int kernel_h, const int kernel_w, const int stride_h, const int stride_w,
                            const int height, const int width, const vi mask) {
    const int rest = outputs % HIGH, size = inputs * kernel_h * kernel_w;
    for (int g = 0; g < groups; g++) {
        const vf *in = x + g * inputs * plane;
        for (int o = g * outputs; o < (g + 1) * outputs - rest; o += HIGH)
            weight_column(HIGH, DEEP, TALL, WIDE, in, plane, row, d + o * d_plane, d_plane, d_row, d_step,
                          gradient + o * size, inputs, kernel_h, kernel_w, stride_h, stride_w, height, width, mask);
        if (rest) {
            const int o = (g + 1) * outputs - rest;
            weight_column(rest, DEEP, TALL, WIDE, in, plane, row, d + o * d_plane, d_plane, d_row, d_step,
                          gradient + o * size, inputs, kernel_h, kernel_w, stride_h, stride_w, height, width, mask);
        }
    }
}

/* Adds the sums of d to the `gradient` of a bias. */
INLINE void bias_gradient(const vf *d, const int d_plane, const int d_row, const int d_step, fours *gradient,
                          const int outputs, const int height, const int width, const vi mask) {
    for (int o = 0; o < outputs; o++) {
        vf sum = {0};
        for (int y = 0; y < height; y++)
            for (int t = 0; t < width; t++) sum += d[o * d_plane + y * d_row + t * d_step];
        add_fours(&gradient[o], mask, sum);
    }
}

/* Adds to `sums` (inputs, taps) the sum of the pixels of x that each tap of the kernel meets. */
INLINE void tap_sums(const vf *x, const int plane, const int row, fours *sums, const int inputs, const int kernel_h,
                     const int kernel_w, const int stride_h, const int stride_w, const int height, const int width,
                     const vi mask) {
    const int taps = kernel_h * kernel_w; /* at most TILE, because only convolutions of few taps are cheap */
    for (int c = 0; c < inputs; c++) {
        vf sum[TILE] = {{0}};
        for (int y = 0; y < height; y++)
            for (int t = 0; t < width; t++)
                UNROLL for (int k = 0; k < taps; k++)
                    sum[k] += x[c * plane + (y * stride_h + k / kernel_w) * row + t * stride_w + k % kernel_w];
        UNROLL for (int k = 0; k < taps; k++) add_fours(&sums[c * taps + k], mask, sum[k]);
    }
}
