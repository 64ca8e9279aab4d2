/* Weights that are sums of a few filters: `weight[n][t] = sum over k of mix[n][k] * filters[k][t]`, where n counts pairs of
   channels and t the pixels of a filter. */

INLINE void compose(const float *mix, const float *filters, float *weight, const int pairs, const int number,
                    const int taps) {
    for (int n = 0; n < pairs; n++)
        for (int t = 0; t < taps; t++) {
            float sum = 0;
            for (int k = 0; k < number; k++) sum += mix[n * number + k] * filters[k * taps + t];
            weight[n * taps + t] = sum;
        }
}

/* From the gradient of the weight those of its factors: writes `to_mix`, adds to `to_filters`. */
INLINE void decompose(const float *mix, const float *filters, const float *gradient, float *to_mix, float *to_filters,
                      const int pairs, const int number, const int taps) {
    for (int n = 0; n < pairs; n++)
        for (int k = 0; k < number; k++) {
            float sum = 0;
            for (int t = 0; t < taps; t++) sum += gradient[n * taps + t] * filters[k * taps + t];
            to_mix[n * number + k] = sum;
        }
    for (int k = 0; k < number; k++)
        for (int t = 0; t < taps; t++) {
            double sum = 0;
            for (int n = 0; n < pairs; n++) sum += (double)mix[n * number + k] * gradient[n * taps + t];
            to_filters[k * taps + t] += (float)sum;
        }
}
