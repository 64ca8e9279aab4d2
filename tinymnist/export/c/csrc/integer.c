//[ scaled
/* value * factor / 2^shift, rounded down. */
FUNCTION int32_t NAME_scaled(int32_t value, int factor, int shift)
{
//[ narrow
    /* The shift is 16 at most, and the result has 31 bits at most. */
    return (value >> 16) * factor * ((int32_t)1 << (16 - shift)) + ((value & 0xffff) * factor >> shift);
//]
//[ wide
    const int64_t result = (int64_t)value * factor >> shift;
    return result > LIMIT ? LIMIT : result < -LIMIT ? -LIMIT : (int32_t)result;
//]
}

//]
//[ finish
FUNCTION uint8_t NAME_finish(const struct NAME_output *o, int32_t value)
{
//[ gate
//[ mixed
    if (o->activation >= NAME_GATE) {
        const struct NAME_gate *g = NAME_gates + (o->activation - NAME_GATE);
//]
//[ uniform
    {
        const struct NAME_gate *g = NAME_gates;
//]
        const int size = (int)((value < 0 ? ~value : value) >> 8), place = size < 127 ? size : 127;
        const int gate = value < 0 ? g->table[place + g->below] ^ g->mirror : g->table[place];
        value = NAME_scaled(value * gate >> 8, o->factor, o->shift);
    }
//]
//[ leaky_relu
//[ mixed
    if (o->activation == NAME_SLOPE && value < 0)
//]
//[ uniform
    if (value < 0)
//]
        value = NAME_scaled(value, o->factor, o->shift);
//]
    value = (value + o->base) >> 8;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

//]
//[ convolve
//[ speed
#ifdef NAME_IN_PAIRS
/* The sum, plus the products of four numbers and weights: two at a time. */
FUNCTION int32_t NAME_four(const int16_t *numbers, const int8_t *weights, int32_t sum)
{
    uint32_t first, second, four;
    memcpy(&first, numbers, sizeof first);
    memcpy(&second, numbers + 2, sizeof second);
    memcpy(&four, weights, sizeof four);
    const uint32_t even = (first & 0xffff) | second << 16, odd = first >> 16 | (second & 0xffff0000);
    sum = __smlad((int32_t)even, __sxtb16((int32_t)four), sum);
    return __smlad((int32_t)odd, __sxtb16((int32_t)(four >> 8 | four << 24)), sum);
}
#endif

//]
FUNCTION int32_t NAME_dot(const int16_t *numbers, const int8_t *weights, int count)
{
    int32_t sum = 0;
//[ size
    do { /* from the end: this form keeps GCC's loop short */
        count--;
        sum += (int32_t)numbers[count] * weights[count];
    } while (count);
//]
//[ speed
    int n = 0;
#ifdef NAME_IN_PAIRS
    for (; n + 4 <= count; n += 4)
        sum = NAME_four(numbers + n, weights + n, sum);
#endif
    for (; n < count; n++)
        sum += (int32_t)numbers[n] * weights[n];
//]
    return sum;
}

//[ speed
/* Four sums of the same numbers, with four rows of weights. */
FUNCTION void NAME_four_dots(const int16_t *numbers, const int8_t *weights, int count, int32_t *sums)
{
    const int8_t *second = weights + count, *third = second + count, *fourth = third + count;
    int32_t a = 0, b = 0, c = 0, d = 0;
    int n = 0;
#ifdef NAME_IN_PAIRS
    for (; n + 4 <= count; n += 4) {
        a = NAME_four(numbers + n, weights + n, a);
        b = NAME_four(numbers + n, second + n, b);
        c = NAME_four(numbers + n, third + n, c);
        d = NAME_four(numbers + n, fourth + n, d);
    }
#endif
    for (; n < count; n++) {
        a += (int32_t)numbers[n] * weights[n];
        b += (int32_t)numbers[n] * second[n];
        c += (int32_t)numbers[n] * third[n];
        d += (int32_t)numbers[n] * fourth[n];
    }
    sums[0] = a;
    sums[1] = b;
    sums[2] = c;
    sums[3] = d;
}

//]
//]
//[ products
//[ packed
/* Weights from their bits, from a place in NAME_weights on. */
FUNCTION void NAME_unpack(int place, int count, int8_t *weights)
{
    do {
        *weights++ = (int8_t)((NAME_weights[place / PER_BYTE] >> BITS * (place % PER_BYTE) & MASK) - HALF);
        place++;
    } while (--count);
}

//]
/* The result of output channel c in fixed point. */
FUNCTION int32_t NAME_fixed(const struct NAME_kernel *k, int c, int32_t sum)
{
    const int16_t *outputs = NAME_outputs + k->outputs + 2 * c;
    return NAME_scaled(sum, outputs[0], k->shift) + outputs[1] * ((int32_t)1 << k->bias_shift);
}

//]
//[ finer
FUNCTION uint8_t NAME_byte(const struct NAME_kernel *k, int c, int32_t sum)
{
    struct NAME_output output = k->output;
    if (k->bits)
        output.shift = (uint8_t)(output.shift - NAME_values[k->bits + c]);
    return NAME_finish(&output, NAME_fixed(k, c, sum));
}

//]
//[ plain
#define NAME_byte(k, c, sum) NAME_finish(&(k)->output, NAME_fixed(k, c, sum))

//]
//[ windows
/* The numbers of a window, in the order channel, row, column; zeros where it lies outside. */
FUNCTION void NAME_gather(const struct NAME_step *s, int y, int x, const uint8_t *in, int16_t *numbers)
{
    const int top = y * s->STRIDE_DOWN - s->PADDING_DOWN, left = x * s->STRIDE_ACROSS - s->PADDING_ACROSS;
    const int area = s->ROWS * s->COLUMNS, channels = s->channels, zero = s->zero;
    for (int i = top; i < top + s->ROWS; i++)
        for (int j = left; j < left + s->COLUMNS; j++) {
            const int inside = i >= 0 && i < s->HEIGHT && j >= 0 && j < s->WIDTH;
            const uint8_t *from = inside ? in + (i * s->WIDTH + j) * channels : &s->zero;
            int16_t *to = numbers++;
            int n = channels;
            do {
                *to = (int16_t)(*from - zero);
                from += inside;
                to += area;
            } while (--n);
        }
}

//]
//[ average_pool
/* How many places of a window lie within the image and its padding. */
FUNCTION int NAME_places(const struct NAME_step *s, int y, int x)
{
    const int down = s->HEIGHT + 2 * s->PADDING_DOWN - y * s->STRIDE_DOWN;
    const int across = s->WIDTH + 2 * s->PADDING_ACROSS - x * s->STRIDE_ACROSS;
    return (down < s->ROWS ? down : s->ROWS) * (across < s->COLUMNS ? across : s->COLUMNS);
}

/* sum / count, rounded; many cores have no division. */
FUNCTION uint8_t NAME_average(int32_t sum, int32_t count)
{
    int32_t average = 0;
    for (int bit = 128; bit; bit >>= 1)
        if ((average + bit) * count <= sum + count / 2)
            average += bit;
    return (uint8_t)average;
}

//]
//[ windows
FUNCTION void NAME_over_windows(const struct NAME_step *s, const uint8_t *in, uint8_t *out)
{
    int16_t numbers[MAX_NUMBERS];
//[ filters
    int16_t features[MAX_FEATURES];
//]
    const int area = s->ROWS * s->COLUMNS;
//[ convolve
//[ packed
    int8_t values[MAX_WEIGHTS];
    if (s->kind == NAME_CONVOLVE)
        NAME_unpack(NAME_kernels[s->kernel].values, NAME_kernels[s->kernel].count, values);
//]
//]
    for (int y = 0; y < s->OUT_HEIGHT; y++)
        for (int x = 0; x < s->OUT_WIDTH; x++) {
            NAME_gather(s, y, x, in, numbers);
//[ max_pool average_pool
            if (s->kind != NAME_CONVOLVE) {
//[ average_pool
                const int places = NAME_places(s, y, x);
//]
                for (int n = 0, c = 0; c < s->channels; c++) {
//[ max_pool
                    int most = 0;
//]
//[ average_pool
                    int32_t sum = (int32_t)s->zero * places;
//]
                    int left = area;
                    do {
//[ max_pool
                        most = numbers[n] > most ? numbers[n] : most;
//]
//[ average_pool
                        sum += numbers[n];
//]
                        n++;
                    } while (--left);
//[ both_pools
                    *out++ = s->kind == NAME_MAX_POOL ? (uint8_t)most : NAME_average(sum, places);
//]
//[ one_pool
//[ max_pool
                    *out++ = (uint8_t)most;
//]
//[ average_pool
                    *out++ = NAME_average(sum, places);
//]
//]
                }
            }
//]
//[ convolve
            if (s->kind == NAME_CONVOLVE) {
                const struct NAME_kernel *k = NAME_kernels + s->kernel;
//[ bytes
                const int8_t *values = NAME_values + k->values;
//]
                const int16_t *read = numbers;
                int count = area * s->depth;
//[ filters
                if (k->number) {
                    const int8_t *filters = NAME_values + k->filters;
                    int16_t *feature = features;
                    for (int n = 0; n < s->channels; n++)
                        for (int f = 0; f < k->number; f++)
                            *feature++ = (int16_t)(NAME_dot(numbers + n * area, filters + f * area, area) >> k->filter_shift);
                    read = features;
                    count = k->number * s->depth;
                }
//]
                for (int c = 0; c < s->out_channels; read += count) {
                    const int end = c + s->outputs;
//[ speed
                    for (; s->outputs >= 4 && c + 4 <= end; c += 4) { /* so that GCC sees that three have no fourth */
                        int32_t sums[4];
                        NAME_four_dots(read, values + c * count, count, sums);
                        for (int n = 0; n < 4; n++)
                            *out++ = NAME_byte(k, c + n, sums[n]);
                    }
//]
                    for (; c < end; c++)
                        *out++ = NAME_byte(k, c, NAME_dot(read, values + c * count, count));
                }
            }
//]
        }
}

//]
//[ connect linear_scores
/* The sum of output channel c, from the whole source. */
FUNCTION int32_t NAME_whole(const struct NAME_step *s, const uint8_t *in, int c)
{
    const int count = s->HEIGHT * s->WIDTH * s->channels;
//[ bytes
    const int8_t *weights = NAME_values + NAME_kernels[s->kernel].values + c * count;
//]
//[ packed
    int8_t weights[MAX_ROW];
    NAME_unpack(NAME_kernels[s->kernel].values + c * count, count, weights);
//]
    int32_t sum = 0;
    for (int n = 0; n < count; n++)
        sum += (in[n] - s->zero) * weights[n];
    return sum;
}

//]
//[ add
FUNCTION void NAME_add(const struct NAME_step *s, const uint8_t *in, const uint8_t *other, uint8_t *out)
{
    const struct NAME_terms *t = s->terms;
    const int32_t count = (int32_t)s->HEIGHT * s->WIDTH * s->channels;
    for (int32_t n = 0; n < count; n++)
        out[n] = NAME_finish(&t->output, NAME_scaled(in[n] - t->zeros[0], t->factors[0], t->shift) +
                                             NAME_scaled(other[n] - t->zeros[1], t->factors[1], t->shift));
}

//]
//[ linear_scores
FUNCTION void NAME_linear_scores(const struct NAME_step *s, const uint8_t *in, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++)
        scores[c] = NAME_fixed(NAME_kernels + s->kernel, c, NAME_whole(s, in, c));
}

//]
//[ sum_scores
FUNCTION void NAME_sum_scores(int zero, const uint8_t *in, int pixels, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++) {
        scores[c] = 0;
        for (int p = 0; p < pixels; p++)
            scores[c] += in[p * classes + c] - zero;
    }
}

//]
//[ max_scores
FUNCTION void NAME_max_scores(int zero, const uint8_t *in, int pixels, int32_t *scores, int classes)
{
    for (int c = 0; c < classes; c++) {
        scores[c] = -zero;
        for (int p = 0; p < pixels; p++)
            if (in[p * classes + c] - zero > scores[c])
                scores[c] = in[p * classes + c] - zero;
    }
}

//]
//[ run
FUNCTION void NAME_run(const struct NAME_step *s, const uint8_t *image, uint8_t *scratch)
{
    const uint8_t *in = s->source == NOWHERE ? image : scratch + s->source;
    uint8_t *out = scratch + s->result;
//[ windows
//[ connect add
    if (s->kind <= NAME_AVERAGE_POOL)
//]
        NAME_over_windows(s, in, out);
//]
//[ connect
    if (s->kind == NAME_CONNECT)
        for (int c = 0; c < s->out_channels; c++)
            out[c] = NAME_byte(NAME_kernels + s->kernel, c, NAME_whole(s, in, c));
//]
//[ add
    if (s->kind == NAME_ADD)
        NAME_add(s, in, s->other == NOWHERE ? image : scratch + s->other, out);
//]
}
//]
