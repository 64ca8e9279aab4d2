/* Norms. Forward they are y = z * scale + shift; backward, dz = A dy + B z + D. The vectors, one entry per channel:
   `norm`: scale, shift, 1 / sigma, -mean / sigma (`channels` each), so that z * norm[2] + norm[3] is normalised z;
   `back`: A, B, D. A norm without parameters has weight 1 and bias 0. */

INLINE void set_norm(vf *norm, const int channels, const int c, vf mean, vf inverse, float weight, float bias) {
    norm[c] = weight * inverse;
    norm[channels + c] = bias - mean * norm[c];
    norm[2 * channels + c] = inverse;
    norm[3 * channels + c] = -mean * inverse;
}

/* Batch norm in training, from the blocks' sums of z and its square (`values` per channel of an image). z lacks the
   bias of its convolution, which changes nothing but the running mean. */
INLINE void batch_norm(struct worker *worker, const int first_sum, const int channels, const int values, float eps,
                       float momentum, const float *weight, const float *bias, const float *conv_bias,
                       const int number, vf *norm) {
    struct network *net = worker->network;
    const double n = (double)net->n * values;
    for (int c = 0; c < channels; c++) {
        const fours *of = net->sums + first_sum + 2 * c;
        const double sum = total(of, SUMS, net->blocks), squares = total(of + 1, SUMS, net->blocks);
        const double mean = sum / n, spread = squares / n - mean * mean, variance = spread > 0 ? spread : 0;
        set_norm(norm, channels, c, splat((float)mean), splat((float)(1 / sqrt(variance + (double)eps))),
                 weight ? weight[c] : 1, bias ? bias[c] : 0);
        if (worker->number == 0) {
            const double with_bias = mean + (conv_bias ? (double)conv_bias[c] : 0);
            float *running = &net->means[number][c], *running_variance = &net->variances[number][c];
            *running += momentum * ((float)with_bias - *running);
            *running_variance += momentum * ((float)(variance * n / (n - 1)) - *running_variance);
        }
    }
    if (worker->number == 0) ++*net->counters[number];
}

/* Batch norm in inference, from the running statistics. */
INLINE void running_norm(const struct network *net, const int channels, float eps, const float *weight,
                         const float *bias, const float *conv_bias, const int number, vf *norm) {
    for (int c = 0; c < channels; c++) {
        const float mean = net->means[number][c] - (conv_bias ? conv_bias[c] : 0);
        set_norm(norm, channels, c, splat(mean), splat(1 / sqrtf(net->variances[number][c] + eps)),
                 weight ? weight[c] : 1, bias ? bias[c] : 0);
    }
}

INLINE void set_back(vf *back, const vf *norm, const int channels, const int c, float weight, vf mean_dy, vf mean_dyx) {
    const vf inverse = norm[2 * channels + c], offset = norm[3 * channels + c];
    back[c] = weight * inverse;
    back[channels + c] = -inverse * inverse * mean_dyx;
    back[2 * channels + c] = -inverse * (mean_dy + mean_dyx * offset);
}

/* Batch norm backward, from the blocks' sums of dy and of dy times normalised z, which are also the gradients of bias
   and weight. */
INLINE void batch_norm_back(struct worker *worker, const int first_sum, const int channels, const int values,
                            const float *weight, float *weight_gradient, float *bias_gradient, const vf *norm,
                            vf *back) {
    struct network *net = worker->network;
    const double n = (double)net->n * values;
    for (int c = 0; c < channels; c++) {
        const fours *of = net->sums + first_sum + 2 * c;
        const double dy = total(of, SUMS, net->blocks), dyx = total(of + 1, SUMS, net->blocks);
        const float scale = weight ? weight[c] : 1;
        set_back(back, norm, channels, c, scale, splat((float)(scale * dy / n)), splat((float)(scale * dyx / n)));
        if (worker->number == 0 && weight_gradient) {
            weight_gradient[c] = (float)dyx;
            bias_gradient[c] = (float)dy;
        }
    }
}

/* Group norm of one block, each image by itself. */
INLINE void group_norm(const vf *z, const int channels, const int values, const int groups, float eps,
                       const float *weight, const float *bias, vf *norm) {
    const int size = channels / groups * values;
    for (int g = 0; g < groups; g++) {
        vf sum = {0}, squares = {0};
        for (int k = 0; k < size; k++) sum += z[g * size + k];
        const vf mean = sum / (float)size;
        for (int k = 0; k < size; k++) {
            const vf off = z[g * size + k] - mean;
            squares += off * off;
        }
        vf inverse;
        for (int l = 0; l < LANES; l++) inverse[l] = 1 / sqrtf(squares[l] / (float)size + eps);
        for (int c = g * (channels / groups); c < (g + 1) * (channels / groups); c++)
            set_norm(norm, channels, c, mean, inverse, weight ? weight[c] : 1, bias ? bias[c] : 0);
    }
}

/* Group norm backward of one block, from the sums (2 per channel) of dy and of dy times normalised z. */
INLINE void group_norm_back(const vf *sums, const int channels, const int values, const int groups,
                            const float *weight, fours *weight_gradient, fours *bias_gradient, vi mask,
                            const vf *norm, vf *back) {
    const int members = channels / groups;
    for (int g = 0; g < groups; g++) {
        vf dy = {0}, dyx = {0};
        for (int c = g * members; c < (g + 1) * members; c++) {
            dy += sums[2 * c] * (weight ? weight[c] : 1);
            dyx += sums[2 * c + 1] * (weight ? weight[c] : 1);
            if (weight_gradient) {
                add_fours(&weight_gradient[c], mask, sums[2 * c + 1]);
                add_fours(&bias_gradient[c], mask, sums[2 * c]);
            }
        }
        for (int c = g * members; c < (g + 1) * members; c++)
            set_back(back, norm, channels, c, weight ? weight[c] : 1, dy / (float)(members * values),
                     dyx / (float)(members * values));
    }
}
