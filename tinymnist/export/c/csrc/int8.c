typedef char NAME_right_shift_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

struct NAME_output { /* how a result in fixed point becomes a byte */
    int32_t base; /* the byte of zero in 1/256, plus a half to round by */
//[ gate
    const uint8_t *gate; /* for values from -8 to 8, what they are multiplied by; 0 where there is no gate */
//]
//[ gate
    int32_t factor; /* from there to 1/256 of a byte's step */
//]
//[ leaky_relu
    int32_t slope; /* below zero */
//]
//[ gate
    uint8_t shift;
//]
//[ leaky_relu
    uint8_t slope_shift; /* 0 where there is no slope */
//]
};

//[ convolve convolve_groups convolve_factors linear_scores
struct NAME_weights { /* in the order output channel, row, column, input channel */
    const int8_t *values;
    const int32_t *factors, *biases; /* per output channel: from sums to fixed point, and what is then added */
    uint8_t shift, zero; /* of the factors; the byte of zero in the source */
    struct NAME_output output;
};

//]
//[ scaled
/* value * factor / 2^shift, rounded and clipped to the range of fixed point. */
static int32_t NAME_scaled(int32_t value, int32_t factor, int shift)
{
    const int64_t result = ((int64_t)value * factor + ((int64_t)1 << (shift - 1))) >> shift;
    return result > LIMIT ? LIMIT : result < -LIMIT ? -LIMIT : (int32_t)result;
}

//]
//[ finish
static uint8_t NAME_finish(const struct NAME_output *o, int32_t value)
{
//[ gate
    if (o->gate) {
        const int32_t place = (value + 128) >> 8;
        value = NAME_scaled(value * o->gate[place < -128 ? 0 : place > 127 ? 255 : place + 128], o->factor, o->shift);
    }
//]
//[ leaky_relu
    if (o->slope_shift && value < 0)
        value = NAME_scaled(value, o->slope, o->slope_shift);
//]
    value = (value + o->base) >> 8;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

//]
//[ convolve
static void NAME_convolve(const struct NAME_window *w, const struct NAME_weights *k, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across, skip = NAME_first_inside(left);
            const int count = (NAME_end_inside(left, w->columns, w->width) - skip) * w->channels;
            for (int c = 0; c < w->out_channels; c++) {
                int32_t sum = 0;
                for (int i = first; i < end; i++) {
                    const int value = ((top + i) * w->width + left + skip) * w->channels;
                    const int weight = ((c * w->rows + i) * w->columns + skip) * w->channels;
                    for (int n = 0; n < count; n++)
                        sum += (in[value + n] - k->zero) * k->values[weight + n];
                }
                *out++ = NAME_finish(&k->output, NAME_scaled(sum, k->factors[c], k->shift) + k->biases[c]);
            }
        }
    }
}

//]
//[ convolve_groups
/* Like `convolve`, but an output channel sees only its group of `depth` input channels. */
static void NAME_convolve_groups(const struct NAME_window *w, int depth, const struct NAME_weights *k,
    const uint8_t *in, uint8_t *out)
{
    const int group = w->out_channels / (w->channels / depth);
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across;
            const int skip = NAME_first_inside(left), stop = NAME_end_inside(left, w->columns, w->width);
            for (int c = 0; c < w->out_channels; c++) {
                int32_t sum = 0;
                for (int i = first; i < end; i++)
                    for (int j = skip; j < stop; j++) {
                        const int value = ((top + i) * w->width + left + j) * w->channels + c / group * depth;
                        const int weight = ((c * w->rows + i) * w->columns + j) * depth;
                        for (int n = 0; n < depth; n++)
                            sum += (in[value + n] - k->zero) * k->values[weight + n];
                    }
                *out++ = NAME_finish(&k->output, NAME_scaled(sum, k->factors[c], k->shift) + k->biases[c]);
            }
        }
    }
}

//]
//[ convolve_factors
struct NAME_basis { /* filters that make features of every input channel */
    const int8_t *filters; /* in the order filter, row, column */
    uint16_t number;
    uint8_t shift; /* of the features, so that their sums fit into 32 bits */
};

