/* A pixel's channels stand side by side, pixels row by row. A result may stand in the same memory as its source, a
   little before it: it is written from its first element to its last, over what is not read any more. */

typedef char int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

//[ convolve convolve_groups max_pool average_pool
struct window { /* what a convolution or pooling looks through, and the sizes of its source and its result */
    SIZE height, width, channels;
    SIZE out_height, out_width, out_channels;
    SIZE rows, columns, stride_down, stride_across, padding_down, padding_across;
};

static int first_inside(int start)
{
    return start < 0 ? -start : 0;
}

static int end_inside(int start, int count, int size)
{
    return size - start < count ? size - start : count;
}

//]
