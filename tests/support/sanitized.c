/* Trains and scores with made-up weights and images; appended to a network's own source and run under sanitizers. */
#include <stdio.h>

static float *numbers(size_t count) {
    float *at = malloc((count ? count : 1) * sizeof *at);
    for (size_t k = 0; k < count; k++) at[k] = (float)(k % 13) / 13 - 0.4f;
    return at;
}

int main(void) {
    static const size_t sizes[] = {SIZES};
    static const size_t channels[] = {NORM_CHANNELS 0};
    const int norms = (int)(sizeof channels / sizeof *channels) - 1;
    const int64_t most = 41;
    void *parameters[TENSORS], *gradients[TENSORS], *means[64], *variances[64], *counters[64];
    for (int k = 0; k < TENSORS; k++) parameters[k] = numbers(sizes[k]), gradients[k] = numbers(sizes[k]);
    for (int k = 0; k < norms; k++) {
        means[k] = calloc(channels[k], sizeof(float));
        variances[k] = malloc(channels[k] * sizeof(float));
        for (size_t c = 0; c < channels[k]; c++) ((float *)variances[k])[c] = 1;
        counters[k] = calloc(1, sizeof(int64_t));
    }
    uint8_t *images = malloc((size_t)(most * CHANNELS * HEIGHT * WIDTH));
    for (int64_t k = 0; k < most * CHANNELS * HEIGHT * WIDTH; k++) images[k] = (uint8_t)(k * 37);
    int64_t *labels = malloc((size_t)most * sizeof *labels), *predictions = malloc((size_t)most * sizeof *labels);
    for (int64_t k = 0; k < most; k++) labels[k] = k % CLASSES;
    float *logits = malloc((size_t)most * CLASSES * sizeof *logits);
    double loss = 0;
    int64_t correct = 0;
    struct network *net = tm_open(2, most, parameters, gradients, norms, means, variances, counters);
    if (!net) return 1;
    float *teacher = numbers((size_t)most * CLASSES), *weights = numbers((size_t)most);
    for (int64_t n = most; n > 1; n /= 3)
        tm_step(net, images, labels, n, 0.01f, -0.4f, (uint32_t)n, 0.1f, n % 2 ? 0.5f : 0, 3, n % 2 ? teacher : NULL,
                n % 2 ? weights : NULL, logits, &loss, &correct);
    if (tm_score(net, images, labels, most, 0.01f, -0.4f, predictions, logits, &loss, &correct)) return 1;
    tm_close(net);
    for (int k = 0; k < TENSORS; k++) free(parameters[k]), free(gradients[k]);
    for (int k = 0; k < norms; k++) free(means[k]), free(variances[k]), free(counters[k]);
    free(images), free(labels), free(predictions), free(logits), free(teacher), free(weights);
    printf("%s\n", loss == loss ? "finite" : "not finite");
    return 0;
}
