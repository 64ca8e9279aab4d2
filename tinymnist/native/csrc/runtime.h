/* Threads, their work and their memory. A step is a sequence of phases; in each phase the threads take blocks of LANES
   images one after another, and wait for each other at its end. Sums over images are kept per block and added in the
   order of the images, so that neither the number of threads nor their speed changes a bit of the result. */
#include <pthread.h>
#include <sched.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

struct worker {
    struct network *network;
    int number;
    vf *scratch;
    struct ahead ahead;
    pthread_t thread;
};

/* What a network is taught besides its labels: see `Objective` in model/loss.py. */
struct objective {
    float smoothing, weight, temperature;
    const float *teacher; /* (n, CLASSES): probabilities at the temperature; NULL where `weight` is 0 */
    const float *weights; /* (n): how much each image counts, 1 on average; NULL where all count alike */
};

struct network {
    float **parameters, **gradients, **means, **variances;
    int64_t **counters;
    /* The job: n images (n, CHANNELS, HEIGHT, WIDTH), of which a pixel p becomes p * scale + shift, and their labels. */
    const uint8_t *images;
    const int64_t *labels;
    int64_t n, blocks;
    float scale, shift;
    uint32_t seed;
    struct objective objective;
    /* What comes of it: the loss of each four images, each block's right answers; predictions and logits where asked for. */
    double *losses;
    int64_t *corrects, *predictions;
    float *logits;
    const struct warping *warping;
    /* Per block: activations, the sums of batch norm, what the block adds to gradients. */
    vf *activations;
    fours *sums, *partial;
    /* Threads wanted, and threads that run already; the caller's counts. */
    int threads, running;
    struct worker *workers;
    void (*job)(struct worker *);
    _Atomic int64_t taken[PHASES];
    _Atomic int arrived, round;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    unsigned jobs;
    int stop;
};

INLINE int64_t take(struct network *net, int phase) {
    return atomic_fetch_add_explicit(&net->taken[phase], 1, memory_order_relaxed);
}

/* Has the vectors from `first` to `end` of what `block` keeps fetched, where there is such a block. */
INLINE void look_ahead(struct worker *worker, const int64_t block, const size_t first, const size_t end) {
    const struct network *net = worker->network;
    if (block < 0 || block >= net->blocks) return;
    const uintptr_t kept = (uintptr_t)(net->activations + block * BLOCK_VECTORS);
    worker->ahead = (struct ahead){kept + first * sizeof(vf), kept + end * sizeof(vf)};
}

INLINE void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void barrier(struct network *net) {
    const int round = atomic_load(&net->round);
    if (atomic_fetch_add(&net->arrived, 1) == net->threads - 1) {
        atomic_store(&net->arrived, 0);
        atomic_store(&net->round, round + 1);
        return;
    }
    for (int spins = 0; atomic_load(&net->round) == round; spins++)
        if (spins < 20000) pause_briefly();
        else sched_yield(); /* fewer cores than threads: let the others run */
}

static void *serve(void *argument) {
    struct worker *worker = argument;
    struct network *net = worker->network;
    for (unsigned done = 0;;) {
        pthread_mutex_lock(&net->lock);
        while (net->jobs == done && !net->stop) pthread_cond_wait(&net->wake, &net->lock);
        done = net->jobs;
        const int stop = net->stop;
        pthread_mutex_unlock(&net->lock);
        if (stop) return NULL;
        net->job(worker);
        barrier(net);
    }
}

static void run(struct network *net, void (*job)(struct worker *)) {
    for (int phase = 0; phase < PHASES; phase++) net->taken[phase] = 0;
    net->job = job;
    if (net->threads > 1) {
        pthread_mutex_lock(&net->lock);
        net->jobs++;
        pthread_cond_broadcast(&net->wake);
        pthread_mutex_unlock(&net->lock);
    }
    job(&net->workers[0]);
    barrier(net);
}

/* Zeroed memory, in large pages where the system has them; NULL where there is none. */
static void *memory(size_t bytes) {
    const size_t page = (size_t)2 << 20;
    void *at = NULL;
    bytes = (bytes + page - 1) / page * page;
    if (posix_memalign(&at, page, bytes ? bytes : page)) return NULL;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
    madvise(at, bytes, MADV_HUGEPAGE);
#endif
    return memset(at, 0, bytes);
}

/* A mask of the lanes of `block` that hold an image. */
INLINE vi images_in(const struct network *net, int64_t block) {
    const int64_t rest = net->n - block * LANES;
    vi mask;
    UNROLL for (int l = 0; l < LANES; l++) mask[l] = l < rest ? -1 : 0;
    return mask;
}

/* The block's images, scaled, into `to` (CHANNELS, HEIGHT + 2 pad_h, WIDTH + 2 pad_w); lanes without an image are 0. */
INLINE void load_images(const struct network *net, int64_t block, vf *to, const int pad_h, const int pad_w) {
    const int64_t size = CHANNELS * HEIGHT * WIDTH;
    for (int l = 0; l < LANES; l++) {
        const int64_t image = block * LANES + l;
        const uint8_t *from = net->images + (image < net->n ? image * size : 0);
        const float scale = image < net->n ? net->scale : 0, shift = image < net->n ? net->shift : 0;
        for (int c = 0; c < CHANNELS; c++)
            for (int y = 0; y < HEIGHT; y++) {
                float *row = (float *)(to + (c * (HEIGHT + 2 * pad_h) + y + pad_h) * (WIDTH + 2 * pad_w) + pad_w) + l;
                for (int x = 0; x < WIDTH; x++) row[x * LANES] = *from++ * scale + shift;
            }
    }
}

