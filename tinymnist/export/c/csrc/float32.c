/* A value is stored row by row, the channels of a pixel side by side. A result may overlap its source, from a little
   before it on: it is written from its first element to its last, over what is no longer read. */

typedef char NAME_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

//[ convolve convolve_groups convolve_factors max_pool average_pool
struct NAME_window { /* of a convolution or pooling, with the sizes of its source and its result */
    SIZE height, width, channels;
    SIZE out_height, out_width, out_channels;
    SIZE rows, columns, stride_down, stride_across, padding_down, padding_across;
};

FUNCTION int NAME_first_inside(int start)
{
    return start < 0 ? -start : 0;
}

FUNCTION int NAME_end_inside(int start, int count, int size)
{
    return size - start < count ? size - start : count;
}

//]
/* Turns pixels of 0 to 255 into what the network was trained on. */
FUNCTION void NAME_normalise(const uint8_t *image, float *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = (float)image[i] * PIXEL_SCALE + PIXEL_SHIFT;
}

//[ convolve
/* Weights are in the order output channel, row, column, input channel. */
FUNCTION void NAME_convolve(const struct NAME_window *w, const float *weights, SCALE_PARAMETER const float *bias,
    const float *in, float *out)
{
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across, skip = NAME_first_inside(left);
            const int count = (NAME_end_inside(left, w->columns, w->width) - skip) * w->channels;
            for (int c = 0; c < w->out_channels; c++) {
                float sum = 0.0f;
                for (int i = first; i < end; i++) {
                    const int value = ((top + i) * w->width + left + skip) * w->channels;
                    const int weight = ((c * w->rows + i) * w->columns + skip) * w->channels;
                    for (int n = 0; n < count; n++)
                        sum += in[value + n] * weights[weight + n];
                }
                *out++ = SCALED_SUM + bias[c];
            }
        }
    }
}

//]
//[ convolve_groups
/* Like `convolve`, but an output channel sees only its group of `depth` input channels. */
FUNCTION void NAME_convolve_groups(const struct NAME_window *w, int depth, const float *weights,
    SCALE_PARAMETER const float *bias, const float *in, float *out)
{
    const int group = w->out_channels / (w->channels / depth);
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across;
            const int skip = NAME_first_inside(left), stop = NAME_end_inside(left, w->columns, w->width);
            for (int c = 0; c < w->out_channels; c++) {
                float sum = 0.0f;
                for (int i = first; i < end; i++)
                    for (int j = skip; j < stop; j++) {
                        const int value = ((top + i) * w->width + left + j) * w->channels + c / group * depth;
                        const int weight = ((c * w->rows + i) * w->columns + j) * depth;
                        for (int n = 0; n < depth; n++)
                            sum += in[value + n] * weights[weight + n];
                    }
                *out++ = SCALED_SUM + bias[c];
            }
        }
    }
}

//]
//[ convolve_factors
struct NAME_basis { /* filters that make features of every input channel */
    const float *filters; /* in the order filter, row, column */
    uint16_t number;
};

/* Like `convolve_groups`, from features: the mix is in the order output channel, input channel, filter. */
FUNCTION void NAME_convolve_factors(const struct NAME_window *w, int depth, const struct NAME_basis *b, const float *mix,
    SCALE_PARAMETER const float *bias, const float *in, float *out)
{
    float features[MAX_FEATURES];
    const int group = w->out_channels / (w->channels / depth), terms = depth * b->number;
    for (int y = 0; y < w->out_height; y++) {
        const int top = y * w->stride_down - w->padding_down;
        const int first = NAME_first_inside(top), end = NAME_end_inside(top, w->rows, w->height);
        for (int x = 0; x < w->out_width; x++) {
            const int left = x * w->stride_across - w->padding_across;
            const int skip = NAME_first_inside(left), stop = NAME_end_inside(left, w->columns, w->width);
            for (int f = 0; f < b->number; f++) {
                for (int n = 0; n < w->channels; n++)
                    features[n * b->number + f] = 0.0f;
                for (int i = first; i < end; i++)
                    for (int j = skip; j < stop; j++) {
                        const int value = ((top + i) * w->width + left + j) * w->channels;
                        const float tap = b->filters[(f * w->rows + i) * w->columns + j];
                        for (int n = 0; n < w->channels; n++)
                            features[n * b->number + f] += in[value + n] * tap;
                    }
            }
            for (int c = 0; c < w->out_channels; c++) {
                const float *seen = features + c / group * terms;
                float sum = 0.0f;
                for (int n = 0; n < terms; n++)
                    sum += seen[n] * mix[c * terms + n];
                *out++ = SCALED_SUM + bias[c];
            }
        }
    }
}

