/* The functions that Python calls. */

#define EXPORT __attribute__((visibility("default")))

EXPORT void tm_close(struct network *net) {
    if (!net) return;
    pthread_mutex_lock(&net->lock);
    net->stop = 1;
    pthread_cond_broadcast(&net->wake);
    pthread_mutex_unlock(&net->lock);
    for (int k = 1; k < net->running; k++) pthread_join(net->workers[k].thread, NULL);
    for (int k = 0; net->workers && k < net->threads; k++) free(net->workers[k].scratch);
    pthread_cond_destroy(&net->wake);
    pthread_mutex_destroy(&net->lock);
    free(net->workers);
    free(net->parameters);
    free(net->gradients);
    free(net->means);
    free(net->variances);
    free(net->counters);
    free(net->losses);
    free(net->corrects);
    free(net->activations);
    free(net->sums);
    free(net->partial);
    free(net);
}

static void *copy_of(void *const *pointers, size_t count) {
    void **copy = malloc((count ? count : 1) * sizeof *copy);
    if (copy && count) memcpy(copy, pointers, count * sizeof *copy);
    return copy;
}

/* Bytes that `tm_open` takes with the same arguments: a double, so that no batch size overflows it. */
EXPORT double tm_bytes(int threads, int64_t batch) {
    const double blocks = (double)((batch + LANES - 1) / LANES);
    const double block = (double)BLOCK_VECTORS * sizeof(vf) + (double)(SUMS + PARTIALS) * sizeof(fours);
    return blocks * block + threads * (double)SCRATCH_VECTORS * sizeof(vf);
}

/* A network for batches of up to `batch` images, which reads and writes the tensors given: parameters and their
   gradients, then mean, variance and counter of each batch norm. NULL where memory or threads cannot be had. */
EXPORT struct network *tm_open(int threads, int64_t batch, void **parameters, void **gradients, int norms, void **means,
                               void **variances, void **counters) {
    struct network *net = calloc(1, sizeof *net);
    if (!net) return NULL;
    pthread_mutex_init(&net->lock, NULL);
    pthread_cond_init(&net->wake, NULL);
    net->threads = threads;
    net->running = 1;
    const size_t blocks = (size_t)((batch + LANES - 1) / LANES);
    net->parameters = copy_of(parameters, TENSORS);
    net->gradients = copy_of(gradients, TENSORS);
    net->means = copy_of(means, (size_t)norms);
    net->variances = copy_of(variances, (size_t)norms);
    net->counters = copy_of(counters, (size_t)norms);
    net->losses = calloc(blocks * FOURS, sizeof *net->losses);
    net->corrects = calloc(blocks, sizeof *net->corrects);
    net->activations = memory(blocks * BLOCK_VECTORS * sizeof(vf));
    net->sums = calloc(blocks * SUMS, sizeof *net->sums);
    net->partial = calloc(blocks * PARTIALS, sizeof *net->partial);
    net->workers = calloc((size_t)threads, sizeof *net->workers);
    int whole = net->parameters && net->gradients && net->means && net->variances && net->counters && net->losses &&
                net->corrects && net->activations && net->sums && net->partial && net->workers;
    for (int k = 0; whole && k < threads; k++) {
        net->workers[k] = (struct worker){.network = net, .number = k, .scratch = memory(SCRATCH_VECTORS * sizeof(vf))};
        whole = net->workers[k].scratch != NULL;
    }
    for (int k = 1; whole && k < threads; k++) {
        whole = pthread_create(&net->workers[k].thread, NULL, serve, &net->workers[k]) == 0;
        net->running += whole;
    }
    if (whole) return net;
    tm_close(net);
    return NULL;
}

/* A batch of images (n, height, width) to be warped. */
struct warping {
    const uint8_t *from, *applied;
    uint8_t *to;
    const double *inverses;
    int64_t n;
    int height, width, interpolation, border, fill;
};

static void warp_some(struct worker *worker) {
    const struct warping *w = worker->network->warping;
    const int64_t size = (int64_t)w->height * w->width;
    for (int64_t first; (first = take(worker->network, 0) * LANES) < w->n;)
        for (int64_t k = first; k < first + LANES && k < w->n; k++)
            if (w->applied[k])
                tm_warp(w->from + k * size, w->to + k * size, w->height, w->width, w->inverses + 6 * k,
                        w->interpolation, w->border, w->fill);
            else
                memcpy(w->to + k * size, w->from + k * size, (size_t)size);
}

/* Warps the images that are `applied`, each by its own inverse map (2, 3), and copies the others. */
EXPORT void tm_warp_batch(struct network *net, const uint8_t *from, uint8_t *to, int64_t n, int height, int width,
                          const uint8_t *applied, const double *inverses, int interpolation, int border, int fill) {
    const struct warping warping = {from, applied, to, inverses, n, height, width, interpolation, border, fill};
    net->warping = &warping;
    run(net, warp_some);
}

static void give(struct network *net, const uint8_t *images, const int64_t *labels, int64_t n, float scale, float shift) {
    net->images = images;
    net->labels = labels;
    net->n = n;
    net->blocks = (n + LANES - 1) / LANES;
    net->scale = scale;
    net->shift = shift;
}

static void take_totals(const struct network *net, double *loss, int64_t *correct) {
    for (int64_t k = 0; k < net->blocks * FOURS; k++) *loss += net->losses[k];
    for (int64_t block = 0; block < net->blocks; block++) *correct += net->corrects[block];
}

/* Forward and backward of one batch of images (n, CHANNELS, HEIGHT, WIDTH): writes the gradients of the objective's mean
   and the running statistics, adds to `loss` the cross-entropy summed over the images and to `correct` the right
   answers. */
EXPORT void tm_step(struct network *net, const uint8_t *images, const int64_t *labels, int64_t n, float scale,
                    float shift, uint32_t seed, float smoothing, float weight, float temperature, const float *teacher,
                    const float *weights, float *logits, double *loss, int64_t *correct) {
    give(net, images, labels, n, scale, shift);
    net->seed = seed;
    net->objective = (struct objective){smoothing, weight, temperature, teacher, weights};
    net->predictions = NULL;
    net->logits = logits;
    compose_weights(net);
    run(net, train);
    decompose_gradients(net);
    take_totals(net, loss, correct);
}

/* Scores any number of images in inference. Returns 0, or -1 where there is no memory. */
EXPORT int tm_score(struct network *net, const uint8_t *images, const int64_t *labels, int64_t n, float scale,
                    float shift, int64_t *predictions, float *logits, double *loss, int64_t *correct) {
    double *const losses = net->losses;
    int64_t *const corrects = net->corrects;
    give(net, images, labels, n, scale, shift);
    net->losses = calloc((size_t)net->blocks * FOURS, sizeof *losses);
    net->corrects = calloc((size_t)net->blocks, sizeof *corrects);
    const int whole = net->losses && net->corrects;
    if (whole) {
        net->predictions = predictions;
        net->logits = logits;
        compose_weights(net);
        run(net, score);
        take_totals(net, loss, correct);
    }
    free(net->losses);
    free(net->corrects);
    net->losses = losses;
    net->corrects = corrects;
    return whole ? 0 : -1;
}
