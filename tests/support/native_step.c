/* Stands after the program of a network: takes one step and scores, as stdin says, and writes to stdout all that came of
   it. Used by tests/native/test_bits.py for processors that are not this one. */
#include <stdio.h>

static void *taken(size_t size) {
    void *at = calloc(size ? size : 1, 1);
    if (!at || fread(at, 1, size, stdin) != size) exit(1);
    return at;
}

static void give_away(const void *from, size_t size) {
    if (fwrite(from, 1, size, stdout) != size) exit(1);
}

int main(void) {
    int64_t *head = taken(2 * sizeof *head), n = head[0], norms = head[1], counters[64] = {0};
    int64_t *sizes = taken(TENSORS * sizeof *sizes), *channels = taken((size_t)norms * sizeof *channels);
    void *values[TENSORS], *gradients[TENSORS], *means[64], *variances[64], *counts[64];
    for (int k = 0; k < TENSORS; k++) {
        values[k] = taken((size_t)sizes[k] * sizeof(float));
        gradients[k] = calloc((size_t)sizes[k] + 1, sizeof(float));
    }
    for (int k = 0; k < norms; k++) {
        means[k] = taken((size_t)channels[k] * sizeof(float));
        variances[k] = taken((size_t)channels[k] * sizeof(float));
        counts[k] = counters + k;
    }
    uint8_t *images = taken((size_t)n * CHANNELS * HEIGHT * WIDTH);
    int64_t *labels = taken((size_t)n * sizeof *labels), correct = 0, *predictions = calloc((size_t)n, sizeof *predictions);
    float *logits = calloc((size_t)n * CLASSES, sizeof *logits);
    double loss = 0;
    struct network *net = tm_open(2, n, values, gradients, (int)norms, means, variances, counts);
    if (!net) return 1;
    tm_step(net, images, labels, n, 0.0125f, -0.4f, 3, 0.1f, 0, 1, NULL, NULL, logits, &loss, &correct);
    for (int k = 0; k < TENSORS; k++) give_away(gradients[k], (size_t)sizes[k] * sizeof(float));
    give_away(logits, (size_t)n * CLASSES * sizeof *logits);
    if (tm_score(net, images, labels, n, 0.0125f, -0.4f, predictions, logits, &loss, &correct)) return 1;
    for (int k = 0; k < norms; k++) {
        give_away(means[k], (size_t)channels[k] * sizeof(float));
        give_away(variances[k], (size_t)channels[k] * sizeof(float));
    }
    give_away(logits, (size_t)n * CLASSES * sizeof *logits);
    give_away(&loss, sizeof loss);
    tm_close(net);
    return 0;
}