//]
//[ max_pool
FUNCTION void NAME_max_pool(const struct NAME_window *w, const float *in, float *out)
{
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++) {
            const int top = y * w->stride_down - w->padding_down, left = x * w->stride_across - w->padding_across;
            const int end = NAME_end_inside(top, w->rows, w->height);
            const int stop = NAME_end_inside(left, w->columns, w->width);
            for (int c = 0; c < w->channels; c++) {
                float most = -FLT_MAX;
                for (int i = NAME_first_inside(top); i < end; i++)
                    for (int j = NAME_first_inside(left); j < stop; j++) {
                        const float value = in[((top + i) * w->width + left + j) * w->channels + c];
                        most = value > most ? value : most;
                    }
                *out++ = most;
            }
        }
}

//]
//[ average_pool
/* Padding counts as zeros; what lies beyond it does not count. */
FUNCTION void NAME_average_pool(const struct NAME_window *w, const float *in, float *out)
{
    for (int y = 0; y < w->out_height; y++)
        for (int x = 0; x < w->out_width; x++) {
            const int top = y * w->stride_down - w->padding_down, left = x * w->stride_across - w->padding_across;
            const int end = NAME_end_inside(top, w->rows, w->height);
            const int stop = NAME_end_inside(left, w->columns, w->width);
            const int count = NAME_end_inside(top, w->rows, w->height + w->padding_down) *
                              NAME_end_inside(left, w->columns, w->width + w->padding_across);
            for (int c = 0; c < w->channels; c++) {
                float sum = 0.0f;
                for (int i = NAME_first_inside(top); i < end; i++)
                    for (int j = NAME_first_inside(left); j < stop; j++)
                        sum += in[((top + i) * w->width + left + j) * w->channels + c];
                *out++ = sum / (float)count;
            }
        }
}

//]
//[ add
FUNCTION void NAME_add(const float *in, const float *other, float *out, int count)
{
    for (int i = 0; i < count; i++)
        out[i] = in[i] + other[i];
}

//]
//[ group_norm
/* Brings each group of `depth` channels to mean 0 and variance 1, then applies each channel's weight and bias. */
FUNCTION void NAME_group_norm(int pixels, int channels, int depth, float eps, const float *weight, const float *bias,
    const float *in, float *out)
{
    float mean[MAX_GROUPS], factor[MAX_GROUPS];
    for (int g = 0; g < channels / depth; g++) {
        float sum = 0.0f, squares = 0.0f;
        for (int p = 0; p < pixels; p++)
            for (int c = g * depth; c < (g + 1) * depth; c++)
                sum += in[p * channels + c];
        mean[g] = sum / (float)(pixels * depth);
        for (int p = 0; p < pixels; p++)
            for (int c = g * depth; c < (g + 1) * depth; c++) {
                const float distance = in[p * channels + c] - mean[g];
                squares += distance * distance;
            }
        factor[g] = 1.0f / sqrtf(squares / (float)(pixels * depth) + eps);
    }
    for (int p = 0; p < pixels; p++)
        for (int c = 0; c < channels; c++)
            *out++ = (in[p * channels + c] - mean[c / depth]) * factor[c / depth] * weight[c] + bias[c];
}

//]
//[ relu
FUNCTION void NAME_relu(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = values[i] > 0.0f ? values[i] : 0.0f;
}

//]
//[ relu6
FUNCTION void NAME_relu6(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = values[i] > 6.0f ? 6.0f : values[i] > 0.0f ? values[i] : 0.0f;
}

//]
//[ leaky_relu
FUNCTION void NAME_leaky_relu(float *values, int count, float slope)
{
    for (int i = 0; i < count; i++)
        values[i] = values[i] > 0.0f ? values[i] : slope * values[i];
}

//]
//[ elu
FUNCTION void NAME_elu(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = values[i] > 0.0f ? values[i] : expm1f(values[i]);
}

//]
//[ gelu
FUNCTION void NAME_gelu(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] *= 0.5f + 0.5f * erff(values[i] * 0.70710678f);
}

//]
//[ silu
FUNCTION void NAME_silu(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] /= 1.0f + expf(-values[i]);
}

//]
//[ mish
FUNCTION void NAME_mish(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] *= tanhf(log1pf(expf(values[i])));
}

//]
//[ hardswish
FUNCTION void NAME_hardswish(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] *= values[i] > 3.0f ? 1.0f : values[i] > -3.0f ? (values[i] + 3.0f) / 6.0f : 0.0f;
}

//]
//[ tanh
FUNCTION void NAME_hyperbolic_tangent(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = tanhf(values[i]);
}

//]
//[ sigmoid
FUNCTION void NAME_sigmoid(float *values, int count)
{
    for (int i = 0; i < count; i++)
        values[i] = 1.0f / (1.0f + expf(-values[i]));
}

//]