/* Like `convolve_groups`, from features: the weights are in the order output channel, input channel, filter. */
static void NAME_convolve_factors(const struct NAME_window *w, int depth, const struct NAME_basis *b,
    const struct NAME_weights *k, const uint8_t *in, uint8_t *out)
{
    int32_t features[MAX_FEATURES];
    const int group = w->out_channels / (w->channels / depth), terms = depth * b->number;
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across;
            const int skip = NAME_first_inside(left), stop = NAME_end_inside(left, w->columns, w->width);
            for (int f = 0; f < b->number; f++) {
                for (int n = 0; n < w->channels; n++)
                    features[n * b->number + f] = 0;
                for (int i = first; i < end; i++)
                    for (int j = skip; j < stop; j++) {
                        const int value = ((top + i) * w->width + left + j) * w->channels;
                        const int tap = b->filters[(f * w->rows + i) * w->columns + j];
                        for (int n = 0; n < w->channels; n++)
                            features[n * b->number + f] += (in[value + n] - k->zero) * tap;
                    }
            }
            for (int n = 0; n < w->channels * b->number; n++)
                features[n] = ((features[n] >> (b->shift - 1)) + 1) >> 1;
            for (int c = 0; c < w->out_channels; c++) {
                const int32_t *seen = features + c / group * terms;
                int32_t sum = 0;
                for (int n = 0; n < terms; n++)
                    sum += seen[n] * k->values[c * terms + n];
                *out++ = NAME_finish(&k->output, NAME_scaled(sum, k->factors[c], k->shift) + k->biases[c]);
            }
        }
    }
}

//]
//[ max_pool
static void NAME_max_pool(const struct NAME_window *w, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++) {
            const int top = y * w->stride_down - w->padding_down, left = x * w->stride_across - w->padding_across;
            const int end = NAME_end_inside(top, w->rows, w->height);
            const int stop = NAME_end_inside(left, w->columns, w->width);
            for (int c = 0; c < w->channels; c++) {
                uint8_t most = 0;
                for (int i = NAME_first_inside(top); i < end; i++)
                    for (int j = NAME_first_inside(left); j < stop; j++) {
                        const uint8_t value = in[((top + i) * w->width + left + j) * w->channels + c];
                        most = value > most ? value : most;
                    }
                *out++ = most;
            }
        }
}

//]
//[ average_pool
/* Padding counts as zeros; what lies beyond it does not count. */
static void NAME_average_pool(const struct NAME_window *w, int zero, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++) {
            const int top = y * w->stride_down - w->padding_down, left = x * w->stride_across - w->padding_across;
            const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
            const int skip = NAME_first_inside(left), stop = NAME_end_inside(left, w->columns, w->width);
            const int count = NAME_end_inside(top, w->rows, w->height + w->padding_down) *
                              NAME_end_inside(left, w->columns, w->width + w->padding_across);
            for (int c = 0; c < w->channels; c++) {
                int sum = zero * (count - (end - first) * (stop - skip)) + count / 2;
                for (int i = first; i < end; i++)
                    for (int j = skip; j < stop; j++)
                        sum += in[((top + i) * w->width + left + j) * w->channels + c];
                *out++ = (uint8_t)(sum / count);
            }
        }
}

//]
//[ add
struct NAME_sum { /* two sources, with their bytes of zero and their factors to fixed point */
    int32_t factor, other_factor;
    uint8_t zero, other_zero, shift;
    struct NAME_output output;
};

static void NAME_add(const struct NAME_sum *s, const uint8_t *in, const uint8_t *other, uint8_t *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = NAME_finish(&s->output, NAME_scaled(in[i] - s->zero, s->factor, s->shift) +
                                                  NAME_scaled(other[i] - s->other_zero, s->other_factor, s->shift));
}

//]
//[ linear_scores
static void NAME_linear_scores(const struct NAME_weights *k, const uint8_t *in, int count, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++) {
        int32_t sum = 0;
        for (int n = 0; n < count; n++)
            sum += (in[n] - k->zero) * k->values[c * count + n];
        scores[c] = NAME_scaled(sum, k->factors[c], k->shift) + k->biases[c];
    }
}

//]
//[ sum_scores
static void NAME_sum_scores(int zero, const uint8_t *in, int pixels, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++) {
        scores[c] = 0;
        for (int p = 0; p < pixels; p++)
            scores[c] += in[p * classes + c] - zero;
    }
}

//]
//[ max_scores
static void NAME_max_scores(int zero, const uint8_t *in, int pixels, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++) {
        scores[c] = -zero;
        for (int p = 0; p < pixels; p++)
            if (in[p * classes + c] - zero > scores[c])
                scores[c] = in[p * classes + c] - zero;
    }
}

//]
