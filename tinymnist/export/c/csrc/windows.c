/* A value is stored row by row, the channels of a pixel side by side. A result may overlap its source, from a little
   before it on: it is written from its first element to its last, over what is no longer read. */

typedef char NAME_int_has_32_bits[sizeof(int) >= 4 ? 1 : -1];

//[ convolve convolve_groups convolve_factors max_pool average_pool
struct NAME_window { /* of a convolution or pooling, with the sizes of its source and its result */
    SIZE height, width, channels;
    SIZE out_height, out_width, out_channels;
    SIZE rows, columns, stride_down, stride_across, padding_down, padding_across;
};

static int NAME_first_inside(int start)
{
    return start < 0 ? -start : 0;
}

static int NAME_end_inside(int start, int count, int size)
{
    return size - start < count ? size - start : count;
}

//]
