/* A value is stored row by row, the channels of a pixel side by side. A result may overlap its source, from a little
   before it on: it is written from its first element to its last, over what is no longer read. */

//[ speed
#if defined(__ARM_FEATURE_DSP) && !defined(__ARM_BIG_ENDIAN)
#define NAME_IN_PAIRS /* two products of 16 bits in one instruction */
#include <arm_acle.h>
#include <string.h>
#endif

//]
typedef char NAME_int_holds_every_place[sizeof(int) >= 4 || FARTHEST < 32768 ? 1 : -1];
typedef char NAME_right_shift_keeps_the_sign[(-1 >> 1) == -1 ? 1 : -1];

//[ gate
struct NAME_gate { /* what numbers are multiplied by, by their size, from 0 to 8 in steps of 1/16 */
    uint8_t table[GATE_BYTES];
    uint8_t below, mirror; /* below zero, the table begins there, and its bytes are exchanged in these bits */
};

//]
//[ mixed
enum { NAME_LINEAR, NAME_SLOPE, NAME_GATE };

//]
//[ finish
struct NAME_output { /* how a result in fixed point becomes a byte */
    uint16_t base; /* the byte of zero in 1/256, plus a half to round by */
//[ gate leaky_relu
    int16_t factor; /* the slope below zero; or from what a gate gives to 1/256 of a byte's step */
    uint8_t shift;
//[ mixed
    uint8_t activation; /* NAME_LINEAR, NAME_SLOPE, or NAME_GATE plus the number of a gate */
//]
//]
};

//]
//[ products
//[ bytes
struct NAME_kernel { /* where its numbers lie in NAME_values and NAME_outputs, and how they are used */
//]
//[ packed
struct NAME_kernel { /* where its numbers lie in NAME_weights, NAME_values and NAME_outputs, and how they are used */
    PLACE count; /* of the weights */
//]
    PLACE values; /* in the order output channel, input channel, row, column */
    PLACE outputs; /* for each output channel: the factor of its sum, to fixed point, and what is then added */
//[ finer
    PLACE bits; /* by how much less a result of each output channel is shifted after its gate; or 0 */
//]
//[ filters
    PLACE filters; /* that make features of every input channel, in the order filter, row, column */
    uint8_t number, filter_shift; /* of the filters, 0 if there are none, and of their features to the right */
//]
    uint8_t shift, bias_shift; /* of the factors, to the right, and of what is added, to the left */
//[ finish
    struct NAME_output output;
//]
};

//]
//[ add
struct NAME_terms { /* two sources: their factors, to fixed point, and their bytes of zero */
    int16_t factors[2];
    uint8_t zeros[2], shift;
    struct NAME_output output;
};

//]
//[ steps
enum { NAME_CONVOLVE, NAME_MAX_POOL, NAME_AVERAGE_POOL, NAME_CONNECT, NAME_ADD };

struct NAME_step {
    uint8_t kind, zero; /* the byte of zero in the source */
    OFFSET source, result; /* in scratch memory; NOWHERE is the image */
//[ oblong
    SIZE height, width, channels, depth; /* of the source; what a group of output channels reads */
    SIZE out_height, out_width, out_channels, outputs; /* of the result; the output channels of a group */
    SIZE rows, columns, stride_down, stride_across, padding_down, padding_across; /* of its windows */
//]
//[ square
    SIZE side, channels, depth; /* of the source; what a group of output channels reads */
    SIZE out_side, out_channels, outputs; /* of the result; the output channels of a group */
    SIZE window_side, stride, padding; /* of its windows */
//]
//[ products
    KERNEL kernel; /* its place in NAME_kernels */
//]
//[ add
    OFFSET other;
    const struct NAME_terms *terms;
//]
};

//]