/* Softmax of logits / temperature, without the division by `sum`; `top` is the largest logit. */
INLINE vf softmax_parts(const vf *logits, vf *parts, const vf top, const float temperature) {
    vf sum = {0};
    for (int k = 0; k < CLASSES; k++) sum += parts[k] = exponential((logits[k] - top) / temperature);
    return sum;
}

/* Cross-entropy of the block's logits (CLASSES) and the labels. `gradient`: that of the objective's mean over all n images,
   weighted where they have weights. */
INLINE void cross_entropy(struct network *net, int64_t block, const vf *logits, vf *gradient) {
    const struct objective objective = net->objective;
    const vi mask = images_in(net, block);
    vf top = logits[0], parts[CLASSES], soft[CLASSES];
    for (int k = 1; k < CLASSES; k++) top = maximum(top, logits[k]);
    const vf sum = softmax_parts(logits, parts, top, 1.0f);
    const float share = 1.0f / (float)net->n, own = share * (1 - objective.weight);
    if (gradient) {
        const float even = own * objective.smoothing / CLASSES;
        for (int k = 0; k < CLASSES; k++) gradient[k] = keep_where(mask, own * parts[k] / sum - even);
        if (objective.teacher) { /* d/dz of T^2 KL(teacher || softmax(z / T)) is T (softmax(z / T) - teacher) */
            const float pull = share * objective.weight * objective.temperature;
            const vf soft_sum = softmax_parts(logits, soft, top, objective.temperature);
            for (int k = 0; k < CLASSES; k++) gradient[k] += keep_where(mask, pull * soft[k] / soft_sum);
            for (int l = 0; l < LANES && block * LANES + l < net->n; l++)
                for (int k = 0; k < CLASSES; k++)
                    gradient[k][l] -= pull * objective.teacher[(block * LANES + l) * CLASSES + k];
        }
    }
    double loss[FOURS] = {0};
    int64_t correct = 0;
    for (int l = 0; l < LANES && block * LANES + l < net->n; l++) {
        const int64_t image = block * LANES + l, label = net->labels[image];
        int64_t best = 0;
        for (int k = 1; k < CLASSES; k++) best = logits[k][l] > logits[best][l] ? k : best;
        loss[l / 4] += (double)(top[l] - logits[label][l]) + natural_logarithm((double)sum[l]);
        correct += best == label;
        if (gradient) gradient[label][l] -= own * (1 - objective.smoothing);
        if (net->predictions) net->predictions[image] = best;
        if (net->logits)
            for (int k = 0; k < CLASSES; k++) net->logits[image * CLASSES + k] = logits[k][l];
    }
    memcpy(net->losses + block * FOURS, loss, sizeof loss);
    net->corrects[block] = correct;
    if (gradient && objective.weights)
        for (int l = 0; l < LANES && block * LANES + l < net->n; l++)
            for (int k = 0; k < CLASSES; k++) gradient[k][l] *= objective.weights[block * LANES + l];
}

/* Writes `count` sums, each over the lanes of `mask`, to `to`. */
INLINE void keep_sums(const vf *sums, int count, vi mask, fours *to) {
    memset(to, 0, (size_t)count * sizeof *to);
    for (int k = 0; k < count; k++) add_fours(&to[k], mask, sums[k]);
}

/* Adds up the blocks' gradients of a parameter; each thread does its share. */
INLINE void add_gradients(struct worker *worker, const int first, const int size, float *to) {
    const struct network *net = worker->network;
    const int from = (int)((int64_t)size * worker->number / net->threads);
    const int end = (int)((int64_t)size * (worker->number + 1) / net->threads);
    for (int k = from; k < end; k += NEIGHBOURS) {
        const int count = end - k < NEIGHBOURS ? end - k : NEIGHBOURS;
        double sums[NEIGHBOURS];
        totals(net->partial + first + k, PARTIALS, net->blocks, count, sums);
        for (int i = 0; i < count; i++) to[k + i] = (float)sums[i];
    }
}

/* Adds what a batch norm passes back, A g + B z + D, to the gradient of weights (groups * outputs, taps): from `first`
   on, the blocks keep the sums of g, z and 1 times the pixels under each tap. */
INLINE void add_early_gradients(struct worker *worker, const int first, const int groups, const int outputs,
                                const int taps, const vf *back, float *to) {
    const struct network *net = worker->network;
    const int channels = groups * outputs, size = channels * taps;
    const int from = (int)((int64_t)size * worker->number / net->threads);
    const int end = (int)((int64_t)size * (worker->number + 1) / net->threads);
    for (int k = from; k < end; k++) {
        const int o = k / taps, tap = o / outputs * taps + k % taps;
        const fours *of = net->partial + first;
        const double g = total(of + k, PARTIALS, net->blocks), z = total(of + size + k, PARTIALS, net->blocks);
        const double one = total(of + 2 * size + tap, PARTIALS, net->blocks);
        to[k] += (float)(back[o][0] * g + back[channels + o][0] * z + back[2 * channels + o][0] * one);
    }
}
